/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is found at start: each state told apart, nothing lost, nothing begun anew without being asked. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store-fixture.h"

static void
fill (Fixture *f)
{
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  g_assert_cmpint (fixture_run (f, "CREATE TABLE t (k INTEGER PRIMARY KEY, v)"), ==, -1);
  g_assert_cmpint (fixture_run (f, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
                                   "INSERT INTO t SELECT i, randomblob (200) FROM n"), ==, -1);
}

static void
overwrite (const char *path, gint64 offset, const char *bytes, gsize n)
{
  int fd = g_open (path, O_WRONLY | O_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (pwrite (fd, bytes, n, offset), ==, (gssize) n);
  close (fd);
}

static char *
only_copy (Fixture *f)
{
  g_auto (GStrv) copies = kith_store_list_copies (f->path);

  g_assert_cmpuint (g_strv_length (copies), ==, 1);
  return g_strdup (copies[0]);
}

/* It is not opened; jobs say so; the file stands where it stood. */
static void
assert_refused (Fixture *f, KithStoreState state)
{
  g_assert_false (fixture_open (f, KITH_STORE_OPEN_CREATE));
  g_assert_cmpint (kith_store_get_state (f->store), ==, state);
  g_assert_nonnull (kith_store_get_message (f->store));
  g_assert_cmpint (fixture_run (f, "SELECT 1"), ==, KITH_ERROR_STORE);
}

static void
assert_aside (Fixture *f, KithStoreState state, const char *reason)
{
  g_autofree char *copy = NULL;

  assert_refused (f, state);
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  copy = only_copy (f);
  g_assert_true (g_str_has_suffix (copy, reason));
  g_assert_nonnull (strstr (kith_store_get_message (f->store), copy));
  /* Nor does the next start begin anew. */
  fixture_restart (f);
  assert_refused (f, KITH_STORE_ASIDE);
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  /* Only the user does. */
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_ANEW));
  g_assert_cmpint (kith_store_get_starts (f->store), ==, 1);
  g_assert_true (g_file_test (copy, G_FILE_TEST_EXISTS));
}

static void
test_clean (Fixture *f, gconstpointer data)
{
  char head[16];
  int  fd;

  g_assert_false (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_cmpint (kith_store_get_state (f->store), ==, KITH_STORE_MISSING);
  fill (f);
  g_assert_null (kith_store_get_message (f->store));
  g_assert_cmpint (fixture_query (f, "PRAGMA user_version"), ==, kith_store_get_schema_version ());
  g_assert_cmpint (fixture_query (f, "PRAGMA secure_delete"), ==, 1);
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_cmpint (kith_store_get_starts (f->store), ==, 2);
  g_assert_null (kith_store_get_message (f->store));
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 2000);
  kith_store_close (f->store);
  /* Encrypted from the first byte on. */
  fd = g_open (f->path, O_RDONLY | O_CLOEXEC, 0);
  g_assert_cmpint (read (fd, head, sizeof head), ==, sizeof head);
  close (fd);
  g_assert_true (memcmp (head, "SQLite format 3", sizeof head) != 0);
  g_assert_cmpmem (head, 16, f->key + 32, 16);
}

