/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beginning a session, and sending on one. */
#include "kith-e2ee-private.h"

static KithE2eeCode
check_bundle (const KithE2ee *e, const void *bytes, size_t n, const uint8_t *expected, KithE2eeBundle *bundle)
{
  uint64_t highest = 0;
  KithE2eeCode code = kith_e2ee_bundle_parse (bytes, n, bundle);

  if (code != KITH_E2EE_OK)
    return code;
  if (bundle->n_opks > 1)
    return KITH_E2EE_E_LENGTH;
  if (expected != NULL && sodium_memcmp (expected, bundle->identity, 32) != 0)
    return KITH_E2EE_E_IDENTITY;
  if (sodium_memcmp (e->account->identity, bundle->identity, 32) == 0 && e->account->device == bundle->device)
    return KITH_E2EE_E_SELF;
  if (e->vault->funcs->get_created (e->vault->data, bundle->identity, bundle->device, &highest) < 0)
    return KITH_E2EE_FAILED;
  return bundle->created < highest ? KITH_E2EE_E_STALE_BUNDLE : KITH_E2EE_OK;
}

/* A session that is ready to draw its first ratchet pair. */
static KithE2eeCode
initiate (const KithE2ee *e, const KithE2eeBundle *bundle, KithE2eeSession *session)
{
  uint8_t *secret = kith_e2ee_arena_alloc (e->arena, 32);
  KithE2eeCode code;

  if (secret == NULL)
    return KITH_E2EE_FAILED;
  kith_e2ee_draw (e->random, KITH_E2EE_DRAW_EPHEMERAL, secret, 32);
  code = kith_e2ee_x3dh_initiate (e, bundle, secret, session->rk);
  if (code != KITH_E2EE_OK)
    return code;
  session->initiator = true;
  session->pending = true;
  memcpy (session->dhr, bundle->spk, 32);
  kith_e2ee_public_key (secret, session->origin.ephemeral);
  memcpy (session->origin.spk, bundle->spk, 32);
  if (bundle->n_opks > 0)
    memcpy (session->origin.opk, bundle->opks, 32);
  kith_e2ee_write_ad (session->ad, e->account->identity, e->account->device, bundle->identity, bundle->device);
  memcpy (session->row.peer, bundle->identity, 32);
  session->row.peer_device = bundle->device;
  kith_e2ee_session_id (e->account->identity, e->account->device, bundle->identity, bundle->device, &session->origin,
                        session->row.sid);
  return KITH_E2EE_OK;
}

