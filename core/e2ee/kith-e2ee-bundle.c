/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Key bundles, e2ee.md §4. */
#include "kith-e2ee-private.h"

enum
{
  AT_IDENTITY = 4,
  AT_DEVICE = 36,
  AT_CREATED = 40,
  AT_SPK = 48,
  AT_SIGNATURE = 80,
  AT_COUNT = 144,
  AT_OPKS = KITH_E2EE_BUNDLE_BYTES,
  SIGNED_BYTES = sizeof KITH_E2EE_TAG_SPK - 1 + 4 + 8 + 32,
};

static void
write_signed (uint8_t out[SIGNED_BYTES], uint32_t device, uint64_t created, const uint8_t spk[32])
{
  size_t n = sizeof KITH_E2EE_TAG_SPK - 1;

  memcpy (out, KITH_E2EE_TAG_SPK, n);
  kith_e2ee_put_u32 (out + n, device);
  kith_e2ee_put_u64 (out + n + 4, created);
  memcpy (out + n + 12, spk, 32);
}

/* Keys that another one of the bundle repeats are found by comparing all: 100 are 5,000 comparisons, 0.1 ms. */
static KithE2eeCode
check_opks (const uint8_t *opks, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (kith_e2ee_check_key (opks + 32 * i) != KITH_E2EE_OK)
      return KITH_E2EE_E_BAD_KEY;
  for (size_t i = 1; i < n; i++)
    for (size_t j = 0; j < i; j++)
      if (sodium_memcmp (opks + 32 * i, opks + 32 * j, 32) == 0)
        return KITH_E2EE_E_BAD_KEY;
  return KITH_E2EE_OK;
}

static KithE2eeCode
check_form (const uint8_t *bytes, size_t n, size_t *n_opks)
{
  if (n < KITH_E2EE_BUNDLE_BYTES)
    return KITH_E2EE_E_LENGTH;
  if (bytes[0] != KITH_E2EE_VERSION)
    return KITH_E2EE_E_VERSION;
  if (bytes[1] != KITH_E2EE_TYPE_BUNDLE)
    return KITH_E2EE_E_TYPE;
  if (bytes[2] != 0 || bytes[3] != 0)
    return KITH_E2EE_E_RESERVED;
  *n_opks = kith_e2ee_get_u16 (bytes + AT_COUNT);
  if (*n_opks > KITH_E2EE_BUNDLE_MAX_OPKS || n != AT_OPKS + 32 * *n_opks)
    return KITH_E2EE_E_LENGTH;
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_bundle_parse (const void *data, size_t n, KithE2eeBundle *out)
{
  const uint8_t *bytes = data;
  uint8_t message[SIGNED_BYTES], exchange[32];
  KithE2eeCode code;

  memset (out, 0, sizeof *out);
  code = check_form (bytes, n, &out->n_opks);
  if (code != KITH_E2EE_OK)
    return code;
  memcpy (out->identity, bytes + AT_IDENTITY, 32);
  out->device = kith_e2ee_get_u32 (bytes + AT_DEVICE);
  out->created = kith_e2ee_get_u64 (bytes + AT_CREATED);
  memcpy (out->spk, bytes + AT_SPK, 32);
  memcpy (out->signature, bytes + AT_SIGNATURE, 64);
  out->opks = bytes + AT_OPKS;

  if (out->device == 0)
    return KITH_E2EE_E_RESERVED;
  if (kith_e2ee_exchange_key (out->identity, exchange) != KITH_E2EE_OK
      || kith_e2ee_check_key (out->spk) != KITH_E2EE_OK)
    return KITH_E2EE_E_BAD_KEY;
  code = check_opks (out->opks, out->n_opks);
  if (code != KITH_E2EE_OK)
    return code;
  write_signed (message, out->device, out->created, out->spk);
  return kith_e2ee_verify (out->identity, message, sizeof message, out->signature);
}

size_t
kith_e2ee_bundle_write (const KithE2eeAccount *account, uint64_t created, const uint8_t spk[32], const uint8_t *opks,
                        size_t n_opks, uint8_t *out)
{
  uint8_t message[SIGNED_BYTES];

  out[0] = KITH_E2EE_VERSION;
  out[1] = KITH_E2EE_TYPE_BUNDLE;
  out[2] = out[3] = 0;
  memcpy (out + AT_IDENTITY, account->identity, 32);
  kith_e2ee_put_u32 (out + AT_DEVICE, account->device);
  kith_e2ee_put_u64 (out + AT_CREATED, created);
  memcpy (out + AT_SPK, spk, 32);
  write_signed (message, account->device, created, spk);
  kith_e2ee_sign (account, message, sizeof message, out + AT_SIGNATURE);
  kith_e2ee_put_u16 (out + AT_COUNT, (uint16_t)n_opks);
  if (n_opks > 0)
    memcpy (out + AT_OPKS, opks, 32 * n_opks);
  return AT_OPKS + 32 * n_opks;
}
