/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-gap.h"

#include <string.h>

void
kith_table_gap_begin (KithDb *db, KithMessageRow *row)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT last_sent FROM conversation WHERE person = ?");

  row->has_prev = FALSE;
  kith_stmt_bind_int64 (stmt, 1, row->person);
  if (kith_stmt_step (stmt, NULL) != KITH_STEP_ROW)
    return;
  row->has_prev = kith_stmt_copy_blob (stmt, 0, row->prev, KITH_ID_BYTES);
  kith_stmt_reset (stmt);
}

gboolean
kith_table_gap_sent (KithDb *db, const KithMessageRow *row, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO conversation (person, last_sent) VALUES (?, ?)"
                                        " ON CONFLICT (person) DO UPDATE SET last_sent = excluded.last_sent");

  kith_stmt_bind_int64 (stmt, 1, row->person);
  kith_stmt_bind_blob (stmt, 2, row->id, KITH_ID_BYTES);
  return kith_stmt_run (stmt, error);
}

/* One that was said to us, in the same conversation: somebody else's message fills nothing. */
gboolean
kith_table_gap_look (KithDb *db, KithMessageRow *row, const guint8 *prev, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT 1 FROM message WHERE id = ?1 AND person = ?2 AND sent = 0"
                                        " UNION ALL SELECT 1 FROM pending"
                                        " WHERE message = ?1 AND person = ?2 AND final");
  KithStep step;

  kith_stmt_bind_blob (stmt, 1, prev, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 2, row->person);
  step = kith_stmt_step (stmt, error);
  if (step == KITH_STEP_ROW)
    kith_stmt_reset (stmt);
  row->has_prev = step == KITH_STEP_DONE;
  memcpy (row->prev, prev, KITH_ID_BYTES);
  return step != KITH_STEP_ERROR;
}

gboolean
kith_table_gap_close (KithDb *db, gint64 person, const guint8 *id, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE message SET prev = NULL WHERE prev = ? AND sent = 0 AND person = ?");

  kith_stmt_bind_blob (stmt, 1, id, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 2, person);
  return kith_stmt_run (stmt, error);
}
