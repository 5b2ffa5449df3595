/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#define G_SETTINGS_ENABLE_BACKEND
#include "kith-settings.h"

#include <gio/gsettingsbackend.h>
#include <string.h>

#include "kith-event-private.h"
#include "kith-locale.h"
#include "kith-settings-pair.h"

#define KITH_SCHEMA "im.kith.Kith"
#define KITH_ROOT "/im/kith/Kith/"
#define KITH_GROUP "kith"
#define KITH_PEER_PORT "peer-port"

struct _KithSettings
{
  GObject parent_instance;

  char *path;
  GSettingsBackend *raw, *good;   /* what is said, and what is in force: in memory */
  KithSettingsFile *file;         /* NULL: the desktop's backend keeps none */
  KithSettingsPair *main;
  GHashTable *plugins;            /* id → KithSettingsPair */
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

  g_clear_pointer (&self->main, kith_settings_pair_free);
  g_clear_pointer (&self->plugins, g_hash_table_unref);
  g_clear_pointer (&self->file, kith_settings_file_free);
  g_clear_object (&self->raw);
  g_clear_object (&self->good);
  g_free (self->path);
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
  self->plugins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) kith_settings_pair_free);
}

/* [a-z][a-z0-9_]{0,15} */
gboolean
kith_profile_is_valid (const char *profile)
{
  return g_ascii_islower (*profile) && strlen (profile) <= 16
         && strspn (profile, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen (profile);
}

/* --- the transport that listens has the peer port among its settings; people find it among the daemon's */

static const char *
find_passed (GSettingsSchema *schema)
{
  g_autoptr (GSettingsSchemaKey) key = NULL;

  if (!g_settings_schema_has_key (schema, KITH_PEER_PORT))
    return NULL;
  key = g_settings_schema_get_key (schema, KITH_PEER_PORT);
  return g_variant_type_equal (g_settings_schema_key_get_value_type (key), G_VARIANT_TYPE_UINT16) ? KITH_PEER_PORT
                                                                                                  : NULL;
}

static void
pass_peer_port (KithSettings *self, KithSettingsPair *plugin)
{
  g_autoptr (GVariant) port = g_settings_get_value (kith_settings_get_main (self), KITH_PEER_PORT);

  kith_settings_pair_pass (plugin, port);
}

static void
on_changed (GSettings *main, const char *key, KithSettings *self)
{
  GHashTableIter iter;
  KithSettingsPair *plugin;

  g_hash_table_iter_init (&iter, self->plugins);
  while (strcmp (key, KITH_PEER_PORT) == 0 && g_hash_table_iter_next (&iter, NULL, (gpointer *) &plugin))
    pass_peer_port (self, plugin);
  g_signal_emit (self, signals[SIGNAL_CHANGED], g_quark_from_string (key), key);
}

/* --- opening */

static gboolean
open_file (KithSettings *self, const char *file, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (file, NULL);
  g_autofree char *contents = NULL;
  g_autoptr (GError) why = NULL;

  /* That it is full of nonsense is no reason not to start; that it is another file than was meant, is. */
  if (!g_file_get_contents (path, &contents, NULL, &why))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, _("the settings cannot be read from %s: %s"), path,
                   why->message);
      return FALSE;
    }
  self->raw = g_keyfile_settings_backend_new (path, KITH_ROOT, KITH_GROUP);
  return TRUE;
}

static KithSettingsPair *
open_pair (KithSettings *self, const char *schema_id, const char *path, const char *plugin, GError **error)
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
  return kith_settings_pair_new (schema, path, self->raw, self->good, self->file, plugin,
                                 plugin != NULL ? find_passed (schema) : NULL);
}

KithSettings *
kith_settings_new (const char *profile, const char *file, GError **error)
{
  g_autoptr (KithSettings) self = g_object_new (KITH_TYPE_SETTINGS, NULL);

  if (file != NULL && !open_file (self, file, error))
    return NULL;
  if (file == NULL)
    self->raw = g_settings_backend_get_default ();
  self->good = g_memory_settings_backend_new ();
  self->file = kith_settings_file_new (self->raw);
  if (file != NULL || strcmp (profile, "default") == 0)
    self->path = g_strdup (KITH_ROOT);
  else
    self->path = g_strconcat (KITH_ROOT "profiles/", profile, "/", NULL);
  self->main = open_pair (self, KITH_SCHEMA, self->path, NULL, error);
  if (self->main == NULL)
    return NULL;
  g_signal_connect_object (kith_settings_get_main (self), "changed", G_CALLBACK (on_changed), self, 0);
  return g_steal_pointer (&self);
}

GSettings *
kith_settings_get_main (KithSettings *self)
{
  return kith_settings_pair_get (self->main);
}

GSettings *
kith_settings_open_plugin (KithSettings *self, const char *plugin, const char *schema_id, GError **error)
{
  g_autofree char *path = g_strconcat (self->path, "plugins/", plugin, "/", NULL);
  KithSettingsPair *pair = g_hash_table_lookup (self->plugins, plugin);

  if (pair == NULL || strcmp (g_settings_schema_get_id (kith_settings_pair_schema (pair)), schema_id) != 0)
    {
      pair = open_pair (self, schema_id, path, plugin, error);
      if (pair == NULL)
        return NULL;
      pass_peer_port (self, pair);
      g_hash_table_replace (self->plugins, g_strdup (plugin), pair);
    }
  return kith_settings_pair_open (pair);
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
  g_autoptr (GVariant) chosen = g_settings_get_user_value (kith_settings_get_main (self), "username");
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

static KithSettingsPair *
find_pair (KithSettings *self, const char *name, const char **key, GError **error)
{
  const char *dot = strchr (name, '.');
  g_autofree char *plugin = dot != NULL ? g_strndup (name, (gsize) (dot - name)) : NULL;
  KithSettingsPair *pair = plugin != NULL ? g_hash_table_lookup (self->plugins, plugin) : self->main;

  *key = dot != NULL ? dot + 1 : name;
  if (pair == NULL || !g_settings_schema_has_key (kith_settings_pair_schema (pair), *key))
    g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no setting “%s”", name);
  else if (g_strcmp0 (kith_settings_pair_passed (pair), *key) == 0)
    g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "the setting “%s” is kith's own: “%s”", name, *key);
  else
    return pair;
  return NULL;
}

GSettings *
kith_settings_find (KithSettings *self, const char *name, const char **key, GError **error)
{
  KithSettingsPair *pair = find_pair (self, name, key, error);

  return pair != NULL ? g_object_ref (kith_settings_pair_get (pair)) : NULL;
}

gboolean
kith_settings_write (KithSettings *self, const char *name, GVariant *value, GError **error)
{
  const char *key;
  KithSettingsPair *pair = find_pair (self, name, &key, error);

  return pair != NULL && kith_settings_pair_write (pair, key, value, error);
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
each_key (const char *prefix, KithSettingsPair *pair, KithSettingsEachFunc func, gpointer data)
{
  GSettingsSchema *schema = kith_settings_pair_schema (pair);
  g_auto (GStrv) keys = g_settings_schema_list_keys (schema);

  for (char **key = keys; *key != NULL; key++)
    {
      if (g_strcmp0 (*key, kith_settings_pair_passed (pair)) == 0)
        continue;
      g_autoptr (GSettingsSchemaKey) schema_key = g_settings_schema_get_key (schema, *key);
      g_autofree char *name = g_strconcat (prefix, *key, NULL);

      func (name, kith_settings_pair_get (pair), schema_key, data);
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
