/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-fake-daemon.h"

#include "kith-friend-private.h"

#define ME(status) "ephemeral alice presence {\"status\":\"" status "\"}\n"
#define SHOWN(edge, status)                                                                                           \
  "presence alice " status "\n" edge "event presence {\"username\":\"alice\",\"status\":\"" status "\"}\n"
#define CAME "event friend_online {\"username\":\"alice\"}\n"
#define WENT "event friend_offline {\"username\":\"alice\"}\n"

typedef struct
{
  KithFakeDaemon *daemon;
  KithFriend *alice;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  const char *const path[] = { PLUGIN_DIR, NULL };

  f->daemon = kith_fake_daemon_new (path, PLUGIN_DIR);
  f->alice = kith_fake_daemon_add_friend (f->daemon, "alice");
  kith_fake_daemon_start_all (f->daemon);
  g_assert_cmpint (kith_fake_daemon_get_state (f->daemon, "presence"), ==, KITH_PLUGIN_ACTIVE);
  kith_fake_daemon_assert_notes (f->daemon, "");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_free (f->daemon);
}

static void
say (Fixture *f, const char *json)
{
  kith_fake_daemon_say (f->daemon, f->alice, "presence", json);
}

/* friend_online waits for their word, a second at most; ours goes ahead of everything. */
static void
test_first_word (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  kith_fake_daemon_advance_ms (f->daemon, 900);
  kith_fake_daemon_assert_notes (f->daemon, ME ("online"));
  say (f, "{\"status\":\"busy\"}");
  kith_fake_daemon_assert_notes (f->daemon, SHOWN (CAME, "busy"));
  say (f, "{\"status\":\"busy\"}");
  say (f, "{\"status\":\"asleep\"}");
  say (f, "{\"status\":5}");
  say (f, "{}");
  kith_fake_daemon_advance_ms (f->daemon, 5000);
  kith_fake_daemon_assert_notes (f->daemon, "");
  say (f, "{\"status\":\"away\"}");
  kith_fake_daemon_assert_notes (f->daemon, SHOWN ("", "away"));
  g_assert_cmpint (kith_friend_get_presence (f->alice), ==, KITH_PRESENCE_AWAY);
}

static void
test_silent_friend (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  kith_fake_daemon_advance_ms (f->daemon, 1001);
  kith_fake_daemon_assert_notes (f->daemon, ME ("online") SHOWN (CAME, "online"));
}

/* A friend who is invisible to us is never online, whatever is seen of them elsewhere. */
static void
test_invisible_friend (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  say (f, "{\"status\":\"offline\"}");
  kith_fake_daemon_advance_ms (f->daemon, 5000);
  kith_bus_tell_evidence (f->daemon->bus, "supabase", f->alice, KITH_PRESENCE_ONLINE, 60000);
  kith_fake_daemon_set_link (f->daemon, f->alice, FALSE);
  kith_fake_daemon_advance_ms (f->daemon, 70000);
  kith_fake_daemon_assert_notes (f->daemon, ME ("online"));
}

/* A link that comes back in time is no news; one that does not is, once. */
static void
test_hysteresis (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  say (f, "{\"status\":\"online\"}");
  kith_fake_daemon_assert_notes (f->daemon, ME ("online") SHOWN (CAME, "online"));
  kith_fake_daemon_set_link (f->daemon, f->alice, FALSE);
  kith_fake_daemon_advance_ms (f->daemon, 2900);
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  say (f, "{\"status\":\"online\"}");
  kith_fake_daemon_advance_ms (f->daemon, 10000);
  kith_fake_daemon_assert_notes (f->daemon, ME ("online"));
  kith_fake_daemon_set_link (f->daemon, f->alice, FALSE);
  kith_fake_daemon_advance_ms (f->daemon, 2900);
  kith_fake_daemon_assert_notes (f->daemon, "");
  kith_fake_daemon_advance_ms (f->daemon, 200);
  kith_fake_daemon_assert_notes (f->daemon, SHOWN (WENT, "offline"));
  kith_fake_daemon_advance_ms (f->daemon, 60000);
  kith_fake_daemon_assert_notes (f->daemon, "");
}

/* Who says it themself is believed at once. */
static void
test_goodbye (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  say (f, "{\"status\":\"online\"}");
  say (f, "{\"status\":\"offline\"}");
  kith_fake_daemon_assert_notes (f->daemon, ME ("online") SHOWN (CAME, "online") SHOWN (WENT, "offline"));
}

