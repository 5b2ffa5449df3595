/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-store"

#include "kith-opening.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "kith-log.h"
#include "kith-store-files.h"

#define APPLICATION_ID "1802073192" /* "kith" */

KithOpening *
kith_opening_new (
    KithWorld *world, const char *path, const guint8 *key, KithStoreOpenFlags flags, const KithSchema *schema)
{
  KithOpening *opening = g_new0 (KithOpening, 1);

  g_atomic_ref_count_init (&opening->refs);
  opening->world = kith_world_ref (world);
  opening->path = g_strdup (path);
  opening->key = sodium_malloc (KITH_STORE_KEY_BYTES);
  if (opening->key == NULL)
    g_error ("No memory for a key");
  memcpy (opening->key, key, KITH_STORE_KEY_BYTES);
  opening->flags = flags;
  opening->schema = schema;
  opening->lock = -1;
  return opening;
}

KithOpening *
kith_opening_ref (KithOpening *opening)
{
  g_atomic_ref_count_inc (&opening->refs);
  return opening;
}

void
kith_opening_unref (gpointer data)
{
  KithOpening *opening = data;

  if (!g_atomic_ref_count_dec (&opening->refs))
    return;
  sodium_free (opening->key);
  kith_world_unref (opening->world);
  g_clear_error (&opening->error);
  g_free (opening->expected_epoch);
  g_free (opening->notice);
  g_free (opening->path);
  g_free (opening);
}

static gboolean
tell (gpointer data)
{
  KithOpening *opening = data;

  opening->told (opening, opening->told_data);
  return G_SOURCE_REMOVE;
}

void
kith_opening_tell (KithOpening *opening)
{
  kith_world_post (opening->world, tell, opening, kith_opening_unref);
}

/* ---- failing ---- */

static gboolean G_GNUC_PRINTF (4, 5)
fail (KithOpening *opening, KithStoreState state, const GError *cause, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list          args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  opening->state = state;
  opening->error
      = g_error_new (KITH_ERROR, state == KITH_STORE_IN_USE ? KITH_ERROR_BUSY : KITH_ERROR_STORE, "%s%s%s%s", text,
                     cause != NULL ? " (" : "", cause != NULL ? cause->message : "", cause != NULL ? ")" : "");
  return FALSE;
}

static gboolean
fail_aside (KithOpening *opening, KithStoreState state, const char *reason, const char *what, const GError *cause)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = kith_file_move_aside (opening->path, reason, kith_world_get_date_ms (opening->world), &error);

  if (name == NULL)
    return fail (opening, state, cause, "%s %s, and it could not be moved aside: %s", opening->path, what,
                 error->message);
  return fail (opening, state, cause,
               "%s %s. It was moved to %s; nothing was deleted. Restore a copy or begin anew with `kithctl store`",
               opening->path, what, name);
}

/* What SQLite said while it opened or wrote the first time. */
static gboolean
fail_code (KithOpening *opening, int code, int system_errno, const GError *cause)
{
  if (kith_sqlite_code_is_disk_full (code, system_errno))
    return fail (opening, KITH_STORE_DISK_FULL, cause, "There is no room to open %s: make room and start again",
                 opening->path);
  if (kith_sqlite_code_is_read_only (code, system_errno))
    return fail (opening, KITH_STORE_READ_ONLY, cause,
                 "%s cannot be written: mend its rights or mount, then start again", opening->path);
  if ((code & 0xff) == SQLITE_BUSY)
    return fail (opening, KITH_STORE_IN_USE, cause, "%s is in use by another process", opening->path);
  if (!kith_sqlite_code_is_damage (code))
    return fail (opening, KITH_STORE_FAILED, cause, "%s cannot be opened", opening->path);
  if (kith_file_has_page_of (opening->path, opening->key))
    return fail_aside (opening, KITH_STORE_DAMAGED, "damaged", "is damaged", cause);
  /* What SQLCipher says of it, "not a database", would mislead. */
  return fail (opening, KITH_STORE_WRONG_KEY, NULL,
               "%s was made with another key: nothing was changed. Bring back the key that belongs to it (`kithctl key "
               "status`), "
               "or begin anew with `kithctl store anew`",
               opening->path);
}

