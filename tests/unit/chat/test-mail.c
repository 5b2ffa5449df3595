/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages through mailboxes: what goes when, what comes back, and what is shown of it. */
#include "mail-fixture.h"
#include "kith-post-private.h"
#include "kith-quarantine.h"

#include <string.h>

/* Two friends who have only mailboxes to reach each other. */
typedef struct
{
  Net net;
  Server *server;
  Side *alice, *bob;
  KithMailboxTransport *a, *b;
} Post;

static void
set_up (Post *post, gconstpointer data)
{
  net_set_up (&post->net, NULL);
  post->server = server_new (&post->net);
  post->alice = net_add (&post->net, "alice");
  post->bob = net_add (&post->net, "bob");
  side_cut (post->alice);
  side_cut (post->bob);
  post->alice->unreachable = post->bob->unreachable = TRUE;
  post->a = side_open_mail (post->alice, post->server);
  post->b = side_open_mail (post->bob, post->server);
  net_wait (&post->net, server_find (post->server, "alice")->prekeys->len >= 100);
  net_wait (&post->net, server_find (post->server, "bob")->prekeys->len >= 100);
}

static void
tear_down (Post *post, gconstpointer data)
{
  side_stop (post->alice);
  side_stop (post->bob);
  g_clear_object (&post->a);
  g_clear_object (&post->b);
  net_tear_down (&post->net, NULL);
  server_free (post->server);
}

static guint
letters (Post *post, const char *who)
{
  return server_find (post->server, who)->letters.length;
}

/* Both have added each other, by name. */
static void
befriend (Post *post)
{
  g_free (side_look_up (post->alice, "bob"));
  g_free (side_look_up (post->bob, "alice"));
  net_wait (&post->net, letters (post, "alice") > 0 && letters (post, "bob") > 0);
  side_collect (post->alice, post->a, post->server);
  side_collect (post->bob, post->b, post->server);
}

/* Both look into their mailboxes until the condition holds. */
#define mail_wait(post, condition)                                                                                     \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    while (!(condition))                                                                                               \
      {                                                                                                                \
        g_main_context_iteration ((post)->net.context, TRUE);                                                          \
        side_collect ((post)->alice, (post)->a, (post)->server);                                                       \
        side_collect ((post)->bob, (post)->b, (post)->server);                                                         \
      }                                                                                                                \
  }                                                                                                                    \
  G_STMT_END

/* Everything goes back and forth until nobody waits for anything. */
static gint64
waiting (Side *side)
{
  return side_query (side, "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM receipt)");
}

static void
exchange (Post *post)
{
  mail_wait (post, waiting (post->alice) == 0 && waiting (post->bob) == 0);
}

static void
test_message (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *page = NULL;
  gboolean delivered = TRUE;

  befriend (post);
  id = side_post (post->alice, "bob", "Hey there!", &delivered);
  g_assert_false (delivered);
  mail_wait (post, side_told (post->bob, "new_message", id));
  g_assert_true (side_told (post->bob, "new_message", "\"delivery_method\":\"offline\""));
  exchange (post);
  g_assert_true (side_told (post->alice, "message_delivered", id));
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  page = side_page (post->alice, "bob");
  g_assert_nonnull (strstr (page, "\"delivered\":true,\"delivery_method\":\"offline\""));
}


/* --- deposits */

static guint
told_in_order (Side *side, guint n)
{
  const char *at = side->events->str;
  guint i;

  for (i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("\"text\":\"number %u\"", i);

      at = strstr (at, text);
      if (at == NULL)
        break;
    }
  return i;
}

static void
test_order (Post *post, gconstpointer data)
{
  befriend (post);
  post->server->down = TRUE;
  for (guint i = 0; i < 120; i++)
    {
      g_autofree char *text = g_strdup_printf ("number %u", i);

      g_free (side_post (post->alice, "bob", text, NULL));
    }
  post->server->down = FALSE;
  /* The first one only may pass later: nothing overtakes it. */
  server_next (post->server, KITH_DEPOSIT_LATER);
  kith_chat_network_changed (post->alice->chat);
  mail_wait (post, side_count (post->bob, "new_message") == 120);
  g_assert_cmpuint (told_in_order (post->bob, 120), ==, 120);
  exchange (post);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 120);
}

