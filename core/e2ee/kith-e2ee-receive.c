/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving, e2ee.md §8: check, work on copies, write when all of it has succeeded. */
#include "kith-e2ee-private.h"

/* All of a call's work, in the arena. */
typedef struct
{
  const KithE2ee *e;
  KithE2eeParsed message;
  KithE2eeSession before;
  KithE2eeSession after;
  bool known; /* the session was there */
  bool fresh; /* the session begins with this message */
  bool used_opk;
  bool late;
  uint8_t spk_secret[32];
  uint8_t opk_secret[32];
  uint8_t start[32];
  uint8_t key[32];
  uint8_t mark[KITH_E2EE_MARK_BYTES];
  KithE2eeSkipped runs[2];
  size_t n_runs;
  uint8_t ad[KITH_E2EE_AD_BYTES + KITH_E2EE_INIT_HEADER];
} Work;

static bool
has_opk (const KithE2eeOrigin *origin)
{
  return !kith_e2ee_is_zero_key (origin->opk);
}

static KithE2eeCode
check_origin (const KithE2eeOrigin *origin)
{
  if (kith_e2ee_check_key (origin->ephemeral) != KITH_E2EE_OK || kith_e2ee_check_key (origin->spk) != KITH_E2EE_OK)
    return KITH_E2EE_E_BAD_KEY;
  if (has_opk (origin) && kith_e2ee_check_key (origin->opk) != KITH_E2EE_OK)
    return KITH_E2EE_E_BAD_KEY;
  return KITH_E2EE_OK;
}

static KithE2eeCode
load_known (Work *work)
{
  const KithE2eeVault *vault = work->e->vault;
  int found = vault->funcs->load_session (vault->data, work->message.sid, &work->before.row);

  if (found < 0 || (found > 0 && !kith_e2ee_session_read (&work->before)))
    return KITH_E2EE_FAILED;
  work->known = found > 0;
  return KITH_E2EE_OK;
}

static bool
is_peer (const uint8_t peer[32], uint32_t device, KithE2eeClaim claim)
{
  if (claim.peer != NULL && sodium_memcmp (claim.peer, peer, 32) != 0)
    return false;
  return claim.device == 0 || claim.device == device;
}

/* The identity check costs an inversion. The session id binds the identity: where it is right and its session known,
 * that was done when the session began. (INITs repeat until the first reply.) */
static KithE2eeCode
check_init (Work *work, KithE2eeClaim claim)
{
  const KithE2eeParsed *m = &work->message;
  const KithE2eeAccount *account = work->e->account;
  uint8_t sid[16], exchange[32];
  bool right;
  KithE2eeCode code;

  kith_e2ee_session_id (m->sender, m->sender_device, account->identity, account->device, m->origin, sid);
  right = sodium_memcmp (sid, m->sid, 16) == 0;
  if (right)
    {
      code = load_known (work);
      if (code != KITH_E2EE_OK)
        return code;
    }
  if (!work->known && kith_e2ee_exchange_key (m->sender, exchange) != KITH_E2EE_OK)
    return KITH_E2EE_E_BAD_KEY;
  code = check_origin (m->origin);
  if (code != KITH_E2EE_OK)
    return code;
  if (m->sender_device == 0)
    return KITH_E2EE_E_RESERVED;
  if (m->recipient_device != account->device)
    return KITH_E2EE_E_NOT_FOR_US;
  if (m->sender_device == account->device && sodium_memcmp (m->sender, account->identity, 32) == 0)
    return KITH_E2EE_E_SELF;
  if (!is_peer (m->sender, m->sender_device, claim))
    return KITH_E2EE_E_IDENTITY;
  return right ? KITH_E2EE_OK : KITH_E2EE_E_SESSION_ID;
}

