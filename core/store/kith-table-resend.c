/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-resend.h"

#include <string.h>

gboolean
kith_table_resend_keep (KithDb *db, gint64 outbox_id, gint64 day, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "INSERT OR REPLACE INTO sent_content (cid, person, message, kind, content, heals, day) "
          "SELECT cid, person, message, kind, CASE kind WHEN 'message' THEN NULL ELSE content END, heals, ?2 "
          "FROM outbox WHERE id = ?1 AND kind NOT IN ('hello', 'dummy', 'retry')");

  kith_stmt_bind_int64 (stmt, 1, outbox_id);
  kith_stmt_bind_int64 (stmt, 2, day);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_resend_get (KithDb *db, gint64 person, const guint8 *cid, KithOutboxRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT message, kind, content, heals FROM sent_content WHERE cid = ?1 AND person = ?2");

  kith_stmt_bind_blob (stmt, 1, cid, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 2, person);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  memset (out, 0, sizeof *out);
  out->person = person;
  memcpy (out->cid, cid, KITH_ID_BYTES);
  out->message = kith_stmt_get_int64 (stmt, 0);
  out->kind = kith_stmt_dup_text (stmt, 1);
  out->content = kith_stmt_get_bytes (stmt, 2);
  out->heals = kith_stmt_get_int64 (stmt, 3);
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_resend_prune (KithDb *db, gint64 day, guint rows, gboolean *more, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "DELETE FROM sent_content WHERE cid IN (SELECT cid FROM sent_content WHERE day < ?1 LIMIT ?2)");

  kith_stmt_bind_int64 (stmt, 1, day);
  kith_stmt_bind_int64 (stmt, 2, rows);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *more = kith_db_changes (db) >= (int) rows;
  return TRUE;
}
