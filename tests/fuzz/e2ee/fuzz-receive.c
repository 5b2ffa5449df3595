/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving. The first byte says on what the rest is: 0 bytes as they are; 1..4 changes (place u16, xor u8) of a good
 * INIT, a late INIT, a good MSG, a MSG of a new epoch; 0x80 more: an INIT gets its right session id again. What is
 * refused must change nothing, and what was changed must be refused. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "kith-e2ee-private.h"
#include "mem-vault.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

enum
{
  N_GOOD = 4,
};

static uint8_t counter;

static void
fill (void *data, KithE2eeDraw purpose, void *out, size_t n)
{
  memset (out, ++counter, n);
}

static const KithE2eeRandom dull = { fill, NULL };

typedef struct
{
  MemVault *bob;
  GBytes *good[N_GOOD];
} Stage;

static MemVault *
make (uint8_t number)
{
  uint8_t seed[32];
  MemVault *vault;

  memset (seed, number, sizeof seed);
  vault = mem_vault_new (seed, number);
  memset (seed, number + 50, sizeof seed);
  mem_vault_add_spk (vault, seed, 9);
  memset (seed, number + 60, sizeof seed);
  mem_vault_add_opk (vault, seed);
  return vault;
}

static GBytes *
send (MemVault *from, MemVault *to)
{
  KithE2ee e = mem_vault_context (from, &dull);
  uint8_t *wire = g_malloc (kith_e2ee_wire_bound (5));
  KithE2eePlace place;
  size_t n = 0;

  kith_e2ee_encrypt (&e, to->account->identity, to->account->device, NULL, NULL, 0, "hello", 5, wire, &n, &place);
  return g_bytes_new_take (wire, n);
}

static KithE2eeCode
receive (MemVault *to, const uint8_t *bytes, size_t n)
{
  KithE2ee e = mem_vault_context (to, &dull);
  uint8_t *plain = malloc (n + 1);
  KithE2eeOpened opened;
  KithE2eeCode code = kith_e2ee_decrypt (&e, (KithE2eeClaim){ NULL, 0 }, bytes, n, plain, &opened);

  free (plain);
  return code;
}

static void
deliver (MemVault *to, GBytes *wire)
{
  if (receive (to, g_bytes_get_data (wire, NULL), g_bytes_get_size (wire)) != KITH_E2EE_OK)
    abort (); /* lint: never, because a fuzzer is told so */
  g_bytes_unref (wire);
}

/* Bob has a session with Alice with a late message of hers still to come, and one that Carol is about to begin. */
static Stage *
make_stage (void)
{
  Stage *stage = g_new0 (Stage, 1);
  g_autoptr (MemVault) alice = make (1), carol = make (3);
  uint8_t bundle[KITH_E2EE_BUNDLE_BYTES + 32], sid[16];
  KithE2ee a = mem_vault_context (alice, &dull), c = mem_vault_context (carol, &dull);
  size_t n;

  counter = 0;
  stage->bob = make (2);
  n = mem_vault_bundle (stage->bob, mem_vault_first_opk (stage->bob), bundle);
  kith_e2ee_start (&a, bundle, n, NULL, sid);
  deliver (stage->bob, send (alice, stage->bob));
  stage->good[1] = send (alice, stage->bob);
  deliver (stage->bob, send (alice, stage->bob));
  deliver (alice, send (stage->bob, alice));
  deliver (stage->bob, send (alice, stage->bob));
  stage->good[2] = send (alice, stage->bob);
  deliver (alice, send (stage->bob, alice));
  stage->good[3] = send (alice, stage->bob);
  n = mem_vault_bundle (stage->bob, NULL, bundle);
  kith_e2ee_start (&c, bundle, n, NULL, sid);
  stage->good[0] = send (carol, stage->bob);
  return stage;
}

static void
free_stage (Stage *stage)
{
  mem_vault_free (stage->bob);
  for (size_t i = 0; i < N_GOOD; i++)
    g_bytes_unref (stage->good[i]);
  g_free (stage);
}

static void
repair_sid (MemVault *bob, uint8_t *wire)
{
  KithE2eeOrigin origin;

  memcpy (&origin, wire + 60, sizeof origin);
  kith_e2ee_session_id (wire + 20, kith_e2ee_get_u32 (wire + 52), bob->account->identity, bob->account->device,
                        &origin, wire + 4);
}

static uint8_t *
build (Stage *stage, const uint8_t *data, size_t n, size_t *n_wire)
{
  unsigned which = data[0] & 0x7f;
  uint8_t *wire;

  if (which == 0 || which > N_GOOD)
    {
      *n_wire = n - 1;
      return g_memdup2 (n > 1 ? data + 1 : (const uint8_t *)"", MAX (n - 1, 1));
    }
  *n_wire = g_bytes_get_size (stage->good[which - 1]);
  wire = g_memdup2 (g_bytes_get_data (stage->good[which - 1], NULL), *n_wire);
  for (size_t i = 1; i + 3 <= n; i += 3)
    wire[(size_t)(data[i] << 8 | data[i + 1]) % *n_wire] ^= data[i + 2];
  if ((data[0] & 0x80) != 0 && which <= 2)
    repair_sid (stage->bob, wire);
  return wire;
}

static gboolean
is_good (Stage *stage, const uint8_t *wire, size_t n)
{
  for (size_t i = 0; i < N_GOOD; i++)
    if (n == g_bytes_get_size (stage->good[i]) && memcmp (wire, g_bytes_get_data (stage->good[i], NULL), n) == 0)
      return TRUE;
  return FALSE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  static Stage *stage;
  uint8_t before[32], after[32];
  g_autofree uint8_t *wire = NULL;
  size_t n_wire;
  KithE2eeCode code;
  KithE2eeHeader header;

  if (n == 0 || sodium_init () < 0)
    return 0;
  if (stage == NULL)
    stage = make_stage ();
  wire = build (stage, data, n, &n_wire);
  kith_e2ee_peek (wire, n_wire, &header);
  mem_vault_hash (stage->bob, before);
  code = receive (stage->bob, wire, n_wire);
  mem_vault_hash (stage->bob, after);
  if ((code == KITH_E2EE_OK) != is_good (stage, wire, n_wire)
      || (code != KITH_E2EE_OK && memcmp (before, after, 32) != 0))
    abort (); /* lint: never, because a fuzzer is told so */
  if (code == KITH_E2EE_OK)
    g_clear_pointer (&stage, free_stage);
  return 0;
}
