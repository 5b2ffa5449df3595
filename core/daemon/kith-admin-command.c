/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POST /admin/command: what a window says in a frame, asked once and answered once. For who opens no window. */
#include <string.h>

#include "kith-daemon-private.h"

static void
on_answer (guint status, GBytes *json, GError *error, const char *const *headers, gpointer request)
{
  g_clear_pointer (&json, g_bytes_unref);
  kith_call_finish (request, error, 204, NULL);
}

static const KithCaller caller = { on_answer, NULL };

static void
post_command (KithRequest *request, gpointer data)
{
  KithDaemon *self = data;
  JsonObject *body = kith_request_get_body (request);
  const char *event = json_object_get_string_member (body, KITH_KEY_EVENT);
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (),
                                                     json_object_get_object_member (body, KITH_KEY_DATA));
  g_autofree char *text = json_to_string (node, FALSE);
  GError *error = NULL;

  if (!kith_catalog_command (kith_api_get_catalog (self->api), event, text, strlen (text), 0,
                             kith_request_get_cancellable (request), &caller, request, &error))
    kith_request_fail (request, error);
}

static const KithField command_fields[] = {
  { KITH_KEY_EVENT, KITH_FIELD_STRING, 0, 64, "what a client says: mark_read" },
  { KITH_KEY_DATA, KITH_FIELD_OBJECT, 0, 0, "its members" },
  { 0 },
};

static const KithRouteStatus done[] = {
  { 204, "it is done" },
  { 404, "there is no such event, friend or message" },
  { 0 },
};

const KithHouseRoute kith_admin_command_routes[] = {
  { { "POST", "admin/command", NULL, command_fields, NULL, "What a client of /events says, with an answer", done, 0 },
    post_command },
  { { 0 } },
};
