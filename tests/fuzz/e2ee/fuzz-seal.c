/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Envelopes: raw; and a good one whose bytes the input changes, which must then be refused. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "kith-e2ee.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

static void
unseal (const KithE2eeAccount *account, const uint8_t *bytes, size_t n, bool forged)
{
  uint8_t *out = malloc (n + 1), from[32];
  uint32_t device;
  size_t n_out;
  KithE2eeCode code = kith_e2ee_unseal (account, bytes, n, from, &device, out, &n_out);

  if ((code == KITH_E2EE_OK && (forged || n_out + KITH_E2EE_SEAL_OVERHEAD != n))
      || (code != KITH_E2EE_OK && n_out != 0))
    abort (); /* lint: never, because a fuzzer is told so */
  free (out);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  static const uint8_t seed[32] = { 4 };
  static KithE2eeAccount *account;
  static uint8_t good[KITH_E2EE_SEAL_OVERHEAD + 40];
  uint8_t bytes[sizeof good];
  bool changed = false;

  if (account == NULL)
    {
      if (sodium_init () < 0 || (account = kith_e2ee_account_new (seed, 7)) == NULL)
        return 0;
      kith_e2ee_seal (account, &kith_e2ee_sodium_random, account->identity, 7, seed, 32, good);
    }
  unseal (account, data, n, true);
  memcpy (bytes, good, sizeof good);
  for (size_t i = 0; i + 2 <= n && i < 64; i += 2)
    bytes[data[i] % (KITH_E2EE_SEAL_OVERHEAD + 32)] ^= data[i + 1];
  changed = memcmp (bytes, good, sizeof good) != 0;
  unseal (account, bytes, KITH_E2EE_SEAL_OVERHEAD + 32, changed);
  return 0;
}
