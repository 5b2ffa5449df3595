/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "chat-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

static void
test_talk (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autofree char *id = NULL;
  g_autofree char *page = NULL;
  gboolean delivered = FALSE;

  net_befriend (alice, bob);
  id = side_post (alice, "bob", "Hey there!", &delivered);
  g_assert_true (delivered);
  g_assert_true (side_told (bob, "new_message", id));
  g_assert_true (side_told (bob, "new_message", "\"direction\":\"received\""));
  g_assert_true (side_told (alice, "new_message", "\"direction\":\"sent\""));
  g_assert_true (side_told (alice, "message_delivered", id));
  g_assert_cmpuint (side_count (bob, "new_message"), ==, 1);
  page = side_page (bob, "alice");
  g_assert_nonnull (strstr (page, "Hey there!"));
  g_assert_nonnull (strstr (page, "\"total\":1,\"has_more\":false"));
  net_wait (net, bob->unread_events > 0);
  g_assert_cmpint (kith_people_find_name (bob->chat->people, "alice")->row.unread, ==, 1);
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM outbox"), ==, 0);
  g_free (id);
  id = side_post (bob, "alice", "back", &delivered);
  g_assert_true (delivered);
  g_assert_true (side_told (alice, "new_message", "back"));
}

static gboolean
in_order (const char *page, const char *first, const char *second, const char *third)
{
  const char *a = strstr (page, first), *b = strstr (page, second), *c = strstr (page, third);

  return a != NULL && b != NULL && c != NULL && a < b && b < c;
}

/* What is said while the other one is away waits, also over a restart of the daemon, and comes once and in order. */
static void
test_away (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autofree char *page = NULL;
  gboolean delivered = TRUE;

  net_befriend (alice, bob);
  g_free (side_post (alice, "bob", "zero", NULL));
  side_cut (bob);
  bob->unreachable = TRUE;
  net_wait (net, !side_linked (alice, "bob"));
  g_free (side_post (alice, "bob", "first", &delivered));
  g_assert_false (delivered);
  g_free (side_post (alice, "bob", "second", &delivered));
  g_assert_false (delivered);
  side_stop (alice);
  side_start (alice);
  g_free (side_post (alice, "bob", "third", NULL));
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM outbox WHERE wire IS NOT NULL"), ==, 3);
  bob->unreachable = FALSE;
  side_plug (bob);
  net_wait (net, side_count (bob, "new_message") == 4);
  net_wait (net, side_count (alice, "message_delivered") == 4);
  page = side_page (bob, "alice");
  g_assert_true (in_order (page, "first", "second", "third"));
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM outbox"), ==, 0);
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM message WHERE delivered = 1 AND direct = 1"), ==, 4);
}

/* The receiver has it, but its ACK never arrived: it comes again, and is shown once. */
static void
test_again (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");

  net_befriend (alice, bob);
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *text = g_strdup_printf ("message %u", i);
      Wait wait = { 0 };

      kith_chat_post_async (alice->chat, "bob", text, NULL, NULL, NULL, wait_callback, &wait);
      if (i % 10 == 5)
        {
          side_cut (bob);
          side_plug (bob);
        }
      side_wait (alice, &wait);
      wait_clear (&wait);
    }
  net_wait (net, side_query (alice, "SELECT count(*) FROM outbox") == 0);
  g_assert_cmpuint (side_count (bob, "new_message"), ==, 50);
  g_assert_cmpuint (side_count (alice, "message_delivered"), ==, 50);
}

static void
test_client_id (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autofree char *first = NULL;

  net_befriend (alice, bob);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (KithPosted) posted = NULL;
      g_autoptr (GError) error = NULL;
      Wait wait = { 0 };

      kith_chat_post_async (alice->chat, "bob", i < 2 ? "same" : "other", NULL, "client-1", NULL, wait_callback, &wait);
      posted = kith_chat_post_finish (alice->chat, side_wait (alice, &wait), &error);
      wait_clear (&wait);
      if (i == 2)
        {
          g_assert_error (error, KITH_ERROR, KITH_ERROR_CONFLICT);
          continue;
        }
      g_assert_no_error (error);
      g_assert_true (posted->delivered);
      g_assert_cmpstr (posted->delivery_method, ==, "direct");
      if (first == NULL)
        first = g_strdup (posted->msg_id);
      g_assert_cmpstr (posted->msg_id, ==, first);
    }
  g_assert_cmpuint (side_count (bob, "new_message"), ==, 1);
}

