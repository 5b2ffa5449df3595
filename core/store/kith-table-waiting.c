/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-waiting.h"

#define DAY_MS (G_GINT64_CONSTANT (86400) * 1000)

static gint64
count_of (KithStmt *stmt, gint64 person)
{
  gint64 count = 0;

  kith_stmt_bind_int64 (stmt, 1, person);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      count = kith_stmt_get_int64 (stmt, 0);
      kith_stmt_reset (stmt);
    }
  return count;
}

gboolean
kith_table_pending_add (
    KithDb *db, gint64 person, const guint8 *message, GBytes *content, gboolean final, gint64 now_ms, GError **error)
{
  KithStmt *stmt;

  if (count_of (kith_db_prepare (db, "SELECT count (*) FROM pending WHERE person = ?"), person) >= KITH_PENDING_MAX)
    {
      stmt = kith_db_prepare (db, "DELETE FROM pending WHERE id = (SELECT min (id) FROM pending WHERE person = ?)");
      kith_stmt_bind_int64 (stmt, 1, person);
      if (!kith_stmt_run (stmt, error))
        return FALSE;
    }
  stmt = kith_db_prepare (db, "INSERT INTO pending (person, message, content, received_ms, final)"
                              " VALUES (?, ?, ?, ?, ?)");
  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_blob (stmt, 2, message, KITH_ID_BYTES);
  kith_stmt_bind_bytes (stmt, 3, content);
  kith_stmt_bind_int64 (stmt, 4, now_ms);
  kith_stmt_bind_int64 (stmt, 5, final);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_pending_take (KithDb *db, gint64 person, const guint8 *message, GPtrArray *contents, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT content FROM pending WHERE message = ? AND person = ? ORDER BY id");
  KithStep step;

  kith_stmt_bind_blob (stmt, 1, message, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 2, person);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    g_ptr_array_add (contents, kith_stmt_get_bytes (stmt, 0));
  if (step == KITH_STEP_ERROR)
    return FALSE;
  if (contents->len == 0)
    return TRUE;

  stmt = kith_db_prepare (db, "DELETE FROM pending WHERE message = ? AND person = ?");
  kith_stmt_bind_blob (stmt, 1, message, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 2, person);
  return kith_stmt_run (stmt, error);
}

gint64
kith_table_request_count (KithDb *db, gint64 person)
{
  return count_of (kith_db_prepare (db, "SELECT count (*) FROM request_item WHERE person = ?"), person);
}

gboolean
kith_table_request_add (KithDb *db,
                        gint64 person,
                        const guint8 *cid,
                        GBytes *content,
                        gint64 now_ms,
                        gboolean direct,
                        gboolean *changed,
                        gboolean *full,
                        GError **error)
{
  KithStmt *stmt;

  *changed = FALSE;
  *full = kith_table_request_count (db, person) >= KITH_REQUEST_ITEMS_MAX;
  if (*full)
    return TRUE;
  stmt = kith_db_prepare (db, "INSERT OR IGNORE INTO request_item (person, cid, content, received_ms, direct)"
                              " VALUES (?, ?, ?, ?, ?)");
  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_blob (stmt, 2, cid, KITH_ID_BYTES);
  kith_stmt_bind_bytes (stmt, 3, content);
  kith_stmt_bind_int64 (stmt, 4, now_ms);
  kith_stmt_bind_int64 (stmt, 5, direct);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *changed = kith_db_changes (db) > 0;
  return TRUE;
}

gboolean
kith_table_request_each (KithDb *db, gint64 person, KithRequestItemFunc func, gpointer data, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT content, received_ms, direct FROM request_item WHERE person = ? ORDER BY id");
  KithStep step;

  kith_stmt_bind_int64 (stmt, 1, person);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      g_autoptr (GBytes) content = kith_stmt_get_bytes (stmt, 0);

      if (!func (content, kith_stmt_get_int64 (stmt, 1), kith_stmt_get_int64 (stmt, 2) != 0, data))
        {
          kith_stmt_reset (stmt);
          return TRUE;
        }
    }
  return step == KITH_STEP_DONE;
}

gboolean
kith_table_request_move (KithDb *db, gint64 from, gint64 to, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE request_item SET person = ?2 WHERE person = ?1");

  kith_stmt_bind_int64 (stmt, 1, from);
  kith_stmt_bind_int64 (stmt, 2, to);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_request_drop (KithDb *db, gint64 person, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM request_item WHERE person = ?");

  kith_stmt_bind_int64 (stmt, 1, person);
  return kith_stmt_run (stmt, error);
}

gint64
kith_table_request_people (KithDb *db)
{
  gint64 count = 0;

  /* state 1: KITH_PERSON_REQUEST */
  return kith_db_query_int64 (db, "SELECT count (*) FROM person WHERE state = 1", &count, NULL) ? count : 0;
}

gboolean
kith_table_seen_add (KithDb *db, gint64 person, const guint8 *cid, gint64 now_ms, gboolean *fresh, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT OR IGNORE INTO content_seen (person, cid, day) VALUES (?, ?, ?)");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_blob (stmt, 2, cid, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 3, now_ms / DAY_MS);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *fresh = kith_db_changes (db) > 0;
  return TRUE;
}

gboolean
kith_table_waiting_prune (KithDb *db, gint64 now_ms, int limit, gboolean *more, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "DELETE FROM pending WHERE id IN (SELECT id FROM pending ORDER BY id LIMIT ?) AND received_ms < ?");

  kith_stmt_bind_int64 (stmt, 1, limit);
  kith_stmt_bind_int64 (stmt, 2, now_ms - KITH_PENDING_DAYS * DAY_MS);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *more = kith_db_changes (db) >= limit;

  stmt = kith_db_prepare (
      db,
      "DELETE FROM content_seen WHERE (person, cid) IN (SELECT person, cid FROM content_seen WHERE day < ? LIMIT ?)");
  kith_stmt_bind_int64 (stmt, 1, now_ms / DAY_MS - KITH_PENDING_DAYS);
  kith_stmt_bind_int64 (stmt, 2, limit);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *more = *more || kith_db_changes (db) >= limit;
  return TRUE;
}
