/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-api.h"
#include "kith-catalog-private.h"
#include "kith-events.h"

G_BEGIN_DECLS

/* One table per resource; each route gets the KithApi. */
extern const KithHouseRoute kith_routes_status[];
extern const KithHouseRoute kith_routes_health[];
extern const KithHouseRoute kith_routes_friends[];
extern const KithHouseRoute kith_routes_messages[];
extern const KithHouseRoute kith_routes_requests[];
extern const KithHouseRoute kith_routes_identity[];
extern const KithHouseRoute kith_routes_presence[];
extern const KithHouseRoute kith_routes_plugins[];
extern const KithHouseRoute kith_routes_events[];
extern const KithHouseRoute kith_routes_metrics[];
extern const KithHouseRoute kith_routes_admin[];
extern const KithHouseRoute kith_routes_history[];

void       kith_routes_add_all (KithCatalog *catalog, KithApi *api);

static inline KithChat *
kith_route_chat (gpointer api)
{
  return kith_api_get_rooms (api)->chat;
}

/* Callbacks whose data is the request. */
void        kith_route_on_changed (GObject *chat, GAsyncResult *result, gpointer request);   /* 204 */
/* 200 and what was printed */
void        kith_route_on_printed (GObject *chat, GAsyncResult *result, gpointer request);

/* A parameter that is a whole number, with its value when it is missing. */
gboolean    kith_route_number (KithRequest *request, const char *name, guint64 min, guint64 max, guint64 otherwise,
                               guint64 *out, GError **error);
const char *kith_route_body_string (KithRequest *request, const char *member);   /* none, nullable */

G_END_DECLS
