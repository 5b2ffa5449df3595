/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first agreement, e2ee.md §5. */
#include "kith-e2ee-private.h"

typedef struct
{
  uint8_t bytes[32 + 4 * 32];
  size_t used;
} Input;

/* Wiping what failed is the arena's business: `input` lies there. */
static KithE2eeCode
add_dh (Input *input, const uint8_t secret[32], const uint8_t key[32])
{
  KithE2eeCode code = kith_e2ee_dh (secret, key, input->bytes + input->used);

  input->used += 32;
  return code;
}

static Input *
begin (const KithE2ee *e)
{
  Input *input = kith_e2ee_arena_alloc (e->arena, sizeof *input);

  if (input != NULL)
    {
      memset (input->bytes, 0xff, 32);
      input->used = 32;
    }
  return input;
}

static void
finish (const Input *input, uint8_t sk[32])
{
  kith_e2ee_hkdf (kith_e2ee_zeros, 32, input->bytes, input->used, KITH_E2EE_TEXT (KITH_E2EE_INFO_X3DH), sk, 32);
}

KithE2eeCode
kith_e2ee_x3dh_initiate (const KithE2ee *e, const KithE2eeBundle *bundle, const uint8_t ephemeral_secret[32],
                         uint8_t sk[32])
{
  Input *input = begin (e);
  uint8_t exchange[32];

  if (input == NULL)
    return KITH_E2EE_FAILED;
  if (kith_e2ee_exchange_key (bundle->identity, exchange) != KITH_E2EE_OK
      || add_dh (input, e->account->exchange_secret, bundle->spk) != KITH_E2EE_OK
      || add_dh (input, ephemeral_secret, exchange) != KITH_E2EE_OK
      || add_dh (input, ephemeral_secret, bundle->spk) != KITH_E2EE_OK)
    return KITH_E2EE_E_BAD_KEY;
  if (bundle->n_opks > 0 && add_dh (input, ephemeral_secret, bundle->opks) != KITH_E2EE_OK)
    return KITH_E2EE_E_BAD_KEY;
  finish (input, sk);
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_x3dh_respond (const KithE2ee *e, const uint8_t sender[32], const KithE2eeOrigin *origin,
                        const uint8_t spk_secret[32], const uint8_t *opk_secret, uint8_t sk[32])
{
  Input *input = begin (e);
  uint8_t exchange[32];

  if (input == NULL)
    return KITH_E2EE_FAILED;
  if (kith_e2ee_exchange_key (sender, exchange) != KITH_E2EE_OK
      || add_dh (input, spk_secret, exchange) != KITH_E2EE_OK
      || add_dh (input, e->account->exchange_secret, origin->ephemeral) != KITH_E2EE_OK
      || add_dh (input, spk_secret, origin->ephemeral) != KITH_E2EE_OK)
    return KITH_E2EE_E_BAD_KEY;
  if (opk_secret != NULL && add_dh (input, opk_secret, origin->ephemeral) != KITH_E2EE_OK)
    return KITH_E2EE_E_BAD_KEY;
  finish (input, sk);
  return KITH_E2EE_OK;
}

void
kith_e2ee_write_ad (uint8_t ad[KITH_E2EE_AD_BYTES], const uint8_t initiator[32], uint32_t a,
                    const uint8_t responder[32], uint32_t b)
{
  ad[0] = 0x01;
  memcpy (ad + 1, initiator, 32);
  ad[33] = 0x01;
  memcpy (ad + 34, responder, 32);
  kith_e2ee_put_u32 (ad + 66, a);
  kith_e2ee_put_u32 (ad + 70, b);
}

void
kith_e2ee_session_id (const uint8_t initiator[32], uint32_t a, const uint8_t responder[32], uint32_t b,
                      const KithE2eeOrigin *origin, uint8_t sid[16])
{
  crypto_hash_sha256_state state;
  uint8_t device[4], hash[32];

  crypto_hash_sha256_init (&state);
  crypto_hash_sha256_update (&state, (const uint8_t *)KITH_E2EE_TAG_SID, sizeof KITH_E2EE_TAG_SID - 1);
  crypto_hash_sha256_update (&state, initiator, 32);
  kith_e2ee_put_u32 (device, a);
  crypto_hash_sha256_update (&state, device, sizeof device);
  crypto_hash_sha256_update (&state, responder, 32);
  kith_e2ee_put_u32 (device, b);
  crypto_hash_sha256_update (&state, device, sizeof device);
  crypto_hash_sha256_update (&state, (const uint8_t *)origin, sizeof *origin);
  crypto_hash_sha256_final (&state, hash);
  memcpy (sid, hash, 16);
}
