/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "kith-db-private.h"

struct _KithStmt
{
  KithDb       *db;
  const char   *sql;
  sqlite3_stmt *raw;        /* NULL when it could not be compiled */
  int           bad;        /* first failure of compiling or binding */
  gboolean      on_row;
};

void
kith_stmt_free (gpointer data)
{
  KithStmt *stmt = data;

  sqlite3_finalize (stmt->raw);
  g_free (stmt);
}

KithStmt *
kith_db_prepare (KithDb *db, const char *sql)
{
  KithStmt *stmt = g_hash_table_lookup (db->stmts, sql);

  if (stmt == NULL)
    {
      stmt = g_new0 (KithStmt, 1);
      stmt->db = db;
      stmt->sql = sql;
      g_hash_table_insert (db->stmts, (gpointer) sql, stmt);
    }
  kith_stmt_reset (stmt);
  stmt->bad = SQLITE_OK;
  if (stmt->raw == NULL)
    stmt->bad = sqlite3_prepare_v3 (db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->raw, NULL);
  else
    sqlite3_clear_bindings (stmt->raw);
  return stmt;
}

static void
keep_failure (KithStmt *stmt, int code)
{
  if (code != SQLITE_OK && stmt->bad == SQLITE_OK)
    stmt->bad = code;
}

void
kith_stmt_bind_int64 (KithStmt *stmt, int index, gint64 value)
{
  if (stmt->raw != NULL)
    keep_failure (stmt, sqlite3_bind_int64 (stmt->raw, index, value));
}

void
kith_stmt_bind_text (KithStmt *stmt, int index, const char *text)
{
  if (stmt->raw != NULL)
    keep_failure (stmt, sqlite3_bind_text (stmt->raw, index, text, -1, SQLITE_STATIC));
}

void
kith_stmt_bind_text_n (KithStmt *stmt, int index, const char *text, gsize n)
{
  if (stmt->raw != NULL)
    keep_failure (stmt, sqlite3_bind_text64 (stmt->raw, index, text, n, SQLITE_STATIC, SQLITE_UTF8));
}

void
kith_stmt_bind_blob (KithStmt *stmt, int index, const void *data, gsize n)
{
  if (stmt->raw == NULL)
    return;
  if (data != NULL && n == 0)
    keep_failure (stmt, sqlite3_bind_zeroblob (stmt->raw, index, 0));
  else
    keep_failure (stmt, sqlite3_bind_blob64 (stmt->raw, index, data, n, SQLITE_STATIC));
}

void
kith_stmt_bind_bytes (KithStmt *stmt, int index, GBytes *bytes)
{
  gsize       n = 0;
  const void *data = bytes != NULL ? g_bytes_get_data (bytes, &n) : NULL;

  kith_stmt_bind_blob (stmt, index, bytes != NULL && data == NULL ? "" : data, n);
}

void
kith_stmt_bind_null (KithStmt *stmt, int index)
{
  if (stmt->raw != NULL)
    keep_failure (stmt, sqlite3_bind_null (stmt->raw, index));
}

static void
leave_row (KithStmt *stmt)
{
  if (stmt->on_row)
    g_ptr_array_remove_fast (stmt->db->cursors, stmt);
  stmt->on_row = FALSE;
}

KithStep
kith_stmt_step (KithStmt *stmt, GError **error)
{
  int code;

  if (stmt->bad != SQLITE_OK)
    {
      kith_db_set_error (stmt->db, error, stmt->bad, stmt->sql);
      return KITH_STEP_ERROR;
    }
  code = sqlite3_step (stmt->raw);
  if (code == SQLITE_ROW)
    {
      if (!stmt->on_row)
        g_ptr_array_add (stmt->db->cursors, stmt);
      stmt->on_row = TRUE;
      return KITH_STEP_ROW;
    }
  if (code != SQLITE_DONE)
    kith_db_set_error (stmt->db, error, code, stmt->sql);
  leave_row (stmt);
  sqlite3_reset (stmt->raw);
  return code == SQLITE_DONE ? KITH_STEP_DONE : KITH_STEP_ERROR;
}