static KithE2eeCode
start (const KithE2ee *e, const KithE2eeBundle *bundle, uint8_t sid[16])
{
  const KithE2eeVaultFuncs *vault = e->vault->funcs;
  KithE2eeSession *session = kith_e2ee_arena_alloc (e->arena, sizeof *session);
  KithE2eeRow *active = kith_e2ee_arena_alloc (e->arena, sizeof *active);
  KithE2eeCode code;
  int found;

  if (session == NULL || active == NULL)
    return KITH_E2EE_FAILED;
  found = vault->load_active (e->vault->data, bundle->identity, bundle->device, active);
  if (found < 0)
    return KITH_E2EE_FAILED;
  code = initiate (e, bundle, session);
  if (code != KITH_E2EE_OK)
    return code;
  session->row.stamp = found > 0 ? active->top_stamp + 1 : 1;
  kith_e2ee_session_write (session);
  if (vault->save_session (e->vault->data, &session->row, true) < 0
      || vault->set_created (e->vault->data, bundle->identity, bundle->device, bundle->created) < 0)
    return KITH_E2EE_FAILED;
  memcpy (sid, session->row.sid, 16);
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_start (const KithE2ee *e, const void *bytes, size_t n_bundle, const uint8_t *expected, uint8_t sid[16])
{
  size_t mark = kith_e2ee_arena_mark (e->arena);
  KithE2eeBundle bundle;
  KithE2eeCode code = check_bundle (e, bytes, n_bundle, expected, &bundle);

  if (code == KITH_E2EE_OK)
    code = start (e, &bundle, sid);
  kith_e2ee_arena_release (e->arena, mark);
  return code;
}

static size_t
write_header (const KithE2ee *e, const KithE2eeSession *session, uint8_t *wire)
{
  bool init = session->initiator && !session->confirmed;
  uint8_t *at = wire + 20;

  wire[0] = KITH_E2EE_VERSION;
  wire[1] = init ? KITH_E2EE_TYPE_INIT : KITH_E2EE_TYPE_MSG;
  wire[2] = wire[3] = 0;
  memcpy (wire + 4, session->row.sid, 16);
  if (init)
    {
      memcpy (at, e->account->identity, 32);
      kith_e2ee_put_u32 (at + 32, e->account->device);
      kith_e2ee_put_u32 (at + 36, session->row.peer_device);
      memcpy (at + 40, &session->origin, sizeof session->origin);
      at += 40 + sizeof session->origin;
    }
  memcpy (at, session->dhs, 32);
  kith_e2ee_put_u32 (at + 32, session->pn);
  kith_e2ee_put_u32 (at + 36, session->ns - 1);
  return (size_t)(at + 40 - wire);
}

/* In place: the content goes where the ciphertext will be. */
static size_t
seal_body (const KithE2ee *e, const KithE2eeSession *session, const uint8_t key[32], size_t n_header,
           const void *head, size_t n_head, const void *body, size_t n_body, uint8_t *wire)
{
  uint8_t ad[KITH_E2EE_AD_BYTES + KITH_E2EE_INIT_HEADER];
  uint8_t *nonce = wire + n_header, *padded = nonce + KITH_E2EE_NONCE_BYTES;
  size_t n = n_head + n_body, target = kith_e2ee_pad_target (n);

  kith_e2ee_draw (e->random, KITH_E2EE_DRAW_NONCE, nonce, KITH_E2EE_NONCE_BYTES);
  if (n_head > 0)
    memcpy (padded, head, n_head);
  if (n_body > 0)
    memcpy (padded + n_head, body, n_body);
  kith_e2ee_pad (padded, n, target);
  memcpy (ad, session->ad, KITH_E2EE_AD_BYTES);
  memcpy (ad + KITH_E2EE_AD_BYTES, wire, n_header);
  crypto_aead_xchacha20poly1305_ietf_encrypt (padded, NULL, padded, target, ad, KITH_E2EE_AD_BYTES + n_header, NULL,
                                              nonce, key);
  return n_header + KITH_E2EE_NONCE_BYTES + target + KITH_E2EE_TAG_BYTES;
}

static KithE2eeCode
load_for_sending (const KithE2ee *e, const uint8_t peer[32], uint32_t device, const uint8_t *sid,
                  KithE2eeSession *session)
{
  const KithE2eeVaultFuncs *vault = e->vault->funcs;
  int found = sid != NULL ? vault->load_session (e->vault->data, sid, &session->row)
                          : vault->load_active (e->vault->data, peer, device, &session->row);

  if (found < 0)
    return KITH_E2EE_FAILED;
  if (found == 0)
    return KITH_E2EE_E_NO_SESSION;
  return kith_e2ee_session_read (session) ? KITH_E2EE_OK : KITH_E2EE_FAILED;
}

KithE2eeCode
kith_e2ee_encrypt (const KithE2ee *e, const uint8_t peer[32], uint32_t device, const uint8_t *sid, const void *head,
                   size_t n_head, const void *body, size_t n_body, uint8_t *wire, size_t *n_wire,
                   KithE2eePlace *place)
{
  size_t mark = kith_e2ee_arena_mark (e->arena);
  KithE2eeSession *session = kith_e2ee_arena_alloc (e->arena, sizeof *session);
  uint8_t *key = kith_e2ee_arena_alloc (e->arena, 32);
  KithE2eeCode code = session != NULL && key != NULL ? KITH_E2EE_OK : KITH_E2EE_FAILED;

  *n_wire = 0;
  if (n_head > KITH_E2EE_MAX_PLAIN || n_body > KITH_E2EE_MAX_PLAIN - n_head)
    code = KITH_E2EE_E_LENGTH;
  if (code == KITH_E2EE_OK)
    code = load_for_sending (e, peer, device, sid, session);
  if (code == KITH_E2EE_OK)
    code = kith_e2ee_ratchet_send (e, session, key);
  if (code == KITH_E2EE_OK)
    {
      size_t n_header = write_header (e, session, wire);

      memcpy (place->sid, session->row.sid, 16);
      memcpy (place->ratchet, session->dhs, 32);
      place->n = session->ns - 1;
      *n_wire = seal_body (e, session, key, n_header, head, n_head, body, n_body, wire);
      kith_e2ee_session_write (session);
      if (e->vault->funcs->save_session (e->vault->data, &session->row, false) < 0)
        {
          code = KITH_E2EE_FAILED;
          *n_wire = 0;
        }
    }
  kith_e2ee_arena_release (e->arena, mark);
  return code;
}
