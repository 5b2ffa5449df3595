/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The power fails at a random moment, and what was not synced is there, or not, or in parts: whatever was answered
 * before is there when the store is opened again, what is there is whole, and the journal counts by one. */
#include "crash-vfs.h"
#include "store-fixture.h"

#include <stdlib.h>
#include <string.h>

#define JOBS 600
#define CUTS 400

static CrashLog *crash;
static guint answered_at[JOBS + 1]; /* steps on the disk when job n was answered */

typedef struct
{
  Fixture *f;
  guint number;
  guint *left;
} Note;

static gboolean
run_note (KithDb *db, gpointer data, GError **error)
{
  Note *item = data;
  /* Some are larger than a page, so that a commit is many sectors in many places. */
  gsize n = item->number % 7 == 0 ? 9000 : 40 + item->number % 300;
  g_autofree char *value = g_strnfill (n, (char)('a' + item->number % 26));
  g_autoptr (GBytes) json = g_bytes_new_static ("{\"text\":\"x\"}", 12);
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO plugin_kv (plugin, key, value) VALUES ('test', ?1, ?2)");
  g_autofree char *key = g_strdup_printf ("k%05u", item->number);

  kith_stmt_bind_text (stmt, 1, key);
  kith_stmt_bind_blob (stmt, 2, value, n);
  if (!kith_stmt_run (stmt, error))
    return FALSE;
  stmt = kith_db_prepare (db, "DELETE FROM plugin_kv WHERE plugin = 'other' AND key = ?1");
  kith_stmt_bind_text (stmt, 1, key);
  return kith_stmt_run (stmt, error) && kith_db_journal (db, "new_message", json, NULL, error) != 0;
}

static void
on_note (gpointer data, const GError *error)
{
  Note *item = data;

  g_assert_no_error (error);
  answered_at[item->number] = crash_log_get_length (crash);
  (*item->left)--;
}

static gboolean
none_left (gpointer data)
{
  return *(guint *)data == 0;
}

/* The writer makes checkpoints by itself, and the log begins anew after them: this is long enough for several. */
static void
write_much (Fixture *f)
{
  guint number = 0;

  while (number < JOBS)
    {
      guint together = 1 + number % 5, left = 0;

      for (guint i = 0; i < together && number < JOBS; i++)
        {
          Note *item = g_new0 (Note, 1);

          item->f = f;
          item->number = ++number;
          item->left = &left;
          left++;
          kith_store_submit (f->store, KITH_LANE_FRONT, run_note, on_note, item, g_free);
        }
      fixture_iterate_until (f, none_left, &left);
    }
}

static void
check_open (Fixture *f, const char *folder, guint cut)
{
  g_autofree char *path = g_build_filename (folder, "kith.db", NULL);
  g_autoptr (GError) error = NULL;
  Fixture again = *f;
  guint must = 0;
  gint64 rows, last, journal, newest;

  while (must < JOBS && answered_at[must + 1] <= cut)
    must++;
  again.store = kith_store_new (f->world);
  kith_store_open (again.store, path, f->key, KITH_STORE_OPEN_NONE, &error);
  g_assert_no_error (error);
  rows = fixture_query (&again, "SELECT count(*) FROM plugin_kv WHERE plugin = 'test'");
  last = fixture_query (&again, "SELECT ifnull(max(substr(key, 2) + 0), 0) FROM plugin_kv WHERE plugin = 'test'");
  journal = fixture_query (&again, "SELECT count(*) FROM journal");
  newest = fixture_query (&again, "SELECT ifnull(max(seq), 0) FROM journal");
  if (rows < must || rows != last || journal != rows || newest != rows)
    g_error ("Cut at step %u: %u were answered, %" G_GINT64_FORMAT " rows up to %" G_GINT64_FORMAT ", journal %"
             G_GINT64_FORMAT " up to %" G_GINT64_FORMAT,
             cut, must, rows, last, journal, newest);
  g_assert_cmpint (fixture_query (&again, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
                   ==, 0);
  /* It can be gone on with. */
  g_assert_cmpint (fixture_run (&again, "INSERT INTO plugin_kv (plugin, key, value) VALUES ('after', 'k', 'v')"), ==,
                   -1);
  kith_store_close (again.store);
  while (g_main_context_iteration (f->context, FALSE))
    ;
  g_assert_finalize_object (again.store);
}

static void
clear_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
}

static void
test_power_loss (Fixture *f, gconstpointer data)
{
  const char *chosen = g_getenv ("KITH_POWER_SEED");
  guint32 seed = chosen != NULL ? (guint32)strtoul (chosen, NULL, 10) : 1;
  g_autoptr (GRand) chance = g_rand_new_with_seed (seed);
  g_autofree char *folder = g_build_filename (f->folder, "after", NULL);
  KithStoreCounters counters;
  guint length;

  g_assert_no_errno (g_mkdir (folder, 0700));
  crash = crash_log_new (f->folder);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  fixture_restart (f);
  crash_log_adopt (crash, f->path);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  write_much (f);
  kith_store_get_counters (f->store, &counters);
  g_assert_cmpuint (counters.checkpoints, >, 0);
  kith_store_close (f->store);
  length = crash_log_get_length (crash);
  crash_log_stop (crash);
  g_test_message ("seed %u: %u writes and syncs, %u of them syncs, %d cuts", seed, length,
                  crash_log_count_syncs (crash), CUTS);
  g_assert_cmpuint (crash_log_count_syncs (crash), >, JOBS / 10);
  for (guint i = 0; i < CUTS; i++)
    {
      guint cut = (guint)g_rand_int_range (chance, 0, (gint32)length + 1);

      clear_folder (folder);
      crash_log_replay (crash, cut, chance, folder);
      check_open (f, folder, cut);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/store/power-loss", Fixture, NULL, fixture_set_up, test_power_loss, fixture_tear_down);
  return g_test_run ();
}
