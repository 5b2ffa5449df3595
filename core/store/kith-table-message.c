/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-message.h"

#include <string.h>

#define COLUMNS                                                                                                        \
  "row, id, person, pos, sent, text, ts_ms, delivered, direct, reply_to, rev, edited_ms, deleted, failed, reacted," \
  " prev"

void
kith_message_row_clear (KithMessageRow *row)
{
  g_free (row->text);
  memset (row, 0, sizeof *row);
}

void
kith_message_row_read (KithStmt *stmt, KithMessageRow *out)
{
  memset (out, 0, sizeof *out);
  out->row = kith_stmt_get_int64 (stmt, 0);
  kith_stmt_copy_blob (stmt, 1, out->id, KITH_ID_BYTES);
  out->person = kith_stmt_get_int64 (stmt, 2);
  out->pos = kith_stmt_get_int64 (stmt, 3);
  out->sent = kith_stmt_get_int64 (stmt, 4) != 0;
  out->text = (char *)kith_stmt_get_text (stmt, 5);
  out->ts_ms = kith_stmt_get_int64 (stmt, 6);
  out->delivered = kith_stmt_get_int64 (stmt, 7) != 0;
  out->direct = kith_stmt_get_int64 (stmt, 8) != 0;
  out->has_reply = kith_stmt_copy_blob (stmt, 9, out->reply_to, KITH_ID_BYTES);
  out->rev = kith_stmt_get_int64 (stmt, 10);
  out->edited_ms = kith_stmt_get_int64 (stmt, 11);
  out->deleted = kith_stmt_get_int64 (stmt, 12) != 0;
  out->failed = kith_stmt_get_int64 (stmt, 13) != 0;
  out->reacted = kith_stmt_get_int64 (stmt, 14) != 0;
  out->has_prev = kith_stmt_copy_blob (stmt, 15, out->prev, KITH_ID_BYTES);
}

static gboolean
read_one (KithStmt *stmt, KithMessageRow *out, GError **error)
{
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  kith_message_row_read (stmt, out);
  out->text = g_strdup (out->text);
  kith_stmt_reset (stmt);
  return TRUE;
}

gint64
kith_table_message_span (KithDb *db, gint64 person, gint64 *first, gint64 *last)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT (SELECT min (pos) FROM message WHERE person = ?1),"
          " (SELECT max (pos) FROM message WHERE person = ?1)");

  *first = 1;
  *last = 0;
  kith_stmt_bind_int64 (stmt, 1, person);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      if (!kith_stmt_is_null (stmt, 0))
        {
          *first = kith_stmt_get_int64 (stmt, 0);
          *last = kith_stmt_get_int64 (stmt, 1);
        }
      kith_stmt_reset (stmt);
    }
  return *last - *first + 1;
}

gint64
kith_table_message_count (KithDb *db, gint64 person)
{
  gint64 first, last;

  return kith_table_message_span (db, person, &first, &last);
}

static gint64
newest_pos (KithDb *db, gint64 person)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT max (pos) FROM message WHERE person = ?");
  gint64 pos = 0;

  kith_stmt_bind_int64 (stmt, 1, person);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      pos = kith_stmt_get_int64 (stmt, 0);
      kith_stmt_reset (stmt);
    }
  return pos;
}

static void
bind_id (KithStmt *stmt, int index, gboolean is_there, const guint8 *id)
{
  if (is_there)
    kith_stmt_bind_blob (stmt, index, id, KITH_ID_BYTES);
  else
    kith_stmt_bind_null (stmt, index);
}

