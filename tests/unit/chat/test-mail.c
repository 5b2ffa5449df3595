/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages through mailboxes: what goes when, what comes back, and what is shown of it. */
#include "mail-fixture.h"
#include "kith-post-private.h"
#include "kith-quarantine.h"

#include <string.h>

static void
test_message (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *page = NULL;
  gboolean delivered = TRUE;

  post_befriend (post);
  id = side_post (post->alice, "bob", "Hey there!", &delivered);
  g_assert_false (delivered);
  mail_wait (post, side_told (post->bob, "new_message", id));
  g_assert_true (side_told (post->bob, "new_message", "\"delivery_method\":\"offline\""));
  post_exchange (post);
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
  post_befriend (post);
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
  post_exchange (post);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 120);
}

static void
test_refused (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autoptr (GBytes) answer = NULL;
  Wait wait = { 0 };

  post_befriend (post);
  post_exchange (post);
  server_next (post->server, KITH_DEPOSIT_REFUSED);
  id = side_post (post->alice, "bob", "too much", NULL);
  net_wait (&post->net, side_told (post->alice, "message_failed", id));
  g_assert_cmpint (side_query (post->alice, "SELECT uploaded_ms FROM outbox"), ==, -1);
  kith_chat_resend_async (post->alice->chat, id, NULL, wait_callback, &wait);
  answer = kith_chat_print_finish (post->alice->chat, side_wait (post->alice, &wait), NULL);
  g_assert_nonnull (answer);
  wait_clear (&wait);
  post_exchange (post);
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
  post_befriend (post);
  post_exchange (post);
  server_next (post->server, KITH_DEPOSIT_CONFLICT);
  g_free (side_post (post->alice, "bob", "twice", NULL));
  net_wait (&post->net, post_letters (post, "bob") == 1);
  /* Another name, the same bytes. */
  g_assert_cmpint (strncmp (nth_seen (post, 0), nth_seen (post, 1), 36), !=, 0);
  g_assert_cmpstr (nth_seen (post, 0) + 37, ==, nth_seen (post, 1) + 37);
  post_exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
}

static void
test_no_mailbox (Post *post, gconstpointer data)
{
  guint lookups;

  post_befriend (post);
  post_exchange (post);
  lookups = post->server->lookups;
  server_next (post->server, KITH_DEPOSIT_NO_MAILBOX);
  g_free (side_post (post->alice, "bob", "where are you", NULL));
  post_exchange (post);
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

  post_befriend (post);
  post_exchange (post);
  post->server->lose_answer = TRUE;
  g_free (side_post (post->alice, "bob", "hello?", NULL));
  net_wait (&post->net, post_letters (post, "bob") == 1);
  first = g_strdup (nth_seen (post, 0));
  net_wait (&post->net, count_seen (post, first) == 2);
  g_assert_cmpuint (post_letters (post, "bob"), ==, 1);
  post_exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

/* Sealed and not uploaded, then uploaded and not answered: each time the daemon ends, and the same bytes go on. */
static void
test_restart (Post *post, gconstpointer data)
{
  g_autofree char *first = NULL;

  post_befriend (post);
  post_exchange (post);
  post->server->lose_answer = TRUE;
  g_free (side_post (post->alice, "bob", "still here", NULL));
  net_wait (&post->net, post_letters (post, "bob") == 1);
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
  post_restart (post, post->alice, &post->a);
  post_exchange (post);
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

  post_befriend (post);
  post_exchange (post);
  id = side_post (post->alice, "bob", "once", NULL);
  net_wait (&post->net, post_letters (post, "bob") == 1);
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

  post_befriend (post);
  post_exchange (post);
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
  g_assert_cmpuint (post_letters (post, "bob"), ==, 0);
}

/* With a link nothing goes to a mailbox; when it ends, what has no acknowledgement does. */
static void
test_link_ends (Post *post, gconstpointer data)
{
  gboolean delivered = FALSE;
  guint parcels;

  post_befriend (post);
  post_exchange (post);
  link_up (post);
  parcels = post->server->parcels;
  g_free (side_post (post->alice, "bob", "direct", &delivered));
  g_assert_true (delivered);
  g_assert_cmpuint (post->server->parcels, ==, parcels);
  side_cut (post->bob);
  side_cut (post->alice);
  g_free (side_post (post->alice, "bob", "by mail", &delivered));
  post_exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 2);
  g_assert_true (side_told (post->bob, "new_message", "\"delivery_method\":\"direct\""));
  g_assert_true (side_told (post->bob, "new_message", "\"delivery_method\":\"offline\""));
}

