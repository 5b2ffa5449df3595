/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers without gap or repetition, over failures, restarts and kills; blanking; trimming; what was shown. */
#include <string.h>

#include "store-fixture.h"

static void
journal (Fixture *f, const char *event, gboolean fail)
{
  g_autoptr (Work) work = work_new (f, "SELECT 1");

  work->event = g_strdup (event);
  work->fail = fail;
  work_submit (work, KITH_LANE_FRONT);
  fixture_wait (f, &work->destroyed);
  g_assert_cmpint (work->code, ==, fail ? KITH_ERROR_INVALID : -1);
}

static void
assert_bounds (Fixture *f, gint64 oldest, gint64 newest, gint64 shown)
{
  KithJournalBounds bounds;

  kith_store_get_journal (f->store, &bounds);
  g_assert_cmpint (bounds.oldest, ==, oldest);
  g_assert_cmpint (bounds.newest, ==, newest);
  g_assert_cmpint (bounds.shown, ==, shown);
  g_assert_cmpuint (strlen (bounds.epoch), ==, 36);
}

static void
test_numbers (Fixture *f, gconstpointer data)
{
  KithJournalBounds first, second;

  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  assert_bounds (f, 1, 0, 0);
  journal (f, "a", FALSE);
  journal (f, "b", TRUE);
  journal (f, "c", FALSE);
  g_assert_cmpstr (f->told->str, ==, "a:1 c:2 ");
  assert_bounds (f, 1, 2, 0);
  kith_store_get_journal (f->store, &first);
  fixture_kill (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  assert_bounds (f, 1, 2, 0);
  journal (f, "d", FALSE);
  g_assert_cmpstr (f->told->str, ==, "a:1 c:2 d:3 ");
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  kith_store_get_journal (f->store, &second);
  g_assert_cmpstr (first.epoch, ==, second.epoch);
  assert_bounds (f, 1, 3, 0);
  kith_store_renew_journal (f->store);
  journal (f, "e", FALSE);
  kith_store_get_journal (f->store, &second);
  g_assert_cmpstr (first.epoch, !=, second.epoch);
  first = second;
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  kith_store_get_journal (f->store, &second);
  g_assert_cmpstr (first.epoch, ==, second.epoch);
  /* Another journal is another epoch. */
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_ANEW));
  kith_store_get_journal (f->store, &second);
  g_assert_cmpstr (first.epoch, !=, second.epoch);
  assert_bounds (f, 1, 0, 0);
}

static void
test_shown (Fixture *f, gconstpointer data)
{
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  journal (f, "a", FALSE);
  journal (f, "b", FALSE);
  kith_store_set_shown (f->store, 1);
  kith_store_set_shown (f->store, 1);
  assert_bounds (f, 1, 2, 1);
  /* At the close, if not before. */
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  assert_bounds (f, 1, 2, 1);
  kith_store_set_shown (f->store, 2);
  kith_store_set_shown (f->store, 1);
  kith_world_advance (f->world, 1100 * 1000);
  g_assert_cmpint (fixture_query (f, "SELECT value FROM meta WHERE key = 'journal-shown'"), ==, 2);
}

static gboolean
blank (KithDb *db, gpointer data, GError **error)
{
  return kith_db_blank_journal (db, "m1", NULL, NULL, error);
}

static gboolean
note_row (gint64 seq, const char *event, const char *data, gsize n, gpointer user_data)
{
  g_string_append_printf (user_data, "%" G_GINT64_FORMAT " %s %.*s\n", seq, event, (int) n, data);
  return seq < 3;
}

static gboolean
list (KithDb *db, gpointer data, GError **error)
{
  return kith_db_foreach_journal (db, 1, 10, note_row, data, error);
}

static void
set_flag (gpointer data)
{
  *(gboolean *) data = TRUE;
}

static void
note_good (gpointer data, const GError *error)
{
  g_assert_no_error (error);
}

static void
read_rows (Fixture *f, GString *out)
{
  g_autoptr (Work) marker = work_new (f, "SELECT 1");

  g_string_truncate (out, 0);
  kith_store_submit (f->store, KITH_LANE_FRONT, list, note_good, out, NULL);
  work_submit (marker, KITH_LANE_FRONT);
  fixture_wait (f, &marker->destroyed);
}

static void
test_blank (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) rows = g_string_new (NULL);
  gboolean gone = FALSE;

  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  for (guint i = 0; i < 4; i++)
    journal (f, "e", FALSE);
  read_rows (f, rows);
  g_assert_cmpstr (rows->str, ==,
                   "2 e {\"text\":\"secret\",\"peer\":\"bob\"}\n3 e {\"text\":\"secret\",\"peer\":\"bob\"}\n");
  kith_store_submit (f->store, KITH_LANE_FRONT, blank, note_good, &gone, set_flag);
  fixture_wait (f, &gone);
  read_rows (f, rows);
  g_assert_cmpstr (rows->str, ==, "2 e {\"text\":\"\",\"peer\":\"bob\"}\n3 e {\"text\":\"\",\"peer\":\"bob\"}\n");
  assert_bounds (f, 1, 4, 0);
}

static gboolean
is_trimmed (gpointer data)
{
  KithJournalBounds bounds;

  kith_store_get_journal (((Fixture *) data)->store, &bounds);
  return bounds.oldest == bounds.newest - 1000 + 1;
}

static gboolean
journal_many (KithDb *db, gpointer data, GError **error)
{
  g_autoptr (GBytes) json = g_bytes_new_static ("{}", 2);

  for (guint i = 0; i < 1500; i++)
    if (kith_db_journal (db, "e", json, NULL, error) == 0)
      return FALSE;
  return TRUE;
}

static void
test_trim (Fixture *f, gconstpointer data)
{
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  kith_store_set_journal_limit (f->store, 1);
  kith_store_submit (f->store, KITH_LANE_FRONT, journal_many, note_good, NULL, NULL);
  kith_store_submit (f->store, KITH_LANE_FRONT, journal_many, note_good, NULL, NULL);
  fixture_iterate_until (f, is_trimmed, f);
  assert_bounds (f, 2001, 3000, 0);
  g_assert_cmpint (fixture_query (f, "SELECT count(*) FROM journal"), ==, 1000);
  fixture_restart (f);
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_NONE));
  assert_bounds (f, 2001, 3000, 0);
  journal (f, "a", FALSE);
  assert_bounds (f, 2001, 3001, 0);
}

#define ADD(path, seed, func) \
  g_test_add ("/store/journal/" path, Fixture, GUINT_TO_POINTER (seed), fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("numbers", 0, test_numbers);
  ADD ("shown", 3, test_shown);
  ADD ("blank", 0, test_blank);
  ADD ("trim", 0, test_trim);
  ADD ("trim-virtual", 5, test_trim);
  return g_test_run ();
}
