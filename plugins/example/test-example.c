/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-fake-daemon.h"

#define ID "3b241101-e2bb-4255-8caf-4136c566a962"

static void
test_polls (void)
{
  const char *const path[] = { PLUGIN_DIR, NULL };
  const char *const params[] = { "id=" ID, NULL };
  KithFakeDaemon *daemon = kith_fake_daemon_new (path, NULL);
  KithFriend *alice = kith_fake_daemon_add_friend (daemon, "alice");
  g_autofree char *asked = NULL, *shown = NULL, *answered = NULL, *nobody = NULL, *notes = NULL;

  /* A third party's plugin is off until somebody wants it. */
  kith_fake_daemon_start_all (daemon);
  g_assert_cmpint (kith_fake_daemon_get_state (daemon, "example"), ==, KITH_PLUGIN_OFF);
  g_assert_true (kith_fake_daemon_enable (daemon, "example", NULL));

  nobody = kith_fake_daemon_ask (daemon, "POST polls", 0, NULL, "{\"to\":\"bob\",\"question\":\"?\"}");
  g_assert_cmpstr (nobody, ==, "404 \"to\": there is no friend \"bob\"");
  asked = kith_fake_daemon_ask (daemon, "POST polls", 0, NULL, "{\"to\":\"alice\",\"question\":\"Tea?\"}");
  g_assert_true (g_str_has_prefix (asked, "201 {\"poll\":"));
  notes = kith_fake_daemon_take_notes (daemon);
  g_assert_true (g_str_has_prefix (notes, "send alice x.example.ask {\"poll\":"));

  g_assert_true (kith_fake_daemon_hand_over (daemon, alice, "x.example.ask", ID,
                                             "{\"poll\":\"" ID "\",\"question\":\"Cake?\"}"));
  kith_fake_daemon_assert_notes (
    daemon, "event x.example.asked {\"question\":\"Cake?\",\"poll\":\"" ID "\",\"username\":\"alice\"}\n");
  shown = kith_fake_daemon_ask (daemon, "GET polls/:id", 0, params, NULL);
  g_assert_cmpstr (shown, ==, "200 {\"poll\":\"" ID "\",\"peer\":\"alice\",\"question\":\"Cake?\"}");
  answered = kith_fake_daemon_ask (daemon, "PUT polls/:id", 0, params, "{\"yes\":true}");
  g_assert_cmpstr (answered, ==, "204");
  kith_fake_daemon_assert_notes (daemon, "send alice x.example.answer {\"poll\":\"" ID "\",\"yes\":true}\n");

  g_assert_true (kith_fake_daemon_hand_over (daemon, alice, "x.example.answer", ID,
                                             "{\"poll\":\"" ID "\",\"yes\":false}"));
  kith_fake_daemon_assert_notes (
    daemon, "event x.example.answered {\"yes\":false,\"poll\":\"" ID "\",\"username\":\"alice\"}\n");
  g_assert_true (kith_fake_daemon_hand_over (daemon, alice, "x.example.answer", ID, "{\"poll\":7}"));
  g_assert_true (kith_fake_daemon_hand_over (daemon, alice, "x.example.ask", ID, "{}"));
  kith_fake_daemon_assert_notes (daemon, "");
  kith_fake_daemon_disable (daemon, "example");
  g_assert_false (kith_loader_find (daemon->loader, "example")->leaked);
  kith_fake_daemon_free (daemon);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/example/polls", test_polls);
  return g_test_run ();
}
