/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the end-to-end protocol costs, beside the bare libsodium calls that it cannot do without, and beside libolm.
 */
#include "bench.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kith-e2ee-private.h"
#include "mem-vault.h"

#define TEXT_BYTES 100
#define ROUNDS 7

double
bench_now_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static MemVault *
make (guint8 number)
{
  guint8 seed[32];
  MemVault *vault;

  memset (seed, number, sizeof seed);
  vault = mem_vault_new (seed, number);
  memset (seed, number + 50, sizeof seed);
  mem_vault_add_spk (vault, seed, 9);
  memset (seed, number + 60, sizeof seed);
  mem_vault_add_opk (vault, seed);
  /* The test's table of digests is a list; the real one is the store's bench. */
  vault->no_wires = TRUE;
  return vault;
}

static gsize
encrypt (MemVault *from, MemVault *to, guint8 *wire)
{
  static const guint8 text[TEXT_BYTES] = { 'x' };
  KithE2ee e = mem_vault_context (from, &kith_e2ee_sodium_random);
  KithE2eePlace place;
  gsize n;

  if (kith_e2ee_encrypt (&e, to->account->identity, to->account->device, NULL, NULL, 0, text, sizeof text, wire, &n,
                         &place)
      != KITH_E2EE_OK)
    g_assert_not_reached ();
  return n;
}

static KithE2eeCode
decrypt (MemVault *to, const guint8 *wire, gsize n)
{
  KithE2ee e = mem_vault_context (to, &kith_e2ee_sodium_random);
  guint8 plain[1024];
  KithE2eeOpened opened;

  return kith_e2ee_decrypt (&e, (KithE2eeClaim){ NULL, 0 }, wire, n, plain, &opened);
}

static void
send (MemVault *from, MemVault *to)
{
  guint8 wire[1024];
  gsize n = encrypt (from, to, wire);

  if (decrypt (to, wire, n) != KITH_E2EE_OK)
    g_assert_not_reached ();
}

static void
begin (MemVault *alice, MemVault *bob)
{
  KithE2ee e = mem_vault_context (alice, &kith_e2ee_sodium_random);
  guint8 bundle[KITH_E2EE_BUNDLE_BYTES + 32], sid[16];
  gsize n = mem_vault_bundle (bob, mem_vault_first_opk (bob), bundle);

  if (kith_e2ee_start (&e, bundle, n, NULL, sid) != KITH_E2EE_OK)
    g_assert_not_reached ();
  send (alice, bob);
}

/* As libolm's: two new identities with a one-time prekey each, bundle, session, first message read. */
static double
setup (gpointer data)
{
  const guint times = 20;
  double total = 0;

  for (guint i = 0; i < times; i++)
    {
      double from = bench_now_us ();
      MemVault *alice = make (1), *bob = make (2);

      begin (alice, bob);
      total += bench_now_us () - from;
      mem_vault_free (alice);
      mem_vault_free (bob);
    }
  return total / times;
}

static double
converse (guint times, gboolean ping_pong)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  double from;

  begin (alice, bob);
  send (bob, alice);
  send (alice, bob);
  from = bench_now_us ();
  for (guint i = 0; i < times; i++)
    if (ping_pong && i % 2 == 0)
      send (bob, alice);
    else
      send (alice, bob);
  return (bench_now_us () - from) / times;
}

static double
one_way (gpointer data)
{
  return converse (20000, FALSE);
}

static double
ping_pong (gpointer data)
{
  return converse (600, TRUE);
}

/* A new ratchet key, a thousand lost before it and a thousand after: as much as a forger can ask for. */
static double
worst_forged (gpointer data)
{
  const guint times = 30;
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  const guint8 secret[32] = { 9 };
  guint8 wire[1024];
  double from;
  gsize n;

  begin (alice, bob);
  send (bob, alice);
  send (alice, bob);
  send (bob, alice);
  n = encrypt (alice, bob, wire);
  kith_e2ee_public_key (secret, wire + 20);
  kith_e2ee_put_u32 (wire + 52, 1001);
  kith_e2ee_put_u32 (wire + 56, 1000);
  from = bench_now_us ();
  for (guint i = 0; i < times; i++)
    if (decrypt (bob, wire, n) != KITH_E2EE_E_AUTH)
      g_assert_not_reached ();
  return (bench_now_us () - from) / times;
}

/* The bare calls: */

typedef struct
{
  guint8 a[32];
  guint8 b[32];
  guint8 pub[32];
  guint8 buffer[512];
} Bare;

static void
bare_chain (Bare *bare)
{
  static const guint8 one = 1, two = 2;

  crypto_auth_hmacsha256 (bare->a, &one, 1, bare->b);
  crypto_auth_hmacsha256 (bare->b, &two, 1, bare->b);
}

static void
bare_message (Bare *bare)
{
  guint8 nonce[24], key[32], ad[KITH_E2EE_AD_BYTES + KITH_E2EE_MSG_HEADER] = { 0 };
  unsigned long long n;

  bare_chain (bare);
  memcpy (key, bare->a, sizeof key);
  randombytes_buf (nonce, sizeof nonce);
  crypto_aead_xchacha20poly1305_ietf_encrypt (bare->buffer, &n, bare->buffer, 256, ad, sizeof ad, NULL, nonce, key);
  bare_chain (bare);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt (bare->buffer, &n, NULL, bare->buffer, 256 + 16, ad, sizeof ad,
                                                  nonce, key)
      != 0)
    g_assert_not_reached ();
}

static double
bare_one_way (gpointer data)
{
  Bare bare = { .a = { 1 } };
  double from = bench_now_us ();

  for (guint i = 0; i < 20000; i++)
    bare_message (&bare);
  return (bench_now_us () - from) / 20000;
}