static void
test_two_links (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  say (f, "{\"status\":\"away\"}");
  kith_bus_tell_link (f->daemon->bus, TRUE, f->alice, "webrtc");
  kith_bus_tell_link (f->daemon->bus, FALSE, f->alice, "tcp");
  kith_fake_daemon_advance_ms (f->daemon, 60000);
  kith_fake_daemon_assert_notes (f->daemon, ME ("online") SHOWN (CAME, "away") ME ("online"));
}

static void
test_evidence (Fixture *f, gconstpointer data)
{
  KithBus *bus = f->daemon->bus;

  kith_bus_tell_evidence (bus, "supabase", f->alice, KITH_PRESENCE_AWAY, 10000);
  kith_fake_daemon_assert_notes (f->daemon, SHOWN (CAME, "away"));
  kith_bus_tell_evidence (bus, "signal", f->alice, KITH_PRESENCE_ONLINE, 5000);
  kith_fake_daemon_assert_notes (f->daemon, SHOWN ("", "online"));
  kith_fake_daemon_advance_ms (f->daemon, 5100);
  kith_fake_daemon_assert_notes (f->daemon, SHOWN ("", "away"));
  kith_bus_tell_evidence (bus, "supabase", f->alice, KITH_PRESENCE_AWAY, 0);
  kith_fake_daemon_advance_ms (f->daemon, 2900);
  kith_fake_daemon_assert_notes (f->daemon, "");
  kith_fake_daemon_advance_ms (f->daemon, 200);
  kith_fake_daemon_assert_notes (f->daemon, SHOWN (WENT, "offline"));
}

/* What each friend may see of us, and only when it changes. */
static void
test_own_status (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  say (f, "{\"status\":\"offline\"}");
  kith_fake_daemon_assert_notes (f->daemon, ME ("online"));
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_BUSY);
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_BUSY);
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_INVISIBLE);
  kith_fake_daemon_assert_notes (f->daemon, ME ("busy") ME ("offline"));
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_AWAY);
  kith_friend_set_allow (f->alice, KITH_ALLOW_TYPING);
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_ONLINE);
  kith_friend_set_allow (f->alice, KITH_ALLOW_PRESENCE);
  kith_fake_daemon_assert_notes (f->daemon, ME ("away") ME ("offline") ME ("online"));
  kith_fake_daemon_set_link (f->daemon, f->alice, FALSE);
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_INVISIBLE);
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  kith_fake_daemon_assert_notes (f->daemon, ME ("offline"));
}

static void
test_switch_off_and_on (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  say (f, "{\"status\":\"online\"}");
  kith_fake_daemon_disable (f->daemon, "presence");
  kith_fake_daemon_assert_notes (f->daemon, ME ("online") SHOWN (CAME, "online") SHOWN (WENT, "offline"));
  g_assert_false (kith_loader_find (f->daemon->loader, "presence")->leaked);
  g_assert_true (kith_fake_daemon_enable (f->daemon, "presence", NULL));
  kith_fake_daemon_advance_ms (f->daemon, 2000);
  kith_fake_daemon_assert_notes (f->daemon, ME ("online") SHOWN (CAME, "online"));
}

static void
test_friend_removed (Fixture *f, gconstpointer data)
{
  kith_fake_daemon_set_link (f->daemon, f->alice, TRUE);
  say (f, "{\"status\":\"online\"}");
  g_object_ref (f->alice);
  g_list_store_remove_all (f->daemon->friends);
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_AWAY);
  kith_fake_daemon_advance_ms (f->daemon, 60000);
  kith_fake_daemon_assert_notes (f->daemon, ME ("online") SHOWN (CAME, "online"));
  g_object_unref (f->alice);
}

#define ADD(path, func) g_test_add ("/presence/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("first-word", test_first_word);
  ADD ("silent-friend", test_silent_friend);
  ADD ("invisible-friend", test_invisible_friend);
  ADD ("hysteresis", test_hysteresis);
  ADD ("goodbye", test_goodbye);
  ADD ("two-links", test_two_links);
  ADD ("evidence", test_evidence);
  ADD ("own-status", test_own_status);
  ADD ("switch-off-and-on", test_switch_off_and_on);
  ADD ("friend-removed", test_friend_removed);
  return g_test_run ();
}
