/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups, their order, what a failing job takes with it and what not, the bounds, stopping. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "store-fixture.h"

#define MANY 500

static void
open_with_table (Fixture *f)
{
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  g_assert_cmpint (fixture_run (f, "CREATE TABLE t (k INTEGER PRIMARY KEY, v)"), ==, -1);
  g_string_truncate (f->told, 0);
}

static void
wait_all (Fixture *f, GPtrArray *works)
{
  for (guint i = 0; i < works->len; i++)
    fixture_wait (f, &((Work *) g_ptr_array_index (works, i))->destroyed);
}

static Work *
add (GPtrArray *works, Fixture *f, const char *format, ...)
{
  g_autofree char *sql = NULL;
  Work            *work;
  va_list          args;

  va_start (args, format);
  sql = g_strdup_vprintf (format, args);
  va_end (args);
  work = work_new (f, sql);
  work->name = g_strdup_printf ("%u", works->len);
  g_ptr_array_add (works, work);
  return work;
}

static GPtrArray *
new_works (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) work_free);
}

/* The writer is held up by a first job, so that what follows is there before it looks again. */
static void
test_groups (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) works = new_works ();
  g_autoptr (GString) expected = g_string_new (NULL);
  KithStoreCounters before, after;

  open_with_table (f);
  kith_store_get_counters (f->store, &before);
  for (guint i = 0; i < MANY; i++)
    {
      Work *work = add (works, f, "INSERT INTO t (v) VALUES (%u)", i);

      if (i % 3 == 0)
        work->event = g_strdup ("e");
      work_submit (work, KITH_LANE_FRONT);
      if (i % 3 == 0)
        g_string_append_printf (expected, "e:%u ", i / 3 + 1);
      g_string_append_printf (expected, "%u ", i);
    }
  wait_all (f, works);
  kith_store_get_counters (f->store, &after);
  g_assert_cmpstr (f->told->str, ==, expected->str);
  g_assert_cmpuint (after.jobs - before.jobs, ==, MANY);
  g_assert_cmpuint (after.failed, ==, before.failed);
  g_assert_cmpuint (after.commits - before.commits, <, MANY);
  g_assert_cmpuint (after.commits - before.commits, >=, MANY / 256);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, MANY);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t WHERE k != v + 1"), ==, 0);
}

/* One that fails undoes its own work, journal numbers too, and nobody else's. */
static void
test_isolation (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) works = new_works ();

  open_with_table (f);
  for (guint i = 0; i < 40; i++)
    {
      Work *work = add (works, f, i % 5 == 4 ? "INSERT INTO t (k) VALUES (%u); INSERT INTO t (k) VALUES (1)"
                                             : "INSERT INTO t (k) VALUES (%u)", i + 1);

      work->event = g_strdup ("e");
      work->fail = i % 7 == 0 && i > 0;
      work_submit (work, KITH_LANE_FRONT);
    }
  wait_all (f, works);
  for (guint i = 0, seq = 0; i < 40; i++)
    {
      Work            *work = g_ptr_array_index (works, i);
      g_autofree char *told = NULL;

      if (i % 5 == 4)
        g_assert_cmpint (work->code, ==, KITH_ERROR_CONFLICT);
      else if (work->fail)
        g_assert_cmpint (work->code, ==, KITH_ERROR_INVALID);
      else
        g_assert_cmpint (work->code, ==, -1);
      if (work->code != -1)
        continue;
      told = g_strdup_printf ("e:%u %u ", ++seq, i);
      g_assert_nonnull (strstr (f->told->str, told));
    }
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 40 - 8 - 5 + 1);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM journal"), ==, 40 - 8 - 5 + 1);
  g_assert_cmpint (fixture_query (f, "SELECT max(seq) FROM journal"), ==, 40 - 8 - 5 + 1);
}

/* The database may not grow: big jobs fail, and take their group with them; small ones then succeed alone. */
static void
test_disk_full (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) works = new_works ();
  KithStoreCounters counters;

  open_with_table (f);
  g_assert_cmpint (fixture_run (f, "CREATE TABLE big (b); PRAGMA max_page_count = 80"), ==, -1);
  for (guint i = 0; i < 20; i++)
    {
      Work *work = add (works, f, i % 10 == 5 ? "INSERT INTO big VALUES (zeroblob (2000000 + %u))"
                                              : "INSERT INTO t (k) VALUES (%u)", i);

      work->event = g_strdup ("e");
      work_submit (work, KITH_LANE_FRONT);
    }
  wait_all (f, works);
  kith_store_get_counters (f->store, &counters);
  for (guint i = 0, before = 0; i < 20; i++)
    {
      Work       *work = g_ptr_array_index (works, i);
      const char *at = strstr (f->told->str, work->name);

      g_assert_cmpint (work->code, ==, i % 10 == 5 ? KITH_ERROR_STORE : -1);
      g_assert_nonnull (at);
      before++;
    }
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 18);
  g_assert_cmpuint (counters.reruns, >=, 1);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM big"), ==, 0);
  g_assert_cmpint (fixture_query (f, "SELECT max(seq) - min(seq) + 1 - count(*) FROM journal"), ==, 0);
  g_assert_cmpint (fixture_query (f, "SELECT max(seq) FROM journal"), ==, 18);
  /* There was an end to it, and there is room again. */
  g_assert_cmpint (fixture_run (f, "PRAGMA max_page_count = 100000; INSERT INTO big VALUES (zeroblob (2000000))"), ==,
                   -1);
  g_assert_false (kith_store_is_disk_full (f->store));
}

