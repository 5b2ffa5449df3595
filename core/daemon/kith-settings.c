/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#define G_SETTINGS_ENABLE_BACKEND
#include "kith-settings.h"

#include <gio/gsettingsbackend.h>
#include <string.h>

#include "kith-event-private.h"
#include "kith-locale.h"
#include "kith-log.h"

#define KITH_SCHEMA "im.kith.Kith"
#define KITH_ROOT "/im/kith/Kith/"
#define KITH_GROUP "kith"
#define KITH_PEER_PORT "peer-port"

struct _KithSettings
{
  GObject parent_instance;

  char *file;                  /* NULL: the desktop's backend */
  char *path;
  GSettingsBackend *backend;   /* NULL: the default */
  GSettings *main;
  GHashTable *plugins;         /* id → GSettings that was given out, with a weak owner: the plugin's host */
  GHashTable *schemas;         /* id → schema id */
  GHashTable *wrong;           /* "group/key" → the text that was refused */
};

G_DEFINE_FINAL_TYPE (KithSettings, kith_settings, G_TYPE_OBJECT)

enum
{
  SIGNAL_CHANGED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
kith_settings_finalize (GObject *object)
{
  KithSettings *self = KITH_SETTINGS (object);

  g_clear_object (&self->main);
  g_clear_pointer (&self->plugins, g_hash_table_unref);
  g_clear_pointer (&self->schemas, g_hash_table_unref);
  g_clear_pointer (&self->wrong, g_hash_table_unref);
  g_clear_object (&self->backend);
  g_free (self->path);
  g_free (self->file);
  G_OBJECT_CLASS (kith_settings_parent_class)->finalize (object);
}

static void
kith_settings_class_init (KithSettingsClass *class)
{
  G_OBJECT_CLASS (class)->finalize = kith_settings_finalize;
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", KITH_TYPE_SETTINGS, G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
kith_settings_init (KithSettings *self)
{
  self->plugins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  self->schemas = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->wrong = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

/* [a-z][a-z0-9_]{0,15} */
gboolean
kith_profile_is_valid (const char *profile)
{
  return g_ascii_islower (*profile) && strlen (profile) <= 16
         && strspn (profile, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen (profile);
}

/* --- what is wrong in a key file: GSettings itself would take the default without a word */

static char *
find_fault (GSettingsSchema *schema, const char *key, const char *text)
{
  g_autoptr (GSettingsSchemaKey) schema_key = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  if (!g_settings_schema_has_key (schema, key))
    return g_strdup ("there is no such setting");
  schema_key = g_settings_schema_get_key (schema, key);
  value = g_variant_parse (g_settings_schema_key_get_value_type (schema_key), text, NULL, NULL, &error);
  if (value == NULL)
    return g_strdup_printf ("it is not of the type %s",
                            g_variant_type_peek_string (g_settings_schema_key_get_value_type (schema_key)));
  if (!g_settings_schema_key_range_check (schema_key, value))
    {
      g_autoptr (GVariant) range = g_settings_schema_key_get_range (schema_key);
      g_autofree char *print = g_variant_print (range, FALSE);

      return g_strdup_printf ("it is out of range: %s", print);
    }
  return NULL;
}

static void
check_group (KithSettings *self, GKeyFile *file, const char *group, GSettingsSchema *schema, GHashTable *wrong)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);

  for (char **key = keys; keys != NULL && *key != NULL; key++)
    {
      g_autofree char *text = g_key_file_get_value (file, group, *key, NULL);
      g_autofree char *fault = text != NULL ? find_fault (schema, *key, text) : NULL;
      g_autofree char *name = g_strconcat (group, "/", *key, NULL);
      const char *before = g_hash_table_lookup (self->wrong, name);

      if (fault == NULL)
        continue;
      if (g_strcmp0 (before, text) != 0)
        kith_warning ("%s: [%s] %s=%s is not used: %s", self->file, group, *key,
                      kith_settings_is_secret (*key) ? "…" : text, fault);
      g_hash_table_insert (wrong, g_steal_pointer (&name), g_steal_pointer (&text));
    }
}

static void
check_file (KithSettings *self)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GSettingsSchema) schema = NULL;
  GHashTable *wrong;
  GHashTableIter iter;
  GSettings *settings;
  const char *id;

