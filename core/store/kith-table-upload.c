/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-upload.h"

#include <string.h>

void
kith_upload_row_clear (KithUploadRow *row)
{
  g_free (row->kind);
  g_free (row->parcel);
  g_clear_pointer (&row->sealed, g_bytes_unref);
  g_clear_pointer (&row->wire, g_bytes_unref);
  memset (row, 0, sizeof *row);
}

gboolean
kith_table_upload_next (KithDb *db, gint64 person, gint64 after, KithUploadRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT id, message, kind, cid, parcel, sealed, CASE WHEN parcel IS NULL THEN wire END FROM outbox"
          " WHERE person = ? AND id > ? AND uploaded_ms = 0 AND wire IS NOT NULL ORDER BY id LIMIT 1");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, after);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  out->id = kith_stmt_get_int64 (stmt, 0);
  out->message = kith_stmt_get_int64 (stmt, 1);
  out->kind = kith_stmt_dup_text (stmt, 2);
  kith_stmt_copy_blob (stmt, 3, out->cid, KITH_ID_BYTES);
  out->parcel = kith_stmt_dup_text (stmt, 4);
  out->sealed = kith_stmt_get_bytes (stmt, 5);
  out->wire = kith_stmt_get_bytes (stmt, 6);
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_upload_seal (KithDb *db, gint64 id, const char *parcel, GBytes *sealed, gint64 now_ms, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "UPDATE outbox SET parcel = ?2, sealed = ?3, sealed_ms = ?4 WHERE id = ?1");

  kith_stmt_bind_int64 (stmt, 1, id);
  kith_stmt_bind_text (stmt, 2, parcel);
  kith_stmt_bind_bytes (stmt, 3, sealed);
  kith_stmt_bind_int64 (stmt, 4, now_ms);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_upload_rename (KithDb *db, gint64 id, const char *parcel, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE outbox SET parcel = ?2 WHERE id = ?1 AND parcel IS NOT NULL");

  kith_stmt_bind_int64 (stmt, 1, id);
  kith_stmt_bind_text (stmt, 2, parcel);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_upload_set (
    KithDb *db, gint64 id, const char *parcel, gint64 uploaded_ms, gboolean *changed, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE outbox SET uploaded_ms = ?3 WHERE id = ?1 AND parcel = ?2");

  kith_stmt_bind_int64 (stmt, 1, id);
  kith_stmt_bind_text (stmt, 2, parcel);
  kith_stmt_bind_int64 (stmt, 3, uploaded_ms);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *changed = kith_db_changes (db) > 0;
  return TRUE;
}

gint64
kith_table_upload_expired (KithDb *db, gint64 before_ms)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT id FROM outbox WHERE sealed_ms > 0 AND sealed_ms < ? AND uploaded_ms >= 0 LIMIT 1");
  gint64 id = 0;

  kith_stmt_bind_int64 (stmt, 1, before_ms);
  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      id = kith_stmt_get_int64 (stmt, 0);
      kith_stmt_reset (stmt);
    }
  return id;
}

gboolean
kith_table_upload_again (KithDb *db, gint64 id, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE outbox SET wire = NULL, parcel = NULL, sealed = NULL, sealed_ms = 0,"
                                        " uploaded_ms = 0 WHERE id = ?");

  kith_stmt_bind_int64 (stmt, 1, id);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_upload_message (KithDb *db, gint64 message, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE message SET direct = 0 WHERE row = ? AND delivered = 0");

  kith_stmt_bind_int64 (stmt, 1, message);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_upload_give_up (KithDb *db, gint64 id, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE outbox SET uploaded_ms = -1 WHERE id = ?");

  kith_stmt_bind_int64 (stmt, 1, id);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_upload_all_again (KithDb *db, gint64 person, gint64 from, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE outbox SET wire = NULL, parcel = NULL, sealed = NULL, sealed_ms = 0,"
                                        " uploaded_ms = 0 WHERE person = ? AND id >= ? AND uploaded_ms >= 0");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, from);
  return kith_stmt_run (stmt, error);
}
