/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mailboxes: send, fetch under a lease, acknowledge. */
#include <math.h>
#include <string.h>

#include "kith-relay-private.h"

#define MOST_MESSAGES 50
#define MOST_BATCH 700000                   /* 512 KiB in base64 */
#define MOST_CT 87384                       /* 64 KiB in base64 */
#define FROM_STRANGER 5
#define FROM_FRIEND 500
#define WEEK_S 604800
#define MOST_FETCHED 25

typedef struct
{
  char id[KITH_RELAY_UUID], to[KITH_RELAY_UUID];
  const char *ct;
  gint64 ttl_s;
} KithLetter;

typedef struct
{
  KithJsonWriter out;
  GHashTable *blocked;     /* device: nothing more for it */
  gboolean halted;         /* nothing more for anybody */
  double wait_s;
} KithBatch;

static const char *
get_text (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
         ? json_node_get_string (node) : NULL;
}

static gboolean
get_ttl (JsonObject *object, gint64 *ttl_s)
{
  JsonNode *node = json_object_get_member (object, "ttl");

  *ttl_s = WEEK_S;
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *ttl_s = json_node_get_int (node);
  return *ttl_s >= G_MININT32 && *ttl_s <= G_MAXINT32;
}

static gboolean
read_letter (JsonNode *node, KithLetter *letter)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  if (object == NULL || !kith_relay_parse_uuid (get_text (object, "id"), letter->id) ||
      !kith_relay_parse_uuid (get_text (object, "to"), letter->to) || !get_ttl (object, &letter->ttl_s))
    return FALSE;
  letter->ct = get_text (object, "ct");
  return kith_relay_is_base64 (letter->ct, 1, G_MAXSIZE);
}

/* *status: NULL when there is no message of this id. */
static gboolean
find_same (KithRelayCall *call, KithDb *db, const KithLetter *letter, const char **status, GError **error)
{
  gint64 same;

  *status = NULL;
  if (kith_relay_get_int (db, &same, error, "SELECT from_device = ? AND to_device = ? AND ct = ? FROM messages"
                          " WHERE id = ?", "ssss", call->claims.user, letter->to, letter->ct, letter->id))
    *status = same ? "duplicate" : "conflict";
  return *error == NULL;
}

static gboolean
is_full (KithRelayCall *call, KithDb *db, const KithLetter *letter, gboolean *full, GError **error)
{
  gint64 n = 0, known;

  *full = FALSE;
  if (!kith_relay_exec (db, error, "DELETE FROM messages WHERE to_device = ? AND expires_ms <= ?", "si", letter->to,
                        call->now_ms) ||
      !kith_relay_get_int (db, &n, error, "SELECT count(*) FROM messages WHERE to_device = ? AND from_user = ?", "ss",
                           letter->to, call->account))
    return FALSE;
  *full = n >= FROM_FRIEND ||
          (n >= FROM_STRANGER && !kith_relay_get_int (db, &known, error,
                                                      "SELECT 1 FROM grants g JOIN devices d ON d.account = g.owner"
                                                      " WHERE d.id = ? AND g.peer = ?", "ss", letter->to,
                                                      call->account));
  return *error == NULL;
}

static gboolean
store (KithRelayCall *call, KithDb *db, const KithLetter *letter, GError **error)
{
  gint64 ttl_ms = CLAMP (letter->ttl_s, 60, WEEK_S) * 1000, *seq;

  if (!kith_relay_exec (db, error, "INSERT INTO messages (id, to_device, from_device, from_user, ct, created_ms,"
                        " expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)", "sssssii", letter->id, letter->to,
                        call->claims.user, call->account, letter->ct, call->now_ms, call->now_ms + ttl_ms))
    return FALSE;
  seq = g_new (gint64, 1);
  *seq = kith_db_last_rowid (db);
  g_hash_table_replace (call->rung, g_strdup (letter->to), seq);
  return kith_relay_exec (db, error, "UPDATE bells SET seq = ? WHERE device = ?", "is", *seq, letter->to);
}

static gboolean
deposit (KithRelayCall *call, KithDb *db, KithBatch *batch, const KithLetter *letter, const char **status,
         GError **error)
{
  g_autofree char *bucket = g_strconcat ("send:", call->claims.user, NULL);
  double wait_s;
  gboolean full;
  gint64 there;

  if (!find_same (call, db, letter, status, error) || *status != NULL)
    return *error == NULL;
  *status = "no_device";
  if (!kith_relay_get_int (db, &there, error, "SELECT 1 FROM devices WHERE id = ?", "s", letter->to))
    return *error == NULL;
  *status = "mailbox_full";
  if (!is_full (call, db, letter, &full, error) || full)
    return *error == NULL;
  *status = "rate_limited";
  if (!kith_relay_take (call, db, bucket, 2, 120, 1 + (double) strlen (letter->ct) / 16384, &wait_s, error))
    return FALSE;
  batch->wait_s = MAX (batch->wait_s, wait_s);
  if (wait_s > 0)
    return TRUE;
  *status = "stored";
  return store (call, db, letter, error);
}