  if (self->file == NULL || !g_key_file_load_from_file (file, self->file, G_KEY_FILE_NONE, NULL))
    return;
  wrong = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_object_get (self->main, "settings-schema", &schema, NULL);
  check_group (self, file, KITH_GROUP, schema, wrong);
  g_hash_table_iter_init (&iter, self->plugins);
  while (g_hash_table_iter_next (&iter, (gpointer *) &id, (gpointer *) &settings))
    {
      g_autofree char *group = g_strconcat ("plugins/", id, NULL);
      g_autoptr (GSettingsSchema) plugin_schema = NULL;

      g_object_get (settings, "settings-schema", &plugin_schema, NULL);
      check_group (self, file, group, plugin_schema, wrong);
    }
  g_hash_table_unref (self->wrong);
  self->wrong = wrong;
}

gboolean
kith_settings_is_wrong (KithSettings *self, const char *key)
{
  g_autofree char *name = g_strconcat (KITH_GROUP, "/", key, NULL);

  return g_hash_table_contains (self->wrong, name);
}

/* --- the transport that listens has the peer port among its settings; people find it among the daemon's */

static void
pass_peer_port (KithSettings *self, GSettings *plugin)
{
  g_autoptr (GVariant) port = g_settings_get_value (self->main, KITH_PEER_PORT);
  g_autoptr (GVariant) present = g_settings_get_value (plugin, KITH_PEER_PORT);

  if (!g_variant_equal (port, present))
    g_settings_set_value (plugin, KITH_PEER_PORT, port);
}

static gboolean
has_peer_port (GSettings *settings)
{
  g_autoptr (GSettingsSchema) schema = NULL;
  g_autoptr (GSettingsSchemaKey) key = NULL;

  g_object_get (settings, "settings-schema", &schema, NULL);
  if (!g_settings_schema_has_key (schema, KITH_PEER_PORT))
    return FALSE;
  key = g_settings_schema_get_key (schema, KITH_PEER_PORT);
  return g_variant_type_equal (g_settings_schema_key_get_value_type (key), G_VARIANT_TYPE_UINT16);
}

static void
on_changed (GSettings *main, const char *key, KithSettings *self)
{
  GHashTableIter iter;
  GSettings *plugin;

  check_file (self);
  if (kith_settings_is_wrong (self, key))
    return;
  if (strcmp (key, KITH_PEER_PORT) == 0)
    {
      g_hash_table_iter_init (&iter, self->plugins);
      while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &plugin))
        if (has_peer_port (plugin))
          pass_peer_port (self, plugin);
    }
  g_signal_emit (self, signals[SIGNAL_CHANGED], g_quark_from_string (key), key);
}

/* --- opening */

static gboolean
open_file (KithSettings *self, const char *file, GError **error)
{
  g_autoptr (GKeyFile) parsed = g_key_file_new ();
  g_autoptr (GError) why = NULL;

  self->file = g_canonicalize_filename (file, NULL);
  if (!g_key_file_load_from_file (parsed, self->file, G_KEY_FILE_NONE, &why))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, _("the settings cannot be read from %s: %s"), self->file,
                   why->message);
      return FALSE;
    }
  self->backend = g_keyfile_settings_backend_new (self->file, KITH_ROOT, KITH_GROUP);
  return TRUE;
}

static GSettings *
open_schema (KithSettings *self, const char *schema_id, const char *path, GError **error)
{
  GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchema) schema = NULL;

  if (source != NULL)
    schema = g_settings_schema_source_lookup (source, schema_id, TRUE);
  if (schema == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN,
                   _("the settings schema %s is not installed: install kith, or use “meson devenv”"), schema_id);
      return NULL;
    }
  if (g_settings_schema_get_path (schema) != NULL)
    path = NULL;
  return g_settings_new_full (schema, self->backend, path);
}

/* GSettings speaks up only for keys that were read since somebody listens. */
static void
read_once (const char *name, GSettings *settings, GSettingsSchemaKey *key, gpointer data)
{
  g_variant_unref (g_settings_get_value (settings, g_settings_schema_key_get_name (key)));
}

KithSettings *
kith_settings_new (const char *profile, const char *file, GError **error)
{
  g_autoptr (KithSettings) self = g_object_new (KITH_TYPE_SETTINGS, NULL);

  if (file != NULL && !open_file (self, file, error))
    return NULL;
  if (file != NULL || strcmp (profile, "default") == 0)
    self->path = g_strdup (KITH_ROOT);
  else
    self->path = g_strconcat (KITH_ROOT "profiles/", profile, "/", NULL);
  self->main = open_schema (self, KITH_SCHEMA, self->path, error);
  if (self->main == NULL)
    return NULL;
  check_file (self);
  g_signal_connect_object (self->main, "changed", G_CALLBACK (on_changed), self, 0);
  kith_settings_each (self, read_once, NULL);
  return g_steal_pointer (&self);
}

GSettings *
kith_settings_get_main (KithSettings *self)
{
  return self->main;
}