gboolean
kith_table_message_add (KithDb *db, KithMessageRow *row, const char *client_id, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "INSERT INTO message (id, person, pos, sent, text, ts_ms, delivered, direct, reply_to, client_id,"
          " prev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING");

  row->pos = newest_pos (db, row->person) + 1;
  kith_stmt_bind_blob (stmt, 1, row->id, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 2, row->person);
  kith_stmt_bind_int64 (stmt, 3, row->pos);
  kith_stmt_bind_int64 (stmt, 4, row->sent);
  kith_stmt_bind_text (stmt, 5, row->text);
  kith_stmt_bind_int64 (stmt, 6, row->ts_ms);
  kith_stmt_bind_int64 (stmt, 7, row->delivered);
  kith_stmt_bind_int64 (stmt, 8, row->direct);
  bind_id (stmt, 9, row->has_reply, row->reply_to);
  kith_stmt_bind_text (stmt, 10, client_id);
  bind_id (stmt, 11, row->has_prev, row->prev);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  row->row = kith_db_changes (db) > 0 ? kith_db_last_rowid (db) : 0;
  return TRUE;
}

/* Whatever is there has rows and positions above 0, or was put below them by an import, too. */
gboolean
kith_table_message_add_before (KithDb *db, KithMessageRow *row, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "INSERT INTO message (row, id, person, pos, sent, text, ts_ms, delivered, direct, reply_to, edited_ms,"
          " deleted, failed, reacted, prev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO "
          "NOTHING");
  gint64 lowest = 0, first, last;

  kith_db_query_int64 (db, "SELECT min (row) FROM message", &lowest, NULL);
  kith_table_message_span (db, row->person, &first, &last);
  row->row = MIN (lowest, 0) - 1;
  row->pos = MIN (first, 1) - 1;
  kith_stmt_bind_int64 (stmt, 1, row->row);
  kith_stmt_bind_blob (stmt, 2, row->id, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 3, row->person);
  kith_stmt_bind_int64 (stmt, 4, row->pos);
  kith_stmt_bind_int64 (stmt, 5, row->sent);
  kith_stmt_bind_text (stmt, 6, row->text);
  kith_stmt_bind_int64 (stmt, 7, row->ts_ms);
  kith_stmt_bind_int64 (stmt, 8, row->delivered);
  kith_stmt_bind_int64 (stmt, 9, row->direct);
  bind_id (stmt, 10, row->has_reply, row->reply_to);
  kith_stmt_bind_int64 (stmt, 11, row->edited_ms);
  kith_stmt_bind_int64 (stmt, 12, row->deleted);
  kith_stmt_bind_int64 (stmt, 13, row->failed);
  kith_stmt_bind_int64 (stmt, 14, row->reacted);
  bind_id (stmt, 15, row->has_prev, row->prev);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  if (kith_db_changes (db) == 0)
    row->row = 0;
  return TRUE;
}

gboolean
kith_table_message_get (KithDb *db, const guint8 *id, KithMessageRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT " COLUMNS " FROM message WHERE id = ?");

  kith_stmt_bind_blob (stmt, 1, id, KITH_ID_BYTES);
  return read_one (stmt, out, error);
}

gboolean
kith_table_message_get_client (KithDb *db, const char *client_id, KithMessageRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT " COLUMNS " FROM message WHERE client_id = ?");

  kith_stmt_bind_text (stmt, 1, client_id);
  return read_one (stmt, out, error);
}

gboolean
kith_table_message_save (KithDb *db, const KithMessageRow *row, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "UPDATE message SET text = ?, rev = ?, edited_ms = ?, delivered = ?, direct = ?, deleted = ?, failed = ?,"
          " reacted = ? WHERE row = ?");

  kith_stmt_bind_text (stmt, 1, row->text);
  kith_stmt_bind_int64 (stmt, 2, row->rev);
  kith_stmt_bind_int64 (stmt, 3, row->edited_ms);
  kith_stmt_bind_int64 (stmt, 4, row->delivered);
  kith_stmt_bind_int64 (stmt, 5, row->direct);
  kith_stmt_bind_int64 (stmt, 6, row->deleted);
  kith_stmt_bind_int64 (stmt, 7, row->failed);
  kith_stmt_bind_int64 (stmt, 8, row->reacted);
  kith_stmt_bind_int64 (stmt, 9, row->row);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_message_set_delivered (KithDb *db, gint64 row, gboolean direct, gboolean *changed, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "UPDATE message SET delivered = 1, direct = ?, failed = 0 WHERE row = ? AND delivered = 0");

  kith_stmt_bind_int64 (stmt, 1, direct);
  kith_stmt_bind_int64 (stmt, 2, row);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *changed = kith_db_changes (db) > 0;
  return TRUE;
}

