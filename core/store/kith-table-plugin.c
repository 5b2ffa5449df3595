/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-plugin.h"

#include <kith/kith.h>
#include <string.h>

/* ---- what a plugin keeps ---- */

GBytes *
kith_db_get_plugin_value (KithDb *db, const char *plugin_id, const char *key, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT value FROM plugin_kv WHERE plugin = ?1 AND key = ?2");
  GBytes   *value = NULL;

  kith_stmt_bind_text (stmt, 1, plugin_id);
  kith_stmt_bind_text (stmt, 2, key);
  if (kith_stmt_step (stmt, error) == KITH_STEP_ROW)
    value = kith_stmt_get_bytes (stmt, 0);
  kith_stmt_reset (stmt);
  return value;
}

static gboolean
remove_value (KithDb *db, const char *plugin_id, const char *key, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM plugin_kv WHERE plugin = ?1 AND key = ?2");

  kith_stmt_bind_text (stmt, 1, plugin_id);
  kith_stmt_bind_text (stmt, 2, key);
  return kith_stmt_run (stmt, error);
}

static gboolean
has_room (KithDb *db, const char *plugin_id, const char *key, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT count(*) FROM plugin_kv WHERE plugin = ?1 AND key != ?2");
  gint64    others = 0;

  kith_stmt_bind_text (stmt, 1, plugin_id);
  kith_stmt_bind_text (stmt, 2, key);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  others = kith_stmt_get_int64 (stmt, 0);
  kith_stmt_reset (stmt);
  if (others < KITH_PLUGIN_KEYS_MAX)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_TOO_LARGE, "Plugin %s keeps %d values already: forget some first",
               plugin_id, KITH_PLUGIN_KEYS_MAX);
  return FALSE;
}

gboolean
kith_db_set_plugin_value (KithDb *db, const char *plugin_id, const char *key, GBytes *value, GError **error)
{
  KithStmt *stmt;

  if (strlen (key) == 0 || strlen (key) > KITH_PLUGIN_KEY_BYTES_MAX)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "The key must have 1 to %d bytes", KITH_PLUGIN_KEY_BYTES_MAX);
      return FALSE;
    }
  if (value == NULL)
    return remove_value (db, plugin_id, key, error);
  if (g_bytes_get_size (value) > KITH_PLUGIN_VALUE_BYTES_MAX)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_TOO_LARGE,
                   "The value of %s has %" G_GSIZE_FORMAT " bytes: %d is the limit", key, g_bytes_get_size (value),
                   KITH_PLUGIN_VALUE_BYTES_MAX);
      return FALSE;
    }
  if (!has_room (db, plugin_id, key, error))
    return FALSE;
  stmt = kith_db_prepare (db, "INSERT INTO plugin_kv (plugin, key, value) VALUES (?1, ?2, ?3) "
                              "ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value");
  kith_stmt_bind_text (stmt, 1, plugin_id);
  kith_stmt_bind_text (stmt, 2, key);
  kith_stmt_bind_bytes (stmt, 3, value);
  return kith_stmt_run (stmt, error);
}

GStrv
kith_db_list_plugin_keys (KithDb *db, const char *plugin_id, const char *prefix, GError **error)
{
  KithStmt *stmt
      = kith_db_prepare (db, "SELECT key FROM plugin_kv WHERE plugin = ?1 AND substr (key, 1, length (?2)) = ?2 "
                             "ORDER BY key");
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  KithStep step;

  kith_stmt_bind_text (stmt, 1, plugin_id);
  kith_stmt_bind_text (stmt, 2, prefix != NULL ? prefix : "");
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    g_ptr_array_add (keys, kith_stmt_dup_text (stmt, 0));
  if (step == KITH_STEP_ERROR)
    return NULL;
  g_ptr_array_add (keys, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&keys), FALSE);
}

gboolean
kith_db_drop_plugin_values (KithDb *db, const char *plugin_id, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM plugin_kv WHERE plugin = ?1");

  kith_stmt_bind_text (stmt, 1, plugin_id);
  return kith_stmt_run (stmt, error);
}

/* ---- contents of their kinds ---- */

void
kith_inbox_row_free (KithInboxRow *row)
{
  g_free (row->kind);
  g_free (row->id);
  g_clear_pointer (&row->data, g_bytes_unref);
  g_free (row);
}

