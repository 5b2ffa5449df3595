/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-db-private.h"

#include <errno.h>
#include <kith/kith.h>
#include <sodium.h>

#include "kith-store.h"

#define ARENA_BYTES (64 * 1024)
#define ARENA_ALIGN 16

gboolean
kith_sqlite_code_is_disk_full (int code, int system_errno)
{
  int plain = code & 0xff;

  if (plain == SQLITE_FULL)
    return TRUE;
  return (plain == SQLITE_IOERR || plain == SQLITE_CANTOPEN)
         && (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG);
}

gboolean
kith_sqlite_code_is_damage (int code)
{
  return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

gboolean
kith_sqlite_code_is_read_only (int code, int system_errno)
{
  int plain = code & 0xff;

  if (plain == SQLITE_READONLY || plain == SQLITE_PERM)
    return TRUE;
  return (plain == SQLITE_CANTOPEN || plain == SQLITE_IOERR) &&
         (system_errno == EROFS || system_errno == EACCES || system_errno == EPERM);
}

/* What the caller can do about it, not what SQLite calls it. */
static KithError
classify (int code)
{
  switch (code & 0xff)
    {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
      return KITH_ERROR_STORE;
    case SQLITE_CONSTRAINT:
      return KITH_ERROR_CONFLICT;
    case SQLITE_TOOBIG:
      return KITH_ERROR_TOO_LARGE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return KITH_ERROR_BUSY;
    default:
      return KITH_ERROR_FAILED;
    }
}

GError *
kith_db_new_error (sqlite3 *handle, int code, const char *doing)
{
  const char *words
      = handle != NULL && sqlite3_extended_errcode (handle) == code ? sqlite3_errmsg (handle) : sqlite3_errstr (code);
  int         system_errno = handle != NULL ? sqlite3_system_errno (handle) : 0;

  if (kith_sqlite_code_is_disk_full (code, system_errno))
    return g_error_new (KITH_ERROR, KITH_ERROR_STORE,
                        "The disk is full: nothing was stored. Make room; nothing needs to be restarted (%s: %s)",
                        doing, words);
  if (kith_sqlite_code_is_damage (code))
    return g_error_new (KITH_ERROR, KITH_ERROR_STORE, "A page of the database cannot be read (%s: %s)", doing, words);
  if (kith_sqlite_code_is_read_only (code, system_errno))
    return g_error_new (KITH_ERROR, KITH_ERROR_STORE, "The database cannot be written: nothing was stored (%s: %s)",
                        doing, words);
  return g_error_new (KITH_ERROR, classify (code), "The database refused (%s: %s, code %d)", doing, words, code);
}

gboolean
kith_db_set_error (KithDb *db, GError **error, int code, const char *doing)
{
  db->last_code = code;
  db->last_errno = sqlite3_system_errno (db->handle);
  if (error != NULL && *error == NULL)
    *error = kith_db_new_error (db->handle, code, doing);
  return FALSE;
}

void
kith_journaled_free (KithJournaled *entry)
{
  g_free (entry->event);
  g_clear_pointer (&entry->data, g_bytes_unref);
  g_free (entry);
}

/* ---- secrets ---- */

gpointer
kith_db_alloc_secret (KithDb *db, gsize n)
{
  gsize    whole = (MAX (n, 1) + ARENA_ALIGN - 1) & ~(gsize) (ARENA_ALIGN - 1);
  gpointer out;

  if (db->arena == NULL)
    {
      db->arena = sodium_malloc (ARENA_BYTES);
      if (db->arena == NULL)
        g_error ("No memory for secrets");
      sodium_memzero (db->arena, ARENA_BYTES);
    }
  if (whole <= ARENA_BYTES - db->arena_used)
    {
      out = db->arena + db->arena_used;
      db->arena_used += whole;
      return out;
    }
  out = sodium_malloc (whole);
  if (out == NULL)
    g_error ("No memory for secrets");
  sodium_memzero (out, whole);
  g_ptr_array_add (db->arena_more, out);
  return out;
}

static void
wipe_secrets (KithDb *db)
{
  if (db->arena_used > 0)
    sodium_memzero (db->arena, db->arena_used);
  db->arena_used = 0;
  if (db->arena_more->len > 0)
    g_ptr_array_set_size (db->arena_more, 0);
}

/* ---- opening ---- */

static int
count_frames (void *data, sqlite3 *handle, const char *name, int frames)
{
  KithDb *db = data;

  db->wal_frames = frames;
  return SQLITE_OK;
}

/* The key goes in by function: as a PRAGMA its text would stay in freed memory. */
static int
give_key (sqlite3 *handle, const guint8 *key)
{
  gsize n = 3 + 2 * KITH_STORE_KEY_BYTES;
  char *text = sodium_malloc (n + 1);
  int   code;

  if (text == NULL)
    return SQLITE_NOMEM;
  text[0] = 'x';
  text[1] = '\'';
  sodium_bin2hex (text + 2, 2 * KITH_STORE_KEY_BYTES + 1, key, KITH_STORE_KEY_BYTES);
  text[n - 1] = '\'';
  text[n] = 0;
  code = sqlite3_key (handle, text, (int) n);
  sodium_free (text);
  return code;
}

static int
run_pragmas (KithDb *db, KithDbRole role)
{
  static const char common[] = "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
                               "PRAGMA mmap_size = 0; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;";
  const char       *own;
  int               code;

  if (role == KITH_DB_WRITER)
    own = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 8388608; PRAGMA "
          "cache_size = -2048;";
  else if (role == KITH_DB_READER)
    own = "PRAGMA query_only = ON; PRAGMA cache_size = -512;";
  else
    own = "PRAGMA journal_mode = DELETE;";
  code = sqlite3_exec (db->handle, common, NULL, NULL, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_exec (db->handle, own, NULL, NULL, NULL);
  return code;
}

/* An SQLite without encryption takes a key without a word. */
static gboolean
has_cipher (sqlite3 *handle)
{
  sqlite3_stmt *stmt = NULL;
  gboolean      answers = FALSE;

  if (sqlite3_prepare_v2 (handle, "PRAGMA cipher_version", -1, &stmt, NULL) == SQLITE_OK)
    answers = sqlite3_step (stmt) == SQLITE_ROW && sqlite3_column_bytes (stmt, 0) > 0;
  sqlite3_finalize (stmt);
  return answers;
}

static int
open_handle (KithDb *db, const char *path, const guint8 *key, KithDbRole role)
{
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  int code;

  if (role == KITH_DB_MAKER)
    flags |= SQLITE_OPEN_CREATE;
  /* "unix-excl": this process alone has the file, so the index of the log is in memory instead of a mapped file that a
   * full disk could take away, and locks cost no system call. */
  code = sqlite3_open_v2 (path, &db->handle, flags, "unix-excl");
  if (code != SQLITE_OK)
    return code;
  /* SQLCipher tells stderr of every page that it cannot verify; we tell the user ourselves. */
  sqlite3_exec (db->handle, "PRAGMA cipher_log_level = NONE", NULL, NULL, NULL);
  if (!has_cipher (db->handle))
    return SQLITE_MISUSE;
  code = give_key (db->handle, key);
  if (code != SQLITE_OK)
    return code;
  /* Nothing is read before the first statement: this one says whether the key fits. */
  code = sqlite3_exec (db->handle, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return code;
  code = run_pragmas (db, role);
  /* After the pragmas: that of the automatic checkpoint takes the hook away. */
  sqlite3_wal_hook (db->handle, count_frames, db);
  return code;
}

KithDb *
kith_db_open (const char *path, const guint8 *key, KithDbRole role, int *code, int *system_errno, GError **error)
{
  KithDb *db = g_new0 (KithDb, 1);

  db->stmts = g_hash_table_new_full (NULL, NULL, NULL, kith_stmt_free);
  db->cursors = g_ptr_array_new ();
  db->journaled = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_journaled_free);
  db->arena_more = g_ptr_array_new_with_free_func (sodium_free);
  *code = open_handle (db, path, key, role);
  if (*code == SQLITE_OK)
    return db;
  if (*code == SQLITE_MISUSE)
    g_set_error (error, KITH_ERROR, KITH_ERROR_STORE,
                 "This build has an SQLite without encryption where SQLCipher should be: nothing is opened with it");
  else
    kith_db_set_error (db, error, *code, "open");
  *system_errno = db->last_errno;
  kith_db_close (db);
  return NULL;
}

void
kith_db_close (KithDb *db)
{
  if (db == NULL)
    return;
  g_hash_table_unref (db->stmts);
  g_ptr_array_unref (db->cursors);
  g_ptr_array_unref (db->journaled);
  wipe_secrets (db);
  g_ptr_array_unref (db->arena_more);
  if (db->arena != NULL)
    sodium_free (db->arena);
  if (sqlite3_close (db->handle) != SQLITE_OK)
    g_critical ("A database connection was closed with statements under way");
  g_free (db);
}

void
kith_db_begin_use (KithDb *db)
{
  db->last_code = SQLITE_OK;
  db->last_errno = 0;
}

void
kith_db_end_use (KithDb *db)
{
  while (db->cursors->len > 0)
    kith_stmt_reset (g_ptr_array_index (db->cursors, db->cursors->len - 1));
  wipe_secrets (db);
}

gboolean
kith_db_in_transaction (KithDb *db)
{
  return !sqlite3_get_autocommit (db->handle);
}
