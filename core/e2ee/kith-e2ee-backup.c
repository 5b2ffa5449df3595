/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identity backup, e2ee.md §12. */
#include "kith-e2ee-private.h"

enum
{
  AT_COST = 12,
  AT_SALT = 20,
  AT_NONCE = 36,
  AT_BODY = KITH_E2EE_BACKUP_HEADER,
  BODY_HEADER = 45, /* 0x01, seed, created, length of the JSON part */
  OPS_MIN = 1,
  OPS_MAX = 16,
  MEM_MIN_KIB = 8,
  MEM_MAX_KIB = 1048576,
  JSON_MAX = 64 * 1024 * 1024,
};

static const uint8_t magic[12] = { 'K', 'I', 'T', 'H', 'B', 'A', 'K', '1', 0x02, 0x00, 0x00, 0x00 };

const KithE2eeCost kith_e2ee_cost_moderate = { 3, 262144 };

static bool
is_payable (KithE2eeCost cost)
{
  return cost.opslimit >= OPS_MIN && cost.opslimit <= OPS_MAX && cost.memlimit_kib >= MEM_MIN_KIB
         && cost.memlimit_kib <= MEM_MAX_KIB;
}

static bool
derive (const char *passphrase, const uint8_t *file, KithE2eeCost cost, uint8_t key[32])
{
  return crypto_pwhash (key, 32, passphrase, strlen (passphrase), file + AT_SALT, cost.opslimit,
                        (size_t)cost.memlimit_kib * 1024, crypto_pwhash_ALG_ARGON2ID13)
         == 0;
}

size_t
kith_e2ee_backup_bound (size_t n_json)
{
  return AT_BODY + kith_e2ee_pad_target (BODY_HEADER + n_json) + KITH_E2EE_TAG_BYTES;
}

KithE2eeCode
kith_e2ee_backup_write (const KithE2eeRandom *random, const char *passphrase, const uint8_t seed[32],
                        uint64_t created, const void *json, size_t n_json, KithE2eeCost cost, uint8_t *out,
                        size_t *n_out)
{
  uint8_t *body = out + AT_BODY;
  uint8_t key[32];
  size_t target;

  *n_out = 0;
  if (!is_payable (cost) || n_json > JSON_MAX)
    return KITH_E2EE_E_LENGTH;
  memcpy (out, magic, sizeof magic);
  kith_e2ee_put_u32 (out + AT_COST, cost.opslimit);
  kith_e2ee_put_u32 (out + AT_COST + 4, cost.memlimit_kib);
  kith_e2ee_draw (random, KITH_E2EE_DRAW_SALT, out + AT_SALT, 16);
  kith_e2ee_draw (random, KITH_E2EE_DRAW_NONCE, out + AT_NONCE, 24);
  if (!derive (passphrase, out, cost, key))
    return KITH_E2EE_FAILED;
  body[0] = 0x01;
  memcpy (body + 1, seed, 32);
  kith_e2ee_put_u64 (body + 33, created);
  kith_e2ee_put_u32 (body + 41, (uint32_t)n_json);
  if (n_json > 0)
    memcpy (body + BODY_HEADER, json, n_json);
  target = kith_e2ee_pad_target (BODY_HEADER + n_json);
  kith_e2ee_pad (body, BODY_HEADER + n_json, target);
  crypto_aead_xchacha20poly1305_ietf_encrypt (body, NULL, body, target, out, AT_BODY, NULL, out + AT_NONCE, key);
  sodium_memzero (key, sizeof key);
  *n_out = AT_BODY + target + KITH_E2EE_TAG_BYTES;
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_backup_peek (const void *file, size_t n, KithE2eeCost *cost)
{
  const uint8_t *bytes = file;

  if (n < AT_BODY + KITH_E2EE_TAG_BYTES + BODY_HEADER + 1 || memcmp (bytes, magic, sizeof magic) != 0)
    return KITH_E2EE_E_VERSION;
  cost->opslimit = kith_e2ee_get_u32 (bytes + AT_COST);
  cost->memlimit_kib = kith_e2ee_get_u32 (bytes + AT_COST + 4);
  if (!is_payable (*cost) || n > kith_e2ee_backup_bound (JSON_MAX))
    return KITH_E2EE_E_LENGTH;
  return KITH_E2EE_OK;
}

static KithE2eeCode
read_body (const uint8_t *body, size_t n_padded, uint8_t seed[32], uint64_t *created, size_t *n_json)
{
  size_t n;
  KithE2eeCode code = kith_e2ee_unpad (body, n_padded, &n);

  if (code != KITH_E2EE_OK)
    return code;
  if (n < BODY_HEADER || body[0] != 0x01 || kith_e2ee_get_u32 (body + 41) != n - BODY_HEADER)
    return KITH_E2EE_E_LENGTH;
  memcpy (seed, body + 1, 32);
  *created = kith_e2ee_get_u64 (body + 33);
  *n_json = n - BODY_HEADER;
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_backup_open (const char *passphrase, const void *file, size_t n, uint8_t *out, uint8_t seed[32],
                       uint64_t *created, size_t *json, size_t *n_json)
{
  const uint8_t *bytes = file;
  KithE2eeCost cost;
  uint8_t key[32];
  unsigned long long n_padded = 0;
  int forged;
  KithE2eeCode code = kith_e2ee_backup_peek (file, n, &cost);

  *json = BODY_HEADER;
  *n_json = 0;
  if (code != KITH_E2EE_OK)
    return code;
  if (!derive (passphrase, bytes, cost, key))
    return KITH_E2EE_FAILED;
  forged = crypto_aead_xchacha20poly1305_ietf_decrypt (out, &n_padded, NULL, bytes + AT_BODY, n - AT_BODY, bytes,
                                                       AT_BODY, bytes + AT_NONCE, key);
  sodium_memzero (key, sizeof key);
  return forged != 0 ? KITH_E2EE_E_AUTH : read_body (out, (size_t)n_padded, seed, created, n_json);
}