static const char *
post_error (Side *side, const char *to, const char *text, const char *reply_to, const char *client_id, char **owner)
{
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };

  kith_chat_post_async (side->chat, to, text, reply_to, client_id, NULL, wait_callback, &wait);
  g_assert_null (kith_chat_post_finish (side->chat, side_wait (side, &wait), &error));
  g_assert_nonnull (error);
  wait_clear (&wait);
  g_free (*owner);
  *owner = g_strdup (error->message);
  return *owner;
}

static void
test_bad_posts (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  g_autofree char *message = NULL;
  g_autofree char *longest = g_strnfill (10001, 'x');

  g_assert_cmpstr (post_error (alice, "bob", "x", NULL, NULL, &message), ==, "to: \"bob\" is not a friend");
  g_assert_true (g_str_has_prefix (post_error (alice, NULL, "x", NULL, NULL, &message), "to is missing"));
  g_assert_cmpstr (post_error (alice, "bob", NULL, NULL, NULL, &message), ==, "text is missing");
  g_assert_true (g_str_has_prefix (post_error (alice, "bob", "", NULL, NULL, &message), "text is empty"));
  g_assert_true (g_str_has_prefix (post_error (alice, "bob", longest, NULL, NULL, &message), "text is too long"));
  g_assert_true (
      g_str_has_prefix (post_error (alice, "bob", "a\rb", NULL, NULL, &message), "text must not contain control"));
  g_assert_true (g_str_has_prefix (post_error (alice, "bob", "a", "nonsense", NULL, &message), "reply_to"));
  g_assert_true (g_str_has_prefix (post_error (alice, "bob", "a", NULL, "", &message), "client_id"));
}

/* --- requests */

static void
test_request (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autofree char *requests = NULL;
  g_autofree char *page = NULL;
  g_autofree char *id = NULL;
  g_autofree char *part = NULL;
  Wait wait = { 0 };
  gboolean delivered = TRUE;

  g_free (side_add (alice, bob, "it is me"));
  net_wait (net, side_count (bob, "friend_request") == 1);
  g_assert_true (side_told (bob, "friend_request", "it is me"));
  id = side_post (alice, "bob", "one", &delivered);
  g_assert_false (delivered);
  kith_chat_edit_async (alice->chat, id, "one, edited", NULL, wait_callback, &wait);
  side_wait (alice, &wait);
  wait_clear (&wait);
  net_wait (net, side_query (alice, "SELECT count(*) FROM outbox") == 0);
  /* The fourth in a minute is refused, and kept. */
  g_free (side_post (alice, "bob", "two", &delivered));
  g_assert_false (delivered);
  requests = side_requests (bob);
  g_assert_nonnull (strstr (requests, "\"note\":\"it is me\""));
  g_assert_nonnull (strstr (requests, "\"message\":\"one\""));
  g_assert_nonnull (strstr (requests, "\"count\":1"));
  g_assert_cmpuint (side_count (bob, "new_message"), ==, 0);
  g_assert_cmpuint (side_count (bob, "friend_request"), ==, 1);

  g_assert_true (side_change (bob, kith_chat_accept_request_async, "alice"));
  g_assert_cmpuint (side_count (bob, "new_message"), ==, 1);
  g_assert_cmpuint (side_count (bob, "message_edited"), ==, 0);
  /* Bob's sign lets alice try again at once. */
  net_wait (net, side_count (bob, "new_message") == 2);
  g_assert_cmpuint (side_count (bob, "friend_added"), ==, 1);
  page = side_page (bob, "alice");
  g_assert_true (in_order (page, "one, edited", "edited_at", "two"));
  net_wait (net, side_count (alice, "message_delivered") == 2);
  g_assert_true (side_told (alice, "message_delivered", id));
  net_wait (net, side_query (bob, "SELECT count(*) FROM receipt") == 0);

  g_free (side_post (alice, "bob", "three", &delivered));
  g_assert_true (delivered);
  g_free (side_post (bob, "alice", "four", &delivered));
  g_assert_true (delivered);
}

static void
test_refuse (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autofree char *requests = NULL;

  g_free (side_add (alice, bob, NULL));
  net_wait (net, side_count (bob, "friend_request") == 1);
  g_assert_true (side_change (bob, kith_chat_refuse_request_async, "alice"));
  g_assert_false (side_change (bob, kith_chat_accept_request_async, "alice"));
  requests = side_requests (bob);
  g_assert_cmpstr (requests, ==, "[]");
  g_assert_cmpint (side_query (bob, "SELECT count(*) FROM person"), ==, 0);
}