static void
test_refused (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autoptr (GBytes) answer = NULL;
  Wait wait = { 0 };

  befriend (post);
  exchange (post);
  server_next (post->server, KITH_DEPOSIT_REFUSED);
  id = side_post (post->alice, "bob", "too much", NULL);
  net_wait (&post->net, side_told (post->alice, "message_failed", id));
  g_assert_cmpint (side_query (post->alice, "SELECT uploaded_ms FROM outbox"), ==, -1);
  kith_chat_resend_async (post->alice->chat, id, NULL, wait_callback, &wait);
  answer = kith_chat_print_finish (post->alice->chat, side_wait (post->alice, &wait), NULL);
  g_assert_nonnull (answer);
  wait_clear (&wait);
  exchange (post);
  g_assert_true (side_told (post->alice, "message_delivered", id));
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
}

static const char *
nth_seen (Post *post, guint back)
{
  g_assert_cmpuint (post->server->seen->len, >, back);
  return post->server->seen->pdata[post->server->seen->len - 1 - back];
}

static void
test_conflict (Post *post, gconstpointer data)
{
  befriend (post);
  exchange (post);
  server_next (post->server, KITH_DEPOSIT_CONFLICT);
  g_free (side_post (post->alice, "bob", "twice", NULL));
  net_wait (&post->net, letters (post, "bob") == 1);
  /* Another name, the same bytes. */
  g_assert_cmpint (strncmp (nth_seen (post, 0), nth_seen (post, 1), 36), !=, 0);
  g_assert_cmpstr (nth_seen (post, 0) + 37, ==, nth_seen (post, 1) + 37);
  exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
}