static void
test_cipher (Fixture *f, gconstpointer data)
{
  g_autofree char *version = NULL;
  int              code, system_errno;
  sqlite3_stmt    *stmt;
  KithDb          *db;
  GStatBuf         info;

  fill (f);
  kith_store_close (f->store);
  db = kith_db_open (f->path, f->key, KITH_DB_WRITER, &code, &system_errno, NULL);
  g_assert_nonnull (db);
  g_assert_cmpint (sqlite3_prepare_v2 (db->handle, "PRAGMA cipher_version", -1, &stmt, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_step (stmt), ==, SQLITE_ROW);
  version = g_strdup ((const char *) sqlite3_column_text (stmt, 0));
  sqlite3_finalize (stmt);
  g_assert_true (g_str_has_prefix (version, "4."));
  g_assert_no_errno (g_stat (f->path, &info));
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  kith_db_close (db);
}

/* Killed: the log holds what the file does not, and the next start looks through it all. */
static void
test_killed (Fixture *f, gconstpointer data)
{
  fill (f);
  g_assert_cmpint (fixture_run (f, "INSERT INTO t (v) VALUES (1)"), ==, -1);
  fixture_kill (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_nonnull (kith_store_get_message (f->store));
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 2001);
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_null (kith_store_get_message (f->store));
}

static void
test_wrong_key (Fixture *f, gconstpointer data)
{
  guint8 first = f->key[0];

  fill (f);
  fixture_restart (f);
  f->key[0] ^= 1;
  assert_refused (f, KITH_STORE_WRONG_KEY);
  f->key[0] = first;
  f->key[40] ^= 1;
  assert_refused (f, KITH_STORE_WRONG_KEY);
  f->key[40] ^= 1;
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 2000);
}

static void
test_empty (Fixture *f, gconstpointer data)
{
  g_assert_true (g_file_set_contents (f->path, "", 0, NULL));
  assert_aside (f, KITH_STORE_EMPTY, "-empty");
}

static void
test_foreign (Fixture *f, gconstpointer data)
{
  g_assert_true (g_file_set_contents (f->path, "hello\n", -1, NULL));
  assert_aside (f, KITH_STORE_FOREIGN, "-foreign");
}

