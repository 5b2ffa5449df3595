/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-trace.h"

#define DAY_MS ((gint64)24 * 60 * 60 * 1000)

gboolean
kith_table_trace_add (KithDb *db,
                      gint64 person,
                      gint64 message,
                      gint64 at_ms,
                      const char *what,
                      const char *transport,
                      const char *detail,
                      GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "INSERT INTO trace (person, message, at_ms, what, transport, detail) VALUES (?, ?, ?, ?, ?, ?)");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, message);
  kith_stmt_bind_int64 (stmt, 3, at_ms);
  kith_stmt_bind_text (stmt, 4, what);
  kith_stmt_bind_text (stmt, 5, transport);
  kith_stmt_bind_text (stmt, 6, detail);
  return kith_stmt_run (stmt, error);
}

/* A message that is acknowledged or failed has no more to do with who is dialled. */
static gboolean
find_span (KithDb *db, gint64 person, gint64 message, gint64 *first, gint64 *last, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT min (at_ms), max (CASE WHEN what IN ('" KITH_TRACE_ACKNOWLEDGED "', '" KITH_TRACE_WAITS
          "', '" KITH_TRACE_FAILED "', '" KITH_TRACE_RECEIVED "') THEN at_ms END),"
          " max (CASE WHEN what = '" KITH_TRACE_RESENT "' THEN at_ms END)"
          " FROM trace WHERE person = ? AND message = ?");
  KithStep step;

  *first = *last = G_MAXINT64;
  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, message);
  step = kith_stmt_step (stmt, error);
  if (step == KITH_STEP_ROW && !kith_stmt_is_null (stmt, 0))
    *first = kith_stmt_get_int64 (stmt, 0);
  if (step == KITH_STEP_ROW && !kith_stmt_is_null (stmt, 1)
      && kith_stmt_get_int64 (stmt, 1) >= kith_stmt_get_int64 (stmt, 2))
    *last = kith_stmt_get_int64 (stmt, 1);
  if (step == KITH_STEP_ROW)
    kith_stmt_reset (stmt);
  return step != KITH_STEP_ERROR;
}

gboolean
kith_table_trace_each (KithDb *db, gint64 person, gint64 message, KithTraceFunc func, gpointer data, GError **error)
{
  KithStmt *stmt;
  KithStep step;
  gint64 first, last;

  if (!find_span (db, person, message, &first, &last, error))
    return FALSE;
  stmt = kith_db_prepare (
      db, "SELECT at_ms, what, transport, detail FROM ("
          "SELECT * FROM (SELECT * FROM trace WHERE person = ?1 AND message = ?2 ORDER BY id DESC LIMIT " G_STRINGIFY (
              KITH_TRACE_STEPS_MAX) ")"
                                    " UNION ALL "
                                    "SELECT * FROM (SELECT * FROM trace WHERE person = ?1 AND message = 0"
                                    " AND at_ms BETWEEN ?3 AND ?4 ORDER BY id DESC LIMIT " G_STRINGIFY (
                                        KITH_TRACE_STEPS_MAX) "))"
                                                              " ORDER BY at_ms, id");
  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, message);
  kith_stmt_bind_int64 (stmt, 3, first);
  kith_stmt_bind_int64 (stmt, 4, last);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    func (kith_stmt_get_int64 (stmt, 0), kith_stmt_get_text (stmt, 1), kith_stmt_get_text (stmt, 2),
          kith_stmt_get_text (stmt, 3), data);
  return step == KITH_STEP_DONE;
}

/* The rows lie in the order of time: what is old is at the beginning. */
gboolean
kith_table_trace_prune (KithDb *db, gint64 now_ms, int limit, gboolean *more, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "DELETE FROM trace WHERE id IN (SELECT id FROM (SELECT id, at_ms FROM trace ORDER BY id LIMIT ?)"
          " WHERE at_ms < ?)");

  kith_stmt_bind_int64 (stmt, 1, limit);
  kith_stmt_bind_int64 (stmt, 2, now_ms - KITH_TRACE_DAYS * DAY_MS);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *more = kith_db_changes (db) >= limit;
  return TRUE;
}