/* The same from below: the system refuses to let the file grow. */
static void
test_file_limit (Fixture *f, gconstpointer data)
{
  struct rlimit was, now;

  open_with_table (f);
  g_assert_no_errno (getrlimit (RLIMIT_FSIZE, &was));
  signal (SIGXFSZ, SIG_IGN);
  now = was;
  now.rlim_cur = 512 * 1024;
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &now));
  g_assert_cmpint (fixture_run (f, "INSERT INTO t (v) VALUES (zeroblob (1000000))"), ==, KITH_ERROR_STORE);
  g_assert_true (kith_store_is_disk_full (f->store));
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 0);
  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &was));
  g_assert_cmpint (fixture_run (f, "INSERT INTO t (v) VALUES (zeroblob (1000000))"), ==, -1);
  g_assert_false (kith_store_is_disk_full (f->store));
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 1);
}

static void
count_notify (GObject *object, GParamSpec *pspec, gpointer data)
{
  (*(guint *) data)++;
}

static void
test_pressure (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) works = new_works ();
  guint notified = 0, busy = 0;

  open_with_table (f);
  g_signal_connect (f->store, "notify::full", G_CALLBACK (count_notify), &notified);
  for (guint i = 0; i < 4096 + 50; i++)
    {
      work_submit (add (works, f, "SELECT %u", i), KITH_LANE_FRONT);
      g_assert_true (kith_store_is_full (f->store) == (i + 1 >= 3072));
    }
  wait_all (f, works);
  for (guint i = 0; i < works->len; i++)
    busy += ((Work *) g_ptr_array_index (works, i))->code == KITH_ERROR_BUSY;
  g_assert_cmpuint (busy, ==, 50);
  g_assert_cmpuint (notified, ==, 2);
  g_assert_false (kith_store_is_full (f->store));
}

static gboolean
fill (KithDb *db, gpointer data, GError **error)
{
  return TRUE;
}

static void
note_busy (gpointer data, const GError *error)
{
  *(guint *) data += g_error_matches (error, KITH_ERROR, KITH_ERROR_BUSY);
}

static void
test_pressure_bytes (Fixture *f, gconstpointer data)
{
  guint busy = 0;

  open_with_table (f);
  for (guint i = 0; i < 9; i++)
    kith_store_submit_sized (f->store, KITH_LANE_FRONT, 1000 * 1000, fill, note_busy, &busy, NULL);
  g_assert_true (kith_store_is_full (f->store));
  kith_store_close (f->store);
  g_assert_cmpuint (busy, ==, 1);
  g_assert_false (kith_store_is_full (f->store));
}

/* Bulk waits for the front lane, yet not for ever. */
static void
test_lanes (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) works = new_works ();
  Work  *bulk;
  guint  before = 0;

  open_with_table (f);
  for (guint i = 0; i < 100; i++)
    work_submit (add (works, f, "INSERT INTO t (v) VALUES (%u)", i), KITH_LANE_FRONT);
  bulk = add (works, f, "SELECT 1");
  work_submit (bulk, KITH_LANE_BULK);
  for (guint i = 0; i < 1500; i++)
    work_submit (add (works, f, "INSERT INTO t (v) VALUES (%u)", i), KITH_LANE_FRONT);
  fixture_wait (f, &bulk->done);
  for (guint i = 0; i < works->len; i++)
    before += ((Work *) g_ptr_array_index (works, i))->done;
  g_assert_cmpuint (before, >, 100);
  g_assert_cmpuint (before, <, 1601);
  wait_all (f, works);
}

/* Every job and read is answered once, with or without having run, also by closing from within an answer. */
static void
close_within (gpointer data, const GError *error)
{
  kith_store_close (((Fixture *) data)->store);
}

