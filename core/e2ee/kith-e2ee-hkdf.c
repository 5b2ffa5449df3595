/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HKDF-SHA-256: libsodium 1.0.18 has the HMAC only. */
#include "kith-e2ee-private.h"

void
kith_e2ee_hkdf (const void *salt, size_t n_salt, const void *ikm, size_t n_ikm, const void *info, size_t n_info,
                uint8_t *out, size_t n)
{
  crypto_auth_hmacsha256_state keyed, state;
  uint8_t prk[32], block[32];
  uint8_t counter = 0;

  crypto_auth_hmacsha256_init (&state, n_salt > 0 ? salt : kith_e2ee_zeros, n_salt);
  if (n_ikm > 0)
    crypto_auth_hmacsha256_update (&state, ikm, n_ikm);
  crypto_auth_hmacsha256_final (&state, prk);

  crypto_auth_hmacsha256_init (&keyed, prk, sizeof prk);
  while (n > 0)
    {
      size_t part = n < sizeof block ? n : sizeof block;

      state = keyed;
      if (counter > 0)
        crypto_auth_hmacsha256_update (&state, block, sizeof block);
      if (n_info > 0)
        crypto_auth_hmacsha256_update (&state, info, n_info);
      counter++;
      crypto_auth_hmacsha256_update (&state, &counter, 1);
      crypto_auth_hmacsha256_final (&state, block);
      memcpy (out, block, part);
      out += part;
      n -= part;
    }

  sodium_memzero (&keyed, sizeof keyed);
  sodium_memzero (&state, sizeof state);
  sodium_memzero (prk, sizeof prk);
  sodium_memzero (block, sizeof block);
}
