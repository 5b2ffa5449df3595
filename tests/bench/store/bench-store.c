/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Durable inserts: the store's jobs against the same statements on bare SQLCipher and against the disk's own fdatasync
 * rate, in interleaved rounds of one run; medians. bench-store [FOLDER] [MILLISECONDS A ROUND] */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "kith-db-private.h"
#include "kith-store.h"

#define ROUNDS 5
#define TEXT_BYTES 300
#define TABLE                                                                                                          \
  "CREATE TABLE m (k INTEGER PRIMARY KEY, id TEXT, peer INTEGER, text TEXT); CREATE UNIQUE INDEX m_id ON m (id);"
#define INSERT "INSERT INTO m (id, peer, text) VALUES (?1, ?2, ?3)"
/* What every message costs in the daemon besides its insert is not measured here. */

static const guint groups[] = { 1, 10, 100 };

typedef struct
{
  char     *folder;
  gint64    round_us;
  guint8    key[KITH_STORE_KEY_BYTES];
  char      text[TEXT_BYTES + 1];
  guint64   next_id;
  GArray   *latencies;
} Bench;

static double
median (double *values, guint n)
{
  for (guint i = 1; i < n; i++)
    for (guint j = i; j > 0 && values[j] < values[j - 1]; j--)
      {
        double swap = values[j];

        values[j] = values[j - 1];
        values[j - 1] = swap;
      }
  return values[n / 2];
}

/* ---- the disk ---- */

static double
measure_disk (Bench *b)
{
  g_autofree char *path = g_build_filename (b->folder, "disk", NULL);
  int              fd = g_open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gint64           begin = g_get_monotonic_time ();
  guint            n = 0;
  char             page[4096] = { 1 };

  while (g_get_monotonic_time () - begin < b->round_us)
    {
      if (write (fd, page, sizeof page) != sizeof page || fdatasync (fd) != 0)
        g_error ("The disk refuses");
      n++;
    }
  close (fd);
  g_unlink (path);
  return n * 1e6 / (double) (g_get_monotonic_time () - begin);
}

/* ---- bare ---- */

static void
must (int code)
{
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
    g_error ("SQLite refuses: %s", sqlite3_errstr (code));
}

static sqlite3 *
open_bare (Bench *b)
{
  g_autofree char *path = g_build_filename (b->folder, "bare.db", NULL);
  g_autoptr (GString) key = g_string_new ("x'");
  sqlite3 *handle;

  for (guint i = 0; i < sizeof b->key; i++)
    g_string_append_printf (key, "%02x", b->key[i]);
  g_string_append_c (key, '\'');
  must (sqlite3_open (path, &handle));
  must (sqlite3_key (handle, key->str, (int) key->len));
  must (sqlite3_exec (handle, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;" TABLE,
                      NULL, NULL, NULL));
  return handle;
}

