/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-mail.h"

#include <string.h>

#define DAY_MS (G_GINT64_CONSTANT (86400) * 1000)

void
kith_mailbox_row_clear (KithMailboxRow *row)
{
  g_free (row->uuid);
  memset (row, 0, sizeof *row);
}

void
kith_quarantine_row_clear (KithQuarantineRow *row)
{
  g_clear_pointer (&row->wire, g_bytes_unref);
  g_free (row->reason);
  g_free (row->transport);
  memset (row, 0, sizeof *row);
}

static gboolean
run_one (KithStmt *stmt, gint64 value, GError **error)
{
  kith_stmt_bind_int64 (stmt, 1, value);
  return kith_stmt_run (stmt, error);
}

static gint64
read_number (KithStmt *stmt)
{
  gint64 number = 0;

  if (kith_stmt_step (stmt, NULL) == KITH_STEP_ROW)
    {
      number = kith_stmt_get_int64 (stmt, 0);
      kith_stmt_reset (stmt);
    }
  return number;
}

/* --- mailboxes */

gboolean
kith_table_mailbox_get (KithDb *db, gint64 person, const char *office, KithMailboxRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT uuid, device, created_ms, asked_ms FROM mailbox WHERE person = ? AND office = ?");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_text (stmt, 2, office);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  out->uuid = kith_stmt_dup_text (stmt, 0);
  out->device = (guint32)kith_stmt_get_int64 (stmt, 1);
  out->created_ms = kith_stmt_get_int64 (stmt, 2);
  out->asked_ms = kith_stmt_get_int64 (stmt, 3);
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_mailbox_set (KithDb *db, gint64 person, const char *office, const KithMailboxRow *row, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT OR REPLACE INTO mailbox (person, office, uuid, device, created_ms,"
                                        " asked_ms) VALUES (?, ?, ?, ?, ?, ?)");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_text (stmt, 2, office);
  kith_stmt_bind_text (stmt, 3, row->uuid);
  kith_stmt_bind_int64 (stmt, 4, row->device);
  kith_stmt_bind_int64 (stmt, 5, row->created_ms);
  kith_stmt_bind_int64 (stmt, 6, row->asked_ms);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_mailbox_forget (KithDb *db, gint64 person, const char *office, const char *uuid, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "UPDATE mailbox SET uuid = NULL WHERE person = ? AND office = ? AND uuid = ?");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_text (stmt, 2, office);
  kith_stmt_bind_text (stmt, 3, uuid);
  return kith_stmt_run (stmt, error);
}

gint64
kith_table_mailbox_device_seen (KithDb *db, gint64 person, guint32 device)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT seen_ms FROM person_device WHERE person = ? AND device = ?");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, device);
  return read_number (stmt);
}

/* --- parcels that came */

gboolean
kith_table_parcel_add (KithDb *db, const char *id, gint64 now_ms, gboolean *fresh, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT OR IGNORE INTO parcel_seen (id, day) VALUES (?, ?)");

  kith_stmt_bind_text (stmt, 1, id);
  kith_stmt_bind_int64 (stmt, 2, now_ms / DAY_MS);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *fresh = kith_db_changes (db) > 0;
  return TRUE;
}

/* --- quarantine */

