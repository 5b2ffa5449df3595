/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-manifest.h"

#include "kith-event-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#define GROUP "Plugin"
#define MAX_BYTES 65536
#define MAX_FEATURES 32

void
kith_manifest_free (KithManifest *self)
{
  if (self == NULL)
    return;
  g_free (self->id);
  g_free (self->name);
  g_free (self->version);
  g_free (self->settings);
  g_strfreev (self->provides);
  g_strfreev (self->requires);
  g_free (self->path);
  g_free (self->module_path);
  g_free (self);
}

static gboolean
fail (GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF (3, 4);

static gboolean
fail (GError **error, const char *path, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the manifest %s %s", path, what);
  return FALSE;
}

static gboolean
read_features (GKeyFile *file, const char *key, const char *path, GStrv *out, GError **error)
{
  *out = g_key_file_get_string_list (file, GROUP, key, NULL, NULL);
  if (*out == NULL)
    *out = g_new0 (char *, 1);
  if (g_strv_length (*out) > MAX_FEATURES)
    return fail (error, path, "lists more than %d features in %s", MAX_FEATURES, key);
  for (gsize i = 0; (*out)[i] != NULL; i++)
    if (!kith_name_is_event (g_strstrip ((*out)[i])))
      return fail (error, path, "has \"%s\" in %s, which is no name of a feature (a-z 0-9 . _ -)", (*out)[i], key);
  return TRUE;
}

static gboolean
read_id (GKeyFile *file, KithManifest *self, GError **error)
{
  g_autofree char *base = g_path_get_basename (self->path);
  g_autofree char *expected = NULL;

  self->id = g_key_file_get_string (file, GROUP, "Id", NULL);
  if (self->id == NULL)
    return fail (error, self->path, "has no Id in its group [%s]", GROUP);
  if (!kith_name_is_plugin_id (self->id))
    return fail (error, self->path, "has the Id \"%s\"; it must be a-z 0-9 - with a letter in front, 32 at most",
                 self->id);
  expected = g_strconcat (self->id, ".plugin", NULL);
  if (!g_str_equal (base, expected))
    return fail (error, self->path, "has the Id \"%s\", so it must be named %s", self->id, expected);
  return TRUE;
}

static gboolean
read_abi (GKeyFile *file, const char *path, GError **error)
{
  g_autofree char *abi = g_key_file_get_string (file, GROUP, "ABI", NULL);
  gint64 number = 0;

  if (abi == NULL)
    return fail (error, path, "has no ABI; this is ABI=%d", KITH_ABI);
  if (!g_ascii_string_to_signed (abi, 10, 1, G_MAXINT, &number, NULL) || number != KITH_ABI)
    return fail (error, path, "is for plugin ABI %s, but this kithd has ABI %d: get the plugin for this version", abi,
                 KITH_ABI);
  return TRUE;
}

static gboolean
read_keys (GKeyFile *file, KithManifest *self, GError **error)
{
  g_autofree char *dir = NULL;

  if (!g_key_file_has_group (file, GROUP))
    return fail (error, self->path, "has no group [%s]", GROUP);
  if (!read_id (file, self, error) || !read_abi (file, self->path, error)
      || !read_features (file, "Provides", self->path, &self->provides, error)
      || !read_features (file, "Requires", self->path, &self->requires, error))
    return FALSE;
  self->name = g_key_file_get_locale_string (file, GROUP, "Name", NULL, NULL);
  if (self->name == NULL || *self->name == '\0')
    {
      g_free (self->name);
      self->name = g_strdup (self->id);
    }
  self->version = g_key_file_get_string (file, GROUP, "Version", NULL);
  if (self->version == NULL)
    self->version = g_strdup ("");
  self->settings = g_key_file_get_string (file, GROUP, "Settings", NULL);
  if (self->settings != NULL && *self->settings == '\0')
    g_clear_pointer (&self->settings, g_free);
  dir = g_path_get_dirname (self->path);
  self->module_path = g_strdup_printf ("%s/%s.so", dir, self->id);
  return TRUE;
}

KithManifest *
kith_manifest_load (const char *path, GError **error)
{
  g_autoptr (KithManifest) self = g_new0 (KithManifest, 1);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) local = NULL;
  g_autofree char *text = NULL;
  GStatBuf status;
  gsize n;

  self->path = g_strdup (path);
  if (g_stat (path, &status) != 0)
    {
      fail (error, path, "cannot be read: %s", g_strerror (errno));
      return NULL;
    }
  if (!S_ISREG (status.st_mode) || status.st_size > MAX_BYTES)
    {
      fail (error, path, "is no ordinary file of at most %d bytes", MAX_BYTES);
      return NULL;
    }
  if (!g_file_get_contents (path, &text, &n, &local)
      || !g_key_file_load_from_data (file, text, n, G_KEY_FILE_NONE, &local))
    {
      fail (error, path, "cannot be read: %s", local->message);
      return NULL;
    }
  return read_keys (file, self, error) ? g_steal_pointer (&self) : NULL;
}