/* One after the other: after a refusal that may pass later nothing more for that mailbox (or, when the sender is
 * throttled, for anybody) is taken. */
static gboolean
send_one (KithRelayCall *call, KithDb *db, KithBatch *batch, JsonNode *node, GError **error)
{
  JsonNode *id = JSON_NODE_HOLDS_OBJECT (node) ? json_object_get_member (json_node_get_object (node), "id") : NULL;
  g_autoptr(GBytes) echo = id != NULL ? kith_json_print (id) : g_bytes_new_static ("null", 4);
  KithLetter letter;
  const char *status;

  if (!read_letter (node, &letter))
    status = "invalid";
  else if (batch->halted || g_hash_table_contains (batch->blocked, letter.to))
    status = "deferred";
  else if (strlen (letter.ct) > MOST_CT)
    status = "too_large";
  else if (!deposit (call, db, batch, &letter, &status, error))
    return FALSE;
  if (strcmp (status, "rate_limited") == 0)
    batch->halted = TRUE;
  if (strcmp (status, "mailbox_full") == 0 || strcmp (status, "conflict") == 0)
    g_hash_table_add (batch->blocked, g_strdup (letter.to));
  kith_json_writer_begin_object (&batch->out);
  kith_json_writer_member_raw (&batch->out, "id", echo);
  kith_json_writer_member_string (&batch->out, "status", status);
  kith_json_writer_end_object (&batch->out);
  return TRUE;
}

static gboolean
send_all (KithRelayCall *call, KithDb *db, JsonArray *messages, GError **error)
{
  g_autoptr(GHashTable) blocked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  KithBatch batch = { .blocked = blocked };
  gboolean good = TRUE;

  call->rung = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  kith_json_writer_init (&batch.out);
  kith_json_writer_begin_object (&batch.out);
  kith_json_writer_key (&batch.out, "results");
  kith_json_writer_begin_array (&batch.out);
  for (guint i = 0; good && i < json_array_get_length (messages); i++)
    good = send_one (call, db, &batch, json_array_get_element (messages, i), error);
  kith_json_writer_end_array (&batch.out);
  kith_json_writer_member_int (&batch.out, "retry_after", (gint64) ceil (batch.wait_s));
  kith_json_writer_end_object (&batch.out);
  if (good)
    kith_relay_call_finish (call, &batch.out);
  else
    kith_json_writer_clear (&batch.out);
  return good;
}

gboolean
kith_relay_send (KithRelayCall *call, KithDb *db, GError **error)
{
  JsonNode *node = json_object_get_member (call->args, "p_messages");
  JsonArray *messages = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  gsize n = 0;

  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  if (messages == NULL || json_array_get_length (messages) > MOST_MESSAGES)
    return kith_relay_bad (call, "p_messages: an array of at most 50 messages", error);
  for (guint i = 0; i < json_array_get_length (messages); i++)
    {
      JsonNode *item = json_array_get_element (messages, i);
      const char *ct = JSON_NODE_HOLDS_OBJECT (item) ? get_text (json_node_get_object (item), "ct") : NULL;

      n += ct != NULL ? strlen (ct) : 0;
    }
  if (n > MOST_BATCH)
    return kith_relay_fail (call, 413, "kith_too_large", "p_messages: 512 KiB at most", 0, error);
  return kith_relay_need_room (call, db, error) && send_all (call, db, messages, error);
}

/* The lease is one conditional UPSERT: nobody comes in between. */
static gboolean
take_lease (KithRelayCall *call, KithDb *db, const char *consumer, GError **error)
{
  gint64 lease_s = CLAMP (kith_relay_int (call, "p_lease", 60), 5, 300), until_ms = 0;

  if (!kith_relay_exec (db, error, "INSERT INTO leases VALUES (?1, ?2, ?3) ON CONFLICT (device) DO UPDATE SET"
                        " consumer = excluded.consumer, expires_ms = excluded.expires_ms WHERE consumer ="
                        " excluded.consumer OR expires_ms <= ?4", "ssii", call->claims.user, consumer,
                        call->now_ms + lease_s * 1000, call->now_ms))
    return FALSE;
  if (kith_db_changes (db) > 0)
    return TRUE;
  kith_relay_get_int (db, &until_ms, error, "SELECT expires_ms FROM leases WHERE device = ?", "s", call->claims.user);
  if (*error != NULL)
    return FALSE;
  return kith_relay_fail (call, 409, "kith_leased", "another process of this device reads the mailbox",
                          (int) MAX (1, (until_ms - call->now_ms + 999) / 1000), error);
}

