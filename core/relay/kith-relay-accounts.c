/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Accounts and their devices. */
#include <string.h>

#include <kith/kith.h>

#include "kith-relay-private.h"

#define LINK_MS 600000
#define MOST_LINKS 8
#define MOST_DEVICES 8

static gboolean
is_username (const char *text)
{
  static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

  return kith_relay_is_word (text, chars, 1, 32) && g_ascii_isalnum (text[0]);
}

static void
tell_device (KithRelayCall *call, const char *account)
{
  g_auto(KithJsonWriter) w = { NULL };

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "user_id", account);
  kith_json_writer_member_string (&w, "device_id", call->claims.user);
  kith_json_writer_end_object (&w);
  kith_relay_call_finish (call, &w);
}

static gboolean
add_device (KithRelayCall *call, KithDb *db, const char *account, GError **error)
{
  const char *cert = kith_relay_text (call, "p_cert");
  glong n = cert != NULL ? g_utf8_strlen (cert, -1) : 0;

  if (n < 16 || n > 2048)
    return kith_relay_bad (call, "p_cert: 16 to 2048 characters", error);
  if (!kith_relay_exec (db, error, "INSERT INTO devices (id, account, cert, created_ms) VALUES (?, ?, ?, ?)", "sssi",
                        call->claims.user, account, cert, call->now_ms) ||
      !kith_relay_exec (db, error, "INSERT INTO bells (device) VALUES (?)", "s", call->claims.user))
    return FALSE;
  tell_device (call, account);
  return TRUE;
}

/* NULL with *error unset: not registered. */
static gboolean
find_me (KithRelayCall *call, KithDb *db, char **account, GError **error)
{
  return kith_relay_get_text (db, account, error, "SELECT account FROM devices WHERE id = ?", "s", call->claims.user) ||
         *error == NULL;
}

gboolean
kith_relay_register (KithRelayCall *call, KithDb *db, GError **error)
{
  const char *name = kith_relay_text (call, "p_username"), *key = kith_relay_text (call, "p_identity_key");
  const char *recovery = kith_relay_text (call, "p_recovery_hash");
  g_autofree char *account = NULL;
  gint64 same;

  if (!kith_relay_need_session (call, db, error))
    return FALSE;
  if (!is_username (name))
    return kith_relay_bad (call, "p_username is not a username", error);
  if (!kith_relay_is_key (key))
    return kith_relay_bad (call, "p_identity_key: base64 of 32 bytes", error);
  if (!kith_relay_is_hex64 (recovery))
    return kith_relay_bad (call, "p_recovery_hash: 64 hex digits", error);
  if (!find_me (call, db, &account, error))
    return FALSE;
  if (account != NULL)
    {
      if (kith_relay_get_int (db, &same, error, "SELECT 1 FROM accounts WHERE id = ? AND username = ? AND"
                              " identity_key = ?", "sss", account, name, key))
        {
          tell_device (call, account);
          return TRUE;
        }
      return *error != NULL ? FALSE : kith_relay_fail (call, 409, "kith_already_registered",
                                                       "this device belongs to another account", 0, error);
    }
  if (!kith_relay_need_room (call, db, error))
    return FALSE;
  account = kith_world_new_uuid (call->relay->world);
  if (!kith_relay_exec (db, error, "INSERT INTO accounts VALUES (?, ?, ?, ?, ?) ON CONFLICT (username) DO NOTHING",
                        "ssssi", account, name, key, recovery, call->now_ms))
    return FALSE;
  if (kith_db_changes (db) == 0)
    return kith_relay_fail (call, 409, "kith_username_taken", "username is taken", 0, error);
  return add_device (call, db, account, error);
}

gboolean
kith_relay_link_begin (KithRelayCall *call, KithDb *db, GError **error)
{
  const char *code_hash = kith_relay_text (call, "p_code_hash");
  gint64 n = 0;

  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  if (!kith_relay_is_hex64 (code_hash))
    return kith_relay_bad (call, "p_code_hash: 64 hex digits", error);
  if (!kith_relay_exec (db, error, "DELETE FROM links WHERE expires_ms <= ?", "i", call->now_ms) ||
      !kith_relay_get_int (db, &n, error, "SELECT count(*) FROM links WHERE account = ?", "s", call->account))
    return FALSE;
  if (n >= MOST_LINKS)
    return kith_relay_fail (call, 429, "kith_rate_limited", "too many open codes", LINK_MS / 1000, error);
  return kith_relay_exec (db, error, "INSERT INTO links VALUES (?, ?, ?) ON CONFLICT (code_hash) DO NOTHING", "ssi",
                          code_hash, call->account, call->now_ms + LINK_MS);
}

/* A code of kith_link_begin, which is used up, or the account's recovery code, which does not expire. NULL with *error
 * unset: neither. */
static gboolean
find_account (KithRelayCall *call, KithDb *db, const char *code, char **account, GError **error)
{
  g_autofree char *hashed = g_compute_checksum_for_string (G_CHECKSUM_SHA256, code, -1);

  if (kith_relay_get_text (db, account, error, "SELECT account FROM links WHERE code_hash = ? AND expires_ms > ?", "si",
                           hashed, call->now_ms))
    return kith_relay_exec (db, error, "DELETE FROM links WHERE code_hash = ?", "s", hashed);
  if (*error == NULL)
    kith_relay_get_text (db, account, error, "SELECT id FROM accounts WHERE recovery_hash = ?", "s", hashed);
  return *error == NULL;
}

gboolean
kith_relay_link_claim (KithRelayCall *call, KithDb *db, GError **error)
{
  const char *code = kith_relay_text (call, "p_code");
  g_autofree char *account = NULL;
  g_autofree char *bucket = g_strconcat ("link:", call->claims.user, NULL);
  double wait_s;
  gint64 n = 0;

  if (!kith_relay_need_session (call, db, error) || !find_me (call, db, &account, error))
    return FALSE;
  if (account != NULL)
    return kith_relay_fail (call, 409, "kith_already_registered", "this device is registered", 0, error);
  if (code == NULL || g_utf8_strlen (code, -1) > 256)
    return kith_relay_bad (call, "p_code: a code", error);
  if (!kith_relay_take (call, db, bucket, 0.05, 10, 1, &wait_s, error))
    return FALSE;
  if (wait_s > 0)
    return kith_relay_fail (call, 429, "kith_rate_limited", "too many codes tried", (int) wait_s + 1, error);
  if (!find_account (call, db, code, &account, error))
    return FALSE;
  if (account == NULL)
    return kith_relay_refuse (call, 404, "kith_bad_code", "no such code");
  if (!kith_relay_get_int (db, &n, error, "SELECT count(*) FROM devices WHERE account = ?", "s", account))
    return FALSE;
  if (n >= MOST_DEVICES)
    return kith_relay_fail (call, 409, "kith_too_many_devices", "eight devices at most", 0, error);
  return add_device (call, db, account, error);
}

gboolean
kith_relay_delete_account (KithRelayCall *call, KithDb *db, GError **error)
{
  return kith_relay_need_me (call, db, error) &&
         kith_relay_exec (db, error, "DELETE FROM accounts WHERE id = ?", "s", call->account);
}