static void
test_stop (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) works = new_works ();
  guint front = 0, others = 0;

  open_with_table (f);
  kith_store_submit (f->store, KITH_LANE_FRONT, fill, close_within, f, NULL);
  for (guint i = 0; i < 300; i++)
    {
      Work *work = add (works, f, i % 3 == 2 ? "SELECT %u" : "INSERT INTO t (v) VALUES (%u)", i);

      if (i % 3 == 2)
        work_read (work);
      else
        work_submit (work, i % 3 == 0 ? KITH_LANE_FRONT : KITH_LANE_BULK);
    }
  wait_all (f, works);
  g_assert_cmpint (kith_store_get_state (f->store), ==, KITH_STORE_CLOSED);
  for (guint i = 0; i < works->len; i++)
    {
      Work *work = g_ptr_array_index (works, i);

      if (i % 3 == 0)
        g_assert_cmpint (work->code, ==, -1);
      else
        g_assert_true (work->code == -1 || work->code == KITH_ERROR_CLOSED);
      front += i % 3 == 0;
      others += i % 3 == 1 && work->code == -1;
    }
  /* Afterwards too, and never from within submit. */
  work_submit (add (works, f, "SELECT 1"), KITH_LANE_FRONT);
  work_read (add (works, f, "SELECT 1"));
  wait_all (f, works);
  g_assert_cmpint (((Work *) g_ptr_array_index (works, 300))->code, ==, KITH_ERROR_CLOSED);
  g_assert_cmpint (((Work *) g_ptr_array_index (works, 301))->code, ==, KITH_ERROR_CLOSED);
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, front + others);
}

static void
opened (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean *good = data;

  *good = kith_store_open_finish (KITH_STORE (source), result, &error);
  g_assert_true (*good == (error == NULL));
  g_string_append (((Fixture *) g_object_get_data (source, "fixture"))->told, *good ? "opened " : "not-opened ");
}

/* Jobs and reads submitted while it opens wait for that; so does closing. */
static void
test_open_async (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) works = new_works ();
  gboolean good = FALSE;

  g_object_set_data (G_OBJECT (f->store), "fixture", f);
  kith_store_open_async (f->store, f->path, f->key, KITH_STORE_OPEN_CREATE, NULL, opened, &good);
  g_assert_cmpint (kith_store_get_state (f->store), ==, KITH_STORE_OPENING);
  work_submit (add (works, f, "CREATE TABLE t (v); INSERT INTO t VALUES (5)"), KITH_LANE_FRONT);
  work_read (add (works, f, "SELECT v FROM t"));
  wait_all (f, works);
  g_assert_true (good);
  g_assert_cmpstr (f->told->str, ==, "opened 0 1 ");
  g_assert_cmpint (((Work *) g_ptr_array_index (works, 1))->value, ==, 5);

  fixture_restart (f);
  g_object_set_data (G_OBJECT (f->store), "fixture", f);
  g_string_truncate (f->told, 0);
  kith_store_open_async (f->store, f->path, f->key, KITH_STORE_OPEN_NONE, NULL, opened, &good);
  work_submit (add (works, f, "INSERT INTO t VALUES (6)"), KITH_LANE_FRONT);
  kith_store_close (f->store);
  wait_all (f, works);
  while (strstr (f->told->str, "not-opened") == NULL)
    g_main_context_iteration (f->context, FALSE);
  g_assert_false (good);
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  g_assert_cmpint (kith_store_get_starts (f->store), ==, 3);
}

/* A read sees one moment, and cannot write. */
static void
test_read (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) works = new_works ();
  g_autoptr (Work) bad = work_new (f, "DELETE FROM t RETURNING k");

  open_with_table (f);
  for (guint i = 0; i < 50; i++)
    {
      work_submit (add (works, f, "INSERT INTO t (k) VALUES (%u); INSERT INTO t (k) VALUES (%u)", 2 * i, 2 * i + 1),
                   KITH_LANE_FRONT);
      work_read (add (works, f, "SELECT count(*) FROM t"));
    }
  wait_all (f, works);
  for (guint i = 1; i < works->len; i += 2)
    g_assert_cmpint (((Work *) g_ptr_array_index (works, i))->value % 2, ==, 0);
  work_read (bad);
  fixture_wait (f, &bad->destroyed);
  g_assert_cmpint (bad->code, ==, KITH_ERROR_STORE);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 100);
}