static void
write_message (KithJsonWriter *w, KithStmt *stmt)
{
  static const char *const names[] = { "id", "from_device", "from_user", "from_name", "ct" };

  kith_json_writer_begin_object (w);
  for (int i = 0; i < (int) G_N_ELEMENTS (names); i++)
    kith_json_writer_member_string (w, names[i], kith_stmt_get_text (stmt, i));
  kith_json_writer_member_int (w, "seq", kith_stmt_get_int64 (stmt, 5));
  kith_json_writer_member_time_ms (w, "created_at", kith_stmt_get_int64 (stmt, 6));
  kith_json_writer_end_object (w);
}

gboolean
kith_relay_fetch (KithRelayCall *call, KithDb *db, GError **error)
{
  gint64 limit = CLAMP (kith_relay_int (call, "p_limit", MOST_FETCHED), 1, MOST_FETCHED), n = 0;
  g_auto(KithJsonWriter) w = { NULL };
  char consumer[KITH_RELAY_UUID];
  KithStmt *stmt;
  KithStep step;

  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  if (!kith_relay_parse_uuid (kith_relay_text (call, "p_consumer"), consumer))
    return kith_relay_bad (call, "p_consumer: a UUID", error);
  if (!take_lease (call, db, consumer, error))
    return FALSE;
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_time_ms (&w, "now", call->now_ms);
  kith_json_writer_key (&w, "messages");
  kith_json_writer_begin_array (&w);
  stmt = kith_relay_bind (db, "SELECT m.id, m.from_device, m.from_user, a.username, m.ct, m.seq, m.created_ms FROM"
                          " messages m JOIN accounts a ON a.id = m.from_user WHERE m.to_device = ? AND m.expires_ms > ?"
                          " ORDER BY m.seq LIMIT ?", "sii", call->claims.user, call->now_ms, limit + 1);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    if (n++ < limit)
      write_message (&w, stmt);
  kith_json_writer_end_array (&w);
  kith_json_writer_member_bool (&w, "more", n > limit);
  kith_json_writer_end_object (&w);
  if (step == KITH_STEP_ERROR)
    return FALSE;
  kith_relay_call_finish (call, &w);
  return TRUE;
}

gboolean
kith_relay_ack (KithRelayCall *call, KithDb *db, GError **error)
{
  JsonNode *list = json_object_get_member (call->args, "p_ids");
  JsonArray *ids = JSON_NODE_HOLDS_ARRAY (list) ? json_node_get_array (list) : NULL;
  char id[KITH_RELAY_UUID] = "";
  g_auto(KithJsonWriter) w = { NULL };
  gint64 held;

  if (!kith_relay_need_me (call, db, error))
    return FALSE;
  kith_relay_parse_uuid (kith_relay_text (call, "p_consumer"), id);
  if (!kith_relay_get_int (db, &held, error, "SELECT 1 FROM leases WHERE device = ? AND consumer = ? AND"
                           " expires_ms > ?", "ssi", call->claims.user, id, call->now_ms))
    return *error != NULL ? FALSE : kith_relay_fail (call, 409, "kith_leased", "the lease is lost", 0, error);
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_key (&w, "deleted");
  kith_json_writer_begin_array (&w);
  for (guint i = 0; ids != NULL && i < json_array_get_length (ids); i++)
    {
      if (json_array_get_null_element (ids, i) ||
          !kith_relay_parse_uuid (json_array_get_string_element (ids, i), id))
        continue;
      if (!kith_relay_exec (db, error, "DELETE FROM messages WHERE to_device = ? AND id = ?", "ss", call->claims.user,
                            id))
        return FALSE;
      if (kith_db_changes (db) > 0)
        kith_json_writer_string (&w, id);
    }
  kith_json_writer_end_array (&w);
  kith_json_writer_end_object (&w);
  kith_relay_call_finish (call, &w);
  return TRUE;
}

gboolean
kith_relay_release (KithRelayCall *call, KithDb *db, GError **error)
{
  char consumer[KITH_RELAY_UUID] = "";

  kith_relay_parse_uuid (kith_relay_text (call, "p_consumer"), consumer);
  return kith_relay_need_me (call, db, error) &&
         kith_relay_exec (db, error, "DELETE FROM leases WHERE device = ? AND consumer = ?", "ss", call->claims.user,
                          consumer);
}
