/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-noise.h"
#include "kith-e2ee.h"
#include <sodium.h>
#include <string.h>

static const char protocol[]
    = "Noise_XK_25519_ChaChaPoly_SHA256"; /* exactly 32 bytes: the first hash is the name itself */

static void
hmac (const uint8_t key[32], const uint8_t *data, size_t n, uint8_t out[32])
{
  crypto_auth_hmacsha256_state state;

  crypto_auth_hmacsha256_init (&state, key, 32);
  crypto_auth_hmacsha256_update (&state, data, n);
  crypto_auth_hmacsha256_final (&state, out);
  sodium_memzero (&state, sizeof state);
}

/* Noise's HKDF with two outputs. */
static void
derive (const uint8_t chain[32], const uint8_t *material, size_t n, uint8_t first[32], uint8_t second[32])
{
  uint8_t temporary[32], block[33], one[32];

  hmac (chain, material, n, temporary);
  block[0] = 1;
  hmac (temporary, block, 1, one);
  memcpy (block, one, 32);
  block[32] = 2;
  hmac (temporary, block, 33, second);
  memcpy (first, one, 32);
  sodium_memzero (temporary, sizeof temporary);
  sodium_memzero (block, sizeof block);
  sodium_memzero (one, sizeof one);
}

static void
mix_hash (KithNoise *self, const uint8_t *data, size_t n)
{
  crypto_hash_sha256_state state;

  crypto_hash_sha256_init (&state);
  crypto_hash_sha256_update (&state, self->hash, 32);
  crypto_hash_sha256_update (&state, data, n);
  crypto_hash_sha256_final (&state, self->hash);
}

static KithNoiseResult
mix_key (KithNoise *self, const uint8_t secret[32], const uint8_t public_key[32])
{
  uint8_t shared[32];

  if (kith_e2ee_dh (secret, public_key, shared) != KITH_E2EE_OK)
    return KITH_NOISE_BAD_KEY;
  derive (self->chain, shared, 32, self->chain, self->cipher.key);
  self->cipher.nonce = 0;
  sodium_memzero (shared, sizeof shared);
  return KITH_NOISE_OK;
}

static void
make_nonce (uint64_t number, uint8_t out[12])
{
  memset (out, 0, 4);
  for (int i = 0; i < 8; i++)
    out[4 + i] = (uint8_t) (number >> (8 * i));
}

static KithNoiseResult
seal (KithNoiseCipher *self, const uint8_t *ad, size_t n_ad, uint8_t *data, size_t n)
{
  uint8_t nonce[12];
  unsigned long long tag_length;

  if (self->nonce >= KITH_NOISE_MAX_NONCE)
    return KITH_NOISE_EXHAUSTED;
  make_nonce (self->nonce++, nonce);
  crypto_aead_chacha20poly1305_ietf_encrypt_detached (data, data + n, &tag_length, data, n, ad, n_ad, NULL, nonce,
                                                      self->key);
  return KITH_NOISE_OK;
}

static KithNoiseResult
unseal (KithNoiseCipher *self, const uint8_t *ad, size_t n_ad, uint8_t *data, size_t n)
{
  uint8_t nonce[12];

  if (n < KITH_NOISE_TAG)
    return KITH_NOISE_BAD_LENGTH;
  if (self->nonce >= KITH_NOISE_MAX_NONCE)
    return KITH_NOISE_EXHAUSTED;
  make_nonce (self->nonce, nonce);
  n -= KITH_NOISE_TAG;
  if (crypto_aead_chacha20poly1305_ietf_decrypt_detached (data, NULL, data, n, data + n, ad, n_ad, nonce, self->key)
      != 0)
    return KITH_NOISE_BAD_TAG;
  self->nonce++;
  return KITH_NOISE_OK;
}

KithNoiseResult
kith_noise_seal (KithNoiseCipher *self, uint8_t *data, size_t n)
{
  return seal (self, NULL, 0, data, n);
}

KithNoiseResult
kith_noise_open (KithNoiseCipher *self, uint8_t *data, size_t n)
{
  return unseal (self, NULL, 0, data, n);
}

/* EncryptAndHash: data holds n bytes and has room for the tag. */
static KithNoiseResult
seal_and_mix (KithNoise *self, uint8_t *data, size_t n)
{
  KithNoiseResult result = seal (&self->cipher, self->hash, 32, data, n);

  if (result == KITH_NOISE_OK)
    mix_hash (self, data, n + KITH_NOISE_TAG);
  return result;
}

/* DecryptAndHash, in place. */
static KithNoiseResult
open_and_mix (KithNoise *self, uint8_t *message, size_t n)
{
  uint8_t before[32];

  memcpy (before, self->hash, 32);
  mix_hash (self, message, n);
  return unseal (&self->cipher, before, 32, message, n);
}

KithNoiseResult
kith_noise_init (KithNoise *self, int initiator, const void *prologue, size_t n_prologue, const uint8_t secret[32],
                 const uint8_t *peer_static, KithNoiseRandom random, void *data)
{
  memset (self, 0, sizeof *self);
  self->initiator = initiator;
  self->random = random;
  self->random_data = data;
  memcpy (self->hash, protocol, 32);
  memcpy (self->chain, protocol, 32);
  memcpy (self->static_secret, secret, 32);
  kith_e2ee_public_key (secret, self->static_public);
  mix_hash (self, prologue, n_prologue);
  if (initiator)
    {
      if (kith_e2ee_check_key (peer_static) != KITH_E2EE_OK)
        return KITH_NOISE_BAD_KEY;
      memcpy (self->peer_static, peer_static, 32);
    }
  mix_hash (self, initiator ? self->peer_static : self->static_public, 32);
  return KITH_NOISE_OK;
}

