/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-fake-daemon.h"

static KithFakeDaemon *
new_daemon (void)
{
  const char *const path[] = { PLUGIN_DIR, NULL };
  KithFakeDaemon *daemon = kith_fake_daemon_new (path, NULL);

  kith_loader_set_deadlines (daemon->loader, 500, 200);
  kith_fake_daemon_start_all (daemon);
  return daemon;
}

/* Each is refused with an error that says what is wrong, and the others run on. */
static void
test_refused (void)
{
  static const struct
  {
    const char *id;
    KithPluginState state;
    const char *error;
  } rows[] = {
    { "wrong-abi", KITH_PLUGIN_FAILED, "*/wrong-abi.so was built for plugin ABI 99, but this kithd has ABI 1*" },
    { "wrong-id", KITH_PLUGIN_FAILED, "*says that it is the plugin \"other\", its manifest \"wrong-id\"" },
    { "wrong-type", KITH_PLUGIN_FAILED, "*gives the type \"GObject\", which is no KithPlugin*" },
    { "wrong-manifest-abi", KITH_PLUGIN_FAILED, "the manifest */wrong-manifest-abi.plugin is for plugin ABI 2*" },
    { "missing-symbol", KITH_PLUGIN_FAILED, "*cannot be opened: *kith_this_function_is_in_no_library*" },
    { "no-entry", KITH_PLUGIN_FAILED, "*has no kith_plugin_entry*" },
    { "no-module", KITH_PLUGIN_FAILED, "*/no-module.so: No such file*" },
    { "truncated", KITH_PLUGIN_FAILED, "*/truncated.so cannot be opened: *" },
    { "failing", KITH_PLUGIN_FAILED, "the moon is not answering" },
    { "mute", KITH_PLUGIN_FAILED, "the plugin did not start and did not say why" },
    { "hanging", KITH_PLUGIN_FAILED, "it did not start within 500 ms" },
    { "plain-name", KITH_PLUGIN_FAILED, "\"typing\" is no name for the plugin \"plain-name\"*\"x.plain-name.\"*" },
    { "needs-moon", KITH_PLUGIN_SKIPPED,
      "\"needs-moon\" requires \"moon\" of \"failing\", which failed: the moon is not answering" },
    { "chain-three", KITH_PLUGIN_SKIPPED,
      "\"chain-three\" requires \"two\" of \"chain-two\", which requires \"one\" of \"chain-one\", which requires "
      "\"no-such-feature\", which no plugin provides" },
    { "circle-a", KITH_PLUGIN_SKIPPED,
      "\"circle-a\" requires \"b\" of \"circle-b\", which requires \"a\" of \"circle-a\", which requires itself: "
      "circle-a → circle-b → circle-a" },
  };
  KithFakeDaemon *daemon = new_daemon ();
  const char *const also[] = { "chain-one", "chain-two", "circle-b" };

  for (gsize i = 0; i < G_N_ELEMENTS (also); i++)
    kith_loader_enable_async (daemon->loader, also[i], NULL, NULL, NULL);
  /* On by their own wish, so that what they miss shows. */
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const KithPluginInfo *info = kith_loader_find (daemon->loader, rows[i].id);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", rows[i].id);
      g_assert_nonnull (info);
      g_assert_false (kith_fake_daemon_enable (daemon, rows[i].id, &error));
      g_assert_error (error, KITH_ERROR, KITH_ERROR_FAILED);
      g_assert_cmpint (info->state, ==, rows[i].state);
      g_assert_true (g_pattern_match_simple (rows[i].error, info->error));
      g_assert_nonnull (strstr (error->message, info->error));
    }
  g_assert_true (kith_fake_daemon_enable (daemon, "good", NULL));
  g_assert_cmpint (kith_fake_daemon_get_state (daemon, "good"), ==, KITH_PLUGIN_ACTIVE);
  g_assert_false (kith_fake_daemon_enable (daemon, "nobody", NULL));
  kith_fake_daemon_free (daemon);
}

