/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A friend asks again for what could not be read: RETRY_REQUEST, e2ee.md §8.6. */
#include "chat-fixture.h"
#include "kith-retry.h"
#include "kith-table-people.h"

#include <string.h>

typedef struct
{
  Side *side;
  const guint8 *peer_ik, *claimed_ik;
  guint requests;
  gboolean done;
} Ask;

static gboolean
load_place (KithDb *db, KithE2eePlace *place, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "SELECT s.sid, s.ratchet, s.n FROM key_sent s, message m WHERE m.id = s.cid");

  if (kith_stmt_step (stmt, error) != KITH_STEP_ROW)
    return FALSE;
  kith_stmt_copy_blob (stmt, 0, place->sid, 16);
  kith_stmt_copy_blob (stmt, 1, place->ratchet, 32);
  place->n = (guint32) kith_stmt_get_int64 (stmt, 2);
  kith_stmt_reset (stmt);
  return TRUE;
}

/* As if the friend had sent it: the place of what was sent last. */
static gboolean
run_ask (KithDb *db, gpointer data, GError **error)
{
  Ask *ask = data;
  g_auto (KithPersonRow) person = { 0 };
  g_autoptr (KithAfter) after = kith_after_new ();
  g_auto (KithOpened) opened = { .kind = KITH_COURIER_CONTROL, .peer_device = 7 };
  KithE2eePlace place;

  if (!load_place (db, &place, error) || !kith_table_people_get_ik (db, ask->peer_ik, &person, error))
    return FALSE;
  memcpy (person.ik, ask->claimed_ik, 32);
  opened.content = kith_courier_write_retry (&place, 1);
  for (guint i = 0; i < ask->requests; i++)
    if (!kith_retry_obey (ask->side->chat, db, &person, &opened, after, error))
      return FALSE;
  return TRUE;
}

static void
on_asked (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  ((Ask *) data)->done = TRUE;
}

static void
ask_again (Side *side, Side *peer, Side *claimed, guint requests)
{
  Ask ask = { .side = side, .peer_ik = kith_keys_get_identity (peer->keys),
              .claimed_ik = kith_keys_get_identity (claimed->keys), .requests = requests };

  kith_store_submit (side->store, KITH_LANE_FRONT, run_ask, on_asked, &ask, NULL);
  net_wait (side->net, ask.done);
}

static gint64
waiting (Side *side)
{
  return side_query (side, "SELECT count(*) FROM outbox");
}

static void
test_message (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice"), *bob = net_add (net, "bob");
  g_autofree char *id = NULL;
  gboolean delivered = FALSE;

  net_befriend (alice, bob);
  id = side_post (alice, "bob", "hello", &delivered);
  g_assert_true (delivered);
  net_wait (net, waiting (alice) == 0);
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM key_sent"), >=, 1);
  /* It goes again under the same cid, three times at most, and is shown once. */
  for (guint i = 1; i <= 4; i++)
    {
      ask_again (alice, bob, bob, 1);
      g_assert_cmpint (waiting (alice), ==, i <= 3 ? 1 : 0);
      kith_outbox_kick (alice->chat, side_query (alice, "SELECT min (id) FROM person"));
      net_wait (net, waiting (alice) == 0);
    }
  g_assert_cmpuint (side_count (bob, KITH_EVENT_NEW_MESSAGE), ==, 1);
  g_assert_cmpint (side_query (bob, "SELECT count(*) FROM message"), ==, 1);
}

static void
test_not_theirs (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice"), *bob = net_add (net, "bob"), *carol = net_add (net, "carol");
  g_autofree char *id = NULL;
  gboolean delivered = FALSE;

  net_befriend (alice, bob);
  id = side_post (alice, "bob", "hello", &delivered);
  net_wait (net, waiting (alice) == 0);
  ask_again (alice, bob, carol, 1);
  g_assert_cmpint (waiting (alice), ==, 0);
}

static void
test_limit (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice"), *bob = net_add (net, "bob");
  g_autofree char *id = NULL;
  gboolean delivered = FALSE;

  net_befriend (alice, bob);
  id = side_post (alice, "bob", "hello", &delivered);
  net_wait (net, waiting (alice) == 0);
  ask_again (alice, bob, bob, 51);
  g_assert_cmpint (side_query (alice, "SELECT max (obeyed) FROM key_peer"), ==, 50);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/chat/retry/message", Net, NULL, net_set_up, test_message, net_tear_down);
  g_test_add ("/chat/retry/not-theirs", Net, NULL, net_set_up, test_not_theirs, net_tear_down);
  g_test_add ("/chat/retry/limit", Net, NULL, net_set_up, test_limit, net_tear_down);
  return g_test_run ();
}