/* Our own add is an acceptance. */
static void
test_both_add (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");

  g_free (side_add (alice, bob, "hello"));
  net_wait (net, side_count (bob, "friend_request") == 1);
  g_free (side_post (alice, "bob", "early", NULL));
  g_free (side_add (bob, alice, NULL));
  g_assert_true (side_told (bob, "new_message", "early"));
  net_wait (net, side_count (alice, "message_delivered") == 1);
  g_assert_cmpuint (side_count (alice, "friend_request"), ==, 0);
}

/* --- edit, delete, react, read */

static void
wait_change (Side *side, Wait *wait)
{
  g_autoptr (GError) error = NULL;

  kith_chat_change_finish (side->chat, side_wait (side, wait), &error);
  g_assert_no_error (error);
  wait_clear (wait);
}

static void
test_changes (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autofree char *id = NULL;
  g_autofree char *page = NULL;
  g_autofree char *seen = NULL;
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };

  net_befriend (alice, bob);
  id = side_post (alice, "bob", "secret text", NULL);
  kith_chat_edit_async (alice->chat, id, "edited text", NULL, wait_callback, &wait);
  side_wait (alice, &wait);
  wait_clear (&wait);
  net_wait (net, side_told (bob, "message_edited", "edited text"));
  kith_chat_react_async (bob->chat, id, "👍🏽", FALSE, NULL, wait_callback, &wait);
  wait_change (bob, &wait);
  net_wait (net, side_told (alice, "reaction", "\"from\":\"bob\""));
  page = side_page (alice, "bob");
  g_assert_nonnull (strstr (page, "\"reactions\":[{\"emoji\":\"👍🏽\",\"from\":\"bob\"}]"));
  kith_chat_react_async (bob->chat, id, "👍🏽", TRUE, NULL, wait_callback, &wait);
  wait_change (bob, &wait);
  net_wait (net, side_told (alice, "reaction", "\"removed\":true"));

  kith_chat_mark_read_async (bob->chat, kith_chat_find_friend (bob->chat, "alice"), id, TRUE, NULL, wait_callback,
                             &wait);
  wait_change (bob, &wait);
  g_assert_cmpint (kith_people_find_name (bob->chat->people, "alice")->row.unread, ==, 0);
  net_wait (net, side_told (alice, "message_read", id));
  net_wait (net, side_query (bob, "SELECT tell_read FROM conversation") == 0);

  /* Only the author may delete for everyone. */
  kith_chat_delete_async (bob->chat, id, TRUE, NULL, wait_callback, &wait);
  g_assert_false (kith_chat_change_finish (bob->chat, side_wait (bob, &wait), &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  wait_clear (&wait);
  kith_chat_delete_async (alice->chat, id, TRUE, NULL, wait_callback, &wait);
  wait_change (alice, &wait);
  net_wait (net, side_told (bob, "message_deleted", id));
  seen = side_page (bob, "alice");
  g_assert_nonnull (strstr (seen, "\"text\":\"\""));
  g_assert_nonnull (strstr (seen, "\"deleted\":true"));
  g_assert_null (strstr (seen, "reactions"));
  g_assert_cmpint (side_query (bob, "SELECT count(*) FROM journal WHERE data LIKE '%text\"%:%t text%'"), ==, 0);
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM journal WHERE data LIKE '%t text%'"), ==, 0);
}

/* Reading the last of several: counts and the sign only move forward; off means that nothing is sent. */
static void
test_read (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;
  KithFriend *friend = NULL;
  Wait wait = { 0 };

  net_befriend (alice, bob);
  friend = kith_chat_find_friend (bob->chat, "alice");
  first = side_post (alice, "bob", "1", NULL);
  second = side_post (alice, "bob", "2", NULL);
  third = side_post (alice, "bob", "3", NULL);
  g_assert_cmpint (kith_people_find_name (bob->chat->people, "alice")->row.unread, ==, 3);
  kith_chat_mark_read_async (bob->chat, friend, second, FALSE, NULL, wait_callback, &wait);
  wait_change (bob, &wait);
  g_assert_cmpint (kith_people_find_name (bob->chat->people, "alice")->row.unread, ==, 1);
  kith_chat_mark_read_async (bob->chat, friend, first, TRUE, NULL, wait_callback, &wait);
  wait_change (bob, &wait);
  g_assert_cmpint (kith_people_find_name (bob->chat->people, "alice")->row.unread, ==, 1);
  g_assert_cmpint (side_query (bob, "SELECT count(*) FROM conversation WHERE tell_read > 0"), ==, 0);
  kith_chat_mark_read_async (bob->chat, friend, third, TRUE, NULL, wait_callback, &wait);
  wait_change (bob, &wait);
  net_wait (net, side_told (alice, "message_read", third));
  g_assert_cmpuint (side_count (alice, "message_read"), ==, 1);
}

/* --- healing */

static gboolean
run_forget (KithDb *db, gpointer data, GError **error)
{
  return kith_db_exec (db, "DELETE FROM key_session; DELETE FROM key_skipped", error);
}

static void
on_forgot (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  *(gboolean *)data = TRUE;
}

static void
lose_sessions (Side *side)
{
  gboolean done = FALSE;

  kith_store_submit (side->store, KITH_LANE_FRONT, run_forget, on_forgot, &done, NULL);
  net_wait (side->net, done);
}

static void
test_heal (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autofree char *page = NULL;
  gboolean delivered = FALSE;

  net_befriend (alice, bob);
  g_free (side_post (alice, "bob", "before", &delivered));
  g_free (side_post (bob, "alice", "so that alice need not send an INIT", &delivered));
  lose_sessions (bob);
  for (guint i = 0; i < 5; i++)
    {
      g_autofree char *text = g_strdup_printf ("lost %u", i);

      kith_chat_post_async (alice->chat, "bob", text, NULL, NULL, NULL, NULL, NULL);
    }
  net_wait (net, side_count (alice, "message_delivered") == 6);
  g_assert_cmpuint (side_count (bob, "new_message"), ==, 7);
  page = side_page (bob, "alice");
  g_assert_true (in_order (page, "lost 0", "lost 1", "lost 2"));
  g_assert_true (in_order (page, "lost 2", "lost 3", "lost 4"));
  g_free (side_post (bob, "alice", "after", &delivered));
  g_assert_true (delivered);
}

/* --- restored from a backup: another device, no sessions, no history; nothing that waited is lost */

static GBytes *
back_up (Side *side, GBytes *contacts)
{
  static const KithE2eeCost cheap = { 1, 8 };
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };
  GBytes *file;

  kith_keys_backup_async (side->keys, "secret words", contacts, &cheap, NULL, wait_callback, &wait);
  file = kith_keys_backup_finish (side->keys, side_wait (side, &wait), &error);
  g_assert_no_error (error);
  wait_clear (&wait);
  return file;
}

