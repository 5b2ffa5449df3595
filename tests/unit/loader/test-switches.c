/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-bus-private.h"
#include "kith-loader.h"

#define G_SETTINGS_ENABLE_BACKEND
#include <gio/gsettingsbackend.h>

/* What the user switched is kept in the two lists of the settings; built-in plugins are on, others off, until then. */
typedef struct
{
  KithWorld *world;
  KithBus *bus;
  GSettings *settings;
  KithLoader *loader;
  guint changes;
} Fixture;

static const KithHostFuncs no_funcs = { 0 };

static void
on_changed (KithLoader *loader, const char *id, Fixture *f)
{
  f->changes++;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  const char *const path[] = { PLUGIN_DIR, NULL };
  const char *const builtins[] = { "receipts", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSettingsSchemaSource) source
    = g_settings_schema_source_new_from_directory (SCHEMA_DIR, NULL, FALSE, &error);
  g_autoptr (GSettingsSchema) schema = NULL;
  g_autoptr (GSettingsBackend) backend = g_memory_settings_backend_new ();

  g_assert_no_error (error);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  schema = g_settings_schema_source_lookup (source, "im.kith.test.Switches", FALSE);
  f->settings = g_settings_new_full (schema, backend, "/im/kith/test/");
  f->world = kith_world_new_virtual (1);
  f->bus = kith_bus_new (f->world);
  f->loader = kith_loader_new (f->world, f->bus, &no_funcs, NULL, f->settings, NULL, NULL, path);
  kith_loader_set_builtins (f->loader, builtins);
  g_signal_connect (f->loader, "changed", G_CALLBACK (on_changed), f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_assert_finalize_object (f->loader);
  g_assert_finalize_object (f->bus);
  g_clear_object (&f->settings);
  kith_world_unref (f->world);
}

static gboolean
is_in (Fixture *f, const char *key)
{
  g_auto (GStrv) list = g_settings_get_strv (f->settings, key);

  return g_strv_contains ((const char *const *) list, "receipts");
}

static const KithPluginInfo *
discover (Fixture *f)
{
  kith_loader_discover (f->loader);
  return kith_loader_find (f->loader, "receipts");
}

static void
test_builtin (Fixture *f, gconstpointer data)
{
  const KithPluginInfo *info = discover (f);

  g_assert_true (info->builtin && info->enabled);
  kith_loader_disable_async (f->loader, "receipts", NULL, NULL, NULL);
  g_assert_true (is_in (f, "disabled-plugins"));
  g_assert_false (is_in (f, "enabled-plugins"));
  g_assert_false (info->enabled);
  kith_loader_enable_async (f->loader, "receipts", NULL, NULL, NULL);
  g_assert_false (is_in (f, "disabled-plugins"));
  g_assert_false (is_in (f, "enabled-plugins"));
  g_assert_true (info->enabled);
  kith_world_run_until_idle (f->world);
}

static void
test_third_party (Fixture *f, gconstpointer data)
{
  const char *const none[] = { NULL };
  const KithPluginInfo *info;

  kith_loader_set_builtins (f->loader, none);
  info = discover (f);
  g_assert_true (!info->builtin && !info->enabled);
  kith_loader_enable_async (f->loader, "receipts", NULL, NULL, NULL);
  g_assert_true (is_in (f, "enabled-plugins"));
  kith_loader_disable_async (f->loader, "receipts", NULL, NULL, NULL);
  g_assert_false (is_in (f, "enabled-plugins"));
  g_assert_false (is_in (f, "disabled-plugins"));
  kith_world_run_until_idle (f->world);
}

/* Changed by somebody else: followed at once. The backend here refuses its command, so it fails by name. */
static void
test_followed (Fixture *f, gconstpointer data)
{
  const char *const off[] = { "receipts", NULL };
  const char *const nobody[] = { NULL };
  const KithPluginInfo *info;

  g_settings_set_strv (f->settings, "disabled-plugins", off);
  info = discover (f);
  kith_loader_activate_all_async (f->loader, NULL, NULL, NULL);
  kith_world_run_until_idle (f->world);
  g_assert_cmpint (info->state, ==, KITH_PLUGIN_OFF);
  f->changes = 0;
  g_settings_set_strv (f->settings, "disabled-plugins", nobody);
  kith_world_run_until_idle (f->world);
  g_assert_cmpint (info->state, ==, KITH_PLUGIN_FAILED);
  g_assert_cmpstr (info->error, ==, "this daemon cannot take commands");
  g_assert_cmpuint (f->changes, >=, 3);
  g_assert_false (info->leaked);
}

#define ADD(path, func) g_test_add ("/loader/switches/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("builtin", test_builtin);
  ADD ("third-party", test_third_party);
  ADD ("followed", test_followed);
  return g_test_run ();
}