/* HKDF of 64 bytes is four HMACs: extract, and two blocks; counted as such. */
static void
bare_root (Bare *bare)
{
  guint8 out[64], shared[32];

  if (crypto_scalarmult (shared, bare->a, bare->pub) != 0)
    g_assert_not_reached ();
  crypto_auth_hmacsha256 (out, shared, 32, bare->b);
  crypto_auth_hmacsha256 (out, bare->buffer, 17, out);
  crypto_auth_hmacsha256 (out + 32, bare->buffer, 49, out);
}

static double
bare_ping_pong (gpointer data)
{
  Bare bare = { .a = { 1 } };
  double from;

  crypto_scalarmult_base (bare.pub, bare.a);
  from = bench_now_us ();
  for (guint i = 0; i < 600; i++)
    {
      bare_root (&bare);
      randombytes_buf (bare.a, 32);
      crypto_scalarmult_base (bare.pub, bare.a);
      bare_root (&bare);
      bare_message (&bare);
    }
  return (bench_now_us () - from) / 600;
}

static void
bare_agreements (Bare *bare, guint n)
{
  for (guint i = 0; i < n; i++)
    if (crypto_scalarmult (bare->buffer, bare->a, bare->pub) != 0)
      g_assert_not_reached ();
}

/* Two identities with two prekeys each; sign and check a bundle; four agreements and one for the ratchet on each
 * side; two new pairs. */
static double
bare_setup (gpointer data)
{
  const guint times = 20;
  Bare bare = { .a = { 1 } };
  guint8 pk[32], sk[64], signature[64], x[32];
  double from;

  crypto_scalarmult_base (bare.pub, bare.a);
  from = bench_now_us ();
  for (guint i = 0; i < times; i++)
    {
      for (guint who = 0; who < 2; who++)
        {
          crypto_sign_seed_keypair (pk, sk, bare.a);
          if (crypto_sign_ed25519_pk_to_curve25519 (x, pk) != 0)
            g_assert_not_reached ();
          crypto_scalarmult_base (x, bare.a);
          crypto_scalarmult_base (x, bare.a);
        }
      crypto_sign_detached (signature, NULL, bare.buffer, 59, sk);
      if (crypto_sign_verify_detached (signature, bare.buffer, 59, pk) != 0)
        g_assert_not_reached ();
      for (guint j = 0; j < 4; j++)
        if (crypto_sign_ed25519_pk_to_curve25519 (x, pk) != 0)
          g_assert_not_reached ();
      bare_agreements (&bare, 10);
      crypto_scalarmult_base (x, bare.a);
      crypto_scalarmult_base (x, bare.a);
      bare_message (&bare);
    }
  return (bench_now_us () - from) / times;
}

/* What e2ee.md §6 allows: two agreements, two thousand steps of a chain. */
static double
bare_forged (gpointer data)
{
  const guint times = 30;
  Bare bare = { .a = { 1 } };
  double from;

  crypto_scalarmult_base (bare.pub, bare.a);
  from = bench_now_us ();
  for (guint i = 0; i < times; i++)
    {
      bare_agreements (&bare, 2);
      for (guint j = 0; j < 2000; j++)
        bare_chain (&bare);
      bare.a[0] = 1;
    }
  return (bench_now_us () - from) / times;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

void
bench_run (Measure *measures, gsize n, guint rounds)
{
  g_autofree double *all = g_new (double, n *rounds);

  for (guint r = 0; r < rounds; r++)
    for (gsize i = 0; i < n; i++)
      all[i * rounds + r] = measures[i].run (measures[i].data);
  printf ("%-44s %10s %8s\n", "", "us", "ratio");
  for (gsize i = 0; i < n; i++)
    {
      qsort (all + i * rounds, rounds, sizeof *all, compare);
      measures[i].median_us = all[i * rounds + rounds / 2];
      printf ("%-44s %10.2f", measures[i].name, measures[i].median_us);
      if (measures[i].base >= 0)
        printf (" %8.2f", measures[i].median_us / measures[measures[i].base].median_us);
      printf ("\n");
    }
}

int
main (void)
{
  Measure measures[] = {
    { "session and first message: bare libsodium", bare_setup, NULL, -1, 0 },
    { "session and first message: kith", setup, NULL, 0, 0 },
#ifdef KITH_HAVE_OLM
    { "session and first message: libolm", olm_setup, NULL, 0, 0 },
#else
    { "(libolm is not there)", bare_setup, NULL, -1, 0 },
#endif
    { "one way, encrypt + decrypt: bare libsodium", bare_one_way, NULL, -1, 0 },
    { "one way, encrypt + decrypt: kith", one_way, NULL, 3, 0 },
#ifdef KITH_HAVE_OLM
    { "one way, encrypt + decrypt: libolm", olm_one_way, NULL, 3, 0 },
#else
    { "(libolm is not there)", bare_one_way, NULL, -1, 0 },
#endif
    { "ping-pong, a DH step a message: bare libsodium", bare_ping_pong, NULL, -1, 0 },
    { "ping-pong, a DH step a message: kith", ping_pong, NULL, 6, 0 },
#ifdef KITH_HAVE_OLM
    { "ping-pong, a DH step a message: libolm", olm_ping_pong, NULL, 6, 0 },
#else
    { "(libolm is not there)", bare_ping_pong, NULL, -1, 0 },
#endif
    { "worst forged message: what is allowed, bare", bare_forged, NULL, -1, 0 },
    { "worst forged message: kith refuses it", worst_forged, NULL, 9, 0 },
  };

  if (sodium_init () < 0)
    return 1;
  printf ("Contents of %d bytes, medians of %d rounds\n", TEXT_BYTES, ROUNDS);
  bench_run (measures, G_N_ELEMENTS (measures), ROUNDS);
  return 0;
}
