/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-fake-daemon.h"

#include "kith-friend-private.h"

#define ALICE_TRUE "event typing {\"username\":\"alice\",\"typing\":true}\n"
#define ALICE_FALSE "event typing {\"username\":\"alice\",\"typing\":false}\n"
#define TOLD_TRUE "ephemeral alice typing {\"typing\":true}\n"
#define TOLD_FALSE "ephemeral alice typing {\"typing\":false}\n"

typedef struct
{
  KithFakeDaemon *daemon;
  KithFriend *alice;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  const char *const path[] = { PLUGIN_DIR, NULL };

  f->daemon = kith_fake_daemon_new (path, NULL);
  f->alice = kith_fake_daemon_add_friend (f->daemon, "alice");
  kith_fake_daemon_start_all (f->daemon);
  g_assert_cmpint (kith_fake_daemon_get_state (f->daemon, "typing"), ==, KITH_PLUGIN_ACTIVE);
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  kith_fake_daemon_assert_notes (f->daemon, "");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_free (f->daemon);
}

static void
assert_ask (Fixture *f, guint64 client, const char *json, const char *expected)
{
  g_autofree char *answer = kith_fake_daemon_ask (f->daemon, "typing", client, NULL, json);

  g_assert_cmpstr (answer, ==, expected);
}

/* Each sign is passed on, repeats too; 5 s after the last one the daemon says false by itself. */
static void
test_friend_types (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":true}");
  kith_fake_daemon_advance_ms (f->daemon, 4000);
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":true}");
  kith_fake_daemon_advance_ms (f->daemon, 4990);
  kith_fake_daemon_assert_notes (f->daemon, ALICE_TRUE ALICE_TRUE);
  kith_fake_daemon_advance_ms (f->daemon, 20);
  kith_fake_daemon_assert_notes (f->daemon, ALICE_FALSE);
  kith_fake_daemon_advance_ms (f->daemon, 60000);
  kith_fake_daemon_assert_notes (f->daemon, "");
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":true}");
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":false}");
  kith_fake_daemon_advance_ms (f->daemon, 60000);
  kith_fake_daemon_assert_notes (f->daemon, ALICE_TRUE ALICE_FALSE);
}

static void
test_friend_talks_nonsense (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{}");
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":1}");
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":[]}");
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":null}");
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":\"true\"}");
  kith_fake_daemon_assert_notes (f->daemon, "");
}

static void
test_link_goes (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, FALSE);
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  kith_fake_daemon_assert_notes (f->daemon, "");
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":true}");
  kith_fake_daemon_set_link (f->daemon, f->alice, FALSE);
  kith_fake_daemon_assert_notes (f->daemon, ALICE_TRUE ALICE_FALSE);
  kith_fake_daemon_advance_ms (f->daemon, 60000);
  kith_fake_daemon_assert_notes (f->daemon, "");
}

/* true at most once a second per friend, false always. */
static void
test_we_type (Fixture *f, gconstpointer data)
{
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":true}", "200");
  assert_ask (f, 2, "{\"to\":\"alice\",\"typing\":true}", "200");
  kith_fake_daemon_advance_ms (f->daemon, 990);
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":true}", "200");
  kith_fake_daemon_assert_notes (f->daemon, TOLD_TRUE);
  kith_fake_daemon_advance_ms (f->daemon, 20);
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":true}", "200");
  kith_fake_daemon_assert_notes (f->daemon, TOLD_TRUE);
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":false}", "200");
  assert_ask (f, 2, "{\"to\":\"alice\",\"typing\":false}", "200");
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":true}", "200");
  kith_fake_daemon_assert_notes (f->daemon, TOLD_FALSE TOLD_FALSE TOLD_TRUE);
}

static void
test_window_goes (Fixture *f, gconstpointer data)
{
  assert_ask (f, 7, "{\"to\":\"alice\",\"typing\":true}", "200");
  kith_bus_tell_client (f->daemon->bus, FALSE, 8);
  kith_fake_daemon_assert_notes (f->daemon, TOLD_TRUE);
  kith_bus_tell_client (f->daemon->bus, FALSE, 7);
  kith_bus_tell_client (f->daemon->bus, FALSE, 7);
  kith_fake_daemon_assert_notes (f->daemon, TOLD_FALSE);
}

static void
test_not_allowed (Fixture *f, gconstpointer data)
{
  kith_friend_set_allow (f->alice, KITH_ALLOW_PRESENCE | KITH_ALLOW_RECEIPTS);
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":true}", "200");
  kith_friend_set_allow (f->alice, KITH_ALLOW_TYPING);
  f->daemon->status = KITH_PRESENCE_INVISIBLE;
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":true}", "200");
  f->daemon->status = KITH_PRESENCE_ONLINE;
  kith_friend_set_blocked (f->alice, TRUE);
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":true}", "200");
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":true}");
  kith_fake_daemon_assert_notes (f->daemon, "");
}

static void
test_bad_commands (Fixture *f, gconstpointer data)
{
  assert_ask (f, 1, "{\"to\":\"nobody\",\"typing\":true}", "404 \"to\": there is no friend \"nobody\"");
  assert_ask (f, 1, "{\"typing\":true}", "400 the field \"to\" is missing");
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":1}", "400 the field \"typing\" must be true or false");
  kith_fake_daemon_assert_notes (f->daemon, "");
}

/* Switching off says false for both sides, and leaves nothing. */
static void
test_switch_off (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":true}");
  assert_ask (f, 1, "{\"to\":\"alice\",\"typing\":true}", "200");
  kith_fake_daemon_disable (f->daemon, "typing");
  kith_fake_daemon_assert_notes (f->daemon, ALICE_TRUE TOLD_TRUE ALICE_FALSE TOLD_FALSE);
  g_assert_false (kith_fake_daemon_offers (f->daemon, "typing"));
  g_assert_false (kith_bus_knows_event (f->daemon->bus, "typing"));
  g_assert_false (kith_loader_find (f->daemon->loader, "typing")->leaked);
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":true}");
  kith_fake_daemon_assert_notes (f->daemon, "");
  g_assert_true (kith_fake_daemon_enable (f->daemon, "typing", NULL));
  kith_fake_daemon_say (f->daemon, f->alice, "typing", "{\"typing\":true}");
  kith_fake_daemon_assert_notes (f->daemon, ALICE_TRUE);
}

#define ADD(path, func) g_test_add ("/typing/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("friend-types", test_friend_types);
  ADD ("friend-talks-nonsense", test_friend_talks_nonsense);
  ADD ("link-goes", test_link_goes);
  ADD ("we-type", test_we_type);
  ADD ("window-goes", test_window_goes);
  ADD ("not-allowed", test_not_allowed);
  ADD ("bad-commands", test_bad_commands);
  ADD ("switch-off", test_switch_off);
  return g_test_run ();
}