/* The link brought it and ended before the answer: the mailbox says that it is there. */
static void
test_unanswered (Post *post, gconstpointer data)
{
  post_befriend (post);
  post_exchange (post);
  link_up (post);
  post->bob->unreachable = TRUE;
  post->bob->cut_at = KITH_EVENT_NEW_MESSAGE;
  g_free (side_post (post->alice, "bob", "are you there?", NULL));
  net_wait (&post->net, side_count (post->bob, "new_message") == 1);
  post_exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

static gboolean
run_sql (KithDb *db, gpointer data, GError **error)
{
  return kith_stmt_run (kith_db_prepare (db, data), error);
}

static void
side_run (Side *side, const char *sql)
{
  kith_store_submit (side->store, KITH_LANE_FRONT, run_sql, NULL, (gpointer)sql, NULL);
}

static guint
failed_jobs (Side *side)
{
  KithStoreCounters counters;

  kith_store_get_counters (side->store, &counters);
  return (guint)counters.failed;
}

/* The same when the store fails for a while: not before it is prepared, else the same bytes would go. */
static void
test_unprepared (Post *post, gconstpointer data)
{
  KithBox *box;
  guint failed;

  post_befriend (post);
  post_exchange (post);
  link_up (post);
  box = kith_outbox_get_box (post->alice->chat->outbox, side_query (post->alice, "SELECT id FROM person"));
  failed = failed_jobs (post->alice);
  side_run (post->alice, "CREATE TRIGGER no BEFORE UPDATE OF wire ON outbox BEGIN SELECT RAISE (FAIL, 'no'); END");
  post->bob->unreachable = TRUE;
  post->bob->cut_at = KITH_EVENT_NEW_MESSAGE;
  g_free (side_post (post->alice, "bob", "are you there?", NULL));
  net_wait (&post->net, failed_jobs (post->alice) > failed);
  g_assert_cmpint (box->unanswered_from, !=, 0);
  side_run (post->alice, "DROP TRIGGER no");
  post_exchange (post);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, 1);
}

static void
block (KithChat *chat, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  kith_chat_set_blocked_async (chat, name, TRUE, c, cb, data);
}

static void
unblock (KithChat *chat, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  kith_chat_set_blocked_async (chat, name, FALSE, c, cb, data);
}

/* A sign that the server refuses is not tried again, but after a block everything begins anew. */
static void
test_unblocked (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;
  guint parcels;

  post_befriend (post);
  id = side_post (post->alice, "bob", "read this", NULL);
  mail_wait (post, side_told (post->bob, "new_message", id));
  post_exchange (post);
  parcels = post->server->parcels;
  server_next (post->server, KITH_DEPOSIT_REFUSED);
  kith_chat_mark_read_async (post->bob->chat, kith_chat_find_friend (post->bob->chat, "alice"), id, TRUE, NULL, NULL,
                             NULL);
  net_wait (&post->net, post->server->parcels == parcels + 1);
  g_assert_true (side_change (post->bob, block, "alice"));
  g_assert_true (side_change (post->bob, unblock, "alice"));
  g_free (side_post (post->alice, "bob", "and this", NULL));
  mail_wait (post, side_told (post->alice, "message_read", id));
  post_exchange (post);
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
  net_wait (&post->net, post_letters (post, "bob") == 2);
  g_assert_cmpint (side_collect (post->bob, post->b, post->server), ==, KITH_FATE_REQUEST);
  g_assert_cmpuint (side_count (post->bob, "friend_request"), ==, 1);
  requests = side_requests (post->bob);
  g_assert_nonnull (strstr (requests, "\"username\":\"alice\""));
  g_assert_nonnull (strstr (requests, "do you know me?"));
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 0);
  g_assert_true (side_change (post->bob, kith_chat_accept_request_async, "alice"));
  g_assert_true (side_told (post->bob, "new_message", id));
  post_exchange (post);
  g_assert_true (side_told (post->alice, "message_delivered", id));
  page = side_page (post->bob, "alice");
  g_assert_nonnull (strstr (page, "\"delivery_method\":\"offline\""));
}

