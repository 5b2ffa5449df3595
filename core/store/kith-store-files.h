/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The database as files: what is there, moving aside, copying, the lock. Errno-carrying GErrors of G_FILE_ERROR. */

#include "kith-store.h"

G_BEGIN_DECLS

typedef enum
{
  KITH_FILE_NONE,
  KITH_FILE_EMPTY,
  KITH_FILE_PLAIN,     /* an SQLite database that is not encrypted */
  KITH_FILE_ODD,       /* no multiple of a page: nothing of ours */
  KITH_FILE_LIKELY,
} KithFileLook;

KithFileLook kith_file_look (const char *path);
/* TRUE when a page of @path verifies with @key: the file is ours, whatever else is wrong with it. */
gboolean     kith_file_has_page_of (const char *path, const guint8 *key);

/* An exclusive lock that ends with the process: a descriptor, or -1 with errno-like state in @state. */
int          kith_file_lock (const char *path, KithStoreState *state, GError **error);
gboolean     kith_file_make_parent (const char *path, GError **error);

/* "20260115T103000Z" */
char        *kith_file_stamp (gint64 date_ms);
/* Renames PATH and its log to PATH.aside-STAMP-REASON; gives the new name, NULL with error. */
char        *kith_file_move_aside (const char *path, const char *reason, gint64 date_ms, GError **error);
gboolean     kith_file_was_moved_aside (const char *path);
/* An empty file that only its owner may read: SQLite would make one for everybody. */
gboolean     kith_file_create (const char *path, int *system_errno, GError **error);
/* Durable when it returns. */
gboolean     kith_file_copy (const char *from, const char *to, GError **error);
gboolean     kith_file_rename (const char *from, const char *to, GError **error);
/* The file and what SQLite puts beside it. */
void         kith_file_remove_all (const char *path);

G_END_DECLS