static void
test_no_mailbox (Post *post, gconstpointer data)
{
  guint lookups;

  befriend (post);
  exchange (post);
  lookups = post->server->lookups;
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  g_free (side_post (post->alice, "bob", "where are you", NULL));
  exchange (post);
  g_assert_cmpuint (post->server->lookups, >, lookups);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

/* How often a parcel was deposited under that name and with those bytes. */
static guint
count_seen (Post *post, const char *what)
{
  guint n = 0;

  for (guint i = 0; i < post->server->seen->len; i++)
    n += g_str_equal (post->server->seen->pdata[i], what);
  return n;
}

static void
test_lost_answer (Post *post, gconstpointer data)
{
  g_autofree char *first = NULL;

  befriend (post);
  exchange (post);
  post->server->lose_answer = TRUE;
  g_free (side_post (post->alice, "bob", "hello?", NULL));
  net_wait (&post->net, letters (post, "bob") == 1);
  first = g_strdup (nth_seen (post, 0));
  net_wait (&post->net, count_seen (post, first) == 2);
  g_assert_cmpuint (letters (post, "bob"), ==, 1);
  exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

static void
restart (Post *post, Side *side, KithMailboxTransport **mail)
{
  side_stop (side);
  g_clear_object (mail);
  side_start (side);
  side_cut (side);
  *mail = side_open_mail (side, post->server);
}

/* Sealed and not uploaded, then uploaded and not answered: each time the daemon ends, and the same bytes go on. */
static void
test_restart (Post *post, gconstpointer data)
{
  g_autofree char *first = NULL;

  befriend (post);
  exchange (post);
  post->server->lose_answer = TRUE;
  g_free (side_post (post->alice, "bob", "still here", NULL));
  net_wait (&post->net, letters (post, "bob") == 1);
  first = g_strdup (nth_seen (post, 0));
  post->server->down = TRUE;
  g_assert_cmpint (side_query (post->alice, "SELECT count(*) FROM outbox WHERE sealed IS NOT NULL AND uploaded_ms = 0"),
                   ==, 1);
  side_stop (post->alice);
  g_clear_object (&post->a);
  post->server->down = FALSE;
  side_start (post->alice);
  side_cut (post->alice);
  post->a = side_open_mail (post->alice, post->server);
  net_wait (&post->net, side_query (post->alice, "SELECT count(*) FROM outbox WHERE uploaded_ms > 0") == 1);
  g_assert_cmpstr (nth_seen (post, 0), ==, first);
  restart (post, post->alice, &post->a);
  exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

/* --- mailbox and link */

static void
link_up (Post *post)
{
  post->alice->unreachable = post->bob->unreachable = FALSE;
  if (post->alice->transport == NULL)
    side_plug (post->alice);
  if (post->bob->transport == NULL)
    side_plug (post->bob);
  kith_chat_offer_address (post->alice->chat, kith_chat_find_friend (post->alice->chat, "bob"), "pair:bob", 60);
  kith_chat_network_changed (post->alice->chat);
  net_wait (&post->net, side_linked (post->alice, "bob") && side_linked (post->bob, "alice"));
}

static void
test_both_ways (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  KithFate fate;

  befriend (post);
  exchange (post);
  id = side_post (post->alice, "bob", "once", NULL);
  net_wait (&post->net, letters (post, "bob") == 1);
  net_wait (&post->net, side_query (post->alice, "SELECT count(*) FROM outbox WHERE uploaded_ms > 0") == 1);
  link_up (post);
  net_wait (&post->net, side_told (post->alice, "message_delivered", id));
  fate = side_collect (post->bob, post->b, post->server);
  g_assert_cmpint (fate, ==, KITH_FATE_DUPLICATE);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
  g_assert_cmpint (side_query (post->alice, "SELECT direct FROM message"), ==, 1);
}

static void
test_withdrawn (Post *post, gconstpointer data)
{
  guint parcels;

  befriend (post);
  exchange (post);
  post->server->down = TRUE;
  g_free (side_post (post->alice, "bob", "one", NULL));
  g_free (side_post (post->alice, "bob", "two", NULL));
  net_wait (&post->net,
            side_query (post->alice, "SELECT count(*) FROM outbox WHERE sealed IS NOT NULL AND uploaded_ms = 0") > 0);
  parcels = post->server->parcels;
  link_up (post);
  post->server->down = FALSE;
  kith_chat_network_changed (post->alice->chat);
  net_wait (&post->net, side_count (post->alice, "message_delivered") == 2);
  net_turn (&post->net);
  g_assert_cmpuint (post->server->parcels, ==, parcels);
  g_assert_cmpuint (letters (post, "bob"), ==, 0);
}

/* With a link nothing goes to a mailbox; when it ends, what has no acknowledgement does. */
static void
test_link_ends (Post *post, gconstpointer data)
{
  gboolean delivered = FALSE;
  guint parcels;

  befriend (post);
  exchange (post);
  link_up (post);
  parcels = post->server->parcels;
  g_free (side_post (post->alice, "bob", "direct", &delivered));
  g_assert_true (delivered);
  g_assert_cmpuint (post->server->parcels, ==, parcels);
  side_cut (post->bob);
  side_cut (post->alice);
  g_free (side_post (post->alice, "bob", "by mail", &delivered));
  exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 2);
  g_assert_true (side_told (post->bob, "new_message", "\"delivery_method\":\"direct\""));
  g_assert_true (side_told (post->bob, "new_message", "\"delivery_method\":\"offline\""));
}

/* The link brought it and ended before the answer: the mailbox says that it is there. */
static void
test_unanswered (Post *post, gconstpointer data)
{
  befriend (post);
  exchange (post);
  link_up (post);
  post->bob->unreachable = TRUE;
  post->bob->cut_at = KITH_EVENT_NEW_MESSAGE;
  g_free (side_post (post->alice, "bob", "are you there?", NULL));
  net_wait (&post->net, side_count (post->bob, "new_message") == 1);
  exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

/* --- what comes */

static void
test_request (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *requests = NULL;
  g_autofree char *page = NULL;

  g_free (side_look_up (post->alice, "bob"));
  id = side_post (post->alice, "bob", "do you know me?", NULL);
  net_wait (&post->net, letters (post, "bob") == 2);
  g_assert_cmpint (side_collect (post->bob, post->b, post->server), ==, KITH_FATE_REQUEST);
  g_assert_cmpuint (side_count (post->bob, "friend_request"), ==, 1);
  requests = side_requests (post->bob);
  g_assert_nonnull (strstr (requests, "\"username\":\"alice\""));
  g_assert_nonnull (strstr (requests, "do you know me?"));
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 0);
  g_assert_true (side_change (post->bob, kith_chat_accept_request_async, "alice"));
  g_assert_true (side_told (post->bob, "new_message", id));
  exchange (post);
  g_assert_true (side_told (post->alice, "message_delivered", id));
  page = side_page (post->bob, "alice");
  g_assert_nonnull (strstr (page, "\"delivery_method\":\"offline\""));
}

static void
test_blocked (Post *post, gconstpointer data)
{
  befriend (post);
  exchange (post);
  kith_chat_set_blocked_async (post->bob->chat, "alice", TRUE, NULL, NULL, NULL);
  g_free (side_post (post->alice, "bob", "psst", NULL));
  net_wait (&post->net, letters (post, "bob") == 1);
  g_assert_cmpint (side_collect (post->bob, post->b, post->server), ==, KITH_FATE_DROPPED);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 0);
  g_assert_cmpint (side_query (post->bob, "SELECT count(*) FROM receipt"), ==, 0);
}

static void
test_rubbish (Post *post, gconstpointer data)
{
  Letter letter = { .id = (char *)"b6f6f0a2-5f1e-4e7d-9a5e-0d0f3c1f7a11", .mailbox = (char *)"x" };
  g_autoptr (GError) error = NULL;
  guint8 bytes[300] = { 1, 0x20 };
  KithFate fate = KITH_FATE_STORED;

  letter.sealed = g_bytes_new (bytes, sizeof bytes);
  g_assert_true (side_take (post->bob, post->b, &letter, &fate, &error));
  g_assert_cmpint (fate, ==, KITH_FATE_QUARANTINED);
  g_assert_true (side_take (post->bob, post->b, &letter, &fate, &error));
  g_assert_cmpint (fate, ==, KITH_FATE_DUPLICATE);
  g_assert_cmpint (side_query (post->bob, "SELECT count(*) FROM quarantine WHERE person = 0"), ==, 1);
  g_bytes_unref (letter.sealed);
}

static void
test_no_store (Post *post, gconstpointer data)
{
  Letter letter = { .id = (char *)"b6f6f0a2-5f1e-4e7d-9a5e-0d0f3c1f7a11", .mailbox = (char *)"x" };
  g_autoptr (GError) error = NULL;
  KithFate fate = KITH_FATE_STORED;

  letter.sealed = g_bytes_new_static ("nothing", 7);
  kith_store_close (post->bob->store);
  g_assert_false (side_take (post->bob, post->b, &letter, &fate, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_CLOSED);
  g_bytes_unref (letter.sealed);
}

/* Bob has lost his sessions: what alice sends cannot be read, he begins another one and asks for it again. */
static void
test_heal (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *friend = NULL;
  g_autoptr (GBytes) bytes = NULL;

  befriend (post);
  exchange (post);
  side_query (post->bob, "DELETE FROM key_session RETURNING 1");
  id = side_post (post->alice, "bob", "lost and found", NULL);
  net_wait (&post->net, letters (post, "bob") == 1);
  g_assert_cmpint (side_collect (post->bob, post->b, post->server), ==, KITH_FATE_QUARANTINED);
  bytes = kith_chat_print_friend (post->bob->chat, "alice");
  friend = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_assert_nonnull (strstr (friend, "\"unreadable\":1"));
  mail_wait (post, side_told (post->bob, "new_message", id));
  exchange (post);
  g_assert_true (side_told (post->alice, "message_delivered", id));
  mail_wait (post, !kith_quarantine_any (post->bob->chat->quarantine)
                       || kith_quarantine_count (post->bob->chat->quarantine, 1) == 0);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
}

static gboolean
told_last (Side *side, const char *part)
{
  const char *last = g_strrstr (side->events->str, "new_message ");

  return last != NULL && strstr (last, part) != NULL;
}

/* More than 1,000 messages were overtaken: the one that did it waits for them, and is read then. */
static void
test_overtaken (Post *post, gconstpointer data)
{
  const guint n = 1003;
  GQueue *queue = &server_find (post->server, "bob")->letters;
  g_autofree Wait *waits = g_new0 (Wait, n);

  befriend (post);
  exchange (post);
  for (guint i = 0; i < n; i++)
    kith_chat_post_async (post->alice->chat, "bob", i + 1 < n ? "before" : "after", NULL, NULL, NULL, wait_callback,
                          &waits[i]);
  net_wait (&post->net, queue->length == n);
  g_queue_push_head (queue, g_queue_pop_tail (queue));
  mail_wait (post, side_query (post->bob, "SELECT count(*) FROM message") == n);
  g_assert_cmpint (side_query (post->bob, "SELECT count(*) FROM quarantine"), ==, 0);
  g_assert_true (told_last (post->bob, "\"text\":\"after\""));
  for (guint i = 0; i < n; i++)
    wait_clear (&waits[i]);
  exchange (post);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, n);
}

static void
test_window (Post *post, gconstpointer data)
{
  kith_bus_tell_client (post->bob->bus, TRUE, 1);
  net_wait (&post->net, post->server->collects == 1);
}

/* --- the directory */

static KithRoute *
route_to_bob (Post *post)
{
  return kith_post_find_route (post->alice->chat->post, side_query (post->alice, "SELECT id FROM person"));
}

static void
test_wrong_certificate (Post *post, gconstpointer data)
{
  Account *bob = server_find (post->server, "bob");

  befriend (post);
  exchange (post);
  g_clear_pointer (&bob->certificate, g_bytes_unref);
  bob->certificate = g_bytes_ref (server_find (post->server, "alice")->certificate);
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  g_free (side_post (post->alice, "bob", "not to a stranger", NULL));
  net_wait (&post->net, side_query (post->alice, "SELECT count(*) FROM mailbox WHERE uuid IS NULL") == 1
                            && post->server->lookups > 2);
  net_turn (&post->net);
  g_assert_cmpuint (letters (post, "bob"), ==, 0);
  g_assert_cmpint (side_query (post->alice, "SELECT count(*) FROM outbox"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "identity_changed"), ==, 0);
  /* The pause before the next question grows. */
  g_assert_cmpuint (route_to_bob (post)->look_failures, ==, 1);
}

static void
test_changed_key (Post *post, gconstpointer data)
{
  Account *bob = server_find (post->server, "bob");

  befriend (post);
  exchange (post);
  g_clear_pointer (&bob->identity, g_bytes_unref);
  bob->identity = g_bytes_ref (server_find (post->server, "alice")->identity);
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  g_free (side_post (post->alice, "bob", "is it you?", NULL));
  net_wait (&post->net, side_count (post->alice, "identity_changed") == 1);
  net_turn (&post->net);
  g_assert_cmpuint (letters (post, "bob"), ==, 0);
  g_assert_cmpint (side_query (post->alice, "SELECT count(*) FROM outbox"), ==, 1);
}

/* A question that failed is asked again, though nothing else happens. */
static void
test_asked_again (Post *post, gconstpointer data)
{
  befriend (post);
  exchange (post);
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  post->server->lookups_to_fail = 1;
  g_free (side_post (post->alice, "bob", "where are you", NULL));
  net_wait (&post->net, route_to_bob (post) != NULL && route_to_bob (post)->timer != 0);
  g_assert_cmpuint (route_to_bob (post)->look_failures, ==, 1);
  g_assert_cmpuint (post->server->lookups_to_fail, ==, 0);
  kith_chat_network_changed (post->alice->chat);
  exchange (post);
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
  net_wait (&post->net, letters (post, "bob") == 1);
}

/* The transport goes while it is asked: the next one is asked anew. */
static void
test_transport_changed (Post *post, gconstpointer data)
{
  befriend (post);
  exchange (post);
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  post->server->silent = TRUE;
  g_free (side_post (post->alice, "bob", "hold the line", NULL));
  net_wait (&post->net, route_to_bob (post) != NULL && route_to_bob (post)->looking);
  side_close_mail (post->alice, post->a);
  post->server->silent = FALSE;
  post->a = side_open_mail (post->alice, post->server);
  exchange (post);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

/* Friends whom no directory knows do not stand before those who have a mailbox. */
static void
test_many_without_mailbox (Post *post, gconstpointer data)
{
  befriend (post);
  exchange (post);
  side_query (post->alice, "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1150)"
                           " INSERT INTO person (id, ik, username, name, state)"
                           " SELECT i, randomblob (32), 'p' || i, 'p' || i, (SELECT state FROM person) FROM n"
                           " RETURNING 1");
  for (gint64 i = 1000; i < 1150; i++)
    kith_post_want (post->alice->chat->post, i);
  g_free (side_post (post->alice, "bob", "excuse me", NULL));
  net_wait (&post->net, letters (post, "bob") == 1);
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
  restart (post, post->bob, &post->b);
  net_wait (&post->net, bob->prekeys->len == 100);
  g_assert_cmpuint (bob->published, ==, before + 2);
}

/* --- signs, and time */

static void
test_read (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;

  befriend (post);
  id = side_post (post->alice, "bob", "read this", NULL);
  mail_wait (post, side_told (post->bob, "new_message", id));
  kith_chat_mark_read_async (post->bob->chat, kith_chat_find_friend (post->bob->chat, "alice"), id, TRUE, NULL, NULL,
                             NULL);
  mail_wait (post, side_told (post->alice, "message_read", id));
  exchange (post);
}

typedef struct
{
  gint64 now_ms;
  gboolean done;
} Expiry;

static gboolean
run_expiry (KithDb *db, gpointer data, GError **error)
{
  gboolean more;

  return kith_post_expire (db, ((Expiry *)data)->now_ms, 50, &more, error);
}

static void
on_expiry (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  ((Expiry *)data)->done = TRUE;
}

static void
test_expired (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  Expiry expiry = { .now_ms = kith_world_get_date_ms (post->net.world) + G_GINT64_CONSTANT (8) * 86400 * 1000 };

  befriend (post);
  exchange (post);
  id = side_post (post->alice, "bob", "too late", NULL);
  net_wait (&post->net, side_query (post->alice, "SELECT count(*) FROM outbox WHERE uploaded_ms > 0") == 1);
  kith_store_submit (post->alice->store, KITH_LANE_FRONT, run_expiry, on_expiry, &expiry, NULL);
  net_wait (&post->net, expiry.done);
  g_assert_true (side_told (post->alice, "message_failed", id));
  /* Kept: a link brings it after all. */
  server_empty (post->server, "bob");
  link_up (post);
  net_wait (&post->net, side_told (post->alice, "message_delivered", id));
  g_assert_cmpint (side_query (post->alice, "SELECT failed FROM message"), ==, 0);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    void (*func) (Post *post, gconstpointer data);
  } tests[] = {
    { "message", test_message }, { "order", test_order }, { "refused", test_refused },
    { "conflict", test_conflict }, { "no-mailbox", test_no_mailbox },
    { "lost-answer", test_lost_answer }, { "restart", test_restart },
    { "both-ways", test_both_ways }, { "withdrawn", test_withdrawn },
    { "link-ends", test_link_ends }, { "unanswered", test_unanswered }, { "request", test_request },
    { "blocked", test_blocked }, { "rubbish", test_rubbish }, { "no-store", test_no_store },
    { "heal", test_heal }, { "overtaken", test_overtaken }, { "window", test_window },
    { "wrong-certificate", test_wrong_certificate }, { "changed-key", test_changed_key },
    { "asked-again", test_asked_again }, { "claimed-again", test_claimed_again },
    { "transport-changed", test_transport_changed }, { "many-without-mailbox", test_many_without_mailbox },
    { "stale-bundle", test_stale_bundle },
    { "prekeys", test_prekeys }, { "read", test_read }, { "expired", test_expired },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/chat/mail/", tests[i].name, NULL);

      g_test_add (path, Post, NULL, set_up, tests[i].func, tear_down);
    }
  return g_test_run ();
}
