/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the plugin does when nobody can show anything; what it shows is in tests/integration/test_notify.py. */
#include "kith-fake-daemon.h"

#include "kith-friend-private.h"

#define IN_FRONT "conversation_in_front"

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
  g_assert_cmpint (kith_fake_daemon_get_state (f->daemon, "notify"), ==, KITH_PLUGIN_ACTIVE);
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
  g_autofree char *answer = kith_fake_daemon_ask (f->daemon, IN_FRONT, client, NULL, json);

  g_assert_cmpstr (answer, ==, expected);
}

static void
tell (Fixture *f, const char *name, const char *json)
{
  g_autoptr (GBytes) bytes = g_bytes_new (json, strlen (json));
  g_autoptr (KithEvent) event = kith_event_new_bytes (name, bytes, NULL);

  kith_bus_tell_event (f->daemon->bus, event);
}

static void
test_in_front (Fixture *f, gconstpointer data)
{
  assert_ask (f, 1, "{\"username\":\"alice\"}", "200");
  assert_ask (f, 1, "{\"username\":null}", "200");
  assert_ask (f, 2, "{\"username\":\"nobody\"}", "404 \"username\": there is no friend \"nobody\"");
  assert_ask (f, 2, "{}", "400 the field \"username\" is missing");
  assert_ask (f, 2, "{\"username\":7}", "400 the field \"username\" must be a username");
  kith_bus_tell_client (f->daemon->bus, FALSE, 1);
  kith_bus_tell_client (f->daemon->bus, FALSE, 99);
}

/* Without a session bus it keeps quiet: nothing is asked, nothing is told, nothing leaks. */
static void
test_no_bus (Fixture *f, gconstpointer data)
{
  static const KithEventSpec specs[] = {
    { KITH_EVENT_NEW_MESSAGE, KITH_KEEP_NONE, NULL, NULL, "", { NULL } },
    { KITH_EVENT_UNREAD, KITH_KEEP_NONE, NULL, NULL, "", { NULL } },
    { KITH_EVENT_FRIEND_REQUEST, KITH_KEEP_NONE, NULL, NULL, "", { NULL } },
    { KITH_EVENT_FRIEND_ADDED, KITH_KEEP_NONE, NULL, NULL, "", { NULL } },
  };
  g_autofree char *notes = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (specs); i++)
    g_assert_true (kith_bus_add_event (f->daemon->bus, &specs[i], "test", NULL));
  tell (f, KITH_EVENT_NEW_MESSAGE, "{\"from\":\"alice\",\"direction\":\"received\",\"text\":\"hi\",\"msg_id\":\"m\"}");
  tell (f, KITH_EVENT_NEW_MESSAGE, "{\"from\":\"me\",\"direction\":\"sent\",\"text\":\"hi\",\"msg_id\":\"m\"}");
  tell (f, KITH_EVENT_FRIEND_REQUEST, "{\"username\":\"carol\",\"fingerprint\":\"0\"}");
  kith_fake_daemon_advance_ms (f->daemon, 10000);
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_BUSY);
  kith_fake_daemon_set_status (f->daemon, KITH_PRESENCE_ONLINE);
  tell (f, KITH_EVENT_UNREAD, "{\"peer\":\"alice\",\"count\":0}");
  tell (f, KITH_EVENT_FRIEND_ADDED, "{\"username\":\"carol\"}");
  kith_fake_daemon_advance_ms (f->daemon, 10000);
  notes = kith_fake_daemon_take_notes (f->daemon);
  g_assert_null (strstr (notes, "ask "));
  g_assert_null (strstr (notes, "warning "));
}

static void
test_switch_off (Fixture *f, gconstpointer data)
{
  assert_ask (f, 1, "{\"username\":\"alice\"}", "200");
  kith_fake_daemon_disable (f->daemon, "notify");
  g_assert_false (kith_fake_daemon_offers (f->daemon, IN_FRONT));
  g_assert_false (kith_loader_find (f->daemon->loader, "notify")->leaked);
  g_assert_true (kith_fake_daemon_enable (f->daemon, "notify", NULL));
  assert_ask (f, 1, "{\"username\":null}", "200");
}

#define ADD(path, func) g_test_add ("/notify/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/at/all", TRUE);
  g_test_init (&argc, &argv, NULL);
  ADD ("in-front", test_in_front);
  ADD ("no-bus", test_no_bus);
  ADD ("switch-off", test_switch_off);
  return g_test_run ();
}