GSettings *
kith_settings_open_plugin (KithSettings *self, const char *plugin, const char *schema_id, GError **error)
{
  g_autofree char *path = g_strconcat (self->path, "plugins/", plugin, "/", NULL);
  g_autoptr (GSettings) settings = open_schema (self, schema_id, path, error);

  if (settings == NULL)
    return NULL;
  if (has_peer_port (settings))
    {
      /* Delayed: what the daemon passes on is seen by the plugin and never written. */
      g_settings_delay (settings);
      pass_peer_port (self, settings);
    }
  g_hash_table_replace (self->schemas, g_strdup (plugin), g_strdup (schema_id));
  g_hash_table_replace (self->plugins, g_strdup (plugin), g_object_ref (settings));
  check_file (self);
  return g_steal_pointer (&settings);
}

/* --- who we are */

static char *
make_fit (const char *login)
{
  GString *name = g_string_new (NULL);

  for (const char *p = login; *p != 0 && name->len < 32; p++)
    {
      char c = g_ascii_tolower (*p);

      if (g_ascii_isalnum (c) || (name->len > 0 && strchr ("._-", c) != NULL))
        g_string_append_c (name, c);
    }
  if (name->len == 0)
    g_string_append (name, "user");
  return g_string_free (name, FALSE);
}

char *
kith_settings_dup_username (KithSettings *self, GError **error)
{
  g_autoptr (GVariant) chosen = g_settings_get_user_value (self->main, "username");
  const char *name = chosen != NULL ? g_variant_get_string (chosen, NULL) : NULL;

  if (name == NULL)
    return make_fit (g_get_user_name ());
  if (kith_name_is_username (name, FALSE))
    return g_strdup (name);
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
               _("the setting username is '%s': it must be 1 to 32 of a-z 0-9 . _ -, first a letter or digit"), name);
  return NULL;
}

/* --- for /admin */

GSettings *
kith_settings_find (KithSettings *self, const char *name, const char **key, GError **error)
{
  const char *dot = strchr (name, '.');
  g_autofree char *plugin = dot != NULL ? g_strndup (name, (gsize) (dot - name)) : NULL;
  const char *schema_id = plugin != NULL ? g_hash_table_lookup (self->schemas, plugin) : NULL;
  g_autoptr (GSettings) settings = NULL;
  g_autoptr (GSettingsSchema) schema = NULL;

  *key = dot != NULL ? dot + 1 : name;
  if (plugin == NULL)
    settings = g_object_ref (self->main);
  else if (schema_id != NULL)
    {
      g_autofree char *path = g_strconcat (self->path, "plugins/", plugin, "/", NULL);

      settings = open_schema (self, schema_id, path, error);
      if (settings == NULL)
        return NULL;
    }
  if (settings != NULL)
    g_object_get (settings, "settings-schema", &schema, NULL);
  if (schema != NULL && g_settings_schema_has_key (schema, *key))
    return g_steal_pointer (&settings);
  g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no setting “%s”", name);
  return NULL;
}

gboolean
kith_settings_is_secret (const char *key)
{
  return strcmp (key, "api-key") == 0 || g_str_has_suffix (key, "-secret") || g_str_has_suffix (key, "-password");
}

char *
kith_settings_print (const char *key, GVariant *value)
{
  if (!kith_settings_is_secret (key) || !g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
      || *g_variant_get_string (value, NULL) == '\0')
    return g_variant_print (value, FALSE);
  return g_strdup ("'…'");
}

static void
each_key (const char *prefix, GSettings *settings, KithSettingsEachFunc func, gpointer data)
{
  g_autoptr (GSettingsSchema) schema = NULL;
  g_auto (GStrv) keys = NULL;

  g_object_get (settings, "settings-schema", &schema, NULL);
  keys = g_settings_schema_list_keys (schema);
  for (char **key = keys; *key != NULL; key++)
    {
      g_autoptr (GSettingsSchemaKey) schema_key = g_settings_schema_get_key (schema, *key);
      g_autofree char *name = g_strconcat (prefix, *key, NULL);

      func (name, settings, schema_key, data);
    }
}

void
kith_settings_each (KithSettings *self, KithSettingsEachFunc func, gpointer data)
{
  g_autoptr (GList) ids = g_list_sort (g_hash_table_get_keys (self->plugins), (GCompareFunc) strcmp);

  each_key ("", self->main, func, data);
  for (GList *l = ids; l != NULL; l = l->next)
    {
      g_autofree char *prefix = g_strconcat (l->data, ".", NULL);

      each_key (prefix, g_hash_table_lookup (self->plugins, l->data), func, data);
    }
}
