/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#define G_SETTINGS_ENABLE_BACKEND
#include "kith-settings-pair.h"

#include <gio/gsettingsbackend.h>
#include <string.h>

#include <kith/kith.h>

#include "kith-event-private.h"
#include "kith-log.h"
#include "kith-settings.h"

struct _KithSettingsFile
{
  char *path;
  char *root_path, *root_group;   /* as the backend has them; the group is nullable */
  char *broken;                   /* what is wrong with all of it; NULL: it can be read */
};

struct _KithSettingsPair
{
  GSettingsSchema *schema;
  char *path;
  GSettingsBackend *raw_backend, *good_backend;
  GSettings *raw, *good;
  KithSettingsFile *file;
  char *name, *passed;
  GHashTable *refused;   /* key → what was refused, as text */
  gboolean copying;      /* what is in force is made what was said */
};

/* --- the file */

KithSettingsFile *
kith_settings_file_new (GSettingsBackend *backend)
{
  KithSettingsFile *self;

  /* The type is private to GIO, its properties are not. */
  if (strcmp (G_OBJECT_TYPE_NAME (backend), "GKeyfileSettingsBackend") != 0)
    return NULL;
  self = g_new0 (KithSettingsFile, 1);
  g_object_get (backend, "filename", &self->path, "root-path", &self->root_path, "root-group", &self->root_group, NULL);
  return self;
}

void
kith_settings_file_free (KithSettingsFile *self)
{
  g_free (self->path);
  g_free (self->root_path);
  g_free (self->root_group);
  g_free (self->broken);
  g_free (self);
}

/* full, nullable: there is none, or it is none, which is said once. */
static GKeyFile *
load_file (KithSettingsFile *self)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;

  if (g_key_file_load_from_file (file, self->path, G_KEY_FILE_NONE, &error))
    {
      g_clear_pointer (&self->broken, g_free);
      return g_steal_pointer (&file);
    }
  if (error->domain != G_KEY_FILE_ERROR)
    {
      g_clear_pointer (&self->broken, g_free);
      return NULL;
    }
  if (g_strcmp0 (self->broken, error->message) != 0)
    kith_warning ("%s is no key file and stays as it is, the settings in force stay, too: %s", self->path,
                  error->message);
  g_free (self->broken);
  self->broken = g_strdup (error->message);
  return NULL;
}

/* full, nullable */
static char *
find_group (KithSettingsFile *self, const char *path)
{
  gsize n = strlen (self->root_path);

  if (strncmp (path, self->root_path, n) != 0)
    return NULL;
  if (path[n] == '\0')
    return g_strdup (self->root_group);
  return g_strndup (path + n, strlen (path + n) - 1);
}

/* --- faults */

/* full; NULL: it can be. */
static char *
find_fault (KithSettingsPair *self, const char *key, GVariant *value)
{
  g_autoptr (GSettingsSchemaKey) schema_key = g_settings_schema_get_key (self->schema, key);
  const GVariantType *type = g_settings_schema_key_get_value_type (schema_key);

  if (value == NULL || !g_variant_is_of_type (value, type))
    return g_strdup_printf ("it is not of the type %s", g_variant_type_peek_string (type));
  if (!g_settings_schema_key_range_check (schema_key, value))
    {
      g_autoptr (GVariant) range = g_settings_schema_key_get_range (schema_key);
      g_autofree char *print = g_variant_print (range, FALSE);

      return g_strdup_printf ("it is out of range: %s", print);
    }
  if (self->name == NULL && strcmp (key, "username") == 0
      && !kith_name_is_username (g_variant_get_string (value, NULL), FALSE))
    return g_strdup ("it must be 1 to 32 of a-z 0-9 . _ -, first a letter or digit");
  return NULL;
}