static gboolean
fail_db (KithOpening *opening, const GError *cause)
{
  int code = opening->db->last_code;
  int system_errno = opening->db->last_errno;

  g_clear_pointer (&opening->db, kith_db_close);
  return fail_code (opening, code != SQLITE_OK ? code : SQLITE_ERROR, system_errno, cause);
}

/* ---- a new one ---- */

static gboolean
write_first (KithOpening *opening, KithDb *db, GError **error)
{
  g_autofree char *epoch = kith_world_new_uuid (opening->world);
  /* It goes on counting where the one before it ended, or it would look like an old copy at its next start. */
  g_autofree char *starts = g_strdup_printf ("%" G_GINT64_FORMAT, opening->expected_starts);

  return kith_db_exec (db, "BEGIN IMMEDIATE", error) && kith_schema_apply (opening->schema, db, 0, error) &&
         kith_db_exec (db, "PRAGMA application_id = " APPLICATION_ID, error) &&
         kith_db_set_meta (db, "journal-epoch", epoch, error) && kith_db_set_meta (db, "starts", starts, error) &&
         kith_db_set_meta (db, "end", "clean", error) && kith_db_exec (db, "COMMIT", error);
}

static gboolean
make_fresh (KithOpening *opening, const char *fresh, int *code, int *system_errno, GError **error)
{
  gboolean good;
  KithDb  *db;

  *code = SQLITE_CANTOPEN;
  if (!kith_file_create (fresh, system_errno, error))
    return FALSE;
  db = kith_db_open (fresh, opening->key, KITH_DB_MAKER, code, system_errno, error);
  if (db == NULL)
    return FALSE;
  good = write_first (opening, db, error);
  *code = db->last_code;
  *system_errno = db->last_errno;
  kith_db_close (db);
  return good;
}

static gboolean
clear_stray_log (KithOpening *opening, GError **error)
{
  g_autofree char *stray = g_strconcat (opening->path, "-wal", NULL);
  g_autofree char *name = NULL;

  if (!g_file_test (stray, G_FILE_TEST_EXISTS))
    return TRUE;
  name = kith_file_move_aside (opening->path, "log-alone", kith_world_get_date_ms (opening->world), error);
  return name != NULL;
}

/* Made under another name and renamed when it is whole: an empty file in the place of a database is never our own
 * doing. */
static gboolean
make (KithOpening *opening)
{
  g_autofree char *fresh = g_strconcat (opening->path, ".new", NULL);
  g_autoptr (GError) error = NULL;
  int code = SQLITE_OK, system_errno = 0;

  if (!clear_stray_log (opening, &error))
    return fail (opening, KITH_STORE_FAILED, error, "A log without its database stands in the way");
  kith_file_remove_all (fresh);
  if (make_fresh (opening, fresh, &code, &system_errno, &error) && kith_file_rename (fresh, opening->path, &error))
    return TRUE;
  kith_file_remove_all (fresh);
  /* Never "wrong key" or "damaged": there was nothing yet. */
  return fail_code (opening, kith_sqlite_code_is_damage (code) ? SQLITE_ERROR : code, system_errno, error);
}

/* ---- one that is there ---- */

static gboolean
connect_db (KithOpening *opening)
{
  g_autoptr (GError) error = NULL;
  int code, system_errno = 0;

  opening->db = kith_db_open (opening->path, opening->key, KITH_DB_WRITER, &code, &system_errno, &error);
  if (opening->db != NULL)
    return TRUE;
  return fail_code (opening, code, system_errno, error);
}

static gboolean
read_int (KithOpening *opening, const char *sql, gint64 *value)
{
  g_autoptr (GError) error = NULL;

  if (kith_db_query_int64 (opening->db, sql, value, &error))
    return TRUE;
  return fail_db (opening, error);
}

