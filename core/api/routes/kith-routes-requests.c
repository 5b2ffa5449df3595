/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /requests: strangers who wrote to us. */
#include "kith-routes.h"

static void
get_requests (KithRequest *request, gpointer api)
{
  kith_chat_list_requests_async (kith_route_chat (api), NULL, kith_route_on_printed, request);
}

static void
accept_request (KithRequest *request, gpointer api)
{
  kith_chat_accept_request_async (kith_route_chat (api), kith_request_get_param (request, KITH_KEY_USERNAME), NULL,
                                  kith_route_on_changed, request);
}

static void
refuse_request (KithRequest *request, gpointer api)
{
  kith_chat_refuse_request_async (kith_route_chat (api), kith_request_get_param (request, KITH_KEY_USERNAME), NULL,
                                  kith_route_on_changed, request);
}

static const KithField by_name[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "the name under which the request stands" },
  { 0 },
};

static const KithField request_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "the name under which the request stands" },
  { KITH_KEY_FINGERPRINT, KITH_FIELD_STRING, 0, 0, "of the identity key" },
  { KITH_KEY_NOTE, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 300, "what came with it" },
  { KITH_KEY_MESSAGE, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 10000, "the first message" },
  { KITH_KEY_COUNT, KITH_FIELD_INTEGER, 0, 0, "how many messages wait" },
  { KITH_KEY_RECEIVED_AT, KITH_FIELD_TIME, 0, 0, "when it came" },
  { 0 },
};

static const KithRouteStatus decided[] = {
  { 204, "done" },
  { 404, "there is no request of that name" },
  { 0 },
};

const KithHouseRoute kith_routes_requests[] = {
  { { "GET", "requests", NULL, NULL, request_fields, "Message requests from strangers", NULL, KITH_ROUTE_LIST },
    get_requests },
  { { "POST", "requests/:username/accept", by_name, NULL, NULL, "Makes a friend of them", decided, 0 },
    accept_request },
  { { "DELETE", "requests/:username", by_name, NULL, NULL, "Drops the request", decided, 0 }, refuse_request },
  { { 0 } },
};