static void
test_blocked (Post *post, gconstpointer data)
{
  post_befriend (post);
  post_exchange (post);
  kith_chat_set_blocked_async (post->bob->chat, "alice", TRUE, NULL, NULL, NULL);
  g_free (side_post (post->alice, "bob", "psst", NULL));
  net_wait (&post->net, post_letters (post, "bob") == 1);
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

  post_befriend (post);
  post_exchange (post);
  side_query (post->bob, "DELETE FROM key_session RETURNING 1");
  id = side_post (post->alice, "bob", "lost and found", NULL);
  net_wait (&post->net, post_letters (post, "bob") == 1);
  g_assert_cmpint (side_collect (post->bob, post->b, post->server), ==, KITH_FATE_QUARANTINED);
  bytes = kith_chat_print_friend (post->bob->chat, "alice");
  friend = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_assert_nonnull (strstr (friend, "\"unreadable\":1"));
  mail_wait (post, side_told (post->bob, "new_message", id));
  post_exchange (post);
  g_assert_true (side_told (post->alice, "message_delivered", id));
  mail_wait (post, !kith_quarantine_any (post->bob->chat->quarantine)
                       || kith_quarantine_count (post->bob->chat->quarantine, 1) == 0);
  g_assert_cmpuint (side_count (post->bob, "new_message"), ==, 1);
}

/* Nothing is missed of somebody who is no friend any more. */
static void
test_forgotten (Post *post, gconstpointer data)
{
  post_befriend (post);
  post_exchange (post);
  side_query (post->bob, "DELETE FROM key_session RETURNING 1");
  g_free (side_post (post->alice, "bob", "lost", NULL));
  net_wait (&post->net, post_letters (post, "bob") == 1);
  g_assert_cmpint (side_collect (post->bob, post->b, post->server), ==, KITH_FATE_QUARANTINED);
  g_assert_true (side_change (post->bob, kith_chat_remove_async, "alice"));
  g_assert_cmpint (side_query (post->bob, "SELECT count(*) FROM quarantine"), ==, 0);
  g_assert_false (kith_quarantine_any (post->bob->chat->quarantine));
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

  post_befriend (post);
  post_exchange (post);
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
  post_exchange (post);
  g_assert_cmpuint (side_count (post->alice, "message_delivered"), ==, n);
}

static void
test_window (Post *post, gconstpointer data)
{
  kith_bus_tell_client (post->bob->bus, TRUE, 1);
  net_wait (&post->net, post->server->collects == 1);
  kith_chat_network_changed (post->bob->chat);
  g_assert_cmpuint (post->server->collects, ==, 2);
}

/* --- signs, and time */

static void
test_read (Post *post, gconstpointer data)
{
  g_autofree char *id = NULL;

  post_befriend (post);
  id = side_post (post->alice, "bob", "read this", NULL);
  mail_wait (post, side_told (post->bob, "new_message", id));
  kith_chat_mark_read_async (post->bob->chat, kith_chat_find_friend (post->bob->chat, "alice"), id, TRUE, NULL, NULL,
                             NULL);
  mail_wait (post, side_told (post->alice, "message_read", id));
  post_exchange (post);
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

  post_befriend (post);
  post_exchange (post);
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
    { "link-ends", test_link_ends }, { "unanswered", test_unanswered },
    { "unprepared", test_unprepared }, { "unblocked", test_unblocked },
    { "request", test_request }, { "forgotten", test_forgotten },
    { "blocked", test_blocked }, { "rubbish", test_rubbish }, { "no-store", test_no_store },
    { "heal", test_heal }, { "overtaken", test_overtaken }, { "window", test_window },
    { "read", test_read }, { "expired", test_expired },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/chat/mail/", tests[i].name, NULL);

      g_test_add (path, Post, NULL, post_set_up, tests[i].func, post_tear_down);
    }
  return g_test_run ();
}