gboolean
kith_table_quarantine_add (KithDb *db, const KithQuarantineRow *row, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "DELETE FROM quarantine WHERE person = ?1 AND id IN (SELECT id FROM quarantine WHERE person = ?1"
          " ORDER BY id DESC LIMIT -1 OFFSET " G_STRINGIFY (KITH_QUARANTINE_MAX) " - 1)");

  if (!run_one (stmt, row->person, error))
    return FALSE;
  stmt = kith_db_prepare (db, "INSERT INTO quarantine (person, device, wire, code, reason, transport, received_ms)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?)");
  kith_stmt_bind_int64 (stmt, 1, row->person);
  kith_stmt_bind_int64 (stmt, 2, row->device);
  kith_stmt_bind_bytes (stmt, 3, row->wire);
  kith_stmt_bind_int64 (stmt, 4, row->code);
  kith_stmt_bind_text (stmt, 5, row->reason);
  kith_stmt_bind_text (stmt, 6, row->transport);
  kith_stmt_bind_int64 (stmt, 7, row->received_ms);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_quarantine_next (
    KithDb *db, gint64 person, gint64 after, gboolean asked, KithQuarantineRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT id, person, device, wire, code, reason, transport, received_ms FROM quarantine"
          " WHERE person = ? AND id > ? AND (? OR asked_ms = 0) ORDER BY id LIMIT 1");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, after);
  kith_stmt_bind_int64 (stmt, 3, asked);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  out->id = kith_stmt_get_int64 (stmt, 0);
  out->person = kith_stmt_get_int64 (stmt, 1);
  out->device = (guint32)kith_stmt_get_int64 (stmt, 2);
  out->wire = kith_stmt_get_bytes (stmt, 3);
  out->code = (int)kith_stmt_get_int64 (stmt, 4);
  out->reason = kith_stmt_dup_text (stmt, 5);
  out->transport = kith_stmt_dup_text (stmt, 6);
  out->received_ms = kith_stmt_get_int64 (stmt, 7);
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_quarantine_remove (KithDb *db, gint64 id, GError **error)
{
  return run_one (kith_db_prepare (db, "DELETE FROM quarantine WHERE id = ?"), id, error);
}

gboolean
kith_table_quarantine_set_asked (KithDb *db, gint64 id, gint64 now_ms, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE quarantine SET asked_ms = ?2 WHERE id = ?1");

  kith_stmt_bind_int64 (stmt, 2, now_ms);
  return run_one (stmt, id, error);
}

gboolean
kith_table_quarantine_answered (KithDb *db, gint64 person, GError **error)
{
  return run_one (kith_db_prepare (db, "UPDATE quarantine SET answered = 1"
                                       " WHERE person = ? AND asked_ms > 0 AND answered = 0"),
                  person, error);
}

gint64
kith_table_quarantine_count (KithDb *db, gint64 person)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT count (*) FROM quarantine WHERE person = ? AND answered = 0");

  kith_stmt_bind_int64 (stmt, 1, person);
  return read_number (stmt);
}

gboolean
kith_table_quarantine_people (KithDb *db, KithQuarantineFunc func, gpointer data, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT person, count (*) FROM quarantine WHERE answered = 0 GROUP BY person");
  KithStep step;

  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    func (kith_stmt_get_int64 (stmt, 0), kith_stmt_get_int64 (stmt, 1), data);
  return step == KITH_STEP_DONE;
}

/* --- what goes */

gboolean
kith_table_mail_drop (KithDb *db, gint64 person, GError **error)
{
  return run_one (kith_db_prepare (db, "DELETE FROM mailbox WHERE person = ?"), person, error)
         && run_one (kith_db_prepare (db, "DELETE FROM quarantine WHERE person = ?"), person, error);
}

gboolean
kith_table_mail_prune (KithDb *db, gint64 now_ms, int limit, gboolean *more, GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "DELETE FROM parcel_seen WHERE id IN (SELECT id FROM parcel_seen WHERE day < ? LIMIT ?)");

  kith_stmt_bind_int64 (stmt, 1, now_ms / DAY_MS - KITH_PARCEL_DAYS);
  kith_stmt_bind_int64 (stmt, 2, limit);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *more = kith_db_changes (db) >= limit;

  stmt = kith_db_prepare (
      db, "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine ORDER BY id LIMIT ?) AND received_ms < ?");
  kith_stmt_bind_int64 (stmt, 1, limit);
  kith_stmt_bind_int64 (stmt, 2, now_ms - KITH_QUARANTINE_DAYS * DAY_MS);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *more = *more || kith_db_changes (db) >= limit;
  return TRUE;
}
