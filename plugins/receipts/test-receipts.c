/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-fake-daemon.h"

#include "kith-friend-private.h"

#define ID "3b241101-e2bb-4255-8caf-4136c566a962"

static void
test_mark_read (void)
{
  const char *const path[] = { PLUGIN_DIR, NULL };
  KithFakeDaemon *daemon = kith_fake_daemon_new (path, NULL);
  KithFriend *alice = kith_fake_daemon_add_friend (daemon, "alice");
  static const struct
  {
    const char *json;
    KithAllow allow;
    gboolean blocked;
    const char *answer;
    const char *notes;
  } rows[] = {
    { "{\"peer\":\"alice\",\"msg_id\":\"" ID "\"}", KITH_ALLOW_RECEIPTS, FALSE, "200", "read alice " ID " told\n" },
    { "{\"peer\":\"alice\",\"msg_id\":\"" ID "\"}", KITH_ALLOW_TYPING, FALSE, "200", "read alice " ID " untold\n" },
    { "{\"peer\":\"alice\",\"msg_id\":\"" ID "\"}", KITH_ALLOW_RECEIPTS, TRUE, "200", "read alice " ID " untold\n" },
    { "{\"peer\":\"bob\",\"msg_id\":\"" ID "\"}", 0, FALSE, "404 \"peer\": there is no friend \"bob\"", "" },
    { "{\"peer\":\"alice\"}", 0, FALSE, "400 the field \"msg_id\" is missing", "" },
    { "{\"peer\":\"alice\",\"msg_id\":\"x\"}", 0, FALSE,
      "400 the field \"msg_id\" must be an id (a UUID v4 in lower case)", "" },
  };

  kith_fake_daemon_start_all (daemon);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *answer = NULL;

      kith_friend_set_allow (alice, rows[i].allow);
      kith_friend_set_blocked (alice, rows[i].blocked);
      answer = kith_fake_daemon_ask (daemon, "mark_read", 1, NULL, rows[i].json);
      g_assert_cmpstr (answer, ==, rows[i].answer);
      kith_fake_daemon_assert_notes (daemon, rows[i].notes);
    }
  kith_fake_daemon_free (daemon);
}

/* What the store says is what the window hears; switching off while it works answers too. */
static void
test_errors (void)
{
  const char *const path[] = { PLUGIN_DIR, NULL };
  const char *json = "{\"peer\":\"alice\",\"msg_id\":\"" ID "\"}";
  KithFakeDaemon *daemon = kith_fake_daemon_new (path, NULL);
  g_autofree char *answer = NULL;

  kith_fake_daemon_add_friend (daemon, "alice");
  kith_fake_daemon_start_all (daemon);
  daemon->read_error = g_error_new_literal (KITH_ERROR, KITH_ERROR_STORE, "the disk is full");
  answer = kith_fake_daemon_ask (daemon, "mark_read", 1, NULL, json);
  g_assert_cmpstr (answer, ==, "507 the disk is full");
  kith_fake_daemon_disable (daemon, "receipts");
  g_assert_false (kith_loader_find (daemon->loader, "receipts")->leaked);
  kith_fake_daemon_free (daemon);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/receipts/mark-read", test_mark_read);
  g_test_add_func ("/receipts/errors", test_errors);
  return g_test_run ();
}
