/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-people.h"
#include "kith-friend-private.h"
#include <string.h>

#define COLUMNS                                                                                                        \
  "id, ik, username, name, state, blocked, verified, allow_presence, allow_typing, allow_receipts, device, "           \
  "last_seen_ms, added_ms, last_ip, changed_ik, read_to, unread"

void
kith_person_row_clear (KithPersonRow *row)
{
  g_free (row->username);
  g_free (row->name);
  g_free (row->last_ip);
  memset (row, 0, sizeof *row);
}

void
kith_person_row_copy (KithPersonRow *to, const KithPersonRow *from)
{
  KithPersonRow copy = *from;

  copy.username = g_strdup (from->username);
  copy.name = g_strdup (from->name);
  copy.last_ip = g_strdup (from->last_ip);
  kith_person_row_clear (to);
  *to = copy;
}

static void
read_row (KithStmt *stmt, KithPersonRow *row)
{
  kith_person_row_clear (row);
  row->id = kith_stmt_get_int64 (stmt, 0);
  kith_stmt_copy_blob (stmt, 1, row->ik, sizeof row->ik);
  row->username = kith_stmt_dup_text (stmt, 2);
  row->name = kith_stmt_dup_text (stmt, 3);
  row->state = (KithPersonState) kith_stmt_get_int64 (stmt, 4);
  row->blocked = kith_stmt_get_int64 (stmt, 5) != 0;
  row->verified = kith_stmt_get_int64 (stmt, 6) != 0;
  for (int i = 0; i < 3; i++)
    row->allow[i] = (gint8) kith_stmt_get_int64 (stmt, 7 + i);
  row->device = (guint32) kith_stmt_get_int64 (stmt, 10);
  row->last_seen_ms = kith_stmt_get_int64 (stmt, 11);
  row->added_ms = kith_stmt_get_int64 (stmt, 12);
  row->last_ip = kith_stmt_dup_text (stmt, 13);
  row->has_changed_ik = kith_stmt_copy_blob (stmt, 14, row->changed_ik, sizeof row->changed_ik);
  row->read_to = kith_stmt_get_int64 (stmt, 15);
  row->unread = kith_stmt_get_int64 (stmt, 16);
}

static gboolean
step_row (KithStmt *stmt, KithPersonRow *out, GError **error)
{
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  read_row (stmt, out);
  kith_stmt_reset (stmt);
  return TRUE;
}

gboolean
kith_table_people_get (KithDb *db, gint64 id, KithPersonRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT " COLUMNS " FROM person WHERE id = ?1");

  kith_stmt_bind_int64 (stmt, 1, id);
  return step_row (stmt, out, error);
}

gboolean
kith_table_people_get_ik (KithDb *db, const guint8 *ik, KithPersonRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT " COLUMNS " FROM person WHERE ik = ?1");

  kith_stmt_bind_blob (stmt, 1, ik, 32);
  return step_row (stmt, out, error);
}

gboolean
kith_table_people_get_name (KithDb *db, const char *name, KithPersonRow *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT " COLUMNS " FROM person WHERE name = ?1");

  kith_stmt_bind_text (stmt, 1, name);
  return step_row (stmt, out, error);
}

static gboolean
is_taken (KithDb *db, const char *name, const char *own_name, gboolean *taken, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT 1 FROM person WHERE name = ?1");
  KithStep step = KITH_STEP_DONE;

  if (g_strcmp0 (name, own_name) == 0)
    {
      *taken = TRUE;
      return TRUE;
    }
  kith_stmt_bind_text (stmt, 1, name);
  step = kith_stmt_step (stmt, error);
  kith_stmt_reset (stmt);
  *taken = step == KITH_STEP_ROW;
  return step != KITH_STEP_ERROR;
}

/* The name itself, or with as many hex digits of the fingerprint as make it unique: name~abcd, name~abcd1, … */
static gboolean
choose_name (KithDb *db, KithPersonRow *row, const char *own_name, GError **error)
{
  g_autofree char *fingerprint = kith_fingerprint (row->ik);
  gboolean taken = TRUE;

  g_free (row->name);
  row->name = g_strdup (row->username);
  if (!is_taken (db, row->name, own_name, &taken, error))
    return FALSE;
  for (int digits = 4; taken && digits <= 32; digits++)
    {
      g_free (row->name);
      row->name = g_strdup_printf ("%s~%.*s", row->username, digits, fingerprint);
      if (!is_taken (db, row->name, own_name, &taken, error))
        return FALSE;
    }
  return TRUE;
}

static void
bind_shared (KithStmt *stmt, const KithPersonRow *row)
{
  kith_stmt_bind_text (stmt, 1, row->username);
  kith_stmt_bind_int64 (stmt, 2, row->state);
  kith_stmt_bind_int64 (stmt, 3, row->blocked);
  kith_stmt_bind_int64 (stmt, 4, row->verified);
  for (int i = 0; i < 3; i++)
    kith_stmt_bind_int64 (stmt, 5 + i, row->allow[i]);
  kith_stmt_bind_int64 (stmt, 8, row->device);
  kith_stmt_bind_int64 (stmt, 9, row->last_seen_ms);
  kith_stmt_bind_int64 (stmt, 10, row->added_ms);
  kith_stmt_bind_text (stmt, 11, row->last_ip);
  kith_stmt_bind_blob (stmt, 12, row->has_changed_ik ? row->changed_ik : NULL, 32);
}

