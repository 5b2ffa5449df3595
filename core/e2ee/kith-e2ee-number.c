/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people compare: safety number (e2ee.md §14) and fingerprint. */
#include <stdio.h>

#include "kith-e2ee-private.h"

#define ROUNDS 5200

void
kith_e2ee_fingerprint_half (const uint8_t identity[32], char out[31])
{
  static const uint8_t version[2] = { 0x00, 0x01 };
  crypto_hash_sha512_state state;
  uint8_t hash[64];

  crypto_hash_sha512_init (&state);
  crypto_hash_sha512_update (&state, (const uint8_t *)KITH_E2EE_TAG_FP, sizeof KITH_E2EE_TAG_FP - 1);
  crypto_hash_sha512_update (&state, version, sizeof version);
  crypto_hash_sha512_update (&state, identity, 32);
  crypto_hash_sha512_final (&state, hash);
  for (unsigned i = 1; i < ROUNDS; i++)
    {
      crypto_hash_sha512_init (&state);
      crypto_hash_sha512_update (&state, hash, sizeof hash);
      crypto_hash_sha512_update (&state, identity, 32);
      crypto_hash_sha512_final (&state, hash);
    }
  for (unsigned i = 0; i < 6; i++)
    {
      uint64_t group = (uint64_t)hash[5 * i] << 32 | kith_e2ee_get_u32 (hash + 5 * i + 1);

      snprintf (out + 5 * i, 6, "%05u", (unsigned)(group % 100000));
    }
}

void
kith_e2ee_safety_number (const uint8_t a[32], const uint8_t b[32], char out[61])
{
  char halves[2][31];
  bool swap;

  kith_e2ee_fingerprint_half (a, halves[0]);
  kith_e2ee_fingerprint_half (b, halves[1]);
  swap = strcmp (halves[0], halves[1]) > 0;
  memcpy (out, halves[swap ? 1 : 0], 30);
  memcpy (out + 30, halves[swap ? 0 : 1], 31);
}

void
kith_e2ee_fingerprint (const uint8_t identity[32], char out[33])
{
  uint8_t hash[16];

  crypto_generichash (hash, sizeof hash, identity, 32, NULL, 0);
  sodium_bin2hex (out, 33, hash, sizeof hash);
}
