/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sealed envelope, e2ee.md §9. No arena: any thread may seal, and the secrets are few; they are wiped from the
 * stack. */
#include "kith-e2ee-private.h"

enum
{
  AT_EPHEMERAL = 4,
  AT_SENDER = 36,
  N_SENDER = 36,
  N_WHO = 36,
};

/* Keys that last for one envelope. */
typedef struct
{
  uint8_t shared[32];
  uint8_t out[64]; /* k1, then the chaining key */
  uint8_t k2[32];
  uint8_t sender[N_SENDER];
} Secrets;

static void
write_who (uint8_t out[N_WHO], const uint8_t identity[32], uint32_t device)
{
  memcpy (out, identity, 32);
  kith_e2ee_put_u32 (out + 32, device);
}

static void
derive_first (Secrets *secrets, const uint8_t ephemeral[32], const uint8_t who[N_WHO])
{
  uint8_t info[sizeof KITH_E2EE_INFO_SEAL1 - 1 + 32 + N_WHO];
  size_t n = sizeof KITH_E2EE_INFO_SEAL1 - 1;

  memcpy (info, KITH_E2EE_INFO_SEAL1, n);
  memcpy (info + n, ephemeral, 32);
  memcpy (info + n + 32, who, N_WHO);
  kith_e2ee_hkdf (kith_e2ee_zeros, 32, secrets->shared, 32, info, sizeof info, secrets->out, sizeof secrets->out);
}

static void
derive_second (Secrets *secrets, const uint8_t c1[52])
{
  uint8_t info[sizeof KITH_E2EE_INFO_SEAL2 - 1 + 52];
  size_t n = sizeof KITH_E2EE_INFO_SEAL2 - 1;

  memcpy (info, KITH_E2EE_INFO_SEAL2, n);
  memcpy (info + n, c1, 52);
  kith_e2ee_hkdf (secrets->out + 32, 32, secrets->shared, 32, info, sizeof info, secrets->k2, sizeof secrets->k2);
}

static void
write_first_ad (uint8_t ad[36 + N_WHO], const uint8_t *envelope, const uint8_t who[N_WHO])
{
  memcpy (ad, envelope, 36);
  memcpy (ad + 36, who, N_WHO);
}