/* The session that an INIT begins, as it is before its first message. */
static KithE2eeCode
accept_init (Work *work)
{
  const KithE2eeVault *vault = work->e->vault;
  const KithE2eeAccount *account = work->e->account;
  const KithE2eeParsed *m = &work->message;
  KithE2eeSession *s = &work->before;
  int found = vault->funcs->find_spk (vault->data, m->origin->spk, work->spk_secret);

  if (found <= 0)
    return found < 0 ? KITH_E2EE_FAILED : KITH_E2EE_E_NO_SPK;
  work->used_opk = has_opk (m->origin);
  found = work->used_opk ? vault->funcs->find_opk (vault->data, m->origin->opk, work->opk_secret) : 1;
  if (found <= 0)
    return found < 0 ? KITH_E2EE_FAILED : KITH_E2EE_E_NO_OPK;
  found = vault->funcs->find_replay (vault->data, m->origin->spk, m->origin->ephemeral);
  if (found != 0)
    return found < 0 ? KITH_E2EE_FAILED : KITH_E2EE_E_REPLAY;

  memset (s, 0, sizeof *s);
  memcpy (s->row.sid, m->sid, 16);
  memcpy (s->row.peer, m->sender, 32);
  s->row.peer_device = m->sender_device;
  memcpy (s->dhs_secret, work->spk_secret, 32);
  memcpy (s->dhs, m->origin->spk, 32);
  kith_e2ee_write_ad (s->ad, m->sender, m->sender_device, account->identity, account->device);
  work->fresh = true;
  return kith_e2ee_x3dh_respond (work->e, m->sender, m->origin, work->spk_secret,
                                 work->used_opk ? work->opk_secret : NULL, s->rk);
}

static KithE2eeCode
find_session (Work *work, KithE2eeClaim claim)
{
  KithE2eeCode code;

  if (work->message.init)
    {
      code = check_init (work, claim);
      if (code != KITH_E2EE_OK)
        return code;
      if (!work->known)
        return accept_init (work);
      return work->before.initiator ? KITH_E2EE_E_TYPE : KITH_E2EE_OK;
    }
  code = load_known (work);
  if (code != KITH_E2EE_OK)
    return code;
  if (!work->known)
    return KITH_E2EE_E_NO_SESSION;
  return is_peer (work->before.row.peer, work->before.row.peer_device, claim) ? KITH_E2EE_OK : KITH_E2EE_E_IDENTITY;
}

/* The message's key, and the session after it. */
static KithE2eeCode
find_key (Work *work)
{
  const KithE2eeVault *vault = work->e->vault;
  const KithE2eeParsed *m = &work->message;
  int found = 0;

  work->after = work->before;
  if (work->before.skipped > 0)
    found = vault->funcs->find_skipped (vault->data, m->sid, m->ratchet, m->n, work->key);
  if (found < 0)
    return KITH_E2EE_FAILED;
  work->late = found > 0;
  return work->late ? KITH_E2EE_OK : kith_e2ee_ratchet_receive (&work->after, m, work->start, work->key);
}

static KithE2eeCode
open_body (Work *work, uint8_t *plain, size_t *n_content)
{
  const KithE2eeParsed *m = &work->message;
  const uint8_t *nonce = m->wire + m->n_header;
  unsigned long long n_padded = 0;

  memcpy (work->ad, work->before.ad, KITH_E2EE_AD_BYTES);
  memcpy (work->ad + KITH_E2EE_AD_BYTES, m->wire, m->n_header);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt (plain, &n_padded, NULL, nonce + KITH_E2EE_NONCE_BYTES,
                                                  m->n_wire - m->n_header - KITH_E2EE_NONCE_BYTES, work->ad,
                                                  KITH_E2EE_AD_BYTES + m->n_header, nonce, work->key)
      != 0)
    return KITH_E2EE_E_AUTH;
  return kith_e2ee_unpad (plain, (size_t)n_padded, n_content);
}