gboolean
kith_table_people_add (KithDb *db, KithPersonRow *row, const char *own_name, GError **error)
{
  KithStmt *stmt = NULL;

  if (!choose_name (db, row, own_name, error))
    return FALSE;
  stmt = kith_db_prepare (
      db, "INSERT INTO person (username, state, blocked, verified, allow_presence, allow_typing, allow_receipts, "
          "device, last_seen_ms, added_ms, last_ip, changed_ik, ik, name) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");
  bind_shared (stmt, row);
  kith_stmt_bind_blob (stmt, 13, row->ik, sizeof row->ik);
  kith_stmt_bind_text (stmt, 14, row->name);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  row->id = kith_db_last_rowid (db);
  return TRUE;
}

gboolean
kith_table_people_save (KithDb *db, const KithPersonRow *row, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "UPDATE person SET username = ?1, state = ?2, blocked = ?3, verified = ?4, "
                             "allow_presence = ?5, allow_typing = ?6, allow_receipts = ?7, device = ?8, "
                             "last_seen_ms = ?9, added_ms = ?10, last_ip = ?11, changed_ik = ?12 WHERE id = ?13");

  bind_shared (stmt, row);
  kith_stmt_bind_int64 (stmt, 13, row->id);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_people_set_ik (KithDb *db, gint64 id, const guint8 *ik, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "UPDATE person SET ik = ?2, device = 0, verified = 0, changed_ik = NULL WHERE id = ?1");

  kith_stmt_bind_int64 (stmt, 1, id);
  kith_stmt_bind_blob (stmt, 2, ik, 32);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (db, "DELETE FROM person_device WHERE person = ?1");
  kith_stmt_bind_int64 (stmt, 1, id);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_people_set_read (KithDb *db, gint64 id, gint64 read_to, gint64 unread, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE person SET read_to = ?2, unread = ?3 WHERE id = ?1");

  kith_stmt_bind_int64 (stmt, 1, id);
  kith_stmt_bind_int64 (stmt, 2, read_to);
  kith_stmt_bind_int64 (stmt, 3, unread);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_people_remove (KithDb *db, gint64 id, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM person WHERE id = ?1");

  kith_stmt_bind_int64 (stmt, 1, id);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_people_each (KithDb *db, KithPersonRowFunc func, gpointer data, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT " COLUMNS " FROM person ORDER BY id");
  g_auto (KithPersonRow) row = { 0 };
  KithStep step = KITH_STEP_DONE;

  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      read_row (stmt, &row);
      func (&row, data);
    }
  return step == KITH_STEP_DONE;
}

gboolean
kith_table_people_see_device (KithDb *db, gint64 person, guint32 device, gint64 now_ms, gboolean *newer, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "INSERT OR IGNORE INTO person_device (person, device, seen_ms) VALUES (?1, ?2, ?3)");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, device);
  kith_stmt_bind_int64 (stmt, 3, now_ms);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  *newer = kith_db_changes (db) > 0;
  if (!*newer)
    return TRUE;
  stmt = kith_db_prepare (db, "UPDATE person SET device = ?2 WHERE id = ?1");
  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, device);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (
      db, "DELETE FROM person_device WHERE person = ?1 AND device IN "
          "(SELECT device FROM person_device WHERE person = ?1 ORDER BY seen_ms DESC LIMIT -1 OFFSET 64)");
  kith_stmt_bind_int64 (stmt, 1, person);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_people_add_address (
    KithDb *db, gint64 person, const char *uri, gint64 now_ms, gint64 until_ms, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO address (person, uri, until_ms, learned) VALUES (?1, ?2, ?3, ?4) "
                                        "ON CONFLICT (person, uri) DO UPDATE SET learned = ?4, "
                                        "until_ms = CASE WHEN until_ms = 0 THEN 0 ELSE ?3 END");

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_text (stmt, 2, uri);
  kith_stmt_bind_int64 (stmt, 3, until_ms);
  kith_stmt_bind_int64 (stmt, 4, now_ms);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (db, "DELETE FROM address WHERE person = ?1 AND uri IN "
                              "(SELECT uri FROM address WHERE person = ?1 ORDER BY learned DESC LIMIT -1 OFFSET ?2)");
  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, KITH_ADDRESSES_MAX);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_people_get_addresses (KithDb *db, gint64 person, gint64 now_ms, GPtrArray *out, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT uri FROM address WHERE person = ?1 AND (until_ms = 0 OR until_ms > ?2) "
                                        "ORDER BY learned DESC, uri");
  KithStep step = KITH_STEP_DONE;

  kith_stmt_bind_int64 (stmt, 1, person);
  kith_stmt_bind_int64 (stmt, 2, now_ms);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    g_ptr_array_add (out, kith_stmt_dup_text (stmt, 0));
  return step == KITH_STEP_DONE;
}
