/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-outbox.h"
#include "kith-table-mail.h"

#include <string.h>

#define COLUMNS "id, person, kind, cid, message, content, wire, heals, created_ms"

void
kith_outbox_row_clear (KithOutboxRow *row)
{
  g_free (row->kind);
  g_clear_pointer (&row->content, g_bytes_unref);
  g_clear_pointer (&row->wire, g_bytes_unref);
  memset (row, 0, sizeof *row);
}

static gboolean
read_one (KithStmt *stmt, KithOutboxRow *out, GError **error)
{
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  memset (out, 0, sizeof *out);
  out->id = kith_stmt_get_int64 (stmt, 0);
  out->person = kith_stmt_get_int64 (stmt, 1);
  out->kind = kith_stmt_dup_text (stmt, 2);
  kith_stmt_copy_blob (stmt, 3, out->cid, KITH_ID_BYTES);
  out->message = kith_stmt_get_int64 (stmt, 4);
  out->content = kith_stmt_get_bytes (stmt, 5);
  out->wire = kith_stmt_get_bytes (stmt, 6);
  out->heals = kith_stmt_get_int64 (stmt, 7);
  out->created_ms = kith_stmt_get_int64 (stmt, 8);
  kith_stmt_reset (stmt);
  return TRUE;
}

static gboolean
run_one (KithStmt *stmt, gint64 value, GError **error)
{
  kith_stmt_bind_int64 (stmt, 1, value);
  return kith_stmt_run (stmt, error);
}

gint64
kith_table_outbox_newest (KithDb *db)
{
  gint64 newest = 0;

  return kith_db_query_int64 (db, "SELECT max (id) FROM outbox", &newest, NULL) ? newest : 0;
}

gboolean
kith_table_outbox_add (KithDb *db, const KithOutboxRow *row, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "INSERT INTO outbox (" COLUMNS ", ord) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?1)");

  kith_stmt_bind_int64 (stmt, 1, row->id);
  kith_stmt_bind_int64 (stmt, 2, row->person);
  kith_stmt_bind_text (stmt, 3, row->kind);
  kith_stmt_bind_blob (stmt, 4, row->cid, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 5, row->message);
  kith_stmt_bind_bytes (stmt, 6, row->content);
  kith_stmt_bind_bytes (stmt, 7, row->wire);
  kith_stmt_bind_int64 (stmt, 8, row->heals);
  kith_stmt_bind_int64 (stmt, 9, row->created_ms);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_outbox_get (KithDb *db, gint64 id, gboolean light, KithOutboxRow *out, GError **error)
{
  KithStmt *stmt;

  if (light)
    stmt = kith_db_prepare (
        db, "SELECT id, person, kind, cid, message, NULL, NULL, heals, created_ms FROM outbox WHERE id = ?");
  else
    stmt = kith_db_prepare (db, "SELECT " COLUMNS " FROM outbox WHERE id = ?");
  kith_stmt_bind_int64 (stmt, 1, id);
  return read_one (stmt, out, error);
}

gboolean
kith_table_outbox_get_cid (KithDb *db, gint64 person, const guint8 *cid, KithOutboxRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT " COLUMNS " FROM outbox WHERE cid = ? AND person = ?");

  kith_stmt_bind_blob (stmt, 1, cid, KITH_ID_BYTES);
  kith_stmt_bind_int64 (stmt, 2, person);
  return read_one (stmt, out, error);
}

gboolean
kith_table_outbox_remove (KithDb *db, gint64 id, GError **error)
{
  return run_one (kith_db_prepare (db, "DELETE FROM outbox WHERE id = ?"), id, error);
}

gboolean
kith_table_outbox_has_plain (KithDb *db, gint64 person)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT 1 FROM outbox WHERE person = ? AND wire IS NULL LIMIT 1");

  kith_stmt_bind_int64 (stmt, 1, person);
  if (kith_stmt_step (stmt, NULL) != KITH_STEP_ROW)
    return FALSE;
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_outbox_has_message (KithDb *db, gint64 person)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT 1 FROM outbox WHERE person = ? AND message <> 0 LIMIT 1");

  kith_stmt_bind_int64 (stmt, 1, person);
  if (kith_stmt_step (stmt, NULL) != KITH_STEP_ROW)
    return FALSE;
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_outbox_messages (KithDb *db, gint64 person, GByteArray *ids, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT cid FROM outbox WHERE person = ? AND kind = 'message' AND message <> 0 "
                             "ORDER BY ord");
  KithStep step;
  guint8 id[KITH_ID_BYTES];

  kith_stmt_bind_int64 (stmt, 1, person);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    if (kith_stmt_copy_blob (stmt, 0, id, sizeof id))
      g_byte_array_append (ids, id, sizeof id);
  return step == KITH_STEP_DONE;
}