typedef struct
{
  KithKeys *keys;
  KithBackup *backup;
  GBytes *contacts;
  char *username;
  gboolean done;
} Restore;

static gboolean
run_print (KithDb *db, gpointer data, GError **error)
{
  Restore *restore = data;

  restore->contacts = kith_contacts_print (db, "bob", error);
  return restore->contacts != NULL;
}

static gboolean
run_restore (KithDb *db, gpointer data, GError **error)
{
  Restore *restore = data;

  return kith_keys_restore (restore->keys, db, restore->backup, error)
         && kith_contacts_restore (db, kith_backup_get_json (restore->backup), 1, &restore->username, error);
}

static void
on_restored (gpointer data, const GError *error)
{
  g_assert_no_error (error);
  ((Restore *)data)->done = TRUE;
}

static void
start_restored (Side *side, GBytes *file)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KithStore) store = kith_store_new (side->net->world);
  g_autoptr (KithKeys) keys = kith_keys_new (side->net->world);
  Restore restore = { .keys = keys };
  Wait wait = { 0 };

  g_assert_cmpint (g_remove (side->path), ==, 0);
  kith_backup_open_async (file, "secret words", NULL, wait_callback, &wait);
  restore.backup = kith_backup_open_finish (side_wait (side, &wait), &error);
  g_assert_no_error (error);
  wait_clear (&wait);
  kith_store_open (store, side->path, side->key, KITH_STORE_OPEN_CREATE, &error);
  g_assert_no_error (error);
  kith_store_submit (store, KITH_LANE_FRONT, run_restore, on_restored, &restore, NULL);
  net_wait (side->net, restore.done);
  kith_backup_free (restore.backup);
  g_free (restore.username);
  kith_store_close (store);
  net_turn (side->net);
  side_start (side);
}