/* "e": a fresh key, sent in the clear. */
static void
write_ephemeral (KithNoise *self, uint8_t *out)
{
  self->random (self->random_data, self->ephemeral_secret, 32);
  kith_e2ee_public_key (self->ephemeral_secret, self->ephemeral_public);
  memcpy (out, self->ephemeral_public, 32);
  mix_hash (self, out, 32);
}

/* The tokens of the message that is written, up to its payload. */
static KithNoiseResult
write_tokens (KithNoise *self, uint8_t *out)
{
  KithNoiseResult result;

  if (self->turn < 2)
    {
      write_ephemeral (self, out);
      return mix_key (self, self->ephemeral_secret, self->turn == 0 ? self->peer_static : self->peer_ephemeral);
    }
  memcpy (out, self->static_public, 32);
  result = seal_and_mix (self, out, 32);
  if (result == KITH_NOISE_OK)
    result = mix_key (self, self->static_secret, self->peer_ephemeral);
  return result;
}

/* Their "s": encrypted. */
static KithNoiseResult
read_static (KithNoise *self, uint8_t *message)
{
  KithNoiseResult result = open_and_mix (self, message, KITH_NOISE_KEY + KITH_NOISE_TAG);

  if (result != KITH_NOISE_OK)
    return result;
  memcpy (self->peer_static, message, 32);
  if (kith_e2ee_check_key (self->peer_static) != KITH_E2EE_OK)
    return KITH_NOISE_BAD_KEY;
  return mix_key (self, self->ephemeral_secret, self->peer_static);
}

static KithNoiseResult
read_tokens (KithNoise *self, uint8_t *message)
{
  if (self->turn == 2)
    return read_static (self, message);
  if (kith_e2ee_check_key (message) != KITH_E2EE_OK)
    return KITH_NOISE_BAD_KEY;
  memcpy (self->peer_ephemeral, message, 32);
  mix_hash (self, message, 32);
  return mix_key (self, self->turn == 0 ? self->static_secret : self->ephemeral_secret, self->peer_ephemeral);
}

static size_t
tokens_length (const KithNoise *self)
{
  return self->turn == 2 ? KITH_NOISE_KEY + KITH_NOISE_TAG : KITH_NOISE_KEY;
}

static int
writes_now (const KithNoise *self)
{
  return self->turn >= 0 && self->turn < 3 && (self->turn % 2 == 0) == (self->initiator != 0);
}

static int
reads_now (const KithNoise *self)
{
  return self->turn >= 0 && self->turn < 3 && !writes_now (self);
}

KithNoiseResult
kith_noise_write (KithNoise *self, const uint8_t *payload, size_t n, uint8_t *out, size_t max, size_t *n_out)
{
  size_t head = tokens_length (self);
  KithNoiseResult result;

  if (!writes_now (self))
    return KITH_NOISE_BAD_TURN;
  if (n > KITH_NOISE_MAX - head - KITH_NOISE_TAG || max < head + n + KITH_NOISE_TAG)
    return KITH_NOISE_BAD_LENGTH;
  result = write_tokens (self, out);
  if (result == KITH_NOISE_OK)
    {
      if (n > 0)
        memcpy (out + head, payload, n);
      result = seal_and_mix (self, out + head, n);
    }
  self->turn = result == KITH_NOISE_OK ? self->turn + 1 : -1;
  *n_out = head + n + KITH_NOISE_TAG;
  return result;
}

KithNoiseResult
kith_noise_read (KithNoise *self, uint8_t *message, size_t n, const uint8_t **payload, size_t *n_payload)
{
  size_t head = tokens_length (self);
  KithNoiseResult result = KITH_NOISE_BAD_LENGTH;

  if (!reads_now (self))
    return KITH_NOISE_BAD_TURN;
  if (n >= head + KITH_NOISE_TAG && n <= KITH_NOISE_MAX)
    result = read_tokens (self, message);
  if (result == KITH_NOISE_OK)
    result = open_and_mix (self, message + head, n - head);
  self->turn = result == KITH_NOISE_OK ? self->turn + 1 : -1;
  *payload = message + head;
  *n_payload = result == KITH_NOISE_OK ? n - head - KITH_NOISE_TAG : 0;
  return result;
}

KithNoiseResult
kith_noise_split (KithNoise *self, KithNoiseCipher *sending, KithNoiseCipher *receiving, uint8_t hash[32])
{
  uint8_t first[32], second[32];

  if (self->turn != 3)
    return KITH_NOISE_BAD_TURN;
  derive (self->chain, NULL, 0, first, second);
  memcpy (sending->key, self->initiator ? first : second, 32);
  memcpy (receiving->key, self->initiator ? second : first, 32);
  sending->nonce = receiving->nonce = 0;
  if (hash != NULL)
    memcpy (hash, self->hash, 32);
  sodium_memzero (first, sizeof first);
  sodium_memzero (second, sizeof second);
  kith_noise_clear (self);
  return KITH_NOISE_OK;
}

void
kith_noise_clear (KithNoise *self)
{
  int turn = self->turn;
  uint8_t peer[32];

  memcpy (peer, self->peer_static, 32);    /* public, and what the link compares with HELLO */
  sodium_memzero (self, sizeof *self);
  memcpy (self->peer_static, peer, 32);
  self->turn = turn;
}