gboolean
kith_table_message_set_failed (KithDb *db, gint64 row, gboolean failed, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE message SET failed = ? WHERE row = ?");

  kith_stmt_bind_int64 (stmt, 1, failed);
  kith_stmt_bind_int64 (stmt, 2, row);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_message_each (
    KithDb *db, gint64 person, gint64 first, gint64 last, KithMessageFunc func, gpointer data, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT " COLUMNS " FROM message WHERE person = ? AND pos BETWEEN ? AND ? ORDER BY pos");
  KithMessageRow row;
  KithStep step;

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, first);
  kith_stmt_bind_int64 (stmt, 3, last);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      kith_message_row_read (stmt, &row);
      if (!func (&row, data))
        {
          kith_stmt_reset (stmt);
          return TRUE;
        }
    }
  return step == KITH_STEP_DONE;
}

gboolean
kith_table_message_next_person (KithDb *db, gint64 after, gint64 *person)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT min (person) FROM message WHERE person > ?");
  gboolean found = FALSE;

  kith_stmt_bind_int64 (stmt, 1, after);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      found = !kith_stmt_is_null (stmt, 0);
      *person = found ? kith_stmt_get_int64 (stmt, 0) : after;
      kith_stmt_reset (stmt);
    }
  return found;
}

gint64
kith_table_message_unread (KithDb *db, gint64 person, gint64 read_to)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT count (*) FROM message WHERE person = ? AND pos > ? AND sent = 0 AND deleted = 0");
  gint64 count = 0;

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, read_to);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      count = kith_stmt_get_int64 (stmt, 0);
      kith_stmt_reset (stmt);
    }
  return count;
}

gint64
kith_table_message_last_received (KithDb *db, gint64 person, gint64 pos, guint8 *id)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT pos, id FROM message WHERE person = ? AND pos <= ? AND sent = 0 ORDER BY pos DESC LIMIT 1");
  gint64 found = 0;

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, pos);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      found = kith_stmt_get_int64 (stmt, 0);
      kith_stmt_copy_blob (stmt, 1, id, KITH_ID_BYTES);
      kith_stmt_reset (stmt);
    }
  return found;
}

static gint64
conversation_value (KithStmt *stmt, gint64 person)
{
  gint64 value = 0;

  kith_stmt_bind_int64 (stmt, 1, person);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      value = kith_stmt_get_int64 (stmt, 0);
      kith_stmt_reset (stmt);
    }
  return value;
}

gint64
kith_table_conversation_peer_read (KithDb *db, gint64 person)
{
  return conversation_value (kith_db_prepare (db, "SELECT peer_read FROM conversation WHERE person = ?"), person);
}

gint64
kith_table_conversation_tell_read (KithDb *db, gint64 person)
{
  return conversation_value (kith_db_prepare (db, "SELECT tell_read FROM conversation WHERE person = ?"), person);
}