static gboolean
use_db (KithDb *db, gpointer data, GError **error)
{
  KithStmt       *stmt;
  guint8         *secret = kith_db_alloc_secret (db, 100);
  guint8         *large = kith_db_alloc_secret (db, 100000);
  g_autofree char *value = NULL;
  g_autoptr (GBytes) empty = g_bytes_new (NULL, 0);
  guint8 four[4];
  gsize  n;

  g_assert_cmpuint (secret[0] + secret[99] + large[99999], ==, 0);
  secret[0] = 1;
  large[0] = 1;
  stmt = kith_db_prepare (db, "INSERT INTO t (k, v) VALUES (?1, ?2)");
  kith_stmt_bind_int64 (stmt, 1, 1);
  kith_stmt_bind_bytes (stmt, 2, empty);
  g_assert_true (kith_stmt_run (stmt, error));
  g_assert_cmpint (kith_db_last_rowid (db), ==, 1);
  stmt = kith_db_prepare (db, "INSERT INTO t (k, v) VALUES (?1, ?2)");
  kith_stmt_bind_int64 (stmt, 1, 2);
  kith_stmt_bind_blob (stmt, 2, "abcd", 4);
  g_assert_true (kith_stmt_run (stmt, error));
  g_assert_cmpint (kith_db_changes (db), ==, 1);
  stmt = kith_db_prepare (db, "SELECT v, NULL FROM t ORDER BY k");
  g_assert_cmpint (kith_stmt_step (stmt, error), ==, KITH_STEP_ROW);
  g_assert_false (kith_stmt_is_null (stmt, 0));
  g_assert_true (kith_stmt_is_null (stmt, 1));
  g_assert_null (kith_stmt_get_bytes (stmt, 1));
  kith_stmt_get_blob (stmt, 0, &n);
  g_assert_cmpuint (n, ==, 0);
  g_assert_false (kith_stmt_copy_blob (stmt, 0, four, 4));
  g_assert_cmpint (kith_stmt_step (stmt, error), ==, KITH_STEP_ROW);
  g_assert_true (kith_stmt_copy_blob (stmt, 0, four, 4));
  g_assert_cmpmem (four, 4, "abcd", 4);
  g_assert_true (kith_db_set_meta (db, "a", "1", error) && kith_db_set_meta (db, "a", "2", error));
  value = kith_db_get_meta (db, "a", error);
  g_assert_cmpstr (value, ==, "2");
  g_assert_true (kith_db_set_meta (db, "a", NULL, error));
  g_assert_null (kith_db_get_meta (db, "a", error));
  g_assert_null (*error);
  /* What is wrong with it is told at the first step. */
  stmt = kith_db_prepare (db, "SELECT nothing FROM nowhere");
  kith_stmt_bind_int64 (stmt, 1, 1);
  return kith_stmt_run (stmt, error);
}

static void
note_code (gpointer data, const GError *error)
{
  g_assert_error (error, KITH_ERROR, KITH_ERROR_FAILED);
  *(gboolean *) data = TRUE;
}

static void
test_statements (Fixture *f, gconstpointer data)
{
  gboolean done = FALSE;

  open_with_table (f);
  kith_store_submit (f->store, KITH_LANE_FRONT, use_db, note_code, &done, NULL);
  fixture_wait (f, &done);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM t"), ==, 0);
}

/* The log is moved into the file while readers and writers go on, and stays small. */
static void
test_checkpoints (Fixture *f, gconstpointer data)
{
  g_autofree char  *log = g_strconcat (f->path, "-wal", NULL);
  KithStoreCounters counters;
  GStatBuf          info;

  open_with_table (f);
  for (guint i = 0; i < 40; i++)
    g_assert_cmpint (fixture_run (f, "INSERT INTO t (v) VALUES (zeroblob (400000))"), ==, -1);
  kith_store_get_counters (f->store, &counters);
  g_assert_cmpuint (counters.checkpoints, >=, 3);
  g_assert_no_errno (g_stat (log, &info));
  g_assert_cmpint (info.st_size, <, 3 * 1000 * 4200);
  kith_store_close (f->store);
  g_assert_true (g_stat (log, &info) != 0 || info.st_size == 0);
}

#define ADD(path, func) g_test_add ("/store/jobs/" path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("groups", test_groups);
  ADD ("isolation", test_isolation);
  ADD ("disk-full", test_disk_full);
  ADD ("file-limit", test_file_limit);
  ADD ("pressure", test_pressure);
  ADD ("pressure-bytes", test_pressure_bytes);
  ADD ("lanes", test_lanes);
  ADD ("stop", test_stop);
  ADD ("open-async", test_open_async);
  ADD ("read", test_read);
  ADD ("statements", test_statements);
  ADD ("checkpoints", test_checkpoints);
  g_test_add ("/store/jobs/virtual", Fixture, GUINT_TO_POINTER (7), fixture_set_up, test_groups, fixture_tear_down);
  g_test_add ("/store/jobs/virtual-stop", Fixture, GUINT_TO_POINTER (7), fixture_set_up, test_stop, fixture_tear_down);
  return g_test_run ();
}
