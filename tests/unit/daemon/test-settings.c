/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings in memory: what is said from elsewhere in the process comes into force at once, or is refused. */
#define G_SETTINGS_ENABLE_BACKEND
#include <gio/gio.h>
#include <gio/gsettingsbackend.h>
#include <kith/kith.h>
#include <string.h>

#include "kith-settings.h"

#define MAIN_PATH "/im/kith/Kith/"

typedef struct
{
  KithSettings *settings;
  GSettings *elsewhere;      /* what another program has in its hands */
  GString *log;
} Fixture;

static Fixture *logging;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE") && (level & G_LOG_LEVEL_WARNING) != 0 && logging != NULL)
      {
        g_string_append_printf (logging->log, "%s\n", (const char *) fields[i].value);
        return G_LOG_WRITER_HANDLED;
      }
  return g_log_writer_default (level, fields, n_fields, data);
}

static void
on_changed (KithSettings *settings, const char *key, Fixture *f)
{
  g_string_append_printf (f->log, "changed %s\n", key);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->log = g_string_new (NULL);
  logging = f;
  f->settings = kith_settings_new ("default", NULL, &error);
  g_assert_no_error (error);
  f->elsewhere = g_settings_new_with_path ("im.kith.Kith", MAIN_PATH);
  g_signal_connect (f->settings, "changed", G_CALLBACK (on_changed), f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_auto (GStrv) keys = NULL;
  g_autoptr (GSettingsSchema) schema = NULL;

  g_assert_finalize_object (f->settings);
  g_object_get (f->elsewhere, "settings-schema", &schema, NULL);
  keys = g_settings_schema_list_keys (schema);
  for (char **key = keys; *key != NULL; key++)
    g_settings_reset (f->elsewhere, *key);
  g_object_unref (f->elsewhere);
  g_string_free (f->log, TRUE);
  logging = NULL;
}

static void
assert_log (Fixture *f, const char *expected)
{
  g_assert_cmpstr (f->log->str, ==, expected);
  g_string_truncate (f->log, 0);
}

/* As a program would that does not know the schema. */
static void
write_raw (const char *key, GVariant *value)
{
  g_autoptr (GSettingsBackend) backend = g_settings_backend_get_default ();
  g_autofree char *name = g_strconcat (MAIN_PATH, key, NULL);

  G_SETTINGS_BACKEND_GET_CLASS (backend)->write (backend, name, g_variant_ref_sink (value), NULL);
}

static void
test_live (Fixture *f, gconstpointer data)
{
  GSettings *main = kith_settings_get_main (f->settings);

  g_settings_set_uint (f->elsewhere, "max-websockets", 9);
  g_assert_cmpuint (g_settings_get_uint (main, "max-websockets"), ==, 9);
  assert_log (f, "changed max-websockets\n");
  g_settings_reset (f->elsewhere, "max-websockets");
  g_assert_cmpuint (g_settings_get_uint (main, "max-websockets"), ==, 64);
  assert_log (f, "changed max-websockets\n");
  /* What the daemon writes, others see. */
  g_settings_set_string (main, "key-store", "file");
  assert_log (f, "changed key-store\n");
  g_assert_true (kith_settings_write (f->settings, "frames-burst", g_variant_new_uint32 (5), NULL));
  assert_log (f, "changed frames-burst\n");
  {
    g_autofree char *key_store = g_settings_get_string (f->elsewhere, "key-store");

    g_assert_cmpstr (key_store, ==, "file");
    g_assert_cmpuint (g_settings_get_uint (f->elsewhere, "frames-burst"), ==, 5);
  }
  g_assert_true (kith_settings_write (f->settings, "frames-burst", NULL, NULL));
  g_assert_cmpuint (g_settings_get_uint (f->elsewhere, "frames-burst"), ==, 400);
}

static void
assert_not_written (Fixture *f, const char *key, GVariant *value)
{
  g_autoptr (GVariant) kept = g_variant_ref_sink (value);
  g_autoptr (GError) error = NULL;

  g_assert_false (kith_settings_write (f->settings, key, kept, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  GSettings *main = kith_settings_get_main (f->settings);
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;

  g_settings_set_uint (f->elsewhere, "max-websockets", 9);
  g_settings_set_string (f->elsewhere, "username", "alice");
  g_string_truncate (f->log, 0);
  assert_not_written (f, "max-websockets", g_variant_new_uint32 (0));
  assert_not_written (f, "max-websockets", g_variant_new_string ("9"));
  assert_not_written (f, "username", g_variant_new_string ("Alice Cooper"));
  assert_log (f, "");
  write_raw ("max-websockets", g_variant_new_uint32 (0));
  write_raw ("max-websockets", g_variant_new_uint32 (0));
  assert_log (f, "the setting max-websockets=0 is refused, 9 stays: it is out of range: "
                 "('range', <(uint32 1, uint32 100000)>)\n");
  write_raw ("frames-burst", g_variant_new_uint32 (0));
  assert_log (f, "the setting frames-burst=0 is refused, 400 stays: it is out of range: "
                 "('range', <(uint32 1, uint32 1000000)>)\n");
  write_raw ("username", g_variant_new_string ("Alice Cooper"));
  assert_log (f, "the setting username='Alice Cooper' is refused, 'alice' stays: it must be 1 to 32 of a-z 0-9 . _ -, "
                 "first a letter or digit\n");
  g_assert_cmpuint (g_settings_get_uint (main, "max-websockets"), ==, 9);
  g_assert_cmpuint (g_settings_get_uint (main, "frames-burst"), ==, 400);
  name = kith_settings_dup_username (f->settings, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (name, ==, "alice");
  write_raw ("max-websockets", g_variant_new_uint32 (10));
  assert_log (f, "changed max-websockets\n");
  write_raw ("max-websockets", g_variant_new_uint32 (0));
  g_assert_cmpuint (g_settings_get_uint (main, "max-websockets"), ==, 10);
  g_assert_false (kith_settings_write (f->settings, "nothing", NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN);
}

/* At the start there is no old value: the default counts. */
static void
test_at_the_start (Fixture *f, gconstpointer data)
{
  g_autoptr (KithSettings) later = NULL;

  write_raw ("max-websockets", g_variant_new_uint32 (0));
  write_raw ("journal-length", g_variant_new_uint32 (1));
  g_string_truncate (f->log, 0);
  later = kith_settings_new ("default", NULL, NULL);
  g_assert_cmpuint (g_settings_get_uint (kith_settings_get_main (later), "max-websockets"), ==, 64);
  g_assert_cmpuint (g_settings_get_uint (kith_settings_get_main (later), "journal-length"), ==, 100000);
  g_assert_nonnull (strstr (f->log->str, "max-websockets=0 is refused"));
  g_assert_nonnull (strstr (f->log->str, "journal-length=1 is refused"));
}

/* A plugin's settings are its own, but for the peer port, which the daemon passes on and nobody else. */
static void
test_plugins (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSettings) tcp =
    kith_settings_open_plugin (f->settings, "tcp", "im.kith.Kith.Plugin.tcp", &error);
  g_autoptr (GSettings) theirs = g_settings_new_with_path ("im.kith.Kith.Plugin.tcp", MAIN_PATH "plugins/tcp/");
  g_autofree char *address = NULL;
  guint16 port;

  g_assert_no_error (error);
  g_settings_set (f->elsewhere, "peer-port", "q", 9333);
  g_settings_get (tcp, "peer-port", "q", &port);
  g_assert_cmpuint (port, ==, 9333);
  g_settings_set (theirs, "peer-port", "q", 9444);
  g_settings_get (tcp, "peer-port", "q", &port);
  g_assert_cmpuint (port, ==, 9333);
  g_assert_false (kith_settings_write (f->settings, "tcp.peer-port", NULL, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN);
  g_settings_set_string (theirs, "listen-address", "127.0.0.1");
  address = g_settings_get_string (tcp, "listen-address");
  g_assert_cmpstr (address, ==, "127.0.0.1");
  g_settings_set_string (tcp, "listen-address", "::1");
  g_free (address);
  address = g_settings_get_string (theirs, "listen-address");
  g_assert_cmpstr (address, ==, "::1");
  g_settings_reset (theirs, "listen-address");
  g_settings_reset (theirs, "peer-port");
}

#define ADD(path, func) g_test_add ("/settings/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (write_log, NULL, NULL);
  ADD ("live", test_live);
  ADD ("refused", test_refused);
  ADD ("at-the-start", test_at_the_start);
  ADD ("plugins", test_plugins);
  return g_test_run ();
}
