/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was said, as a whole: search, the trace of a message, export and import. */
#include "kith-routes.h"

#define SEARCH_LIMIT_DEFAULT 20
#define SEARCH_LIMIT_MAX 100
#define EXPORT_LIMIT_DEFAULT 500
#define EXPORT_LIMIT_MAX 2000

static void
get_search (KithRequest *request, gpointer api)
{
  guint64 limit;
  GError *error = NULL;

  if (!kith_route_number (request, "limit", 1, SEARCH_LIMIT_MAX, SEARCH_LIMIT_DEFAULT, &limit, &error))
    {
      kith_request_fail (request, error);
      return;
    }
  kith_chat_search_async (kith_route_chat (api), kith_request_get_param (request, "q"),
                          kith_request_get_param (request, KITH_KEY_PEER), kith_request_get_param (request, "before"),
                          (guint) limit, kith_request_get_cancellable (request), kith_route_on_printed, request);
}

static void
get_trace (KithRequest *request, gpointer api)
{
  kith_chat_trace_async (kith_route_chat (api), kith_request_get_param (request, "id"),
                         kith_request_get_cancellable (request), kith_route_on_printed, request);
}

/* A page of it: "Kith-Next" is the "after" of the next one, and missing on the last. */
static void
on_exported (GObject *chat, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;
  g_autoptr (KithExported) exported = kith_chat_export_finish (KITH_CHAT (chat), result, &error);
  gboolean text = g_strcmp0 (kith_request_get_param (request, "format"), "text") == 0;
  g_autofree char *done = NULL, *total = NULL;

  if (exported == NULL)
    {
      kith_request_fail (request, error);
      return;
    }
  done = g_strdup_printf ("%" G_GUINT64_FORMAT, exported->done);
  total = g_strdup_printf ("%" G_GUINT64_FORMAT, exported->total);

  const char *const headers[] = { "Content-Type", text ? "text/plain; charset=utf-8" : "application/x-ndjson",
                                  "Kith-Done",    done,
                                  "Kith-Total",   total,
                                  exported->next != NULL ? "Kith-Next" : NULL, exported->next, NULL };

  kith_call_answer_headers (request, 200, headers, g_bytes_ref (exported->bytes));
}

static void
get_export (KithRequest *request, gpointer api)
{
  guint64 limit;
  GError *error = NULL;

  if (!kith_route_number (request, "limit", 1, EXPORT_LIMIT_MAX, EXPORT_LIMIT_DEFAULT, &limit, &error))
    {
      kith_request_fail (request, error);
      return;
    }
  kith_chat_export_async (kith_route_chat (api), kith_request_get_param (request, KITH_KEY_PEER),
                          g_strcmp0 (kith_request_get_param (request, "format"), "text") == 0,
                          kith_request_get_param (request, "after"), (guint) limit,
                          kith_request_get_cancellable (request), on_exported, request);
}

static void
post_import (KithRequest *request, gpointer api)
{
  JsonObject *body = kith_request_get_body (request);
  gint64 first = json_object_get_int_member_with_default (body, "first_line", 1);

  if (first < 1 || first > G_MAXINT32)
    {
      kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_INVALID, "first_line must be 1 or more"));
      return;
    }
  kith_chat_import_async (kith_route_chat (api),
                          json_array_ref (json_object_get_array_member (body, KITH_KEY_MESSAGES)), (guint) first, NULL,
                          kith_route_on_printed, request);
}

static const char *const formats[] = { "jsonl", "text", NULL };
static const char *const export_types[] = { "application/x-ndjson", "text/plain", NULL };

static const KithField search_params[] = {
  { "q", KITH_FIELD_STRING, 0, 256, "words that must all be there; the last may be the beginning of one" },
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, KITH_FIELD_OPTIONAL, 0, "only this conversation" },
  { "before", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 64, "only what is older than this message's id, or this time" },
  { "limit", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, SEARCH_LIMIT_MAX, "1 to 100, 20 when it is missing" },
  { 0 },
};

static const KithField found_fields[] = {
  { KITH_KEY_MESSAGES, KITH_FIELD_ARRAY, 0, 0, "newest first, each with its snippet", kith_fields_found },
  { KITH_KEY_HAS_MORE, KITH_FIELD_BOOLEAN, 0, 0, "older ones exist" },
  { 0 },
};

static const KithField by_id[] = {
  { "id", KITH_FIELD_ID, 0, 0, "the message" },
  { 0 },
};

static const KithField step_fields[] = {
  { "at", KITH_FIELD_TIME, 0, 0, "when" },
  { "what", KITH_FIELD_STRING, 0, 0, "encrypted, tried, sent, acknowledged, …" },
  { KITH_KEY_TRANSPORT, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "over which" },
  { "detail", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "for people" },
  { 0 },
};

static const KithField trace_fields[] = {
  { "steps", KITH_FIELD_ARRAY, 0, 0, "in order, those of the last 7 days", step_fields },
  { 0 },
};

static const KithField export_params[] = {
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, KITH_FIELD_OPTIONAL, 0, "only this conversation" },
  { "format", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "jsonl (a Message with peer and signing_key a line) or text",
    NULL, formats },
  { "after", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 64, "the Kith-Next of the page before" },
  { "limit", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, EXPORT_LIMIT_MAX, "1 to 2000 messages, 500 when it is missing" },
  { 0 },
};

static const KithField import_fields[] = {
  { KITH_KEY_MESSAGES, KITH_FIELD_ARRAY, 0, 0, "lines of an export; those of a file's end go first" },
  { "first_line", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, 0, "the number of the first one, for errors" },
  { 0 },
};

static const KithField imported_fields[] = {
  { "imported", KITH_FIELD_INTEGER, 0, 0, "so many are new" },
  { "known", KITH_FIELD_INTEGER, 0, 0, "so many were there already" },
  { 0 },
};

static const KithRouteStatus searched[] = {
  { 200, "what was found" },
  { 404, "nobody here has that name, or there is no message “before”" },
  { 0 },
};

static const KithRouteStatus traced[] = {
  { 200, "its steps" },
  { 404, "there is no such message" },
  { 0 },
};

static const KithRouteStatus exported[] = {
  { 200, "a page; the header Kith-Next is the “after” of the next one and missing on the last" },
  { 404, "nobody here has that name" },
  { 0 },
};

static const KithRouteStatus imported[] = {
  { 200, "so many" },
  { 404, "a line is of somebody unknown and has no key" },
  { 0 },
};

const KithHouseRoute kith_routes_history[] = {
  { { "GET", "messages/search", search_params, NULL, found_fields, "Full-text search, newest first", searched, 0 },
    get_search },
  { { "GET", "messages/:id/trace", by_id, NULL, trace_fields, "The life of one message", traced, 0 }, get_trace },
  { { "GET", "admin/export", export_params, NULL, NULL, "What was said, page by page", exported, KITH_ROUTE_TEXT,
      export_types },
    get_export },
  { { "POST", "admin/import", NULL, import_fields, imported_fields, "An export becomes history here", imported, 0 },
    post_import },
  { { 0 } },
};