/* The connection is closed while the file is read: a second descriptor of one file would drop SQLite's locks on it. */
static gboolean
keep_copy (KithOpening *opening, int version)
{
  g_autofree char *stamp = kith_file_stamp (kith_world_get_date_ms (opening->world));
  g_autofree char *name = g_strdup_printf ("%s.before-%d-%s", opening->path, version, stamp);
  g_autoptr (GError) error = NULL;
  int code = sqlite3_wal_checkpoint_v2 (opening->db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  int system_errno = sqlite3_system_errno (opening->db->handle);

  g_clear_pointer (&opening->db, kith_db_close);
  if (code != SQLITE_OK)
    return fail_code (opening, code, system_errno, NULL);
  if (g_file_test (name, G_FILE_TEST_EXISTS) || kith_file_copy (opening->path, name, &error))
    return connect_db (opening);
  return fail (opening,
               g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? KITH_STORE_DISK_FULL : KITH_STORE_FAILED,
               error, "The database must be brought to a newer form, and there is no copy of it to fall back to");
}

static gboolean
migrate (KithOpening *opening, int from)
{
  int to = kith_schema_get_version (opening->schema);
  g_autoptr (GError) error = NULL;

  if (!keep_copy (opening, to))
    return FALSE;
  kith_info ("Bringing the database from version %d to %d", from, to);
  if (kith_db_exec (opening->db, "BEGIN IMMEDIATE", &error)
      && kith_schema_apply (opening->schema, opening->db, from, &error) && kith_db_exec (opening->db, "COMMIT", &error))
    return TRUE;
  if (kith_db_in_transaction (opening->db))
    kith_db_exec (opening->db, "ROLLBACK", NULL);
  if (kith_sqlite_code_is_disk_full (opening->db->last_code, opening->db->last_errno))
    return fail_db (opening, error);
  g_clear_pointer (&opening->db, kith_db_close);
  return fail (opening, KITH_STORE_FAILED, error,
               "The database could not be brought from version %d to %d: it is as it was", from, to);
}

static gboolean
check_version (KithOpening *opening)
{
  int    newest = kith_schema_get_version (opening->schema);
  gint64 version, id;

  if (!read_int (opening, "PRAGMA application_id", &id) || !read_int (opening, "PRAGMA user_version", &version))
    return FALSE;
  if (id != g_ascii_strtoll (APPLICATION_ID, NULL, 10))
    {
      g_clear_pointer (&opening->db, kith_db_close);
      return fail_aside (opening, KITH_STORE_FOREIGN, "foreign", "is a database of another program", NULL);
    }
  if (version > newest)
    {
      g_clear_pointer (&opening->db, kith_db_close);
      return fail (opening, KITH_STORE_NEWER, NULL,
                   "%s is from a newer kith (its version is %d, this program knows %d): nothing was changed. Install "
                   "the newer one",
                   opening->path, (int)version, newest);
    }
  return version == newest || migrate (opening, (int) version);
}

static gboolean
check_pages (KithOpening *opening)
{
  KithStmt *stmt = kith_db_prepare (opening->db, "PRAGMA quick_check(1)");
  g_autoptr (GError) error = NULL;
  g_autofree char *found = NULL;

  if (kith_stmt_step (stmt, &error) == KITH_STEP_ROW)
    found = kith_stmt_dup_text (stmt, 0);
  kith_stmt_reset (stmt);
  if (g_strcmp0 (found, "ok") == 0)
    return TRUE;
  if (found == NULL)
    return fail_db (opening, error);
  error = g_error_new_literal (KITH_ERROR, KITH_ERROR_STORE, g_strdelimit (found, "\n", ' '));
  g_clear_pointer (&opening->db, kith_db_close);
  return fail_aside (opening, KITH_STORE_DAMAGED, "damaged", "is damaged", error);
}

/* ---- the state it is in ---- */

static gboolean
read_journal (KithOpening *opening, GError **error)
{
  KithDb           *db = opening->db;
  g_autofree char  *epoch = kith_db_get_meta (db, "journal-epoch", error);
  g_autofree char  *shown = epoch != NULL ? kith_db_get_meta (db, "journal-shown", error) : NULL;
  gint64            oldest = 0, newest = 0;

  if (*error == NULL && epoch == NULL)
    g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "The journal has no epoch");
  if (*error != NULL || !kith_db_query_int64 (db, "SELECT ifnull(min(seq), 0) FROM journal", &oldest, error) ||
      !kith_db_query_int64 (db, "SELECT ifnull(max(seq), 0) FROM journal", &newest, error))
    return FALSE;
  g_strlcpy (opening->journal.epoch, epoch, sizeof opening->journal.epoch);
  /* Trimming leaves the newest row, so an empty journal never had one. */
  opening->journal.oldest = newest > 0 ? oldest : 1;
  opening->journal.newest = newest;
  opening->journal.shown = MIN (shown != NULL ? g_ascii_strtoll (shown, NULL, 10) : 0, newest);
  db->journal_next = newest + 1;
  return TRUE;
}

