/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-module.h"

#include "kith-elf.h"

#include <gmodule.h>

static gboolean
check_entry (const KithManifest *manifest, const KithPluginEntry *entry, GError **error)
{
  if (entry->struct_size < sizeof (KithPluginEntry))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                   "%s has an entry of %" G_GSIZE_FORMAT " bytes, not %" G_GSIZE_FORMAT, manifest->module_path,
                   entry->struct_size, sizeof (KithPluginEntry));
      return FALSE;
    }
  if (entry->abi != KITH_ABI)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                   "%s was built for plugin ABI %u, but this kithd has ABI %d: get the plugin for this version",
                   manifest->module_path, entry->abi, KITH_ABI);
      return FALSE;
    }
  if (g_strcmp0 (entry->id, manifest->id) != 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "%s says that it is the plugin \"%s\", its manifest \"%s\"",
                   manifest->module_path, entry->id != NULL ? entry->id : "", manifest->id);
      return FALSE;
    }
  if (entry->get_type == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "%s gives no type", manifest->module_path);
      return FALSE;
    }
  return TRUE;
}

static GType
check_type (const KithManifest *manifest, const KithPluginEntry *entry, GError **error)
{
  GType type = entry->get_type ();

  if (type != G_TYPE_INVALID && g_type_is_a (type, KITH_TYPE_PLUGIN) && !G_TYPE_IS_ABSTRACT (type))
    return type;
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
               "%s gives the type \"%s\", which is no KithPlugin that can be made", manifest->module_path,
               type != G_TYPE_INVALID ? g_type_name (type) : "(none)");
  return G_TYPE_INVALID;
}

GType
kith_module_open (const KithManifest *manifest, GError **error)
{
  gpointer symbol = NULL;
  GModule *module;

  if (!kith_path_is_safe (manifest->module_path, error) || !kith_elf_is_whole (manifest->module_path, error))
    return G_TYPE_INVALID;
  /* Without G_MODULE_BIND_LAZY everything is bound at once: a missing symbol is told here, not by a crash later. */
  module = g_module_open (manifest->module_path, G_MODULE_BIND_LOCAL);
  if (module == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "%s cannot be opened: %s", manifest->module_path,
                   g_module_error ());
      return G_TYPE_INVALID;
    }
  /* From here on its code may have registered something: it stays. */
  g_module_make_resident (module);
  if (!g_module_symbol (module, "kith_plugin_entry", &symbol) || symbol == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                   "%s has no kith_plugin_entry: KITH_DEFINE_PLUGIN is missing, or it is no plugin",
                   manifest->module_path);
      return G_TYPE_INVALID;
    }
  return check_entry (manifest, symbol, error) ? check_type (manifest, symbol, error) : G_TYPE_INVALID;
}
