/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Key checks, X25519, our own account, signatures. */
#include "kith-e2ee-private.h"

/* The points of small order below p, little-endian; 0 and 1 and p - 1 among them. */
static const uint8_t small_order[][32] = {
  { 0 },
  { 1 },
  { 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
    0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
  { 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
    0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
  { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

/* v >= 2^255 - 19, which a set top bit implies. */
static bool
is_canonical (const uint8_t key[32])
{
  if (key[31] & 0x80)
    return false;
  if (key[31] != 0x7f)
    return true;
  for (size_t i = 30; i > 0; i--)
    if (key[i] != 0xff)
      return true;
  return key[0] < 0xed;
}

KithE2eeCode
kith_e2ee_check_key (const uint8_t key[32])
{
  if (!is_canonical (key))
    return KITH_E2EE_E_BAD_KEY;
  for (size_t i = 0; i < sizeof small_order / sizeof small_order[0]; i++)
    if (sodium_memcmp (key, small_order[i], 32) == 0)
      return KITH_E2EE_E_BAD_KEY;
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_exchange_key (const uint8_t identity[32], uint8_t exchange[32])
{
  return crypto_sign_ed25519_pk_to_curve25519 (exchange, identity) == 0 ? KITH_E2EE_OK : KITH_E2EE_E_BAD_KEY;
}

KithE2eeCode
kith_e2ee_dh (const uint8_t secret[32], const uint8_t key[32], uint8_t shared[32])
{
  return crypto_scalarmult (shared, secret, key) == 0 ? KITH_E2EE_OK : KITH_E2EE_E_BAD_KEY;
}

void
kith_e2ee_public_key (const uint8_t secret[32], uint8_t key[32])
{
  crypto_scalarmult_base (key, secret);
}

/* In one guarded allocation; account first, so that freeing it frees all. */
typedef struct
{
  KithE2eeAccount account;
  uint8_t seed[32];
  uint8_t sign_secret[64];
  uint8_t exchange_secret[32];
} Account;

KithE2eeAccount *
kith_e2ee_account_new (const uint8_t seed[32], uint32_t device)
{
  Account *self;

  if (device == 0)
    return NULL;
  self = sodium_malloc (sizeof *self);
  if (self == NULL)
    return NULL;
  memcpy (self->seed, seed, 32);
  crypto_sign_seed_keypair (self->account.identity, self->sign_secret, seed);
  if (crypto_sign_ed25519_pk_to_curve25519 (self->account.exchange, self->account.identity) != 0
      || crypto_sign_ed25519_sk_to_curve25519 (self->exchange_secret, self->sign_secret) != 0)
    {
      sodium_free (self);
      return NULL;
    }
  self->account.device = device;
  self->account.seed = self->seed;
  self->account.sign_secret = self->sign_secret;
  self->account.exchange_secret = self->exchange_secret;
  sodium_mprotect_readonly (self);
  return &self->account;
}

void
kith_e2ee_account_free (KithE2eeAccount *account)
{
  sodium_free (account);
}

void
kith_e2ee_sign (const KithE2eeAccount *account, const void *message, size_t n, uint8_t signature[64])
{
  crypto_sign_detached (signature, NULL, message, n, account->sign_secret);
}

KithE2eeCode
kith_e2ee_verify (const uint8_t identity[32], const void *message, size_t n, const uint8_t signature[64])
{
  return crypto_sign_verify_detached (signature, message, n, identity) == 0 ? KITH_E2EE_OK : KITH_E2EE_E_SIGNATURE;
}

uint32_t
kith_e2ee_draw_device (const KithE2eeRandom *random)
{
  uint8_t bytes[4];
  uint32_t device;

  do
    {
      kith_e2ee_draw (random, KITH_E2EE_DRAW_DEVICE, bytes, sizeof bytes);
      device = kith_e2ee_get_u32 (bytes);
  } while (device == 0);
  return device;
}