/* What was said, whatever its type, as text; NULL: nothing. */
static char *
find_said (KithSettingsPair *self, GKeyFile *file, const char *key, GVariant **value)
{
  g_autoptr (GSettingsSchemaKey) schema_key = g_settings_schema_get_key (self->schema, key);
  const GVariantType *type = g_settings_schema_key_get_value_type (schema_key);
  g_autofree char *name = g_strconcat (self->path, key, NULL);

  *value = NULL;
  if (file != NULL)
    {
      g_autofree char *group = find_group (self->file, self->path);
      g_autofree char *text = group != NULL ? g_key_file_get_value (file, group, key, NULL) : NULL;

      if (text != NULL)
        *value = g_variant_parse (type, text, NULL, NULL, NULL);
      return g_steal_pointer (&text);
    }
  *value = G_SETTINGS_BACKEND_GET_CLASS (self->raw_backend)->read_user_value (self->raw_backend, name, type);
  if (*value == NULL)
    return NULL;
  g_variant_take_ref (*value);
  return g_variant_print (*value, FALSE);
}

static gboolean
is_refused (KithSettingsPair *self, GKeyFile *file, const char *key)
{
  g_autoptr (GVariant) value = NULL;
  g_autofree char *said = find_said (self, file, key, &value);
  g_autofree char *fault = said != NULL ? find_fault (self, key, value) : NULL;

  if (fault == NULL)
    {
      g_hash_table_remove (self->refused, key);
      return FALSE;
    }
  if (g_strcmp0 (g_hash_table_lookup (self->refused, key), said) != 0)
    {
      g_autoptr (GVariant) good = g_settings_get_value (self->good, key);
      g_autofree char *in_force = kith_settings_print (key, good);

      kith_warning ("the setting %s%s%s=%s is refused, %s stays: %s", self->name != NULL ? self->name : "",
                    self->name != NULL ? "." : "", key, kith_settings_is_secret (key) ? "…" : said, in_force, fault);
    }
  g_hash_table_insert (self->refused, g_strdup (key), g_steal_pointer (&said));
  return TRUE;
}

/* Keys of a file that no schema has: mostly misspelled. */
static void
check_names (KithSettingsPair *self, GKeyFile *file)
{
  g_autofree char *group = find_group (self->file, self->path);
  g_auto (GStrv) keys = group != NULL ? g_key_file_get_keys (file, group, NULL, NULL) : NULL;

  for (char **key = keys; keys != NULL && *key != NULL; key++)
    if (!g_settings_schema_has_key (self->schema, *key) && !g_hash_table_contains (self->refused, *key))
      {
        kith_warning ("%s: there is no setting %s in [%s]", self->file->path, *key, group);
        g_hash_table_insert (self->refused, g_strdup (*key), g_strdup (""));
      }
}

/* --- what is said comes into force */

static void
set_good (KithSettingsPair *self, const char *key, GVariant *value)
{
  g_autoptr (GVariant) before = g_settings_get_user_value (self->good, key);

  self->copying = TRUE;
  if (value == NULL && before != NULL)
    g_settings_reset (self->good, key);
  else if (value != NULL && (before == NULL || !g_variant_equal (before, value)))
    g_settings_set_value (self->good, key, value);
  self->copying = FALSE;
}

static void
copy (KithSettingsPair *self, const char *key)
{
  g_autoptr (GSettingsSchemaKey) schema_key = g_settings_schema_get_key (self->schema, key);
  g_autoptr (GVariant) normal = g_settings_schema_key_get_default_value (schema_key);
  g_autoptr (GVariant) own = g_settings_get_user_value (self->raw, key);
  g_autoptr (GVariant) value = g_settings_get_value (self->raw, key);

  /* A default of the administrator's counts as chosen. */
  set_good (self, key, own == NULL && g_variant_equal (value, normal) ? NULL : value);
}

static void
take (KithSettingsPair *self, GKeyFile *file, const char *key)
{
  if (g_strcmp0 (key, self->passed) != 0 && !is_refused (self, file, key))
    copy (self, key);
}

static void
take_changed (KithSettingsPair *self, const char *key)
{
  g_autoptr (GKeyFile) file = self->file != NULL ? load_file (self->file) : NULL;

  /* What stands before the mistake is not better than what was. */
  if (self->file != NULL && self->file->broken != NULL)
    return;
  take (self, file, key);
  if (file != NULL)
    check_names (self, file);
}