static KithE2eeCode
seal (const KithE2eeAccount *account, const KithE2eeRandom *random, const uint8_t to[32], uint32_t to_device,
      const void *payload, size_t n, Secrets *secrets, uint8_t *out)
{
  uint8_t exchange[32], ephemeral[32], who[N_WHO], ad[36 + N_WHO];
  KithE2eeCode code = kith_e2ee_exchange_key (to, exchange);

  if (code != KITH_E2EE_OK)
    return code;
  out[0] = KITH_E2EE_VERSION;
  out[1] = KITH_E2EE_TYPE_SEAL;
  out[2] = out[3] = 0;
  kith_e2ee_draw (random, KITH_E2EE_DRAW_SEAL, ephemeral, 32);
  kith_e2ee_public_key (ephemeral, out + AT_EPHEMERAL);
  code = kith_e2ee_dh (ephemeral, exchange, secrets->shared);
  sodium_memzero (ephemeral, sizeof ephemeral);
  if (code != KITH_E2EE_OK)
    return code;
  write_who (who, to, to_device);
  derive_first (secrets, out + AT_EPHEMERAL, who);
  write_first_ad (ad, out, who);
  write_who (secrets->sender, account->identity, account->device);
  crypto_aead_xchacha20poly1305_ietf_encrypt (out + AT_SENDER, NULL, secrets->sender, N_SENDER, ad, sizeof ad, NULL,
                                              kith_e2ee_zeros, secrets->out);
  code = kith_e2ee_dh (account->exchange_secret, exchange, secrets->shared);
  if (code != KITH_E2EE_OK)
    return code;
  derive_second (secrets, out + AT_SENDER);
  crypto_aead_xchacha20poly1305_ietf_encrypt (out + KITH_E2EE_SEAL_HEADER, NULL, payload, n, out,
                                              KITH_E2EE_SEAL_HEADER, NULL, kith_e2ee_zeros, secrets->k2);
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_seal (const KithE2eeAccount *account, const KithE2eeRandom *random, const uint8_t to[32],
                uint32_t to_device, const void *payload, size_t n, uint8_t *out)
{
  Secrets secrets;
  KithE2eeCode code;

  if (n < 1 || n > KITH_E2EE_MAX_WIRE)
    return KITH_E2EE_E_LENGTH;
  code = seal (account, random, to, to_device, payload, n, &secrets, out);
  sodium_memzero (&secrets, sizeof secrets);
  return code;
}

static KithE2eeCode
check_form (const uint8_t *bytes, size_t n)
{
  if (n < KITH_E2EE_SEAL_OVERHEAD + 1)
    return KITH_E2EE_E_LENGTH;
  if (bytes[0] != KITH_E2EE_VERSION)
    return KITH_E2EE_E_VERSION;
  if (bytes[1] != KITH_E2EE_TYPE_SEAL)
    return KITH_E2EE_E_TYPE;
  if (bytes[2] != 0 || bytes[3] != 0)
    return KITH_E2EE_E_RESERVED;
  if (n > KITH_E2EE_SEAL_OVERHEAD + KITH_E2EE_MAX_WIRE)
    return KITH_E2EE_E_LENGTH;
  return kith_e2ee_check_key (bytes + AT_EPHEMERAL);
}

static KithE2eeCode
unseal (const KithE2eeAccount *account, const uint8_t *bytes, size_t n, Secrets *secrets, uint8_t *out, size_t *n_out)
{
  uint8_t who[N_WHO], ad[36 + N_WHO], exchange[32];
  unsigned long long n_plain = 0;
  KithE2eeCode code = kith_e2ee_dh (account->exchange_secret, bytes + AT_EPHEMERAL, secrets->shared);

  if (code != KITH_E2EE_OK)
    return code;
  write_who (who, account->identity, account->device);
  derive_first (secrets, bytes + AT_EPHEMERAL, who);
  write_first_ad (ad, bytes, who);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt (secrets->sender, NULL, NULL, bytes + AT_SENDER,
                                                  N_SENDER + KITH_E2EE_TAG_BYTES, ad, sizeof ad, kith_e2ee_zeros,
                                                  secrets->out)
      != 0)
    return KITH_E2EE_E_AUTH;
  code = kith_e2ee_exchange_key (secrets->sender, exchange);
  if (code == KITH_E2EE_OK)
    code = kith_e2ee_dh (account->exchange_secret, exchange, secrets->shared);
  if (code != KITH_E2EE_OK)
    return code;
  derive_second (secrets, bytes + AT_SENDER);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt (out, &n_plain, NULL, bytes + KITH_E2EE_SEAL_HEADER,
                                                  n - KITH_E2EE_SEAL_HEADER, bytes, KITH_E2EE_SEAL_HEADER,
                                                  kith_e2ee_zeros, secrets->k2)
      != 0)
    return KITH_E2EE_E_AUTH;
  *n_out = (size_t)n_plain;
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_unseal (const KithE2eeAccount *account, const void *envelope, size_t n, uint8_t from[32],
                  uint32_t *from_device, uint8_t *out, size_t *n_out)
{
  Secrets secrets;
  KithE2eeCode code = check_form (envelope, n);

  *n_out = 0;
  if (code != KITH_E2EE_OK)
    return code;
  code = unseal (account, envelope, n, &secrets, out, n_out);
  if (code == KITH_E2EE_OK)
    {
      memcpy (from, secrets.sender, 32);
      *from_device = kith_e2ee_get_u32 (secrets.sender + 32);
    }
  sodium_memzero (&secrets, sizeof secrets);
  return code;
}
