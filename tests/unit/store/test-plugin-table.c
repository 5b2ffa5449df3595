/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plugins keep and what waits for them. */
#include "kith-table-plugin.h"
#include "store-fixture.h"

static void
assert_good (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  *(gboolean *) data = TRUE;
}

static void
run (Fixture *f, KithJobFunc func)
{
  gboolean done = FALSE;

  kith_store_submit (f->store, KITH_LANE_FRONT, func, assert_good, &done, NULL);
  fixture_wait (f, &done);
}

static gboolean
use_values (KithDb *db, gpointer data, GError **error)
{
  g_autoptr (GBytes) one = g_bytes_new_static ("1", 1);
  g_autoptr (GBytes) empty = g_bytes_new (NULL, 0);
  g_autoptr (GBytes) large = g_bytes_new_take (g_malloc0 (65537), 65537);
  g_autoptr (GBytes) found = NULL;
  g_autoptr (GBytes) found_empty = NULL;
  g_autoptr (GError) refused = NULL;
  g_auto (GStrv) keys = NULL;

  g_assert_null (kith_db_get_plugin_value (db, "p", "k", error));
  g_assert_true (kith_db_set_plugin_value (db, "p", "a%k", one, error));
  g_assert_true (kith_db_set_plugin_value (db, "p", "a%k", empty, error));
  g_assert_true (kith_db_set_plugin_value (db, "p", "abk", one, error));
  g_assert_true (kith_db_set_plugin_value (db, "q", "abk", empty, error));
  found = kith_db_get_plugin_value (db, "p", "abk", error);
  found_empty = kith_db_get_plugin_value (db, "p", "a%k", error);
  g_assert_true (g_bytes_equal (found, one));
  g_assert_cmpuint (g_bytes_get_size (found_empty), ==, 0);
  keys = kith_db_list_plugin_keys (db, "p", "a%", error);
  g_assert_cmpuint (g_strv_length (keys), ==, 1);
  g_assert_cmpstr (keys[0], ==, "a%k");
  g_assert_false (kith_db_set_plugin_value (db, "p", "large", large, &refused));
  g_assert_error (refused, KITH_ERROR, KITH_ERROR_TOO_LARGE);
  g_clear_error (&refused);
  g_assert_false (kith_db_set_plugin_value (db, "p", "", one, &refused));
  g_assert_error (refused, KITH_ERROR, KITH_ERROR_INVALID);
  g_clear_error (&refused);
  for (guint i = 2; i < KITH_PLUGIN_KEYS_MAX; i++)
    {
      g_autofree char *key = g_strdup_printf ("n%u", i);

      g_assert_true (kith_db_set_plugin_value (db, "p", key, one, error));
    }
  g_assert_false (kith_db_set_plugin_value (db, "p", "more", one, &refused));
  g_assert_error (refused, KITH_ERROR, KITH_ERROR_TOO_LARGE);
  g_assert_true (kith_db_set_plugin_value (db, "p", "abk", empty, error));
  g_assert_true (kith_db_set_plugin_value (db, "p", "abk", NULL, error));
  g_assert_true (kith_db_set_plugin_value (db, "p", "more", one, error));
  g_assert_true (kith_db_drop_plugin_values (db, "p", error));
  g_assert_null (kith_db_get_plugin_value (db, "p", "more", error));
  g_clear_pointer (&found, g_bytes_unref);
  found = kith_db_get_plugin_value (db, "q", "abk", error);
  g_assert_nonnull (found);
  return *error == NULL;
}

static gboolean
use_inbox (KithDb *db, gpointer data, GError **error)
{
  guint8 friend_key[32] = { 1, 2, 3 };
  g_autoptr (GBytes) json = g_bytes_new_static ("{}", 2);
  g_autoptr (GPtrArray) rows = NULL;
  KithInboxRow *row;
  gint64        first;

  first = kith_db_add_inbox (db, "x.p.a", friend_key, "one", 1000, json, error);
  g_assert_cmpint (first, >, 0);
  g_assert_cmpint (kith_db_add_inbox (db, "x.p.a", friend_key, "two", 1001, json, error), >, first);
  g_assert_cmpint (kith_db_add_inbox (db, "x.p.a", friend_key, "one", 1002, json, error), ==, 0);
  g_assert_no_error (*error);
  g_assert_cmpint (kith_db_add_inbox (db, "x.p.b", friend_key, "three", 1003, json, error), >, 0);
  rows = kith_db_list_inbox (db, "x.p.a", 0, 10, error);
  g_assert_cmpuint (rows->len, ==, 2);
  row = rows->pdata[0];
  g_assert_cmpint (row->row, ==, first);
  g_assert_cmpstr (row->id, ==, "one");
  g_assert_cmpint (row->received_ms, ==, 1000);
  g_assert_cmpmem (row->friend_key, 32, friend_key, 32);
  g_assert_true (g_bytes_equal (row->data, json));
  g_assert_true (kith_db_drop_inbox (db, first, error));
  g_clear_pointer (&rows, g_ptr_array_unref);
  rows = kith_db_list_inbox (db, "x.p.a", 0, 10, error);
  g_assert_cmpuint (rows->len, ==, 1);
  g_clear_pointer (&rows, g_ptr_array_unref);
  rows = kith_db_list_inbox (db, "x.p.a", first + 10, 10, error);
  g_assert_cmpuint (rows->len, ==, 0);
  return TRUE;
}

static void
test_values (Fixture *f, gconstpointer data)
{
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  run (f, use_values);
}

/* One friend's contents go at the old end, and make way for nobody else's. */
static gboolean
fill_inbox (KithDb *db, gpointer data, GError **error)
{
  g_autoptr (GBytes) json = g_bytes_new_static ("{}", 2);
  guint8 one[32] = { 1 }, two[32] = { 2 };
  gint64 last = 0;
  g_autoptr (GPtrArray) rows = NULL;

  g_assert_cmpint (kith_db_add_inbox (db, "x.p.full", two, "other friend", 1, json, error), >, 0);
  g_assert_cmpint (kith_db_add_inbox (db, "x.p.other", one, "other kind", 1, json, error), >, 0);
  for (guint i = 0; i < KITH_INBOX_ROWS_MAX + 5; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);

      last = kith_db_add_inbox (db, "x.p.full", one, id, 1, json, error);
      g_assert_cmpint (last, >, 0);
    }
  rows = kith_db_list_inbox (db, "x.p.full", 0, 2 * KITH_INBOX_ROWS_MAX, error);
  g_assert_cmpuint (rows->len, ==, KITH_INBOX_ROWS_MAX + 1);
  g_assert_cmpstr (((KithInboxRow *) rows->pdata[0])->id, ==, "other friend");
  g_assert_cmpstr (((KithInboxRow *) rows->pdata[1])->id, ==, "5");
  g_assert_cmpint (((KithInboxRow *) rows->pdata[KITH_INBOX_ROWS_MAX])->row, ==, last);
  return TRUE;
}

static void
test_inbox (Fixture *f, gconstpointer data)
{
  g_assert_true (fixture_open (f, KITH_STORE_OPEN_CREATE));
  run (f, use_inbox);
  run (f, fill_inbox);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/store/plugin/values", Fixture, NULL, fixture_set_up, test_values, fixture_tear_down);
  g_test_add ("/store/plugin/inbox", Fixture, NULL, fixture_set_up, test_inbox, fixture_tear_down);
  return g_test_run ();
}
