/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-fixture.h"

#include <string.h>

#define WATCHDOG_S 60

static gboolean
bark (gpointer data)
{
  g_error ("The test hangs");
  return G_SOURCE_REMOVE;
}

static void
note_event (KithEvent *event, gpointer data)
{
  Fixture *f = data;

  g_string_append_printf (f->told, "%s:%" G_GINT64_FORMAT " ", kith_event_get_name (event), kith_event_get_seq (event));
}

static void
make_store (Fixture *f)
{
  f->store = kith_store_new (f->world);
  kith_store_set_tell_func (f->store, note_event, f);
}

void
fixture_set_up (Fixture *f, gconstpointer virtual_seed)
{
  /* That a disk is full or a file damaged is what these tests are about: the store warns of it. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  f->context = g_main_context_new ();
  g_main_context_push_thread_default (f->context);
  f->watchdog = g_timeout_source_new_seconds (WATCHDOG_S);
  g_source_set_callback (f->watchdog, bark, NULL, NULL);
  g_source_attach (f->watchdog, f->context);
  f->world = virtual_seed != NULL ? kith_world_new_virtual (GPOINTER_TO_UINT (virtual_seed)) : kith_world_new ();
  f->folder = g_dir_make_tmp ("kith-store-XXXXXX", NULL);
  f->path = g_build_filename (f->folder, "kith.db", NULL);
  for (guint i = 0; i < sizeof f->key; i++)
    f->key[i] = (guint8) (i * 7 + 1);
  f->told = g_string_new (NULL);
  make_store (f);
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  g_chmod (folder, 0700);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        remove_folder (path);
      else
        g_unlink (path);
    }
  g_rmdir (folder);
}

static void
drain (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  kith_store_close (f->store);
  drain (f);
  g_assert_finalize_object (f->store);
  kith_world_unref (f->world);
  drain (f);
  g_source_destroy (f->watchdog);
  g_source_unref (f->watchdog);
  g_main_context_pop_thread_default (f->context);
  g_main_context_unref (f->context);
  remove_folder (f->folder);
  g_string_free (f->told, TRUE);
  g_free (f->folder);
  g_free (f->path);
}

gboolean
fixture_open (Fixture *f, KithStoreOpenFlags flags)
{
  g_autoptr (GError) error = NULL;
  gboolean good = kith_store_open (f->store, f->path, f->key, flags, &error);

  g_assert_true (good == (error == NULL));
  g_assert_true (good == (kith_store_get_state (f->store) == KITH_STORE_OPEN));
  if (!good)
    g_test_message ("%s: %s", kith_store_state_to_string (kith_store_get_state (f->store)), error->message);
  return good;
}

void
fixture_restart (Fixture *f)
{
  kith_store_close (f->store);
  drain (f);
  g_assert_finalize_object (f->store);
  make_store (f);
}

static void
copy_if_there (const char *from, const char *to, const char *suffix)
{
  g_autofree char *source = g_strconcat (from, suffix, NULL);
  g_autofree char *target = g_strconcat (to, suffix, NULL);
  g_autofree char *content = NULL;
  gsize            n;

  if (g_file_get_contents (source, &content, &n, NULL))
    g_assert_true (g_file_set_contents_full (target, content, (gssize) n, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

void
fixture_kill (Fixture *f)
{
  g_autofree char *folder = g_build_filename (f->folder, "killed", NULL);
  g_autofree char *path = g_build_filename (folder, "kith.db", NULL);

  remove_folder (folder);
  g_assert_no_errno (g_mkdir (folder, 0700));
  copy_if_there (f->path, path, "");
  copy_if_there (f->path, path, "-wal");
  fixture_restart (f);
  g_free (f->path);
  f->path = g_steal_pointer (&path);
}

static gboolean
is_set (gpointer data)
{
  return *(const gboolean *) data;
}

void
fixture_wait (Fixture *f, const gboolean *flag)
{
  fixture_iterate_until (f, is_set, (gpointer) flag);
}

void
fixture_iterate_until (Fixture *f, gboolean (*condition) (gpointer), gpointer data)
{
  while (!condition (data))
    {
      if (kith_world_is_virtual (f->world))
        kith_world_run_until_idle (f->world);
      else
        g_main_context_iteration (f->context, TRUE);
    }
}

/* ---- work ---- */

Work *
work_new (Fixture *f, const char *sql)
{
  Work *work = g_new0 (Work, 1);

  work->f = f;
  work->sql = g_strdup (sql);
  return work;
}

void
work_free (Work *work)
{
  g_free (work->sql);
  g_free (work->event);
  g_free (work->name);
  g_free (work);
}

static gboolean
run_work (KithDb *db, gpointer data, GError **error)
{
  Work *work = data;

  work->runs++;
  if (!kith_db_exec (db, work->sql, error))
    return FALSE;
  if (work->event != NULL)
    {
      g_autoptr (GBytes) json = g_bytes_new_static ("{\"text\":\"secret\",\"peer\":\"bob\"}", 30);

      if (kith_db_journal (db, work->event, json, "m1", error) == 0)
        return FALSE;
    }
  if (work->fail)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "As wished");
  return !work->fail;
}

static gboolean
run_read (KithDb *db, gpointer data, GError **error)
{
  Work *work = data;

  work->runs++;
  return kith_db_query_int64 (db, work->sql, &work->value, error);
}

static void
work_done (gpointer data, const GError *error)
{
  Work *work = data;

  g_assert_false (work->done);
  g_assert_false (work->destroyed);
  work->done = TRUE;
  work->code = error != NULL ? error->code : -1;
  if (error != NULL)
    g_assert_true (error->domain == KITH_ERROR);
  if (work->name != NULL)
    g_string_append_printf (work->f->told, "%s ", work->name);
}

static void
work_destroyed (gpointer data)
{
  Work *work = data;

  g_assert_false (work->destroyed);
  work->destroyed = TRUE;
}

void
work_submit (Work *work, KithLane lane)
{
  kith_store_submit (work->f->store, lane, run_work, work_done, work, work_destroyed);
  g_assert_false (work->done);
}

void
work_read (Work *work)
{
  kith_store_read (work->f->store, run_read, work_done, work, work_destroyed);
  g_assert_false (work->done);
}

int
fixture_run (Fixture *f, const char *sql)
{
  g_autoptr (Work) work = work_new (f, sql);

  work_submit (work, KITH_LANE_FRONT);
  fixture_wait (f, &work->destroyed);
  return work->code;
}

gint64
fixture_query (Fixture *f, const char *sql)
{
  g_autoptr (Work) work = work_new (f, sql);

  work_read (work);
  fixture_wait (f, &work->destroyed);
  g_assert_cmpint (work->code, ==, -1);
  return work->value;
}