static void
test_plain (Fixture *f, gconstpointer data)
{
  sqlite3 *handle;

  g_assert_cmpint (sqlite3_open (f->path, &handle), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (handle, "CREATE TABLE t (k)", NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (handle);
  assert_aside (f, KITH_STORE_FOREIGN, "-foreign");
}

static void
test_damaged_header (Fixture *f, gconstpointer data)
{
  fill (f);
  fixture_restart (f);
  overwrite (f->path, 100, "xxxxxxxx", 8);
  assert_aside (f, KITH_STORE_DAMAGED, "-damaged");
}

/* A page that nothing reads at start: found because the end was not clean. */
static void
test_damaged_page (Fixture *f, gconstpointer data)
{
  GStatBuf info;

  fill (f);
  kith_store_close (f->store);
  g_assert_no_errno (g_stat (f->path, &info));
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  fixture_kill (f);
  overwrite (f->path, info.st_size - 5000, "xxxxxxxx", 8);
  assert_aside (f, KITH_STORE_DAMAGED, "-damaged");
}

/* The same after a clean end: who comes upon it gets an error, and the end of this run is not called clean. */
static void
test_damage_later (Fixture *f, gconstpointer data)
{
  GStatBuf info;

  fill (f);
  kith_store_close (f->store);
  g_assert_no_errno (g_stat (f->path, &info));
  overwrite (f->path, info.st_size - 5000, "xxxxxxxx", 8);
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_cmpint (fixture_run (f, "SELECT sum (length (v)) FROM t"), ==, KITH_ERROR_STORE);
  /* What does not need that page goes on. */
  g_assert_cmpint (fixture_run (f, "INSERT INTO meta VALUES ('still', '1')"), ==, -1);
  g_assert_cmpint (fixture_query (f, "SELECT value FROM meta WHERE key = 'still'"), ==, 1);
  fixture_restart (f);
  assert_aside (f, KITH_STORE_DAMAGED, "-damaged");
}

static void
test_truncated (Fixture *f, gconstpointer data)
{
  fill (f);
  fixture_restart (f);
  g_assert_no_errno (truncate (f->path, 4096 * 20 + 100));
  assert_aside (f, KITH_STORE_DAMAGED, "-damaged");
}

static void
test_restore (Fixture *f, gconstpointer data)
{
  g_autofree char *copy = NULL;
  g_autoptr (GError) error = NULL;

  fill (f);
  fixture_restart (f);
  overwrite (f->path, 100, "xxxxxxxx", 8);
  assert_refused (f, KITH_STORE_DAMAGED);
  copy = only_copy (f);
  g_assert_false (kith_store_restore_copy (f->world, f->path, "/nowhere/kith.db", &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN);
  g_clear_error (&error);
  /* Mended by other means, put back by ours. */
  overwrite (copy, 100, "xxxxxxxx", 8);
  g_assert_true (kith_store_restore_copy (f->world, f->path, copy, &error));
  g_assert_no_error (error);
  fixture_restart (f);
  assert_refused (f, KITH_STORE_DAMAGED);
}

static void
test_in_use (Fixture *f, gconstpointer data)
{
  g_autoptr (KithStore) other = kith_store_new (f->world);
  g_autoptr (GError) error = NULL;

  fill (f);
  g_assert_false (kith_store_open (other, f->path, f->key, KITH_STORE_OPEN_CREATE, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_BUSY);
  g_assert_cmpint (kith_store_get_state (other), ==, KITH_STORE_IN_USE);
  g_clear_error (&error);
  g_assert_false (kith_store_restore_copy (f->world, f->path, f->path, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_BUSY);
  kith_store_close (f->store);
  g_assert_true (kith_store_open (other, f->path, f->key, KITH_STORE_OPEN_CREATE, NULL));
}

static void
test_read_only (Fixture *f, gconstpointer data)
{
  if (geteuid () == 0)
    {
      g_test_skip ("the superuser may write everywhere");
      return;
    }
  fill (f);
  fixture_restart (f);
  g_assert_no_errno (g_chmod (f->folder, 0500));
  g_assert_no_errno (g_chmod (f->path, 0400));
  g_assert_false (fixture_open (f, KITH_STORE_OPEN_CREATE));
  g_assert_cmpint (kith_store_get_state (f->store), ==, KITH_STORE_READ_ONLY);
}

/* A start on a full disk: what is there can be read, the rest waits for room, without another start. */
static void
test_full_start (Fixture *f, gconstpointer data)
{
  struct rlimit was, now;

  fill (f);
  fixture_restart (f);
  g_assert_no_errno (getrlimit (RLIMIT_FSIZE, &was));
  signal (SIGXFSZ, SIG_IGN);
  now = was;
  now.rlim_cur = 100;
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &now));
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  g_assert_cmpint (kith_store_get_starts (f->store), ==, 2);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 2000);
  g_assert_cmpint (fixture_run (f, "INSERT INTO t (v) VALUES (1)"), ==, KITH_ERROR_STORE);
  g_assert_true (kith_store_is_disk_full (f->store));
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &was));
  g_assert_cmpint (fixture_run (f, "INSERT INTO t (v) VALUES (1)"), ==, -1);
  g_assert_cmpint (fixture_query (f, "SELECT value FROM meta WHERE key = 'starts'"), ==, 2);
  g_assert_cmpint (fixture_query (f, "SELECT value = 'running' FROM meta WHERE key = 'end'"), ==, 1);
}

/* There is no room to make one: nothing is left, and it works once there is. */
static void
test_full_make (Fixture *f, gconstpointer data)
{
  struct rlimit was, now;

  g_assert_no_errno (getrlimit (RLIMIT_FSIZE, &was));
  signal (SIGXFSZ, SIG_IGN);
  now = was;
  now.rlim_cur = 5000;
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &now));
  assert_refused (f, KITH_STORE_DISK_FULL);
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &was));
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  g_assert_cmpint (kith_store_get_starts (f->store), ==, 1);
}

/* What cannot be made leaves nothing that the next start would take for a database. */
static void
test_no_place (Fixture *f, gconstpointer data)
{
  g_autofree char *file = g_build_filename (f->folder, "file", NULL);

  g_assert_true (g_file_set_contents (file, "", 0, NULL));
  g_free (f->path);
  f->path = g_build_filename (file, "below", "kith.db", NULL);
  assert_refused (f, KITH_STORE_FAILED);
}