/* What stands before a mistake in the file is better than nothing. */
static void
take_all (KithSettingsPair *self)
{
  g_autoptr (GKeyFile) file = self->file != NULL ? load_file (self->file) : NULL;
  g_auto (GStrv) keys = g_settings_schema_list_keys (self->schema);

  for (char **key = keys; *key != NULL; key++)
    {
      /* GSettings speaks up only for keys that were read since somebody listens. */
      g_variant_unref (g_settings_get_value (self->raw, *key));
      g_variant_unref (g_settings_get_value (self->good, *key));
      take (self, file, *key);
    }
  if (file != NULL)
    check_names (self, file);
}

static void
on_raw_changed (GSettings *raw, const char *key, gpointer data)
{
  take_changed (data, key);
}

/* Somebody of the house, or a plugin, has written. */
static void
on_good_changed (GSettings *good, const char *key, gpointer data)
{
  KithSettingsPair *self = data;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  if (self->copying || g_strcmp0 (key, self->passed) == 0)
    return;
  value = g_settings_get_user_value (good, key);
  if (!kith_settings_pair_write (self, key, value, &error))
    kith_warning ("the setting %s is in force until kithd ends: %s", key, error->message);
}

gboolean
kith_settings_pair_write (KithSettingsPair *self, const char *key, GVariant *value, GError **error)
{
  g_autofree char *fault = value != NULL ? find_fault (self, key, value) : NULL;
  g_autoptr (GKeyFile) file = self->file != NULL ? load_file (self->file) : NULL;

  if (fault != NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the setting %s cannot be that: %s", key, fault);
      return FALSE;
    }
  /* GSettings would write what it has understood over what it has not. */
  if (self->file != NULL && self->file->broken != NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "%s is no key file, repair it first: %s", self->file->path,
                   self->file->broken);
      return FALSE;
    }
  if (!g_settings_is_writable (self->raw, key)
      || (value != NULL && !g_settings_set_value (self->raw, key, value)))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "the setting %s cannot be written", key);
      return FALSE;
    }
  if (value == NULL)
    g_settings_reset (self->raw, key);
  take_changed (self, key);
  return TRUE;
}

/* --- the pair */

KithSettingsPair *
kith_settings_pair_new (GSettingsSchema *schema, const char *path, GSettingsBackend *raw, GSettingsBackend *good,
                        KithSettingsFile *file, const char *name, const char *passed)
{
  KithSettingsPair *self = g_new0 (KithSettingsPair, 1);

  self->schema = g_settings_schema_ref (schema);
  self->path = g_strdup (g_settings_schema_get_path (schema) != NULL ? g_settings_schema_get_path (schema) : path);
  self->raw_backend = g_object_ref (raw);
  self->good_backend = g_object_ref (good);
  self->raw = g_settings_new_full (schema, raw, self->path);
  self->good = g_settings_new_full (schema, good, self->path);
  self->file = file;
  self->name = g_strdup (name);
  self->passed = g_strdup (passed);
  self->refused = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_signal_connect (self->raw, "changed", G_CALLBACK (on_raw_changed), self);
  g_signal_connect (self->good, "changed", G_CALLBACK (on_good_changed), self);
  take_all (self);
  return self;
}

void
kith_settings_pair_free (KithSettingsPair *self)
{
  g_signal_handlers_disconnect_by_data (self->raw, self);
  g_signal_handlers_disconnect_by_data (self->good, self);
  g_object_unref (self->raw);
  g_object_unref (self->good);
  g_object_unref (self->raw_backend);
  g_object_unref (self->good_backend);
  g_settings_schema_unref (self->schema);
  g_hash_table_unref (self->refused);
  g_free (self->path);
  g_free (self->name);
  g_free (self->passed);
  g_free (self);
}

GSettings *
kith_settings_pair_get (KithSettingsPair *self)
{
  return self->good;
}

GSettings *
kith_settings_pair_open (KithSettingsPair *self)
{
  return g_settings_new_full (self->schema, self->good_backend, self->path);
}

GSettingsSchema *
kith_settings_pair_schema (KithSettingsPair *self)
{
  return self->schema;
}

const char *
kith_settings_pair_passed (KithSettingsPair *self)
{
  return self->passed;
}

void
kith_settings_pair_pass (KithSettingsPair *self, GVariant *value)
{
  if (self->passed != NULL)
    set_good (self, self->passed, value);
}
