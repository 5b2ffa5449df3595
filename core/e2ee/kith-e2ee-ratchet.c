/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Double Ratchet, e2ee.md §6. Before a message is known to be real only what its key needs is computed: one
 * agreement at most, and the chain up to n. Keys for skipped messages follow when it is. */
#include "kith-e2ee-private.h"

/* out = HMAC (keyed, label); out may be where the key came from. */
static void
chain_hmac (const crypto_auth_hmacsha256_state *keyed, uint8_t label, uint8_t out[32])
{
  crypto_auth_hmacsha256_state state = *keyed;

  crypto_auth_hmacsha256_update (&state, &label, 1);
  crypto_auth_hmacsha256_final (&state, out);
  sodium_memzero (&state, sizeof state);
}

void
kith_e2ee_chain_next (uint8_t chain[32])
{
  crypto_auth_hmacsha256_state keyed;

  crypto_auth_hmacsha256_init (&keyed, chain, 32);
  chain_hmac (&keyed, 0x02, chain);
  sodium_memzero (&keyed, sizeof keyed);
}

/* Both, with the key schedule done once. */
void
kith_e2ee_chain_step (uint8_t chain[32], uint8_t key[32])
{
  crypto_auth_hmacsha256_state keyed;

  crypto_auth_hmacsha256_init (&keyed, chain, 32);
  chain_hmac (&keyed, 0x01, key);
  chain_hmac (&keyed, 0x02, chain);
  sodium_memzero (&keyed, sizeof keyed);
}

/* (rk, chain) = KDF_RK (rk, X (secret, key)) */
static KithE2eeCode
turn_root (uint8_t rk[32], const uint8_t secret[32], const uint8_t key[32], uint8_t chain[32])
{
  uint8_t shared[32], out[64];
  KithE2eeCode code = kith_e2ee_dh (secret, key, shared);

  if (code == KITH_E2EE_OK)
    {
      kith_e2ee_hkdf (rk, 32, shared, sizeof shared, KITH_E2EE_TEXT (KITH_E2EE_INFO_ROOT), out, sizeof out);
      memcpy (rk, out, 32);
      memcpy (chain, out + 32, 32);
      sodium_memzero (out, sizeof out);
    }
  sodium_memzero (shared, sizeof shared);
  return code;
}

KithE2eeCode
kith_e2ee_ratchet_send (const KithE2ee *e, KithE2eeSession *session, uint8_t key[32])
{
  if (session->ns == UINT32_MAX)
    return KITH_E2EE_E_EXHAUSTED;
  if (session->pending)
    {
      KithE2eeCode code;

      kith_e2ee_draw (e->random, KITH_E2EE_DRAW_RATCHET, session->dhs_secret, 32);
      kith_e2ee_public_key (session->dhs_secret, session->dhs);
      code = turn_root (session->rk, session->dhs_secret, session->dhr, session->cks);
      if (code != KITH_E2EE_OK)
        return code;
      session->pending = false;
    }
  kith_e2ee_chain_step (session->cks, key);
  session->ns++;
  return KITH_E2EE_OK;
}

static KithE2eeCode
receive_on_new_chain (KithE2eeSession *session, const uint8_t ratchet[32])
{
  KithE2eeCode code;

  session->pn = session->ns;
  session->ns = session->nr = 0;
  memcpy (session->dhr, ratchet, 32);
  code = turn_root (session->rk, session->dhs_secret, ratchet, session->ckr);
  if (code != KITH_E2EE_OK)
    return code;
  session->has_ckr = true;
  session->pending = true;
  sodium_memzero (session->dhs_secret, 32);
  sodium_memzero (session->dhs, 32);
  sodium_memzero (session->cks, 32);
  return KITH_E2EE_OK;
}

KithE2eeCode
kith_e2ee_ratchet_receive (KithE2eeSession *session, const KithE2eeParsed *message, uint8_t start[32],
                           uint8_t key[32])
{
  bool same = sodium_memcmp (message->ratchet, session->dhr, 32) == 0;
  uint32_t from = same ? session->nr : 0;
  KithE2eeCode code;

  /* No reply yet, so no chain to receive on: SPK_B and the rest are public, anybody could have written this. */
  if (same && !session->has_ckr)
    return KITH_E2EE_E_AUTH;
  if (message->n >= from && message->n - from > KITH_E2EE_MAX_SKIP)
    return KITH_E2EE_E_TOO_FAR;
  if (message->n < from)
    return KITH_E2EE_E_DUPLICATE;
  if (!same)
    {
      /* The peer cannot answer a pair that we have not drawn: with one it would be E_AUTH in the end, after three
       * agreements. */
      if (session->pending)
        return KITH_E2EE_E_AUTH;
      code = receive_on_new_chain (session, message->ratchet);
      if (code != KITH_E2EE_OK)
        return code;
    }
  memcpy (start, session->ckr, 32);
  for (uint32_t i = from; i < message->n; i++)
    kith_e2ee_chain_next (session->ckr);
  kith_e2ee_chain_step (session->ckr, key);
  session->nr = message->n + 1;
  return KITH_E2EE_OK;
}

static bool
derive_run (const KithE2ee *e, const uint8_t ratchet[32], const uint8_t chain[32], uint32_t first, uint32_t count,
            KithE2eeSkipped *run)
{
  uint8_t *keys = kith_e2ee_arena_alloc (e->arena, 32 * (size_t)count);
  uint8_t *walk = kith_e2ee_arena_alloc (e->arena, 32);

  if (keys == NULL || walk == NULL)
    return false;
  memcpy (walk, chain, 32);
  for (uint32_t i = 0; i < count; i++)
    kith_e2ee_chain_step (walk, keys + 32 * (size_t)i);
  memcpy (run->ratchet, ratchet, 32);
  run->first = first;
  run->count = count;
  run->keys = keys;
  return true;
}

KithE2eeCode
kith_e2ee_ratchet_skip (const KithE2ee *e, const KithE2eeSession *before, const KithE2eeParsed *message,
                        const uint8_t start[32], KithE2eeSkipped runs[2], size_t *n_runs)
{
  bool same = sodium_memcmp (before->dhr, message->ratchet, 32) == 0;
  uint32_t from = same ? before->nr : 0;
  uint32_t gap = !same && before->has_ckr && message->pn > before->nr ? message->pn - before->nr : 0;

  *n_runs = 0;
  /* Beyond MAX_SKIP none of them: heavy loss must not stop the ratchet. */
  if (gap > 0 && gap <= KITH_E2EE_MAX_SKIP)
    if (!derive_run (e, before->dhr, before->ckr, before->nr, gap, &runs[(*n_runs)++]))
      return KITH_E2EE_FAILED;
  if (message->n > from)
    if (!derive_run (e, message->ratchet, start, from, message->n - from, &runs[(*n_runs)++]))
      return KITH_E2EE_FAILED;
  return KITH_E2EE_OK;
}
