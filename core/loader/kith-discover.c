/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-loader-impl.h"

#include "kith-event-private.h"
#include "kith-loader-config.h"
#include "kith-log.h"

#define SUFFIX ".plugin"
/* Where Flatpak extensions are mounted. */
#define EXTENSION_DIR "/app/extensions/kith/plugins-" G_STRINGIFY (KITH_ABI)
#define MAX_MANIFESTS 256

static char *
dup_home_dir (void)
{
  return g_build_filename (g_get_home_dir (), ".local", "lib", "kith", "plugins-" G_STRINGIFY (KITH_ABI), NULL);
}

GStrv
kith_loader_dup_default_path (void)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *home = dup_home_dir ();
  const char *environment = g_getenv ("KITH_PLUGIN_PATH");
  g_auto (GStrv) extra = g_strsplit (environment != NULL ? environment : "", ":", -1);

  for (gsize i = 0; extra[i] != NULL; i++)
    if (*extra[i] != '\0')
      g_strv_builder_add (builder, extra[i]);
  g_strv_builder_add (builder, KITH_PLUGIN_DIR);
  g_strv_builder_add (builder, home);
  g_strv_builder_add (builder, EXTENSION_DIR);
  return g_strv_builder_end (builder);
}

static int
name_compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Sorted, so that what happens does not depend on the order of a directory. */
static GPtrArray *
list_manifests (const char *dir)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) entries = g_dir_open (dir, 0, NULL);
  const char *name;

  while (entries != NULL && names->len < MAX_MANIFESTS && (name = g_dir_read_name (entries)) != NULL)
    if (g_str_has_suffix (name, SUFFIX))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, name_compare);
  return names;
}

static void
look_at (KithLoader *self, const char *dir, const char *name, gboolean trusted)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autofree char *id = g_strndup (name, strlen (name) - strlen (SUFFIX));
  g_autoptr (KithManifest) manifest = NULL;
  g_autoptr (GError) error = NULL;

  if (!kith_name_is_plugin_id (id))
    {
      kith_warning ("%s is ignored: \"%s\" is no id for a plugin", path, id);
      return;
    }
  if (kith_loader_find (self, id) != NULL)
    {
      kith_debug ("%s is ignored: another directory had the plugin \"%s\" first", path, id);
      return;
    }
  manifest = kith_manifest_load (path, &error);
  if (manifest == NULL)
    kith_warning ("The plugin \"%s\" is skipped: %s", id, error->message);
  kith_loader_take_unit (self, g_steal_pointer (&manifest), id, path,
                         trusted && kith_loader_is_builtin_id (self, id), g_steal_pointer (&error));
}

guint
kith_loader_discover (KithLoader *self)
{
  const char *const *path = kith_loader_get_path (self);
  g_autofree char *home = dup_home_dir ();
  g_autoptr (GPtrArray) known = NULL;

  for (gsize i = 0; path[i] != NULL; i++)
    {
      g_autoptr (GPtrArray) names = NULL;
      g_autoptr (GError) error = NULL;

      if (!g_file_test (path[i], G_FILE_TEST_IS_DIR))
        continue;
      if (!kith_path_is_safe (path[i], &error))
        {
          kith_warning ("No plugins are loaded from %s: %s", path[i], error->message);
          continue;
        }
      names = list_manifests (path[i]);
      /* What the user put into their home is theirs, whatever it is called. */
      for (guint k = 0; k < names->len; k++)
        look_at (self, path[i], g_ptr_array_index (names, k), !g_str_equal (path[i], home));
    }
  known = kith_loader_list (self);
  return known->len;
}