gboolean
kith_opening_note_start (KithOpening *opening, KithDb *db, GError **error)
{
  g_autofree char *starts = g_strdup_printf ("%" G_GINT64_FORMAT, opening->starts);
  int              code, system_errno;

  kith_db_begin_use (db);
  if (kith_db_exec (db, "BEGIN IMMEDIATE", error) && kith_db_set_meta (db, "starts", starts, error) &&
      kith_db_set_meta (db, "end", "running", error) &&
      kith_db_set_meta (db, "journal-epoch", opening->journal.epoch, error) &&
      (!opening->rolled_back || kith_db_set_meta (db, KITH_META_ROLLED_BACK, "1", error)) &&
      kith_db_exec (db, "COMMIT", error))
    {
      opening->start_noted = TRUE;
      return TRUE;
    }
  code = db->last_code;
  system_errno = db->last_errno;
  if (kith_db_in_transaction (db))
    kith_db_exec (db, "ROLLBACK", NULL);
  db->last_code = code;
  db->last_errno = system_errno;
  return FALSE;
}

/* An older copy of the file was put in its place: numbers that clients have seen would be given again, so this is
 * another journal (e2ee.md §13). Both were noted outside only after they were durable here, so the one expected step is
 * the other way. */
static void
check_rolled_back (KithOpening *opening)
{
  g_autofree char *epoch = NULL;

  opening->rolled_back = opening->starts - 1 < opening->expected_starts
                         || (g_strcmp0 (opening->journal.epoch, opening->expected_epoch) == 0
                             && opening->journal.newest < opening->expected_newest);
  if (!opening->rolled_back)
    return;
  epoch = kith_world_new_uuid (opening->world);
  g_strlcpy (opening->journal.epoch, epoch, sizeof opening->journal.epoch);
  opening->starts = MAX (opening->starts, opening->expected_starts + 1);
  opening->journal.shown = opening->journal.newest;
  g_free (opening->notice);
  opening->notice
      = g_strdup ("The database is an older copy of the one that was in use: messages since then are missing here");
}

/* A full disk is no reason to refuse what can be read: the writer notes the start when there is room. */
static gboolean
note_start (KithOpening *opening, GError **error)
{
  KithDb          *db = opening->db;
  g_autofree char *starts = kith_db_get_meta (db, "starts", error);

  if (*error != NULL)
    return FALSE;
  opening->starts = (starts != NULL ? g_ascii_strtoll (starts, NULL, 10) : 0) + 1;
  check_rolled_back (opening);
  if (kith_opening_note_start (opening, db, error))
    return TRUE;
  if (!kith_sqlite_code_is_disk_full (db->last_code, db->last_errno))
    return FALSE;
  kith_warning ("The disk is full: what is stored can be read, and nothing can be added until there is room");
  g_clear_error (error);
  return TRUE;
}

