/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#include "kith-describe-self.h"

#define G_SETTINGS_ENABLE_BACKEND
#include <gio/gsettingsbackend.h>
#include <stdio.h>
#include <string.h>

#include "kith-catalog.h"
#include "kith-daemon-private.h"
#include "kith-events.h"
#include "kith-locale.h"
#include "kith-loader.h"
#include "routes/kith-routes.h"

typedef struct
{
  KithWorld *world;
  KithBus *bus;
  KithCatalog *catalog;
  KithLoader *loader;
  gboolean settled;
} Self;

/* --- a host that only takes notes of what plugins bring */

static gboolean
add_command (gpointer backend, KithHost *host, const KithEventSpec *spec, KithRequestFunc func, gpointer data,
             GError **error)
{
  return kith_catalog_add_command (((Self *) backend)->catalog, kith_host_get_id (host), spec, func, data, NULL, error);
}

static void
drop_command (gpointer backend, KithHost *host, const KithEventSpec *spec)
{
  kith_catalog_drop_command (((Self *) backend)->catalog, spec);
}

static gboolean
add_route (gpointer backend, KithHost *host, const KithRouteSpec *spec, KithRequestFunc func, gpointer data,
           GError **error)
{
  return kith_catalog_add_route (((Self *) backend)->catalog, kith_host_get_id (host), NULL, spec, func, data, NULL,
                                 error);
}

static void
drop_route (gpointer backend, KithHost *host, const KithRouteSpec *spec)
{
  kith_catalog_drop_route (((Self *) backend)->catalog, spec);
}

static gboolean
add_transport (gpointer backend, KithHost *host, KithTransport *transport, GError **error)
{
  return TRUE;
}

static void
drop_transport (gpointer backend, KithHost *host, KithTransport *transport)
{
}

static gboolean
add_directory (gpointer backend, KithHost *host, KithDirectory *directory, GError **error)
{
  return TRUE;
}

static void
drop_directory (gpointer backend, KithHost *host, KithDirectory *directory)
{
}

static const KithHostFuncs funcs = {
  .add_command = add_command,
  .drop_command = drop_command,
  .add_route = add_route,
  .drop_route = drop_route,
  .add_transport = add_transport,
  .drop_transport = drop_transport,
  .add_directory = add_directory,
  .drop_directory = drop_directory,
};

/* Every setting at its default. */
static GSettings *
make_settings (const char *schema_id, const char *plugin_id, gpointer data, GError **error)
{
  GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchema) schema =
    source != NULL ? g_settings_schema_source_lookup (source, schema_id, TRUE) : NULL;
  g_autoptr (GSettingsBackend) backend = NULL;
  g_autofree char *path = g_strdup_printf ("/im/kith/Kith/plugins/%s/", plugin_id);

  if (schema == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "the schema %s is not installed", schema_id);
      return NULL;
    }
  backend = g_memory_settings_backend_new ();
  return g_settings_new_full (schema, backend, path);
}

static void
on_settled (GObject *loader, GAsyncResult *result, gpointer data)
{
  ((Self *) data)->settled = TRUE;
}

static void
settle (Self *self)
{
  while (!self->settled)
    g_main_context_iteration (NULL, TRUE);
  self->settled = FALSE;
}

/* --- */

static GBytes *
print (KithCatalog *catalog, const char *what)
{
  static const struct
  {
    const char *name;
    GBytes *(*print) (KithCatalog *catalog);
  } kinds[] = {
    { "openapi", kith_catalog_print_openapi },
    { "schema", kith_catalog_print_schema },
    { "catalog", kith_catalog_print_events },
    { "typescript", kith_catalog_print_typescript },
  };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (kinds[i].name, what) == 0)
      return kinds[i].print (catalog);
  return NULL;
}

int
kith_describe_self (const char *what)
{
  Self self = { .world = kith_world_new () };
  g_autoptr (GBytes) text = NULL;
  gsize n = 0;
  const void *bytes;

  self.bus = kith_bus_new (self.world);
  self.catalog = kith_catalog_new (self.bus);
  kith_events_register (self.bus);
  kith_routes_add_all (self.catalog, NULL);
  kith_catalog_add_house (self.catalog, kith_admin_routes, NULL);
  kith_catalog_add_house (self.catalog, kith_admin_key_routes, NULL);
  kith_catalog_add_house (self.catalog, kith_admin_settings_routes, NULL);
  kith_catalog_add_house (self.catalog, kith_admin_doctor_routes, NULL);
  kith_catalog_add_house (self.catalog, kith_admin_command_routes, NULL);
  kith_catalog_add_house (self.catalog, kith_open_routes, NULL);
  self.loader = kith_loader_new (self.world, self.bus, &funcs, &self, NULL, make_settings, NULL, NULL);
  kith_loader_discover (self.loader);
  kith_loader_activate_all_async (self.loader, NULL, on_settled, &self);
  settle (&self);
  text = print (self.catalog, what);
  kith_loader_deactivate_all_async (self.loader, NULL, on_settled, &self);
  settle (&self);
  g_object_unref (self.loader);
  g_object_unref (self.catalog);
  g_object_unref (self.bus);
  kith_world_unref (self.world);
  if (text == NULL)
    {
      fprintf (stderr, _("kithd: “%s” cannot be described: openapi, schema, catalog or typescript can\n"), what);
      return 1;
    }
  bytes = g_bytes_get_data (text, &n);
  return fwrite (bytes, 1, n, stdout) == n && fflush (stdout) == 0 ? 0 : 1;
}
