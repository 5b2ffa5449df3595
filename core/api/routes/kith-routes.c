/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-routes.h"

void
kith_routes_add_all (KithCatalog *catalog, KithApi *api)
{
  const KithHouseRoute *const tables[] = { kith_routes_status,   kith_routes_health,   kith_routes_friends,
                                           kith_routes_messages, kith_routes_requests, kith_routes_identity,
                                           kith_routes_presence, kith_routes_plugins,  kith_routes_events,
                                           kith_routes_admin,    kith_routes_history,  kith_routes_metrics };

  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    kith_catalog_add_house (catalog, tables[i], api);
}

void
kith_route_on_changed (GObject *chat, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;

  kith_chat_change_finish (KITH_CHAT (chat), result, &error);
  kith_call_finish (request, error, 204, NULL);
}

void
kith_route_on_printed (GObject *chat, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;
  GBytes *json = kith_chat_print_finish (KITH_CHAT (chat), result, &error);

  kith_call_finish (request, error, 200, json);
}

const char *
kith_route_body_string (KithRequest *request, const char *member)
{
  JsonObject *body = kith_request_get_body (request);

  return body != NULL && json_object_has_member (body, member) ? json_object_get_string_member (body, member) : NULL;
}

gboolean
kith_route_number (KithRequest *request, const char *name, guint64 min, guint64 max, guint64 otherwise, guint64 *out,
                   GError **error)
{
  const char *text = kith_request_get_param (request, name);

  *out = otherwise;
  if (text == NULL)
    return TRUE;
  if (g_ascii_isdigit (*text) && g_ascii_string_to_unsigned (text, 10, min, max, out, NULL))
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
               "“%s” must be a whole number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, name, min, max);
  return FALSE;
}
