/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Noise_XK_25519_ChaChaPoly_SHA256 (Noise rev 34) on libsodium. Plain C: no allocation, no I/O, no state but what the
 * caller holds. */

#define KITH_NOISE_KEY 32
#define KITH_NOISE_TAG 16
#define KITH_NOISE_MAX 65535                                   /* a whole message, by the Noise specification */
#define KITH_NOISE_MAX_PLAIN (KITH_NOISE_MAX - KITH_NOISE_TAG)
#define KITH_NOISE_MAX_NONCE UINT64_C (0x100000000)            /* peer-link.md §1: no message has this number */

/* What each handshake message weighs more than its payload. */
#define KITH_NOISE_OVERHEAD_1 (KITH_NOISE_KEY + KITH_NOISE_TAG)
#define KITH_NOISE_OVERHEAD_2 (KITH_NOISE_KEY + KITH_NOISE_TAG)
#define KITH_NOISE_OVERHEAD_3 (KITH_NOISE_KEY + 2 * KITH_NOISE_TAG)

typedef enum
{
  KITH_NOISE_OK,
  KITH_NOISE_BAD_KEY,      /* a public key that e2ee.md §3 refuses */
  KITH_NOISE_BAD_TAG,      /* tampered with, or meant for somebody else */
  KITH_NOISE_BAD_LENGTH,
  KITH_NOISE_BAD_TURN,     /* not ours to write, or to read */
  KITH_NOISE_EXHAUSTED     /* 2^32 messages under one key */
} KithNoiseResult;

typedef struct
{
  uint8_t key[KITH_NOISE_KEY];
  uint64_t nonce;
} KithNoiseCipher;

typedef void (*KithNoiseRandom) (void *data, void *out, size_t n);

typedef struct
{
  uint8_t hash[32], chain[32];
  KithNoiseCipher cipher;
  uint8_t static_secret[32], static_public[32], ephemeral_secret[32], ephemeral_public[32];
  uint8_t peer_static[32], peer_ephemeral[32];
  int initiator;
  int turn;                /* messages done: 0 … 3; -1: failed */
  KithNoiseRandom random;
  void *random_data;
} KithNoise;

/* peer_static: whom the initiator calls; NULL for the responder. */
KithNoiseResult kith_noise_init (KithNoise *self,
                                 int initiator,
                                 const void *prologue,
                                 size_t n_prologue,
                                 const uint8_t secret[32],
                                 const uint8_t *peer_static,
                                 KithNoiseRandom random,
                                 void *data);
/* Writes n bytes of payload and the message's overhead to out, which holds max. */
KithNoiseResult
kith_noise_write (KithNoise *self, const uint8_t *payload, size_t n, uint8_t *out, size_t max, size_t *n_out);
/* Reads a message in place; the payload lies inside it. A failure is final. */
KithNoiseResult
kith_noise_read (KithNoise *self, uint8_t *message, size_t n, const uint8_t **payload, size_t *n_payload);
/* After the third message: hands out the transport keys and the handshake hash (nullable) and forgets every secret. */
KithNoiseResult
kith_noise_split (KithNoise *self, KithNoiseCipher *sending, KithNoiseCipher *receiving, uint8_t hash[32]);
void            kith_noise_clear (KithNoise *self);

/* In place: n bytes at data become n + 16. */
KithNoiseResult kith_noise_seal  (KithNoiseCipher *self, uint8_t *data, size_t n);
/* In place: n bytes at data become n - 16. */
KithNoiseResult kith_noise_open  (KithNoiseCipher *self, uint8_t *data, size_t n);
