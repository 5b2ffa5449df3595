/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What others can make us keep is bounded, and old things go. */
#include "chat-fixture.h"
#include "kith-contents.h"
#include "kith-table-people.h"
#include "kith-table-trace.h"

#include <string.h>

#define DAY_MS (G_GINT64_CONSTANT (86400) * 1000)

typedef struct
{
  KithJobFunc run;
  Side *side;
  gboolean done;
} Job;

static gboolean
run_job (KithDb *db, gpointer data, GError **error)
{
  Job *job = data;
  gboolean ok = job->run (db, job->side, error);

  g_assert_no_error (*error);
  g_assert_true (ok);
  return TRUE;
}

static void
on_job (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  ((Job *)data)->done = TRUE;
}

static void
side_job (Side *side, KithJobFunc run)
{
  Job job = { run, side, FALSE };

  kith_store_submit (side->store, KITH_LANE_FRONT, run_job, on_job, &job, NULL);
  net_wait (side->net, job.done);
}

static void
number_id (guint8 *id, guint32 number)
{
  memset (id, 0, KITH_ID_BYTES);
  memcpy (id, &number, sizeof number);
}

static gint64
count_pending (KithDb *db, const char *where)
{
  g_autofree char *sql = g_strconcat ("SELECT count(*) FROM pending ", where, NULL);
  gint64 count = -1;

  g_assert_true (kith_db_query_int64 (db, sql, &count, NULL));
  return count;
}

/* 1,000 of each friend, the oldest goes; after 30 days all go. */
static gboolean
run_pending (KithDb *db, gpointer data, GError **error)
{
  g_autoptr (GBytes) content = g_bytes_new_static ("{}", 2);
  g_autoptr (GPtrArray) taken = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  guint8 id[KITH_ID_BYTES];
  gboolean more;

  number_id (id, 7);
  g_assert_true (kith_table_pending_add (db, 2, id, content, FALSE, 5 * DAY_MS, error));
  for (guint32 i = 0; i < KITH_PENDING_MAX + 3; i++)
    {
      number_id (id, i);
      g_assert_true (kith_table_pending_add (db, 1, id, content, FALSE, (i < 500 ? 1 : 5) * DAY_MS, error));
    }
  g_assert_cmpint (count_pending (db, "WHERE person = 1"), ==, KITH_PENDING_MAX);
  g_assert_cmpint (count_pending (db, "WHERE person = 2"), ==, 1);
  number_id (id, 2);
  g_assert_true (kith_table_pending_take (db, 1, id, taken, error));
  g_assert_cmpuint (taken->len, ==, 0);
  number_id (id, 3);
  g_assert_true (kith_table_pending_take (db, 1, id, taken, error));
  g_assert_cmpuint (taken->len, ==, 1);
  /* Another friend's does not wait for this friend's message. */
  number_id (id, 7);
  g_assert_true (kith_table_pending_take (db, 1, id, taken, error));
  g_assert_cmpuint (taken->len, ==, 2);
  g_assert_cmpint (count_pending (db, "WHERE person = 2"), ==, 1);

  g_assert_true (kith_table_waiting_prune (db, 31 * DAY_MS - 1, 10000, &more, error));
  g_assert_cmpint (count_pending (db, ""), ==, KITH_PENDING_MAX - 1);
  g_assert_true (kith_table_waiting_prune (db, 31 * DAY_MS + 1, 10000, &more, error));
  g_assert_cmpint (count_pending (db, ""), ==, 504);
  g_assert_true (kith_table_waiting_prune (db, 36 * DAY_MS, 100, &more, error));
  g_assert_true (more);
  g_assert_true (kith_table_waiting_prune (db, 36 * DAY_MS, 1000, &more, error));
  g_assert_cmpint (count_pending (db, ""), ==, 0);
  return TRUE;
}

static void
test_pending (Net *net, gconstpointer data)
{
  side_job (net_add (net, "alice"), run_pending);
}

/* 7 days of a message's life. */
static gboolean
run_trace (KithDb *db, gpointer data, GError **error)
{
  gint64 left = -1;
  gboolean more;

  for (gint64 day = 1; day <= 10; day++)
    g_assert_true (kith_table_trace_add (db, 1, 1, day * DAY_MS, KITH_TRACE_TRIED, "tcp", NULL, error));
  g_assert_true (kith_table_trace_prune (db, 10 * DAY_MS, 2, &more, error));
  g_assert_true (more);
  g_assert_true (kith_table_trace_prune (db, 10 * DAY_MS, 100, &more, error));
  g_assert_false (more);
  g_assert_true (kith_db_query_int64 (db, "SELECT min (at_ms) FROM trace", &left, error));
  g_assert_cmpint (left, ==, 3 * DAY_MS);
  return TRUE;
}

static void
test_trace (Net *net, gconstpointer data)
{
  side_job (net_add (net, "alice"), run_trace);
}