static gboolean
begin_work (KithOpening *opening)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *end = kith_db_get_meta (opening->db, "end", &error);

  if (error != NULL)
    return fail_db (opening, error);
  if (opening->suspicious || g_strcmp0 (end, "clean") != 0)
    {
      kith_info ("The last run did not end cleanly: checking the database");
      if (!check_pages (opening))
        return FALSE;
      opening->notice = g_strdup ("The last run did not end cleanly; the database was checked and is whole");
    }
  if (!read_journal (opening, &error) || !note_start (opening, &error))
    return fail_db (opening, error);
  opening->state = KITH_STORE_OPEN;
  return TRUE;
}

static gboolean
find_or_make (KithOpening *opening)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *moved = NULL;

  if (opening->flags & KITH_STORE_OPEN_ANEW)
    {
      moved = kith_file_move_aside (opening->path, "replaced", kith_world_get_date_ms (opening->world), &error);
      if (moved == NULL)
        return fail (opening, KITH_STORE_FAILED, error, "The old database could not be moved aside");
      return make (opening);
    }
  switch (kith_file_look (opening->path))
    {
    case KITH_FILE_EMPTY:
      return fail_aside (opening, KITH_STORE_EMPTY, "empty", "is an empty file where the database should be", NULL);
    case KITH_FILE_PLAIN:
      return fail_aside (opening, KITH_STORE_FOREIGN, "foreign", "is a database that is not encrypted, so not kith's",
                         NULL);
    case KITH_FILE_ODD:
      /* Half a page at the end: what a cut power cord leaves of a checkpoint, and the log mends; or a copy cut short.
       */
      opening->suspicious = kith_file_has_page_of (opening->path, opening->key);
      if (opening->suspicious)
        return TRUE;
      return fail_aside (opening, KITH_STORE_FOREIGN, "foreign", "is not a database of kith", NULL);
    case KITH_FILE_LIKELY:
      return TRUE;
    case KITH_FILE_NONE:
      break;
    }
  if (kith_file_was_moved_aside (opening->path))
    return fail (opening, KITH_STORE_ASIDE, NULL,
                 "The database was moved aside at an earlier start (see %s.aside-*). Restore a copy or begin anew with "
                 "`kithctl store`",
                 opening->path);
  if ((opening->flags & KITH_STORE_OPEN_CREATE) && opening->expected_starts == 0)
    return make (opening);
  return fail (opening, KITH_STORE_MISSING, NULL,
               "There is no database %s though its key was in use before. Put it back, or begin anew with `kithctl "
               "store anew`",
               opening->path);
}

void
kith_opening_run (KithOpening *opening)
{
  g_autoptr (GError) error = NULL;
  KithStoreState state = KITH_STORE_FAILED;

  opening->finished = TRUE;
  if (!kith_file_make_parent (opening->path, &error))
    {
      if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_ACCES)
          || g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_ROFS))
        state = KITH_STORE_READ_ONLY;
      fail (opening, state, error, "There is no place for the database");
      return;
    }
  opening->lock = kith_file_lock (opening->path, &state, &error);
  if (opening->lock < 0)
    {
      fail (opening, state, error, "%s cannot be used%s", opening->path,
            state == KITH_STORE_IN_USE ? " here: another process has it open" : "");
      return;
    }
  if (find_or_make (opening) && connect_db (opening) && check_version (opening) && begin_work (opening))
    return;
  close (opening->lock);
  opening->lock = -1;
}

void
kith_opening_close_db (KithDb *db, gint64 journal_shown, gboolean suspicious)
{
  g_autofree char *shown = g_strdup_printf ("%" G_GINT64_FORMAT, journal_shown);
  g_autoptr (GError) error = NULL;

  if (!kith_db_exec (db, "BEGIN IMMEDIATE", &error) || !kith_db_set_meta (db, "journal-shown", shown, &error) ||
      (!suspicious && !kith_db_set_meta (db, "end", "clean", &error)) || !kith_db_exec (db, "COMMIT", &error))
    {
      kith_warning ("The clean end could not be noted, so the next start checks the database: %s", error->message);
      if (kith_db_in_transaction (db))
        kith_db_exec (db, "ROLLBACK", NULL);
    }
  sqlite3_wal_checkpoint_v2 (db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  kith_db_close (db);
}
