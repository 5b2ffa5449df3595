/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The inside of one connection; for core/store only. */

#include <sqlite3.h>

#include "kith-db.h"

G_BEGIN_DECLS

/* What one job journaled; becomes a KithEvent on the main thread. */
typedef struct
{
  gint64  seq;
  char   *event;
  GBytes *data;
} KithJournaled;

struct _KithDb
{
  sqlite3    *handle;
  GHashTable *stmts;          /* address of the SQL → KithStmt */
  GPtrArray  *cursors;        /* statements that stand on a row */
  int         wal_frames;     /* after the last commit */
  int         last_code;      /* extended result code of the last failure since kith_db_begin_use() */
  int         last_errno;

  gint64      journal_next;   /* seq that the next event gets; the engine puts it back on a roll-back */
  GPtrArray  *journaled;      /* KithJournaled of the running job */

  guint8     *arena;          /* locked memory, made when first asked for */
  gsize       arena_used;
  GPtrArray  *arena_more;     /* what did not fit */
};

typedef enum
{
  KITH_DB_WRITER,
  KITH_DB_READER,
  KITH_DB_MAKER,              /* makes a new file: one transaction, no write-ahead log */
} KithDbRole;

/* @key as in kith-store.h. NULL with *@code (SQLite's, extended) and *@system_errno when it cannot be opened or read.
 */
KithDb *
kith_db_open (const char *path, const guint8 *key, KithDbRole role, int *code, int *system_errno, GError **error);
void     kith_db_close (KithDb *db);

/* Around each job or read: forgets cursors, secrets and the last failure. */
void     kith_db_begin_use (KithDb *db);
void     kith_db_end_use (KithDb *db);
gboolean kith_db_in_transaction (KithDb *db);

/* The GError for @code; @db (nullable) gives SQLite's own words. */
GError  *kith_db_new_error (sqlite3 *handle, int code, const char *doing);
gboolean kith_db_set_error (KithDb *db, GError **error, int code, const char *doing);   /* always FALSE */
gboolean kith_sqlite_code_is_disk_full (int code, int system_errno);
gboolean kith_sqlite_code_is_damage (int code);
gboolean kith_sqlite_code_is_read_only (int code, int system_errno);

void     kith_stmt_free (gpointer stmt);
void     kith_journaled_free (KithJournaled *entry);

G_END_DECLS