gboolean
kith_stmt_run (KithStmt *stmt, GError **error)
{
  KithStep step;

  do
    step = kith_stmt_step (stmt, error);
  while (step == KITH_STEP_ROW);
  return step == KITH_STEP_DONE;
}

void
kith_stmt_reset (KithStmt *stmt)
{
  leave_row (stmt);
  if (stmt->raw != NULL)
    sqlite3_reset (stmt->raw);
}

gboolean
kith_stmt_is_null (KithStmt *stmt, int column)
{
  return sqlite3_column_type (stmt->raw, column) == SQLITE_NULL;
}

gint64
kith_stmt_get_int64 (KithStmt *stmt, int column)
{
  return sqlite3_column_int64 (stmt->raw, column);
}

const char *
kith_stmt_get_text (KithStmt *stmt, int column)
{
  return (const char *) sqlite3_column_text (stmt->raw, column);
}

const void *
kith_stmt_get_blob (KithStmt *stmt, int column, gsize *n)
{
  const void *data = sqlite3_column_blob (stmt->raw, column);

  *n = (gsize) sqlite3_column_bytes (stmt->raw, column);
  return data;
}

GBytes *
kith_stmt_get_bytes (KithStmt *stmt, int column)
{
  const void *data;
  gsize       n;

  if (kith_stmt_is_null (stmt, column))
    return NULL;
  data = kith_stmt_get_blob (stmt, column, &n);
  return g_bytes_new (data, n);
}

char *
kith_stmt_dup_text (KithStmt *stmt, int column)
{
  return g_strdup (kith_stmt_get_text (stmt, column));
}

gboolean
kith_stmt_copy_blob (KithStmt *stmt, int column, void *out, gsize n)
{
  gsize       has;
  const void *data = kith_stmt_get_blob (stmt, column, &has);

  if (has != n || (data == NULL && n > 0))
    return FALSE;
  if (n > 0)
    memcpy (out, data, n);
  return TRUE;
}

/* ---- conveniences ---- */

gboolean
kith_db_exec (KithDb *db, const char *sql, GError **error)
{
  int code = sqlite3_exec (db->handle, sql, NULL, NULL, NULL);

  return code == SQLITE_OK || kith_db_set_error (db, error, code, sql);
}

gboolean
kith_db_query_int64 (KithDb *db, const char *sql, gint64 *value, GError **error)
{
  sqlite3_stmt *raw = NULL;
  int           code = sqlite3_prepare_v2 (db->handle, sql, -1, &raw, NULL);
  gboolean      found = FALSE;

  if (code == SQLITE_OK)
    code = sqlite3_step (raw);
  if (code == SQLITE_ROW)
    {
      *value = sqlite3_column_int64 (raw, 0);
      found = TRUE;
    }
  else if (code != SQLITE_DONE)
    kith_db_set_error (db, error, code, sql);
  sqlite3_finalize (raw);
  return found;
}

gint64
kith_db_last_rowid (KithDb *db)
{
  return sqlite3_last_insert_rowid (db->handle);
}

int
kith_db_changes (KithDb *db)
{
  return sqlite3_changes (db->handle);
}

char *
kith_db_get_meta (KithDb *db, const char *key, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT value FROM meta WHERE key = ?1");
  char     *value = NULL;

  kith_stmt_bind_text (stmt, 1, key);
  if (kith_stmt_step (stmt, error) == KITH_STEP_ROW)
    value = kith_stmt_dup_text (stmt, 0);
  kith_stmt_reset (stmt);
  return value;
}

gboolean
kith_db_set_meta (KithDb *db, const char *key, const char *value, GError **error)
{
  KithStmt *stmt;

  if (value == NULL)
    {
      stmt = kith_db_prepare (db, "DELETE FROM meta WHERE key = ?1");
      kith_stmt_bind_text (stmt, 1, key);
      return kith_stmt_run (stmt, error);
    }
  stmt = kith_db_prepare (db, "INSERT INTO meta (key, value) VALUES (?1, ?2) "
                              "ON CONFLICT (key) DO UPDATE SET value = excluded.value");
  kith_stmt_bind_text (stmt, 1, key);
  kith_stmt_bind_text (stmt, 2, value);
  return kith_stmt_run (stmt, error);
}
