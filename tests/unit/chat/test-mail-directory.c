/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mailboxes: what directories are asked and told. */
#include "mail-fixture.h"
#include "kith-post-private.h"

#include <string.h>

static KithRoute *
route_to_bob (Post *post)
{
  return kith_post_find_route (post->alice->chat->post, side_query (post->alice, "SELECT id FROM person"));
}

static void
test_wrong_certificate (Post *post, gconstpointer data)
{
  Account *bob = server_find (post->server, "bob");

  post_befriend (post);
  post_exchange (post);
  g_clear_pointer (&bob->certificate, g_bytes_unref);
  bob->certificate = g_bytes_ref (server_find (post->server, "alice")->certificate);
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  g_free (side_post (post->alice, "bob", "not to a stranger", NULL));
  net_wait (&post->net, side_query (post->alice, "SELECT count(*) FROM mailbox WHERE uuid IS NULL") == 1
                            && post->server->lookups > 2);
  net_turn (&post->net);
  g_assert_cmpuint (post_letters (post, "bob"), ==, 0);
  g_assert_cmpint (side_query (post->alice, "SELECT count(*) FROM outbox"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "identity_changed"), ==, 0);
  /* The pause before the next question grows. */
  g_assert_cmpuint (route_to_bob (post)->look_failures, ==, 1);
}

static void
test_changed_key (Post *post, gconstpointer data)
{
  Account *bob = server_find (post->server, "bob");

  post_befriend (post);
  post_exchange (post);
  g_clear_pointer (&bob->identity, g_bytes_unref);
  bob->identity = g_bytes_ref (server_find (post->server, "alice")->identity);
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  g_free (side_post (post->alice, "bob", "is it you?", NULL));
  net_wait (&post->net, side_count (post->alice, "identity_changed") == 1);
  net_turn (&post->net);
  g_assert_cmpuint (post_letters (post, "bob"), ==, 0);
  g_assert_cmpint (side_query (post->alice, "SELECT count(*) FROM outbox"), ==, 1);
}