/* A plugin that never starts must not hold up what else that friend says, nor what others send to it. */
static gboolean
inbox_trim (KithDb *db, const char *kind, const guint8 friend_key[32], gint64 place, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM plugin_inbox WHERE kind = ?1 AND friend_key = ?2 AND place <= ?3");

  kith_stmt_bind_text (stmt, 1, kind);
  kith_stmt_bind_blob (stmt, 2, friend_key, 32);
  kith_stmt_bind_int64 (stmt, 3, place - KITH_INBOX_ROWS_MAX);
  return kith_stmt_run (stmt, error);
}

/* 0 with an error, or the place of the next one. */
static gint64
inbox_next_place (KithDb *db, const char *kind, const guint8 friend_key[32], GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT coalesce (max (place), 0) + 1 FROM plugin_inbox WHERE kind = ?1 AND"
                                        " friend_key = ?2");
  gint64    place;

  kith_stmt_bind_text (stmt, 1, kind);
  kith_stmt_bind_blob (stmt, 2, friend_key, 32);
  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return 0;
  place = kith_stmt_get_int64 (stmt, 0);
  kith_stmt_reset (stmt);
  return place;
}

gint64
kith_db_add_inbox (KithDb *db,
                   const char *kind,
                   const guint8 friend_key[32],
                   const char *id,
                   gint64 received_ms,
                   GBytes *data,
                   GError **error)
{
  gint64    place = inbox_next_place (db, kind, friend_key, error), row;
  KithStmt *stmt;

  if (place == 0)
    return 0;
  stmt = kith_db_prepare (
      db, "INSERT INTO plugin_inbox (kind, friend_key, place, id, received_ms, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
          "ON CONFLICT (friend_key, id) DO NOTHING");
  kith_stmt_bind_text (stmt, 1, kind);
  kith_stmt_bind_blob (stmt, 2, friend_key, 32);
  kith_stmt_bind_int64 (stmt, 3, place);
  kith_stmt_bind_text (stmt, 4, id);
  kith_stmt_bind_int64 (stmt, 5, received_ms);
  kith_stmt_bind_bytes (stmt, 6, data);
  if (!kith_stmt_run (stmt, error) || kith_db_changes (db) == 0)
    return 0;
  row = kith_db_last_rowid (db);
  if (place > KITH_INBOX_ROWS_MAX && !inbox_trim (db, kind, friend_key, place, error))
    return 0;
  return row;
}

GPtrArray *
kith_db_list_inbox (KithDb *db, const char *kind, gint64 after, guint limit, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT row, id, friend_key, received_ms, data FROM plugin_inbox "
                                        "WHERE kind = ?1 AND row > ?2 ORDER BY row LIMIT ?3");
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_inbox_row_free);
  KithStep step;

  kith_stmt_bind_text (stmt, 1, kind);
  kith_stmt_bind_int64 (stmt, 2, after);
  kith_stmt_bind_int64 (stmt, 3, limit);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      KithInboxRow *row = g_new0 (KithInboxRow, 1);

      row->row = kith_stmt_get_int64 (stmt, 0);
      row->kind = g_strdup (kind);
      row->id = kith_stmt_dup_text (stmt, 1);
      kith_stmt_copy_blob (stmt, 2, row->friend_key, sizeof row->friend_key);
      row->received_ms = kith_stmt_get_int64 (stmt, 3);
      row->data = kith_stmt_get_bytes (stmt, 4);
      g_ptr_array_add (rows, row);
    }
  return step == KITH_STEP_ERROR ? NULL : g_steal_pointer (&rows);
}

gboolean
kith_db_drop_inbox (KithDb *db, gint64 row, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "DELETE FROM plugin_inbox WHERE row = ?1");

  kith_stmt_bind_int64 (stmt, 1, row);
  return kith_stmt_run (stmt, error);
}

/* --- kinds */

static gboolean
run_kind (KithStmt *stmt, const char *kind, GError **error)
{
  kith_stmt_bind_text (stmt, 1, kind);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_db_add_kind (KithDb *db, const char *kind, GError **error)
{
  return run_kind (kith_db_prepare (db, "INSERT OR IGNORE INTO plugin_kind (kind) VALUES (?1)"), kind, error);
}

gboolean
kith_db_drop_kind (KithDb *db, const char *kind, GError **error)
{
  return run_kind (kith_db_prepare (db, "DELETE FROM plugin_kind WHERE kind = ?1"), kind, error);
}

GPtrArray *
kith_db_list_kinds (KithDb *db, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT kind FROM plugin_kind ORDER BY kind");
  g_autoptr (GPtrArray) kinds = g_ptr_array_new_with_free_func (g_free);
  KithStep step;

  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    g_ptr_array_add (kinds, kith_stmt_dup_text (stmt, 0));
  return step == KITH_STEP_ERROR ? NULL : g_steal_pointer (&kinds);
}