static void
insert_bare (Bench *b, sqlite3_stmt *stmt)
{
  char id[40];

  g_snprintf (id, sizeof id, "%032" G_GINT64_MODIFIER "x", b->next_id++ * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
  must (sqlite3_bind_text (stmt, 1, id, -1, SQLITE_STATIC));
  must (sqlite3_bind_int64 (stmt, 2, 7));
  must (sqlite3_bind_text (stmt, 3, b->text, TEXT_BYTES, SQLITE_STATIC));
  must (sqlite3_step (stmt));
  must (sqlite3_reset (stmt));
}

static double
measure_bare (Bench *b, sqlite3 *handle, guint group)
{
  sqlite3_stmt *begin_stmt, *commit_stmt, *insert_stmt;
  gint64        begin = g_get_monotonic_time ();
  guint         n = 0;

  must (sqlite3_prepare_v2 (handle, "BEGIN IMMEDIATE", -1, &begin_stmt, NULL));
  must (sqlite3_prepare_v2 (handle, "COMMIT", -1, &commit_stmt, NULL));
  must (sqlite3_prepare_v2 (handle, INSERT, -1, &insert_stmt, NULL));
  while (g_get_monotonic_time () - begin < b->round_us)
    {
      must (sqlite3_step (begin_stmt));
      must (sqlite3_reset (begin_stmt));
      for (guint i = 0; i < group; i++)
        insert_bare (b, insert_stmt);
      must (sqlite3_step (commit_stmt));
      must (sqlite3_reset (commit_stmt));
      n += group;
    }
  sqlite3_finalize (begin_stmt);
  sqlite3_finalize (commit_stmt);
  sqlite3_finalize (insert_stmt);
  return n * 1e6 / (double) (g_get_monotonic_time () - begin);
}

/* ---- jobs ---- */

typedef struct
{
  Bench     *bench;
  KithStore *store;
  guint      under_way;
  guint      done;
  gboolean   refill;        /* each answer submits the next: senders that never wait for each other */
  gint64     stop_us;
} Run;

typedef struct
{
  Run    *run;
  gint64  begin_us;
  char    id[40];
} Insert;

static gboolean
run_insert (KithDb *db, gpointer data, GError **error)
{
  Insert   *insert = data;
  KithStmt *stmt = kith_db_prepare (db, INSERT);

  kith_stmt_bind_text (stmt, 1, insert->id);
  kith_stmt_bind_int64 (stmt, 2, 7);
  kith_stmt_bind_text_n (stmt, 3, insert->run->bench->text, TEXT_BYTES);
  return kith_stmt_run (stmt, error);
}

static void submit_insert (Run *run);

static void
insert_done (gpointer data, const GError *error)
{
  Insert *insert = data;
  Run    *run = insert->run;
  gint64  now = g_get_monotonic_time ();
  gint64  took = now - insert->begin_us;

  if (error != NULL)
    g_error ("The store refuses: %s", error->message);
  run->done++;
  run->under_way--;
  if (run->bench->latencies != NULL)
    g_array_append_val (run->bench->latencies, took);
  if (run->refill && now < run->stop_us)
    submit_insert (run);
}

static void
submit_insert (Run *run)
{
  Insert *insert = g_new (Insert, 1);

  insert->run = run;
  insert->begin_us = g_get_monotonic_time ();
  g_snprintf (insert->id, sizeof insert->id, "%032" G_GINT64_MODIFIER "x",
              run->bench->next_id++ * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
  run->under_way++;
  kith_store_submit (run->store, KITH_LANE_FRONT, run_insert, insert_done, insert, g_free);
}

static double
measure_jobs (Bench *b, KithStore *store, guint group, gboolean refill)
{
  gint64 begin = g_get_monotonic_time ();
  Run    run = { b, store, 0, 0, refill, begin + b->round_us };

  while (g_get_monotonic_time () < run.stop_us)
    {
      for (guint i = 0; i < group; i++)
        submit_insert (&run);
      while (run.under_way > 0)
        g_main_context_iteration (NULL, TRUE);
    }
  return run.done * 1e6 / (double) (g_get_monotonic_time () - begin);
}

static gboolean
make_table (KithDb *db, gpointer data, GError **error)
{
  return kith_db_exec (db, TABLE, error);
}

static KithStore *
open_jobs (Bench *b, KithWorld *world)
{
  g_autofree char *path = g_build_filename (b->folder, "jobs.db", NULL);
  g_autoptr (GError) error = NULL;
  KithStore *store = kith_store_new (world);

  if (!kith_store_open (store, path, b->key, KITH_STORE_OPEN_CREATE, &error))
    g_error ("%s", error->message);
  kith_store_submit (store, KITH_LANE_FRONT, make_table, NULL, NULL, NULL);
  return store;
}

/* ---- the table ---- */

static void
compare (Bench *b, KithStore *store, sqlite3 *handle)
{
  double disk[ROUNDS], bare[G_N_ELEMENTS (groups)][ROUNDS], jobs[G_N_ELEMENTS (groups)][ROUNDS];
  double disk_median;

  for (guint round = 0; round < ROUNDS; round++)
    {
      disk[round] = measure_disk (b);
      for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
        {
          bare[i][round] = measure_bare (b, handle, groups[i]);
          jobs[i][round] = measure_jobs (b, store, groups[i], FALSE);
        }
    }
  disk_median = median (disk, ROUNDS);
  g_print ("fdatasync of 4 KiB: %.0f/s\n\n", disk_median);
  g_print ("| durable inserts/s | bare SQLCipher | jobs | jobs/bare (goal >= 0.8) | jobs/fdatasync "
           "|\n|---|--:|--:|--:|--:|\n");
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      double bare_median = median (bare[i], ROUNDS), jobs_median = median (jobs[i], ROUNDS);

      g_print ("| group %u | %.0f | %.0f | %.2f | %.2f |\n", groups[i], bare_median, jobs_median,
               jobs_median / bare_median, jobs_median / disk_median);
    }
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

static void
latencies (Bench *b, KithStore *store)
{
  static const guint senders[] = { 1, 8, 64 };

  g_print ("\n| senders | jobs/s | p50 ms | p99 ms | jobs/commit |\n|---|--:|--:|--:|--:|\n");
  for (guint i = 0; i < G_N_ELEMENTS (senders); i++)
    {
      KithStoreCounters before, after;
      double            rate;

      kith_store_get_counters (store, &before);
      b->latencies = g_array_new (FALSE, FALSE, sizeof (gint64));
      rate = measure_jobs (b, store, senders[i], TRUE);
      kith_store_get_counters (store, &after);
      g_array_sort (b->latencies, compare_times);
      g_print ("| %u | %.0f | %.3f | %.3f | %.1f |\n", senders[i], rate,
               (double) g_array_index (b->latencies, gint64, b->latencies->len / 2) / 1000,
               (double) g_array_index (b->latencies, gint64, b->latencies->len * 99 / 100) / 1000,
               (double) (after.jobs - before.jobs) / (double) MAX (after.commits - before.commits, 1));
      g_clear_pointer (&b->latencies, g_array_unref);
    }
}

static void
remove_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  Bench b = { 0 };
  g_autofree char *pattern = g_build_filename (argc > 1 ? argv[1] : g_get_tmp_dir (), "kith-bench-XXXXXX", NULL);
  g_autoptr (KithWorld) world = kith_world_new ();
  KithStore *store;
  sqlite3   *handle;

  b.folder = g_mkdtemp (g_steal_pointer (&pattern));
  if (b.folder == NULL)
    g_error ("No folder to work in");
  b.round_us = 1000 * (argc > 2 ? g_ascii_strtoll (argv[2], NULL, 10) : 500);
  memset (b.text, 'x', TEXT_BYTES);
  memset (b.key, 5, sizeof b.key);
  handle = open_bare (&b);
  store = open_jobs (&b, world);
  compare (&b, store, handle);
  latencies (&b, store);
  sqlite3_close (handle);
  g_object_unref (store);
  remove_files (b.folder);
  g_free (b.folder);
  return 0;
}