/* What requires it stops first, and comes back with it. */
static void
test_live (void)
{
  KithFakeDaemon *daemon = new_daemon ();

  g_assert_false (kith_fake_daemon_enable (daemon, "needs-good", NULL));
  g_assert_cmpstr (kith_loader_find (daemon->loader, "needs-good")->error, ==,
                   "\"needs-good\" requires \"good\" of \"good\", which is switched off");
  for (guint round = 0; round < 3; round++)
    {
      g_assert_true (kith_fake_daemon_enable (daemon, "good", NULL));
      g_assert_cmpint (kith_fake_daemon_get_state (daemon, "needs-good"), ==, KITH_PLUGIN_ACTIVE);
      kith_fake_daemon_disable (daemon, "good");
      g_assert_cmpint (kith_fake_daemon_get_state (daemon, "good"), ==, KITH_PLUGIN_OFF);
      g_assert_cmpint (kith_fake_daemon_get_state (daemon, "needs-good"), ==, KITH_PLUGIN_SKIPPED);
      g_assert_false (kith_loader_find (daemon->loader, "good")->leaked);
      g_assert_false (kith_loader_find (daemon->loader, "needs-good")->leaked);
    }
  kith_fake_daemon_free (daemon);
}

static void
test_hanging_stop (void)
{
  KithFakeDaemon *daemon = new_daemon ();

  g_assert_true (kith_fake_daemon_enable (daemon, "hanging-stop", NULL));
  kith_fake_daemon_disable (daemon, "hanging-stop");
  g_assert_cmpint (kith_fake_daemon_get_state (daemon, "hanging-stop"), ==, KITH_PLUGIN_OFF);
  g_assert_cmpstr (kith_loader_find (daemon->loader, "hanging-stop")->error, ==, "it did not stop within 200 ms");
  kith_fake_daemon_free (daemon);
}

/* Stopping everything while one is still on its way up, and stays there. */
static void
test_stop_while_starting (void)
{
  KithFakeDaemon *daemon = new_daemon ();
  gint64 start_us;

  kith_loader_enable_async (daemon->loader, "hanging", NULL, NULL, NULL);
  kith_fake_daemon_advance_ms (daemon, 10);
  g_assert_cmpint (kith_fake_daemon_get_state (daemon, "hanging"), ==, KITH_PLUGIN_ACTIVATING);
  start_us = kith_world_get_time_us (daemon->world);
  kith_fake_daemon_stop_all (daemon);
  g_assert_cmpint (kith_world_get_time_us (daemon->world) - start_us, <=, 300 * 1000);
  g_assert_cmpint (kith_fake_daemon_get_state (daemon, "hanging"), ==, KITH_PLUGIN_OFF);
  kith_fake_daemon_free (daemon);
}

/* A plugin whose object lives on is named, and can do nothing any more. */
static void
test_leaking (void)
{
  KithFakeDaemon *daemon = new_daemon ();
  g_autofree char *notes = NULL;

  g_assert_true (kith_fake_daemon_enable (daemon, "leaking", NULL));
  g_free (kith_fake_daemon_take_notes (daemon));
  kith_fake_daemon_disable (daemon, "leaking");
  g_assert_true (kith_loader_find (daemon->loader, "leaking")->leaked);
  notes = kith_fake_daemon_take_notes (daemon);
  g_assert_cmpstr (notes, ==,
                   "warning The plugin \"leaking\" was stopped, but something still holds its object\n");
  kith_fake_daemon_free (daemon);
}

static void
test_blocking (void)
{
  const char *const path[] = { PLUGIN_DIR, NULL };
  KithFakeDaemon *daemon = kith_fake_daemon_new_real (path);
  const KithPluginInfo *info = kith_loader_find (daemon->loader, "blocking");

  kith_fake_daemon_start_all (daemon);
  g_assert_true (kith_fake_daemon_enable (daemon, "blocking", NULL));
  g_free (kith_fake_daemon_take_notes (daemon));
  kith_bus_tell_client (daemon->bus, TRUE, 1);
  g_assert_cmpuint (info->slow_count, ==, 1);
  g_assert_cmpuint (info->slow_ms, >=, 50);
  g_assert_cmpstr (info->slow_what, ==, "client::opened");
  g_assert_cmpint (info->state, ==, KITH_PLUGIN_ACTIVE);
  kith_fake_daemon_free (daemon);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bad-plugins/refused", test_refused);
  g_test_add_func ("/bad-plugins/live", test_live);
  g_test_add_func ("/bad-plugins/hanging-stop", test_hanging_stop);
  g_test_add_func ("/bad-plugins/stop-while-starting", test_stop_while_starting);
  g_test_add_func ("/bad-plugins/leaking", test_leaking);
  g_test_add_func ("/bad-plugins/blocking", test_blocking);
  return g_test_run ();
}