/* Half a page more than whole ones, as a cut checkpoint leaves it: opened, but looked through. */
static void
test_torn_end (Fixture *f, gconstpointer data)
{
  GStatBuf info;

  fill (f);
  kith_store_close (f->store);
  g_assert_no_errno (g_stat (f->path, &info));
  overwrite (f->path, info.st_size, "torn", 4);
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_nonnull (kith_store_get_message (f->store));
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 2000);
}

/* An older file in its place, told by the counter that is kept elsewhere. */
static void
test_rolled_back (Fixture *f, gconstpointer data)
{
  KithJournalBounds before, after;

  fill (f);
  kith_store_get_journal (f->store, &before);
  for (gint64 expected = 1; expected <= 4; expected++)
    {
      gboolean rolled_back = expected == 4;

      fixture_restart (f);
      /* Once in three starts it was not noted, the daemon having been killed before: the one step that is allowed. */
      kith_store_expect_starts (f->store, rolled_back ? 20 : expected - (expected == 2));
      g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
      g_assert_true (kith_store_was_rolled_back (f->store) == rolled_back);
      g_assert_true ((kith_store_get_message (f->store) != NULL) == rolled_back);
      kith_store_get_journal (f->store, &after);
      g_assert_true ((g_strcmp0 (before.epoch, after.epoch) != 0) == rolled_back);
    }
  g_assert_cmpint (kith_store_get_starts (f->store), ==, 21);
  before = after;
  fixture_restart (f);
  kith_store_expect_starts (f->store, 21);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_false (kith_store_was_rolled_back (f->store));
  kith_store_get_journal (f->store, &after);
  g_assert_cmpstr (before.epoch, ==, after.epoch);
  /* The copy of the run before is one step behind. */
  fixture_restart (f);
  kith_store_expect_starts (f->store, 23);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_true (kith_store_was_rolled_back (f->store));
}

/* A copy from within the same run, told by the newest event; another journal's number says nothing. */
static void
test_rolled_back_in_run (Fixture *f, gconstpointer data)
{
  KithJournalBounds before, after;

  fill (f);
  kith_store_get_journal (f->store, &before);
  fixture_restart (f);
  kith_store_expect_journal (f->store, "another", before.newest + 7);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_false (kith_store_was_rolled_back (f->store));
  fixture_restart (f);
  kith_store_expect_journal (f->store, before.epoch, before.newest);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_false (kith_store_was_rolled_back (f->store));
  fixture_restart (f);
  kith_store_expect_journal (f->store, before.epoch, before.newest + 1);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_true (kith_store_was_rolled_back (f->store));
  kith_store_get_journal (f->store, &after);
  g_assert_cmpstr (before.epoch, !=, after.epoch);
}

/* The database is gone though it was in use: nothing is begun anew unasked, and the count goes on. */
static void
test_missing_after_use (Fixture *f, gconstpointer data)
{
  kith_store_expect_starts (f->store, 5);
  g_assert_false (fixture_open (f, KITH_STORE_OPEN_CREATE));
  g_assert_cmpint (kith_store_get_state (f->store), ==, KITH_STORE_MISSING);
  g_assert_false (g_file_test (f->path, G_FILE_TEST_EXISTS));
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE | KITH_STORE_OPEN_ANEW));
  g_assert_false (kith_store_was_rolled_back (f->store));
  g_assert_cmpint (kith_store_get_starts (f->store), ==, 6);
}

/* ---- migrations ---- */

