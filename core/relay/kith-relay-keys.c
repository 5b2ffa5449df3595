/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directory, and the keys that are handed out. */
#include "kith-relay-private.h"

#define MOST_PREKEYS 200

gboolean
kith_relay_publish (KithRelayCall *call, KithDb *db, GError **error)
{
  const char *bundle = kith_relay_text (call, "p_bundle");
  JsonNode *list = json_object_get_member (call->args, "p_prekeys");
  JsonArray *keys = list != NULL && JSON_NODE_HOLDS_ARRAY (list) ? json_node_get_array (list) : NULL;
  guint n_keys = keys != NULL ? json_array_get_length (keys) : 0;
  g_auto(KithJsonWriter) w = { NULL };
  gint64 n = 0;

  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  if (!kith_relay_is_base64 (bundle, 16, 1024))
    return kith_relay_bad (call, "p_bundle: base64 of a key bundle", error);
  for (guint i = 0; i < n_keys; i++)
    if (json_array_get_null_element (keys, i) || !kith_relay_is_key (json_array_get_string_element (keys, i)))
      return kith_relay_bad (call, "p_prekeys: base64 of 32 bytes each", error);
  if (!kith_relay_need_room (call, db, error) ||
      !kith_relay_exec (db, error, "UPDATE devices SET bundle = ? WHERE id = ?", "ss", bundle, call->claims.user))
    return FALSE;
  for (guint i = 0; i < n_keys; i++)
    if (!kith_relay_exec (db, error, "INSERT INTO prekeys (device, key) VALUES (?, ?) ON CONFLICT (device, key)"
                          " DO NOTHING", "ss", call->claims.user, json_array_get_string_element (keys, i)))
      return FALSE;
  if (!kith_relay_get_int (db, &n, error, "SELECT count(*) FROM prekeys WHERE device = ?", "s", call->claims.user))
    return FALSE;
  if (n > MOST_PREKEYS)
    return kith_relay_fail (call, 413, "kith_too_many_prekeys", "at most 200 one-time prekeys", 0, error);
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_int (&w, "prekeys", n);
  kith_json_writer_end_object (&w);
  kith_relay_call_finish (call, &w);
  return TRUE;
}

static gboolean
write_devices (KithJsonWriter *w, KithDb *db, const char *account, GError **error)
{
  KithStmt *stmt = kith_relay_bind (db, "SELECT id, cert FROM devices WHERE account = ? ORDER BY created_ms, id", "s",
                                    account);
  KithStep step;

  kith_json_writer_key (w, "devices");
  kith_json_writer_begin_array (w);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "id", kith_stmt_get_text (stmt, 0));
      kith_json_writer_member_string (w, "cert", kith_stmt_get_text (stmt, 1));
      kith_json_writer_end_object (w);
    }
  kith_json_writer_end_array (w);
  return step == KITH_STEP_DONE;
}

gboolean
kith_relay_lookup (KithRelayCall *call, KithDb *db, GError **error)
{
  const char *name = kith_relay_text (call, "p_username");
  g_autofree char *bucket = g_strconcat ("lookup:", call->claims.user, NULL);
  g_autofree char *account = NULL;
  g_autofree char *key = NULL;
  g_auto(KithJsonWriter) w = { NULL };
  double wait_s;

  if (!kith_relay_need_me (call, db, error) || !kith_relay_take (call, db, bucket, 0.2, 60, 1, &wait_s, error))
    return FALSE;
  if (wait_s > 0)
    return kith_relay_fail (call, 429, "kith_rate_limited", "too many look-ups", (int) wait_s + 1, error);
  kith_json_writer_init (&w);
  if (!kith_relay_get_text (db, &account, error, "SELECT id FROM accounts WHERE username = ?", "s", name) ||
      !kith_relay_get_text (db, &key, error, "SELECT identity_key FROM accounts WHERE id = ?", "s", account))
    {
      kith_json_writer_null (&w);
      kith_relay_call_finish (call, &w);
      return *error == NULL;
    }
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "user_id", account);
  kith_json_writer_member_string (&w, "username", name);
  kith_json_writer_member_string (&w, "identity_key", key);
  if (!write_devices (&w, db, account, error))
    return FALSE;
  kith_json_writer_end_object (&w);
  kith_relay_call_finish (call, &w);
  return TRUE;
}

/* Each one-time prekey goes out once: there is one writer. Without one the signed prekey has to do. */
gboolean
kith_relay_claim (KithRelayCall *call, KithDb *db, GError **error)
{
  char device[KITH_RELAY_UUID] = "";
  g_autofree char *bucket = NULL;
  g_autofree char *cert = NULL;
  g_autofree char *bundle = NULL;
  g_autofree char *prekey = NULL;
  g_auto(KithJsonWriter) w = { NULL };
  double wait_s;

  kith_relay_parse_uuid (kith_relay_text (call, "p_device"), device);
  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  if (!kith_relay_get_text (db, &bundle, error, "SELECT bundle FROM devices WHERE id = ?", "s", device) ||
      !kith_relay_get_text (db, &cert, error, "SELECT cert FROM devices WHERE id = ?", "s", device))
    return *error != NULL ? FALSE : kith_relay_fail (call, 404, "kith_no_device",
                                                     "no such device, or it has published no keys", 0, error);
  bucket = g_strconcat ("claim:", call->claims.user, ":", device, NULL);
  if (!kith_relay_take (call, db, bucket, 0.005, 5, 1, &wait_s, error))
    return FALSE;
  if (wait_s > 0)
    return kith_relay_fail (call, 429, "kith_rate_limited", "too many claims", (int) wait_s + 1, error);
  if (!kith_relay_get_text (db, &prekey, error, "DELETE FROM prekeys WHERE n = (SELECT n FROM prekeys WHERE device = ?"
                            " ORDER BY n LIMIT 1) RETURNING key", "s", device) && *error != NULL)
    return FALSE;
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "device", device);
  kith_json_writer_member_string (&w, "cert", cert);
  kith_json_writer_member_string (&w, "bundle", bundle);
  kith_json_writer_member_string_or_null (&w, "prekey", prekey);
  kith_json_writer_end_object (&w);
  kith_relay_call_finish (call, &w);
  return TRUE;
}