gboolean
kith_table_outbox_next_plain (KithDb *db, gint64 person, KithOutboxRow *out, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT " COLUMNS " FROM outbox WHERE person = ? AND wire IS NULL ORDER BY ord LIMIT 1");

  kith_stmt_bind_int64 (stmt, 1, person);
  return read_one (stmt, out, error);
}

gboolean
kith_table_outbox_set_wire (KithDb *db, gint64 id, gint64 new_id, GBytes *wire, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE outbox SET id = ?, wire = ? WHERE id = ?");

  kith_stmt_bind_int64 (stmt, 1, new_id);
  kith_stmt_bind_bytes (stmt, 2, wire);
  kith_stmt_bind_int64 (stmt, 3, id);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_outbox_set_plain (KithDb *db, gint64 id, GError **error)
{
  return run_one (kith_db_prepare (db, "UPDATE outbox SET wire = NULL, heals = heals + 1, parcel = NULL, sealed = NULL,"
                                       " sealed_ms = 0, uploaded_ms = 0 WHERE id = ?"),
                  id, error);
}

gboolean
kith_table_outbox_set_all_plain (KithDb *db, gint64 person, GError **error)
{
  return run_one (kith_db_prepare (db, "UPDATE outbox SET wire = NULL, parcel = NULL, sealed = NULL, sealed_ms = 0,"
                                       " uploaded_ms = min (uploaded_ms, 0) WHERE person = ?"),
                  person, error);
}

gboolean
kith_table_outbox_drop_message (KithDb *db, gint64 message, GError **error)
{
  /* The outbox is short: no index for what happens seldom. */
  return run_one (kith_db_prepare (db, "DELETE FROM outbox WHERE message = ?"), message, error)
         && run_one (kith_db_prepare (db, "DELETE FROM sent_content WHERE message = ?"), message, error);
}

gboolean
kith_table_outbox_drop (KithDb *db, gint64 person, GError **error)
{
  return run_one (kith_db_prepare (db, "DELETE FROM outbox WHERE person = ?"), person, error)
         && run_one (kith_db_prepare (db, "DELETE FROM sent_content WHERE person = ?"), person, error)
         && run_one (kith_db_prepare (db, "DELETE FROM receipt WHERE person = ?"), person, error)
         && kith_table_mail_drop (db, person, error)
         && run_one (kith_db_prepare (db, "UPDATE conversation SET tell_read = 0 WHERE person = ?"), person, error);
}

gboolean
kith_table_outbox_wires (KithDb *db, gint64 person, gint64 after, KithWireFunc func, gpointer data, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT id, wire FROM outbox WHERE person = ? AND id > ? AND wire IS NOT NULL ORDER BY id");
  KithStep step;

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, after);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    if (!func (kith_stmt_get_int64 (stmt, 0), kith_stmt_get_bytes (stmt, 1), data))
      {
        kith_stmt_reset (stmt);
        return TRUE;
      }
  return step == KITH_STEP_DONE;
}

gboolean
kith_table_outbox_people (KithDb *db, KithOutboxPersonFunc func, gpointer data, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT person FROM outbox UNION SELECT person FROM receipt"
                                        " UNION SELECT person FROM conversation WHERE tell_read > 0");
  KithStep step;

  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    func (kith_stmt_get_int64 (stmt, 0), data);
  return step == KITH_STEP_DONE;
}

gboolean
kith_table_receipt_add (KithDb *db, gint64 person, const guint8 *cid, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO receipt (person, cid) VALUES (?, ?)");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_blob (stmt, 2, cid, KITH_ID_BYTES);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_receipt_list (KithDb *db, gint64 person, GByteArray *cids, gint64 *last, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT id, cid FROM receipt WHERE person = ? ORDER BY id LIMIT " G_STRINGIFY (KITH_RECEIPTS_MAX));
  KithStep step;
  guint8 cid[KITH_ID_BYTES];

  *last = 0;
  kith_stmt_bind_int64 (stmt, 1, person);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      *last = kith_stmt_get_int64 (stmt, 0);
      if (kith_stmt_copy_blob (stmt, 1, cid, sizeof cid))
        g_byte_array_append (cids, cid, sizeof cid);
    }
  return step == KITH_STEP_DONE;
}

gboolean
kith_table_receipt_done (KithDb *db, gint64 person, gint64 last, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM receipt WHERE person = ? AND id <= ?");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, last);
  return kith_stmt_run (stmt, error);
}