/* Edits keep who and when, of the last so many; a deletion leaves nothing of them. */
static gboolean
run_edits (KithDb *db, gpointer data, GError **error)
{
  gint64 count = -1;

  for (gint64 rev = 1; rev <= KITH_EDITS_MAX + 5; rev++)
    g_assert_true (kith_table_edit_add (db, 1, rev, rev % 2, rev * 10, error));
  g_assert_true (kith_table_edit_add (db, 1, 1, FALSE, 99, error));
  g_assert_true (kith_db_query_int64 (db, "SELECT count(*) FROM message_edit WHERE at_ms = rev * 10 AND mine = rev % 2",
                                      &count, error));
  g_assert_cmpint (count, ==, KITH_EDITS_MAX);
  g_assert_true (kith_table_message_strip (db, 1, error));
  g_assert_true (kith_db_query_int64 (db, "SELECT count(*) FROM message_edit", &count, error));
  g_assert_cmpint (count, ==, 0);
  return TRUE;
}

static void
test_edits (Net *net, gconstpointer data)
{
  side_job (net_add (net, "alice"), run_edits);
}

/* --- requests */

static gboolean
run_strangers (KithDb *db, gpointer data, GError **error)
{
  for (guint i = 0; i < KITH_REQUESTS_MAX; i++)
    {
      g_auto (KithPersonRow) row = { .state = KITH_PERSON_REQUEST };

      memset (row.ik, 0x55, sizeof row.ik);
      row.ik[0] = (guint8)i;
      row.username = g_strdup_printf ("stranger%u", i);
      memset (row.allow, -1, sizeof row.allow);
      if (!kith_table_people_add (db, &row, "bob", error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_fewer (KithDb *db, gpointer data, GError **error)
{
  gint64 left;

  g_assert_true (kith_db_exec (db, "DELETE FROM person WHERE name = 'stranger7'", error));
  return kith_db_query_int64 (db, "SELECT count(*) FROM person", &left, error) && left == KITH_REQUESTS_MAX - 1;
}

/* A hundred people may wait; the next one is refused and costs no prekey. */
static void
test_requesters (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice"), *bob = net_add (net, "bob");
  gint64 prekeys;

  side_job (bob, run_strangers);
  prekeys = side_query (bob, "SELECT count(*) FROM key_opk");
  g_free (side_add (alice, bob, "let me in"));
  net_wait (net, side_query (alice, "SELECT count(*) FROM outbox WHERE wire IS NOT NULL") == 1);
  net_wait (net, side_query (alice, "SELECT count(*) FROM trace WHERE what = 'refused'") > 0
                     || side_linked (alice, "bob"));
  g_assert_cmpint (side_query (bob, "SELECT count(*) FROM person"), ==, KITH_REQUESTS_MAX);
  g_assert_cmpint (side_query (bob, "SELECT count(*) FROM key_opk"), ==, prekeys);
  g_assert_cmpuint (side_count (bob, "friend_request"), ==, 0);
  /* There is room again, and a sign of life makes her try at once. */
  side_job (bob, run_fewer);
  side_cut (alice);
  side_plug (alice);
  g_free (side_post (alice, "bob", "still me", NULL));
  net_wait (net, side_count (bob, "friend_request") == 1);
}

/* One of them may leave a hundred contents; what is refused then stays with them and comes when there is room. */
static gboolean
run_fill_request (KithDb *db, gpointer data, GError **error)
{
  g_autoptr (GBytes) content = g_bytes_new_static ("{}", 2);
  g_auto (KithPersonRow) person = { 0 };
  gboolean changed, full = FALSE;
  guint8 id[KITH_ID_BYTES];

  g_assert_true (kith_table_people_get_name (db, "alice", &person, error));
  for (guint32 i = 0; kith_table_request_count (db, person.id) < KITH_REQUEST_ITEMS_MAX; i++)
    {
      number_id (id, i);
      g_assert_true (kith_table_request_add (db, person.id, id, content, 1, TRUE, &changed, &full, error));
      g_assert_true (changed && !full);
    }
  number_id (id, 7);
  g_assert_true (kith_table_request_add (db, person.id, id, content, 1, TRUE, &changed, &full, error));
  g_assert_true (!changed && full);
  return TRUE;
}

static void
test_request_items (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice"), *bob = net_add (net, "bob");
  g_autofree char *id = NULL;
  gboolean delivered = TRUE;

  g_free (side_add (alice, bob, NULL));
  net_wait (net, side_count (bob, "friend_request") == 1);
  side_job (bob, run_fill_request);
  id = side_post (alice, "bob", "one too many", &delivered);
  g_assert_false (delivered);
  g_assert_cmpint (side_query (bob, "SELECT count(*) FROM request_item"), ==, KITH_REQUEST_ITEMS_MAX);
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM outbox"), ==, 1);
  g_assert_true (side_change (bob, kith_chat_accept_request_async, "alice"));
  net_wait (net, side_told (bob, "new_message", id));
  net_wait (net, side_query (alice, "SELECT count(*) FROM outbox") == 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/chat/limits/pending", Net, NULL, net_set_up, test_pending, net_tear_down);
  g_test_add ("/chat/limits/trace", Net, NULL, net_set_up, test_trace, net_tear_down);
  g_test_add ("/chat/limits/edits", Net, NULL, net_set_up, test_edits, net_tear_down);
  g_test_add ("/chat/limits/requesters", Net, NULL, net_set_up, test_requesters, net_tear_down);
  g_test_add ("/chat/limits/request-items", Net, NULL, net_set_up, test_request_items, net_tear_down);
  return g_test_run ();
}
