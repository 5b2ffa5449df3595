/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who owns which route and which command, and the one place where what was asked is checked. Main thread. */
#pragma once

#include "kith-bus-private.h"
#include "kith-call.h"

G_BEGIN_DECLS

#define KITH_TYPE_CATALOG (kith_catalog_get_type ())
G_DECLARE_FINAL_TYPE (KithCatalog, kith_catalog, KITH, CATALOG, GObject)

/* Where a request came in decides what exists for it. */
typedef enum
{
  KITH_REACH_LOCAL,   /* a TCP port: no /admin */
  KITH_REACH_OWNER,   /* the Unix socket */
} KithReach;

KithCatalog *kith_catalog_new (KithBus *bus);

/* owner NULL: the house. Specs are static. `prefix` (nullable) goes before the path: "plugins/ID". Errors: CONFLICT
 * names who has it, INVALID names what is wrong with the path. data is destroyed when the route goes, but not on
 * failure. */
gboolean     kith_catalog_add_route    (KithCatalog *self, const char *owner, const char *prefix,
                                        const KithRouteSpec *spec, KithRequestFunc func, gpointer data,
                                        GDestroyNotify destroy, GError **error);
void         kith_catalog_drop_route   (KithCatalog *self, const KithRouteSpec *spec);
/* A table of routes of the house, ending with {{0}}; data goes to each of them. A clash is our own bug. */
typedef struct { KithRouteSpec spec; KithRequestFunc func; } KithHouseRoute;
void         kith_catalog_add_house    (KithCatalog *self, const KithHouseRoute *routes, gpointer data);

gboolean     kith_catalog_add_command  (KithCatalog *self, const char *owner, const KithEventSpec *spec,
                                        KithRequestFunc func, gpointer data, GDestroyNotify destroy, GError **error);
void         kith_catalog_drop_command (KithCatalog *self, const KithEventSpec *spec);
const KithEventSpec *kith_catalog_find_command (KithCatalog *self, const char *name);   /* none, nullable */

/* Finds the route, checks parameters and body, hands a KithRequest to its owner. answer is called exactly once, now or
 * later; headers (Allow) go with 405 and OPTIONS. path begins with '/'. */
void         kith_catalog_ask          (KithCatalog *self, KithReach reach, const char *method, const char *path,
                                        GHashTable *query, GBytes *body, GCancellable *cancellable,
                                        const KithCaller *caller, gpointer data);
/* A command of a window. `data` is the raw text of the checked object; no tree is parsed when every member is a plain
 * value. Returns FALSE with the error when it was not handed over; else answer is called exactly once. */
gboolean     kith_catalog_command      (KithCatalog *self, const char *name, const char *data, gsize n, guint64 client,
                                        GCancellable *cancellable, const KithCaller *caller, gpointer user_data,
                                        GError **error);

GBytes      *kith_catalog_print_events (KithCatalog *self);   /* full; GET /events/catalog */
GBytes      *kith_catalog_print_schema (KithCatalog *self);   /* full; GET /events/schema.json */
GBytes      *kith_catalog_print_openapi (KithCatalog *self);  /* full; GET /openapi.json */
GBytes      *kith_catalog_print_typescript (KithCatalog *self);   /* full; kith.d.ts */

G_END_DECLS
