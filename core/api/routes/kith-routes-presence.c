/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /presence: the user's own status. */
#include "kith-json-writer.h"
#include "kith-routes.h"

static GBytes *
print_status (KithChat *chat)
{
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_STATUS, kith_presence_to_status (kith_chat_get_status (chat)));
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

static void
get_presence (KithRequest *request, gpointer api)
{
  kith_call_answer (request, 200, print_status (kith_route_chat (api)));
}

static void
on_set (GObject *chat, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;
  gboolean ok = kith_chat_change_finish (KITH_CHAT (chat), result, &error);

  kith_call_finish (request, error, 200, ok ? print_status (KITH_CHAT (chat)) : NULL);
}

static void
put_presence (KithRequest *request, gpointer api)
{
  KithPresence status = KITH_PRESENCE_ONLINE;

  kith_presence_from_status (kith_route_body_string (request, KITH_KEY_STATUS), &status);
  kith_chat_set_status_async (kith_route_chat (api), status, NULL, on_set, request);
}

static const KithField status_fields[] = {
  { KITH_KEY_STATUS, KITH_FIELD_STRING, 0, 0, "invisible: everybody sees offline; offline: no links", NULL,
    kith_values_own_status },
  { 0 },
};

const KithHouseRoute kith_routes_presence[] = {
  { { "GET", "presence", NULL, NULL, status_fields, "The user's own status" }, get_presence },
  { { "PUT", "presence", NULL, status_fields, status_fields, "Changes it; kept over restarts" }, put_presence },
  { { 0 } },
};
