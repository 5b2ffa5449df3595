/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Presence between accounts, read positions between one's devices, and what has expired. */
#include "kith-relay-private.h"

#define MOST_GRANTS 500
#define MOST_MARKS 2000
#define MINUTE_MS 60000
#define DAY_MS G_GINT64_CONSTANT (86400000)

static gboolean
fits (const char *sealed, glong most)
{
  return sealed == NULL || g_utf8_strlen (sealed, -1) <= most;
}

gboolean
kith_relay_grant (KithRelayCall *call, KithDb *db, GError **error)
{
  const char *sealed = kith_relay_text (call, "p_sealed");
  char peer[KITH_RELAY_UUID] = "";
  gint64 n = 0;

  kith_relay_parse_uuid (kith_relay_text (call, "p_peer"), peer);
  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  if (!fits (sealed, 4096))
    return kith_relay_bad (call, "p_sealed: 4096 characters at most", error);
  if (!kith_relay_get_int (db, &n, error, "SELECT 1 FROM accounts WHERE id = ?", "s", peer))
    return *error != NULL ? FALSE : kith_relay_fail (call, 404, "kith_no_user", "no such user", 0, error);
  if (!kith_relay_need_room (call, db, error) ||
      !kith_relay_exec (db, error, "INSERT INTO grants VALUES (?, ?, ?) ON CONFLICT (owner, peer) DO UPDATE SET"
                        " sealed = excluded.sealed", "sss", call->account, peer, sealed) ||
      !kith_relay_get_int (db, &n, error, "SELECT count(*) FROM grants WHERE owner = ?", "s", call->account))
    return FALSE;
  if (n > MOST_GRANTS)
    return kith_relay_fail (call, 413, "kith_too_many_grants", "at most 500 people", 0, error);
  return TRUE;
}

gboolean
kith_relay_ungrant (KithRelayCall *call, KithDb *db, GError **error)
{
  char peer[KITH_RELAY_UUID] = "";

  kith_relay_parse_uuid (kith_relay_text (call, "p_peer"), peer);
  return kith_relay_need_me (call, db, error) &&
         kith_relay_exec (db, error, "DELETE FROM grants WHERE owner = ? AND peer = ?", "ss", call->account, peer);
}

static gboolean
stamp (KithRelayCall *call, KithDb *db, GError **error)
{
  JsonNode *node = json_object_get_member (call->args, "p_visible");
  gboolean visible = node == NULL || JSON_NODE_HOLDS_NULL (node) || json_node_get_boolean (node);
  gint64 minute_ms = call->now_ms - call->now_ms % MINUTE_MS;

  if (visible)
    return kith_relay_exec (db, error, "UPDATE devices SET last_seen_ms = ?1 WHERE id = ?2 AND last_seen_ms IS NOT ?1",
                            "is", minute_ms, call->claims.user);
  return kith_relay_exec (db, error, "UPDATE devices SET last_seen_ms = NULL WHERE id = ? AND last_seen_ms IS NOT NULL",
                          "s", call->claims.user);
}

gboolean
kith_relay_beat (KithRelayCall *call, KithDb *db, GError **error)
{
  g_auto(KithJsonWriter) w = { NULL };
  KithStmt *stmt;
  KithStep step;

  if (!kith_relay_need_me (call, db, error) || !stamp (call, db, error))
    return FALSE;
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_time_ms (&w, "now", call->now_ms);
  kith_json_writer_key (&w, "peers");
  kith_json_writer_begin_array (&w);
  stmt = kith_relay_bind (db, "SELECT g.owner, g.sealed, (SELECT max(d.last_seen_ms) FROM devices d WHERE d.account ="
                          " g.owner) FROM grants g WHERE g.peer = ? ORDER BY g.owner", "s", call->account);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      kith_json_writer_begin_object (&w);
      kith_json_writer_member_string (&w, "user_id", kith_stmt_get_text (stmt, 0));
      kith_json_writer_member_string_or_null (&w, "sealed", kith_stmt_get_text (stmt, 1));
      if (kith_stmt_is_null (stmt, 2))
        kith_json_writer_member_null (&w, "last_seen");
      else
        kith_json_writer_member_time_ms (&w, "last_seen", kith_stmt_get_int64 (stmt, 2));
      kith_json_writer_end_object (&w);
    }
  kith_json_writer_end_array (&w);
  kith_json_writer_end_object (&w);
  if (step == KITH_STEP_ERROR)
    return FALSE;
  kith_relay_call_finish (call, &w);
  return TRUE;
}