static gboolean
run_two (KithStmt *stmt, gint64 first, gint64 second, GError **error)
{
  kith_stmt_bind_int64 (stmt, 1, first);
  kith_stmt_bind_int64 (stmt, 2, second);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_conversation_set_peer_read (KithDb *db, gint64 person, gint64 pos, GError **error)
{
  return run_two (kith_db_prepare (db, "INSERT INTO conversation (person, peer_read) VALUES (?, ?)"
                                       " ON CONFLICT (person) DO UPDATE SET peer_read = excluded.peer_read"),
                  person, pos, error);
}

gboolean
kith_table_conversation_set_tell_read (KithDb *db, gint64 person, gint64 pos, GError **error)
{
  return run_two (kith_db_prepare (db, "INSERT INTO conversation (person, tell_read) VALUES (?, ?)"
                                       " ON CONFLICT (person) DO UPDATE SET tell_read = excluded.tell_read"),
                  person, pos, error);
}

gboolean
kith_table_conversation_told_read (KithDb *db, gint64 person, gint64 pos, GError **error)
{
  return run_two (kith_db_prepare (db, "UPDATE conversation SET tell_read = 0 WHERE person = ? AND tell_read = ?"),
                  person, pos, error);
}

gboolean
kith_table_edit_add (KithDb *db, gint64 message, gint64 rev, gboolean mine, gint64 at_ms, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "INSERT OR IGNORE INTO message_edit (message, rev, mine, at_ms) SELECT ?1, ?2, ?3, ?4"
          " WHERE (SELECT count (*) FROM message_edit WHERE message = ?1) < " G_STRINGIFY (KITH_EDITS_MAX));

  kith_stmt_bind_int64 (stmt, 3, mine);
  kith_stmt_bind_int64 (stmt, 4, at_ms);
  return run_two (stmt, message, rev, error);
}

gint64
kith_table_reaction_rev (KithDb *db, gint64 message, gboolean mine, const char *emoji, gboolean *removed)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT rev, removed FROM reaction WHERE message = ? AND mine = ? AND emoji = ?");
  gint64 rev = 0;

  *removed = TRUE;
  kith_stmt_bind_int64 (stmt, 1, message);
  kith_stmt_bind_int64 (stmt, 2, mine);
  kith_stmt_bind_text (stmt, 3, emoji);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      rev = kith_stmt_get_int64 (stmt, 0);
      *removed = kith_stmt_get_int64 (stmt, 1) != 0;
      kith_stmt_reset (stmt);
    }
  return rev;
}

gboolean
kith_table_reaction_set (KithDb *db,
                         gint64 message,
                         gboolean mine,
                         const char *emoji,
                         gint64 rev,
                         gboolean removed,
                         gboolean *changed,
                         GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT count (*) FROM reaction WHERE message = ? AND mine = ?");
  gint64 count = 0;
  gboolean was_removed;
  gint64 was = kith_table_reaction_rev (db, message, mine, emoji, &was_removed);

  *changed = FALSE;
  kith_stmt_bind_int64 (stmt, 1, message);
  kith_stmt_bind_int64 (stmt, 2, mine);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      count = kith_stmt_get_int64 (stmt, 0);
      kith_stmt_reset (stmt);
    }
  if (was >= rev || (was == 0 && count >= KITH_REACTIONS_MAX))
    return TRUE;

  stmt = kith_db_prepare (
      db, "INSERT INTO reaction (message, mine, emoji, rev, removed) VALUES (?, ?, ?, ?, ?)"
          " ON CONFLICT (message, mine, emoji) DO UPDATE SET rev = excluded.rev, removed = excluded.removed");
  kith_stmt_bind_int64 (stmt, 1, message);
  kith_stmt_bind_int64 (stmt, 2, mine);
  kith_stmt_bind_text (stmt, 3, emoji);
  kith_stmt_bind_int64 (stmt, 4, rev);
  kith_stmt_bind_int64 (stmt, 5, removed);
  *changed = removed != was_removed;
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_reaction_each (KithDb *db, gint64 message, KithReactionFunc func, gpointer data, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT emoji, mine FROM reaction WHERE message = ? AND removed = 0 ORDER BY mine, emoji");
  KithStep step;

  kith_stmt_bind_int64 (stmt, 1, message);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    func (kith_stmt_get_text (stmt, 0), kith_stmt_get_int64 (stmt, 1) != 0, data);
  return step == KITH_STEP_DONE;
}

gboolean
kith_table_message_strip (KithDb *db, gint64 message, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM reaction WHERE message = ?");

  kith_stmt_bind_int64 (stmt, 1, message);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (db, "DELETE FROM message_edit WHERE message = ?");
  kith_stmt_bind_int64 (stmt, 1, message);
  return kith_stmt_run (stmt, error);
}
