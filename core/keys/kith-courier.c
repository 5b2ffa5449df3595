/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two verbs, inside a job. */
#include "kith-courier.h"

#include <string.h>

#include "kith-keys-private.h"
#include "kith-table-sessions.h"
#include "kith-vault.h"

void
kith_sent_clear (KithSent *sent)
{
  g_clear_pointer (&sent->wire, g_bytes_unref);
}

void
kith_opened_clear (KithOpened *opened)
{
  g_clear_pointer (&opened->content, g_bytes_unref);
}

static KithE2ee
context (KithKeys *keys, KithVault *vault)
{
  return (KithE2ee){ kith_keys_get_newest_account (keys), &keys->random, &vault->vault, keys->arena };
}

static gboolean
fail_encrypt (KithVault *vault, KithE2eeCode code, GError **error)
{
  switch (code)
    {
    case KITH_E2EE_FAILED:
      kith_vault_take_error (vault, error);
      break;
    case KITH_E2EE_E_NO_SESSION:
    case KITH_E2EE_E_EXHAUSTED:
      g_set_error (error, KITH_ERROR, KITH_ERROR_UNREACHABLE,
                   "There is no session with that device: a bundle is needed");
      break;
    case KITH_E2EE_E_LENGTH:
      g_set_error (error, KITH_ERROR, KITH_ERROR_TOO_LARGE, "A content has at most %d bytes",
                   KITH_E2EE_MAX_PLAIN - 1);
      break;
    default:
      kith_keys_set_code_error (error, code, "Cannot encrypt");
      break;
    }
  return FALSE;
}

gboolean
kith_courier_encrypt (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device, guint8 kind,
                      const void *content, gsize n, KithSent *out, GError **error)
{
  g_auto (KithVault) vault = { 0 };
  g_autofree guint8 *wire = NULL;
  KithE2eePlace place;
  KithE2eeCode code;
  KithE2ee e;
  gsize n_wire;

  if (!kith_keys_check_open (keys, error))
    return FALSE;
  kith_vault_init (&vault, db, kith_keys_now_ms (keys));
  if (n >= KITH_E2EE_MAX_PLAIN)
    return fail_encrypt (&vault, KITH_E2EE_E_LENGTH, error);
  e = context (keys, &vault);
  wire = g_malloc (kith_e2ee_wire_bound (n + 1));
  code = kith_e2ee_encrypt (&e, peer_ik, device, NULL, &kind, 1, content, n, wire, &n_wire, &place);
  if (code != KITH_E2EE_OK)
    return fail_encrypt (&vault, code, error);
  out->wire = g_bytes_new_take (g_steal_pointer (&wire), n_wire);
  memcpy (out->sid, place.sid, 16);
  memcpy (out->ratchet, place.ratchet, 32);
  out->n = place.n;
  return TRUE;
}

gboolean
kith_courier_start (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], GBytes *bundle, guint32 *device,
                    KithE2eeCode *code, GError **error)
{
  g_auto (KithVault) vault = { 0 };
  gsize n;
  const guint8 *bytes = g_bytes_get_data (bundle, &n);
  KithE2eeCode result;
  guint8 sid[16];
  KithE2ee e;

  if (code != NULL)
    *code = KITH_E2EE_FAILED;
  if (!kith_keys_check_open (keys, error))
    return FALSE;
  kith_vault_init (&vault, db, kith_keys_now_ms (keys));
  e = context (keys, &vault);
  result = kith_e2ee_start (&e, bytes, n, peer_ik, sid);
  if (code != NULL)
    *code = result;
  if (result == KITH_E2EE_FAILED)
    kith_vault_take_error (&vault, error);
  else if (result != KITH_E2EE_OK)
    kith_keys_set_code_error (error, result, "The key bundle is refused");
  else if (device != NULL)
    {
      KithE2eeBundle parsed;

      *device = kith_e2ee_bundle_parse (bytes, n, &parsed) == KITH_E2EE_OK ? parsed.device : 0;
    }
  return result == KITH_E2EE_OK;
}

gboolean
kith_courier_has_session (KithKeys *keys, KithDb *db, const guint8 peer_ik[32], guint32 device, gboolean *has,
                          GError **error)
{
  guint8 *state = kith_db_alloc_secret (db, KITH_E2EE_SESSION_MAX_BYTES);
  KithSessionRow row = { .state = state, .max_state = KITH_E2EE_SESSION_MAX_BYTES };
  GError *problem = NULL;

  *has = kith_table_sessions_load_active (db, peer_ik, device, &row, &problem);
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, problem);
  return FALSE;
}

static void
take_place (KithOpened *out, const KithE2eeOpened *opened)
{
  memcpy (out->sid, opened->place.sid, 16);
  memcpy (out->ratchet, opened->place.ratchet, 32);
  out->n = opened->place.n;
}

/* An empty content has no kind, so nothing can be made of it: as good as a dummy. */
static void
take_content (KithOpened *out, const KithE2eeOpened *opened, guint8 *plain)
{
  out->kind = opened->n_content > 0 ? plain[0] : KITH_COURIER_DUMMY;
  out->content = opened->n_content > 1 ? g_bytes_new (plain + 1, opened->n_content - 1) : g_bytes_new (NULL, 0);
  memcpy (out->peer_ik, opened->peer, 32);
  out->peer_device = opened->peer_device;
  out->new_session = opened->new_session;
}

gboolean
kith_courier_decrypt (KithKeys *keys, KithDb *db, const guint8 *claimed_ik, guint32 claimed_device, GBytes *wire,
                      KithOpened *out, KithE2eeCode *code, GError **error)
{
  g_auto (KithVault) vault = { 0 };
  KithE2eeClaim claim = { claimed_ik, claimed_device };
  gsize n;
  const guint8 *bytes = g_bytes_get_data (wire, &n);
  g_autofree guint8 *plain = NULL;
  KithE2eeOpened opened;
  KithE2ee e;

  memset (out, 0, sizeof *out);
  *code = KITH_E2EE_FAILED;
  if (!kith_keys_check_open (keys, error))
    return FALSE;
  kith_vault_init (&vault, db, kith_keys_now_ms (keys));
  e = context (keys, &vault);
  /* Longer ones are refused before anything is written there. */
  plain = g_malloc (MIN (n, KITH_E2EE_MAX_WIRE) + 1);
  *code = kith_e2ee_decrypt (&e, claim, bytes, n, plain, &opened);
  take_place (out, &opened);
  if (*code == KITH_E2EE_FAILED)
    kith_vault_take_error (&vault, error);
  else if (*code != KITH_E2EE_OK)
    kith_keys_set_code_error (error, *code, "A message cannot be read");
  else
    take_content (out, &opened, plain);
  return *code == KITH_E2EE_OK;
}