static const KithSchemaPart parts[] = {
  { 1, "one",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT); CREATE TABLE journal (seq INTEGER PRIMARY KEY, event, data, "
    "msg_id); CREATE TABLE t (k);" },
  { 2, "two", "ALTER TABLE t ADD COLUMN v; UPDATE t SET v = k * 2" },
  { 3, "three", "CREATE TABLE u (k); INSERT INTO u SELECT v FROM t" },
  { 3, "three again", "CREATE TABLE w (k)" },
};
static const KithSchemaPart broken_parts[] = {
  { 1, "one", "" }, { 2, "two", "ALTER TABLE t ADD COLUMN v" }, { 3, "three", "INSERT INTO nowhere VALUES (1)" }
};

static void
open_schema (Fixture *f, const KithSchema *schema, gboolean works)
{
  fixture_restart (f);
  kith_store_set_schema (f->store, schema);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE) == works);
}

static void
test_migrate (Fixture *f, gconstpointer data)
{
  const KithSchema first = { parts, 1 }, all = { parts, 4 }, broken = { broken_parts, 3 };
  g_autofree char *copy = NULL;

  open_schema (f, &first, TRUE);
  g_assert_cmpint (fixture_run (f, "INSERT INTO t VALUES (21)"), ==, -1);
  /* Fails in the middle: as it was. */
  open_schema (f, &broken, FALSE);
  g_assert_cmpint (kith_store_get_state (f->store), ==, KITH_STORE_FAILED);
  open_schema (f, &first, TRUE);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM pragma_table_info ('t')"), ==, 1);
  open_schema (f, &all, TRUE);
  g_assert_cmpint (fixture_query (f, "SELECT k FROM u"), ==, 42);
  g_assert_cmpint (fixture_query (f, "PRAGMA user_version"), ==, 3);
  open_schema (f, &all, TRUE);
  /* From the future: refused, and left alone. */
  open_schema (f, &first, FALSE);
  g_assert_cmpint (kith_store_get_state (f->store), ==, KITH_STORE_NEWER);
  g_assert_true (g_file_test (f->path, G_FILE_TEST_EXISTS));
  /* The copy from before opens with the old program. */
  copy = only_copy (f);
  g_assert_nonnull (strstr (copy, ".before-3-"));
  g_assert_true (kith_store_restore_copy (f->world, f->path, copy, NULL));
  open_schema (f, &first, TRUE);
  g_assert_cmpint (fixture_query (f, "SELECT k FROM t"), ==, 21);
}

/* Killed while it was made: what is left is no database and is cleared away. */
static void
test_half_made (Fixture *f, gconstpointer data)
{
  g_autofree char *fresh = g_strconcat (f->path, ".new", NULL);
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL);

  g_assert_true (g_file_set_contents (fresh, "half", -1, NULL));
  g_assert_true (g_file_set_contents (log, "of another", -1, NULL));
  fill (f);
  g_assert_false (g_file_test (fresh, G_FILE_TEST_EXISTS));
}

#define ADD(path, func) g_test_add ("/store/recovery/" path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("clean", test_clean);
  ADD ("cipher", test_cipher);
  ADD ("killed", test_killed);
  ADD ("wrong-key", test_wrong_key);
  ADD ("empty", test_empty);
  ADD ("foreign", test_foreign);
  ADD ("plain", test_plain);
  ADD ("damaged-header", test_damaged_header);
  ADD ("damaged-page", test_damaged_page);
  ADD ("damage-later", test_damage_later);
  ADD ("truncated", test_truncated);
  ADD ("torn-end", test_torn_end);
  ADD ("rolled-back", test_rolled_back);
  ADD ("rolled-back-in-run", test_rolled_back_in_run);
  ADD ("missing-after-use", test_missing_after_use);
  ADD ("restore", test_restore);
  ADD ("in-use", test_in_use);
  ADD ("read-only", test_read_only);
  ADD ("full-start", test_full_start);
  ADD ("full-make", test_full_make);
  ADD ("no-place", test_no_place);
  ADD ("migrate", test_migrate);
  ADD ("half-made", test_half_made);
  return g_test_run ();
}