/* What the session becomes by a message that proved real. */
static KithE2eeCode
settle (Work *work)
{
  const KithE2eeVault *vault = work->e->vault;
  KithE2eeSession *s = &work->after;
  KithE2eeCode code;

  s->confirmed = true;
  if (work->late)
    {
      s->skipped -= s->skipped > 0 ? 1 : 0;
      kith_e2ee_session_write (s);
      return KITH_E2EE_OK;
    }
  code = kith_e2ee_ratchet_skip (work->e, &work->before, &work->message, work->start, work->runs, &work->n_runs);
  if (code != KITH_E2EE_OK)
    return code;
  for (size_t i = 0; i < work->n_runs; i++)
    s->skipped += work->runs[i].count;
  if (s->skipped > KITH_E2EE_MAX_SKIPPED)
    s->skipped = KITH_E2EE_MAX_SKIPPED;
  if (work->fresh)
    {
      KithE2eeRow *active = kith_e2ee_arena_alloc (work->e->arena, sizeof *active);
      int found
          = active != NULL ? vault->funcs->load_active (vault->data, s->row.peer, s->row.peer_device, active) : -1;

      if (found < 0)
        return KITH_E2EE_FAILED;
      s->row.top_stamp = found > 0 ? active->top_stamp : 0;
    }
  if (work->fresh || s->row.stamp < s->row.top_stamp)
    s->row.stamp = s->row.top_stamp + 1;
  kith_e2ee_session_write (s);
  return KITH_E2EE_OK;
}

/* Only here anything is written. */
static bool
commit (Work *work)
{
  const KithE2eeVaultFuncs *vault = work->e->vault->funcs;
  void *data = work->e->vault->data;
  const KithE2eeParsed *m = &work->message;

  if (work->used_opk && vault->drop_opk (data, m->origin->opk) < 0)
    return false;
  if (work->fresh && vault->add_replay (data, m->origin->spk, m->origin->ephemeral) < 0)
    return false;
  if (vault->save_session (data, &work->after.row, work->fresh) < 0)
    return false;
  if (work->late && vault->drop_skipped (data, m->sid, m->ratchet, m->n) < 0)
    return false;
  for (size_t i = 0; i < work->n_runs; i++)
    if (vault->add_skipped (data, m->sid, &work->runs[i]) < 0)
      return false;
  return vault->add_wire (data, work->mark) >= 0;
}

static KithE2eeCode
receive (Work *work, KithE2eeClaim claim, uint8_t *plain, KithE2eeOpened *opened)
{
  KithE2eeCode code = find_session (work, claim);

  if (code == KITH_E2EE_OK)
    code = find_key (work);
  if (code == KITH_E2EE_OK)
    code = open_body (work, plain, &opened->n_content);
  if (code == KITH_E2EE_OK)
    code = settle (work);
  if (code == KITH_E2EE_OK && !commit (work))
    code = KITH_E2EE_FAILED;
  if (code != KITH_E2EE_OK)
    return code;
  memcpy (opened->peer, work->after.row.peer, 32);
  opened->peer_device = work->after.row.peer_device;
  opened->new_session = work->fresh;
  opened->late = work->late;
  return KITH_E2EE_OK;
}

static void
note_place (const uint8_t *wire, size_t n_wire, KithE2eeOpened *opened)
{
  KithE2eeHeader header;

  memset (opened, 0, sizeof *opened);
  if (kith_e2ee_peek (wire, n_wire, &header) == KITH_E2EE_OK)
    opened->place = header.place;
}

KithE2eeCode
kith_e2ee_decrypt (const KithE2ee *e, KithE2eeClaim claim, const void *wire, size_t n_wire, uint8_t *plain,
                   KithE2eeOpened *opened)
{
  size_t mark = kith_e2ee_arena_mark (e->arena);
  Work *work = kith_e2ee_arena_alloc (e->arena, sizeof *work);
  KithE2eeCode code = KITH_E2EE_FAILED;

  note_place (wire, n_wire, opened);
  if (work != NULL)
    {
      int seen = 0;

      work->e = e;
      /* Longer ones were never accepted, so they cannot be in the table. */
      if (n_wire <= KITH_E2EE_MAX_WIRE)
        {
          kith_e2ee_mark (wire, n_wire, work->mark);
          seen = e->vault->funcs->find_wire (e->vault->data, work->mark);
        }
      code = seen < 0   ? KITH_E2EE_FAILED
             : seen > 0 ? KITH_E2EE_E_DUPLICATE
                        : kith_e2ee_wire_parse (wire, n_wire, &work->message);
      if (code == KITH_E2EE_OK)
        code = receive (work, claim, plain, opened);
      if (code != KITH_E2EE_OK)
        opened->n_content = 0;
    }
  kith_e2ee_arena_release (e->arena, mark);
  return code;
}
