/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One connection as jobs, reads and table files see it. Nobody outside core/store includes sqlite3.h.
 *
 * A KithDb is lent for the length of one job or read and is used on that thread only. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct _KithDb KithDb;
typedef struct _KithStmt KithStmt;

typedef enum
{
  KITH_STEP_ERROR = -1,
  KITH_STEP_DONE = 0,
  KITH_STEP_ROW = 1,
} KithStep;

/* Errors: KITH_ERROR_STORE when the disk or the file is the reason (full, read-only, damaged), KITH_ERROR_CONFLICT for
 * a constraint, KITH_ERROR_TOO_LARGE, else KITH_ERROR_FAILED. After an error return FALSE from the job with it. */

/* Never NULL: what is wrong with @sql is told by the first step. Compiled once per connection and kept; @sql must be a
 * string literal (it is looked up by its address), which also means: one cursor at a time for each place in the code.
 * What was bound or under way before is reset. */
KithStmt   *kith_db_prepare (KithDb *db, const char *sql);

/* Indices of parameters count from 1, of columns from 0, as SQLite's. Texts and blobs must stay as they are until the
 * statement was stepped to its end or run. NULL text, bytes or data binds NULL. */
void        kith_stmt_bind_int64 (KithStmt *stmt, int index, gint64 value);
void        kith_stmt_bind_text (KithStmt *stmt, int index, const char *text);
void        kith_stmt_bind_text_n (KithStmt *stmt, int index, const char *text, gsize n);
void        kith_stmt_bind_blob (KithStmt *stmt, int index, const void *data, gsize n);
void        kith_stmt_bind_bytes (KithStmt *stmt, int index, GBytes *bytes);
void        kith_stmt_bind_null (KithStmt *stmt, int index);

/* DONE and ERROR reset the statement; whoever leaves after a ROW calls kith_stmt_reset() (at the end of the job the
 * store does). */
KithStep    kith_stmt_step (KithStmt *stmt, GError **error);
/* For statements that give no rows: TRUE when done. */
gboolean    kith_stmt_run (KithStmt *stmt, GError **error);
void        kith_stmt_reset (KithStmt *stmt);

/* Of the present row; texts and blobs live until the next step or reset. */
gboolean    kith_stmt_is_null (KithStmt *stmt, int column);
gint64      kith_stmt_get_int64 (KithStmt *stmt, int column);
const char *kith_stmt_get_text (KithStmt *stmt, int column);                    /* NULL for NULL */
const void *kith_stmt_get_blob (KithStmt *stmt, int column, gsize *n);          /* NULL for NULL and for no bytes */
GBytes *kith_stmt_get_bytes (KithStmt *stmt, int column); /* a copy (transfer full), NULL for NULL */
char       *kith_stmt_dup_text (KithStmt *stmt, int column);
/* Copies a blob of exactly @n bytes; FALSE (and @out untouched) when it has another length. */
gboolean    kith_stmt_copy_blob (KithStmt *stmt, int column, void *out, gsize n);

/* Uncached, several statements with ";" are fine, no parameters. */
gboolean    kith_db_exec (KithDb *db, const char *sql, GError **error);
/* One row, one column: TRUE with @value; FALSE without @error set when there is no row. */
gboolean    kith_db_query_int64 (KithDb *db, const char *sql, gint64 *value, GError **error);

gint64      kith_db_last_rowid (KithDb *db);
int         kith_db_changes (KithDb *db);

/* Small values of a room that need no table of their own (key "room-name"). Reading gives NULL without error when
 * there is none. */
char       *kith_db_get_meta (KithDb *db, const char *key, GError **error);
gboolean    kith_db_set_meta (KithDb *db, const char *key, const char *value, GError **error);   /* NULL removes */

/* Locked memory for secrets, zeroed, alive until the job or read returns, then wiped. Cheap: a slice of one arena per
 * connection (a sodium_malloc() for each use costs 21 us). Never NULL. */
gpointer    kith_db_alloc_secret (KithDb *db, gsize n);

G_END_DECLS