/* A question that failed is asked again, though nothing else happens. */
static void
test_asked_again (Post *post, gconstpointer data)
{
  post_befriend (post);
  post_exchange (post);
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  post->server->lookups_to_fail = 1;
  g_free (side_post (post->alice, "bob", "where are you", NULL));
  net_wait (&post->net, route_to_bob (post) != NULL && route_to_bob (post)->timer != 0);
  g_assert_cmpuint (route_to_bob (post)->look_failures, ==, 1);
  g_assert_cmpuint (post->server->lookups_to_fail, ==, 0);
  kith_chat_network_changed (post->alice->chat);
  post_exchange (post);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

/* Whoever waits for a bundle does not wait for ever when the pause is cut short. */
static void
test_claimed_again (Post *post, gconstpointer data)
{
  Account *bob = server_find (post->server, "bob");
  g_autoptr (GBytes) bundle = g_steal_pointer (&bob->bundle);

  g_free (side_look_up (post->alice, "bob"));
  net_wait (&post->net, post->server->claims == 1 && route_to_bob (post)->timer != 0);
  bob->bundle = g_steal_pointer (&bundle);
  kith_chat_network_changed (post->alice->chat);
  net_wait (&post->net, post_letters (post, "bob") == 1);
}

/* Whoever waits long for a bundle does not wait that long for the mailbox. */
static void
test_two_pauses (Post *post, gconstpointer data)
{
  guint lookups;
  KithRoute *route;

  g_clear_pointer (&server_find (post->server, "bob")->bundle, g_bytes_unref);
  g_free (side_look_up (post->alice, "bob"));
  net_wait (&post->net, post->server->claims == 1 && route_to_bob (post)->timer != 0);
  route = route_to_bob (post);
  lookups = post->server->lookups;
  kith_world_drop_timer (post->net.world, route->timer);
  route->timer = 0;
  route->claim_after_us = kith_world_get_time_us (post->net.world) + G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC;
  kith_route_ask (route);
  route->look_after_us = kith_world_get_time_us (post->net.world) + 100 * 1000;
  kith_route_look (route);
  g_assert_cmpuint (post->server->lookups, ==, lookups);
  net_wait (&post->net, post->server->lookups > lookups);
}

/* The transport goes while it is asked: the next one is asked anew. */
static void
test_transport_changed (Post *post, gconstpointer data)
{
  post_befriend (post);
  post_exchange (post);
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  post->server->silent = TRUE;
  g_free (side_post (post->alice, "bob", "hold the line", NULL));
  net_wait (&post->net, route_to_bob (post) != NULL && route_to_bob (post)->looking);
  side_close_mail (post->alice, post->a);
  post->server->silent = FALSE;
  post->a = side_open_mail (post->alice, post->server);
  post_exchange (post);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

/* A bundle that is wanted while there is no transport is claimed when there is one. */
static void
test_no_transport (Post *post, gconstpointer data)
{
  post_befriend (post);
  post_exchange (post);
  side_close_mail (post->alice, post->a);
  side_query (post->alice, "DELETE FROM key_session RETURNING 1");
  g_free (side_post (post->alice, "bob", "anew", NULL));
  g_assert_cmpint (side_query (post->alice, "SELECT wire IS NULL FROM outbox"), ==, 1);
  post->a = side_open_mail (post->alice, post->server);
  net_wait (&post->net, post_letters (post, "bob") == 1);
}

/* Friends whom no directory knows do not stand before those who have a mailbox. */
static void
test_many_without_mailbox (Post *post, gconstpointer data)
{
  post_befriend (post);
  post_exchange (post);
  side_query (post->alice, "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1150)"
                           " INSERT INTO person (id, ik, username, name, state)"
                           " SELECT i, randomblob (32), 'p' || i, 'p' || i, (SELECT state FROM person) FROM n"
                           " RETURNING 1");
  for (gint64 i = 1000; i < 1150; i++)
    kith_post_want (post->alice->chat->post, i);
  g_free (side_post (post->alice, "bob", "excuse me", NULL));
  net_wait (&post->net, post_letters (post, "bob") == 1);
}

/* What could not be published has become old meanwhile: what is there in the end is the newest. */
static void
test_stale_bundle (Post *post, gconstpointer data)
{
  Account *bob = server_find (post->server, "bob");
  KithOffice *office = kith_post_get_office (post->bob->chat->post);
  g_autoptr (GBytes) newest = g_bytes_ref (bob->bundle);
  guint8 old[KITH_E2EE_BUNDLE_BYTES] = { 0 };

  for (guint prekeys = 0; prekeys < 2; prekeys++)
    {
      guint before;

      net_wait (&post->net, !office->publishing);
      before = bob->published;
      post->server->down = TRUE;
      office->left = 0;
      kith_office_publish (office);
      net_wait (&post->net, office->publish_timer != 0);
      g_clear_pointer (&office->put_bundle, g_bytes_unref);
      office->put_bundle = g_bytes_new (old, sizeof old);
      for (guint i = 0; i < prekeys; i++)
        g_ptr_array_add (office->put_prekeys, g_bytes_new (old, 32));
      post->server->down = FALSE;
      kith_chat_network_changed (post->bob->chat);
      net_wait (&post->net, bob->published > before && !office->publishing);
      g_assert_true (g_bytes_equal (bob->bundle, newest));
      g_assert_cmpuint (bob->prekeys->len, ==, 100 + prekeys);
    }
}

/* Those who write to us use up what was published; it is filled up when somebody looks. */
static void
test_prekeys (Post *post, gconstpointer data)
{
  Account *bob = server_find (post->server, "bob");
  guint before = bob->published;

  kith_chat_network_changed (post->bob->chat);
  net_turn (&post->net);
  g_assert_cmpuint (bob->prekeys->len, ==, 100);
  g_ptr_array_set_size (bob->prekeys, 5);
  post_restart (post, post->bob, &post->b);
  net_wait (&post->net, bob->prekeys->len == 100);
  g_assert_cmpuint (bob->published, ==, before + 2);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    void (*func) (Post *post, gconstpointer data);
  } tests[] = {
    { "wrong-certificate", test_wrong_certificate },
    { "changed-key", test_changed_key },
    { "asked-again", test_asked_again },
    { "claimed-again", test_claimed_again },
    { "two-pauses", test_two_pauses },
    { "transport-changed", test_transport_changed },
    { "no-transport", test_no_transport },
    { "many-without-mailbox", test_many_without_mailbox },
    { "stale-bundle", test_stale_bundle },
    { "prekeys", test_prekeys },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/chat/directory/", tests[i].name, NULL);

      g_test_add (path, Post, NULL, post_set_up, tests[i].func, post_tear_down);
    }
  return g_test_run ();
}