gboolean
kith_relay_mark_read (KithRelayCall *call, KithDb *db, GError **error)
{
  static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  const char *conv = kith_relay_text (call, "p_conv"), *sealed = kith_relay_text (call, "p_sealed");
  gboolean has_pos = !JSON_NODE_HOLDS_NULL (json_object_get_member (call->args, "p_pos"));
  g_auto(KithJsonWriter) w = { NULL };
  gint64 pos = 0, n = 0;

  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  if (!kith_relay_is_word (conv, chars, 43, 43) || !has_pos || !fits (sealed, 1024))
    return kith_relay_bad (call, "p_conv, p_pos or p_sealed is not valid", error);
  if (!kith_relay_need_room (call, db, error) ||
      !kith_relay_get_int (db, &pos, error, "INSERT INTO marks VALUES (?, ?, ?, ?) ON CONFLICT (account, conv) DO"
                           " UPDATE SET sealed = CASE WHEN excluded.pos > pos THEN excluded.sealed ELSE sealed END,"
                           " pos = max (pos, excluded.pos) RETURNING pos", "ssis", call->account, conv,
                           kith_relay_int (call, "p_pos", 0), sealed) ||
      !kith_relay_get_int (db, &n, error, "SELECT count(*) FROM marks WHERE account = ?", "s", call->account))
    return FALSE;
  if (n > MOST_MARKS)
    return kith_relay_fail (call, 413, "kith_too_many_marks", "at most 2000 conversations", 0, error);
  kith_json_writer_init (&w);
  kith_json_writer_int (&w, pos);
  kith_relay_call_finish (call, &w);
  return TRUE;
}

gboolean
kith_relay_marks (KithRelayCall *call, KithDb *db, GError **error)
{
  g_auto(KithJsonWriter) w = { NULL };
  KithStmt *stmt;
  KithStep step;

  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  kith_json_writer_init (&w);
  kith_json_writer_begin_array (&w);
  stmt = kith_relay_bind (db, "SELECT conv, pos, sealed FROM marks WHERE account = ? ORDER BY conv", "s",
                          call->account);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      kith_json_writer_begin_object (&w);
      kith_json_writer_member_string (&w, "conv", kith_stmt_get_text (stmt, 0));
      kith_json_writer_member_int (&w, "pos", kith_stmt_get_int64 (stmt, 1));
      kith_json_writer_member_string_or_null (&w, "sealed", kith_stmt_get_text (stmt, 2));
      kith_json_writer_end_object (&w);
    }
  kith_json_writer_end_array (&w);
  if (step == KITH_STEP_ERROR)
    return FALSE;
  kith_relay_call_finish (call, &w);
  return TRUE;
}

/* Slices, so that a call never waits long behind them. Whoever signed up and registered nothing in a day goes too. */
gboolean
kith_relay_purge (KithDb *db, gint64 now_ms, gboolean *more, GError **error)
{
  if (!kith_relay_exec (db, error, "DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE expires_ms <= ?"
                        " ORDER BY expires_ms LIMIT 200)", "i", now_ms))
    return FALSE;
  *more = kith_db_changes (db) == 200;
  return kith_relay_exec (db, error, "DELETE FROM links WHERE expires_ms <= ?", "i", now_ms) &&
         kith_relay_exec (db, error, "DELETE FROM buckets WHERE key IN (SELECT key FROM buckets WHERE at_ms < ?"
                          " LIMIT 200)", "i", now_ms - DAY_MS) &&
         kith_relay_exec (db, error, "DELETE FROM users WHERE id IN (SELECT id FROM users u WHERE created_ms < ? AND"
                          " NOT EXISTS (SELECT 1 FROM devices d WHERE d.id = u.id) LIMIT 200)", "i", now_ms - DAY_MS);
}