static void
test_restore (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autoptr (GBytes) file = NULL;
  g_autofree char *page = NULL;
  Restore printed = { 0 };
  gboolean delivered = FALSE;

  net_befriend (alice, bob);
  g_free (side_post (alice, "bob", "before", &delivered));
  g_free (side_post (bob, "alice", "before, too", &delivered));
  kith_store_submit (bob->store, KITH_LANE_FRONT, run_print, on_restored, &printed, NULL);
  net_wait (net, printed.done);
  file = back_up (bob, printed.contacts);
  g_bytes_unref (printed.contacts);
  side_stop (bob);
  bob->unreachable = TRUE;
  net_wait (net, !side_linked (alice, "bob"));
  g_free (side_post (alice, "bob", "meanwhile 1", &delivered));
  g_free (side_post (alice, "bob", "meanwhile 2", &delivered));
  g_free (side_post (alice, "bob", "meanwhile 3", &delivered));
  g_assert_false (delivered);
  g_string_truncate (bob->events, 0);
  bob->unreachable = FALSE;
  start_restored (bob, file);
  net_wait (net, side_count (bob, "new_message") == 3);
  net_wait (net, side_query (alice, "SELECT count(*) FROM outbox") == 0);
  page = side_page (bob, "alice");
  g_assert_true (in_order (page, "meanwhile 1", "meanwhile 2", "meanwhile 3"));
  g_free (side_post (bob, "alice", "here again", &delivered));
  g_assert_true (delivered);
  g_assert_cmpint (side_query (alice, "SELECT count(*) FROM message WHERE failed"), ==, 0);
}

/* --- plugins' own contents */

static GPtrArray *handed;

static void
on_content (KithContent *content, gpointer data)
{
  g_ptr_array_add (handed, content);
}

static void
test_plugin (Net *net, gconstpointer data)
{
  Side *alice = net_add (net, "alice");
  Side *bob = net_add (net, "bob");
  g_autoptr (GError) error = NULL;
  Wait wait = { 0 };
  JsonObject *object = json_object_new ();
  KithContent *content;

  handed = g_ptr_array_new ();
  net_befriend (alice, bob);
  g_assert_true (kith_chat_add_kind (bob->chat, "x.polls.vote", on_content, NULL, &error));
  json_object_set_int_member (object, "choice", 3);
  kith_chat_send_async (alice->chat, kith_chat_find_friend (alice->chat, "bob"), "x.polls.vote", object, NULL,
                        wait_callback, &wait);
  g_free (kith_chat_send_finish (alice->chat, side_wait (alice, &wait), &error));
  g_assert_no_error (error);
  wait_clear (&wait);
  net_wait (net, handed->len == 1);
  content = handed->pdata[0];
  g_assert_cmpint (json_object_get_int_member (kith_content_get_data (content), "choice"), ==, 3);
  g_assert_false (json_object_has_member (kith_content_get_data (content), "cid"));
  g_object_unref (content); /* not done: it comes again after a restart */
  g_ptr_array_set_size (handed, 0);
  side_stop (bob);
  side_start (bob);
  g_assert_true (kith_chat_add_kind (bob->chat, "x.polls.vote", on_content, NULL, &error));
  net_wait (net, handed->len == 1);
  kith_content_done (handed->pdata[0]);
  net_wait (net, side_query (bob, "SELECT count(*) FROM plugin_inbox") == 0);
  g_ptr_array_unref (handed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/chat/talk", Net, NULL, net_set_up, test_talk, net_tear_down);
  g_test_add ("/chat/away", Net, NULL, net_set_up, test_away, net_tear_down);
  g_test_add ("/chat/again", Net, NULL, net_set_up, test_again, net_tear_down);
  g_test_add ("/chat/client-id", Net, NULL, net_set_up, test_client_id, net_tear_down);
  g_test_add ("/chat/bad-posts", Net, NULL, net_set_up, test_bad_posts, net_tear_down);
  g_test_add ("/chat/request", Net, NULL, net_set_up, test_request, net_tear_down);
  g_test_add ("/chat/refuse", Net, NULL, net_set_up, test_refuse, net_tear_down);
  g_test_add ("/chat/both-add", Net, NULL, net_set_up, test_both_add, net_tear_down);
  g_test_add ("/chat/changes", Net, NULL, net_set_up, test_changes, net_tear_down);
  g_test_add ("/chat/read", Net, NULL, net_set_up, test_read, net_tear_down);
  g_test_add ("/chat/heal", Net, NULL, net_set_up, test_heal, net_tear_down);
  g_test_add ("/chat/restore", Net, NULL, net_set_up, test_restore, net_tear_down);
  g_test_add ("/chat/plugin", Net, NULL, net_set_up, test_plugin, net_tear_down);
  return g_test_run ();
}
