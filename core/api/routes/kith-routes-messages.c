/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /messages and everything below it, but for the search and the trace. */
#include "kith-json-writer.h"
#include "kith-routes.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 500

static void
get_messages (KithRequest *request, gpointer api)
{
  guint64 limit, offset;
  GError *error = NULL;

  if (!kith_route_number (request, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, &error)
      || !kith_route_number (request, "offset", 0, G_MAXINT64, 0, &offset, &error))
    {
      kith_request_fail (request, error);
      return;
    }
  kith_chat_page_async (kith_route_chat (api), kith_request_get_param (request, KITH_KEY_PEER), (guint) limit, offset,
                        kith_request_get_param (request, "before"), kith_request_get_cancellable (request),
                        kith_route_on_printed, request);
}

static void
on_posted (GObject *chat, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;
  g_autoptr (KithPosted) posted = kith_chat_post_finish (KITH_CHAT (chat), result, &error);
  g_auto (KithJsonWriter) w = { NULL };

  if (posted == NULL)
    {
      kith_request_fail (request, error);
      return;
    }
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_MSG_ID, posted->msg_id);
  kith_json_writer_member_bool (&w, KITH_KEY_DELIVERED, posted->delivered);
  kith_json_writer_member_string (&w, KITH_KEY_DELIVERY_METHOD, posted->delivery_method);
  kith_json_writer_member_time_ms (&w, KITH_KEY_TIMESTAMP, posted->timestamp_ms);
  kith_json_writer_end_object (&w);
  kith_call_answer (request, posted->delivered ? 200 : 202, kith_json_writer_finish (&w));
}

/* Not cancelled when the client goes: what it has sent is sent. */
static void
post_message (KithRequest *request, gpointer api)
{
  kith_chat_post_async (kith_route_chat (api), kith_route_body_string (request, KITH_KEY_TO),
                        kith_route_body_string (request, KITH_KEY_TEXT),
                        kith_route_body_string (request, KITH_KEY_REPLY_TO),
                        kith_route_body_string (request, KITH_KEY_CLIENT_ID), NULL, on_posted, request);
}

static void
patch_message (KithRequest *request, gpointer api)
{
  kith_chat_edit_async (kith_route_chat (api), kith_request_get_param (request, "id"),
                        kith_route_body_string (request, KITH_KEY_TEXT), NULL, kith_route_on_printed, request);
}

static void
delete_message (KithRequest *request, gpointer api)
{
  kith_chat_delete_async (kith_route_chat (api), kith_request_get_param (request, "id"),
                          kith_request_get_param (request, "for") != NULL, NULL, kith_route_on_changed, request);
}

static void
resend_message (KithRequest *request, gpointer api)
{
  kith_chat_resend_async (kith_route_chat (api), kith_request_get_param (request, "id"), NULL, kith_route_on_printed,
                          request);
}

static void
put_reaction (KithRequest *request, gpointer api)
{
  kith_chat_react_async (kith_route_chat (api), kith_request_get_param (request, "id"),
                         kith_request_get_param (request, KITH_KEY_EMOJI), FALSE, NULL, kith_route_on_changed, request);
}

static void
delete_reaction (KithRequest *request, gpointer api)
{
  kith_chat_react_async (kith_route_chat (api), kith_request_get_param (request, "id"),
                         kith_request_get_param (request, KITH_KEY_EMOJI), TRUE, NULL, kith_route_on_changed, request);
}

static const char *const everyone[] = { "everyone", NULL };

static const KithField page_params[] = {
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, 0, 0, "whose conversation" },
  { "limit", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, LIMIT_MAX, "1 to 500, 50 when it is missing" },
  { "offset", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, 0, "so many before the newest" },
  { "before", KITH_FIELD_ID, KITH_FIELD_OPTIONAL, 0, "the page ends before this message" },
  { 0 },
};

static const KithField page_fields[] = {
  { KITH_KEY_MESSAGES, KITH_FIELD_ARRAY, 0, 0, "oldest first", kith_fields_message },
  { KITH_KEY_TOTAL, KITH_FIELD_INTEGER, 0, 0, "in the whole conversation" },
  { KITH_KEY_HAS_MORE, KITH_FIELD_BOOLEAN, 0, 0, "older ones exist" },
  { 0 },
};

static const KithField post_fields[] = {
  { KITH_KEY_TO, KITH_FIELD_USERNAME, 0, 0, "a friend" },
  { KITH_KEY_TEXT, KITH_FIELD_STRING, 0, 10000, "no control characters but newline and tab" },
  { KITH_KEY_REPLY_TO, KITH_FIELD_ID, KITH_FIELD_OPTIONAL, 0, "the message that it answers" },
  { KITH_KEY_CLIENT_ID, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 128, "the same one again sends nothing twice" },
  { 0 },
};

static const KithField posted_fields[] = {
  { KITH_KEY_MSG_ID, KITH_FIELD_ID, 0, 0, "the message" },
  { KITH_KEY_DELIVERED, KITH_FIELD_BOOLEAN, 0, 0, "the peer's daemon has it on disk" },
  { KITH_KEY_DELIVERY_METHOD, KITH_FIELD_STRING, 0, 0, "over a link, or through a queue", NULL, kith_values_delivery },
  { KITH_KEY_TIMESTAMP, KITH_FIELD_TIME, 0, 0, "when it was taken" },
  { 0 },
};

static const KithField by_id[] = {
  { "id", KITH_FIELD_ID, 0, 0, "the message" },
  { 0 },
};

static const KithField delete_params[] = {
  { "id", KITH_FIELD_ID, 0, 0, "the message" },
  { "for", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "everyone: asks the peer, too", NULL, everyone },
  { 0 },
};

static const KithField edit_fields[] = {
  { KITH_KEY_TEXT, KITH_FIELD_STRING, 0, 10000, "what it says from now on" },
  { 0 },
};

static const KithField react_params[] = {
  { "id", KITH_FIELD_ID, 0, 0, "the message" },
  { KITH_KEY_EMOJI, KITH_FIELD_STRING, 0, 32, "one grapheme cluster, 32 bytes at most" },
  { 0 },
};

static const KithRouteStatus paged[] = {
  { 200, "the page" },
  { 404, "nobody here has that name, or there is no message “before” in the conversation" },
  { 0 },
};

static const KithRouteStatus posted[] = {
  { 200, "the peer's daemon has it on disk" },
  { 202, "it is on ours and goes as soon as it can" },
  { 404, "“to” is no friend" },
  { 409, "the friend is blocked, or “client_id” belongs to another message" },
  { 0 },
};

static const KithRouteStatus edited[] = {
  { 200, "the message as it is now" },
  { 403, "it is not our own" },
  { 404, "there is no such message" },
  { 409, "it was deleted, or nothing can be sent to them" },
  { 0 },
};

static const KithRouteStatus deleted[] = {
  { 204, "done" },
  { 403, "for everyone: it is not our own" },
  { 404, "there is no such message" },
  { 409, "for everyone: nothing can be sent to them" },
  { 0 },
};

static const KithRouteStatus resent[] = {
  { 200, "the message; it is on its way again" },
  { 403, "it is not our own" },
  { 404, "there is no such message" },
  { 409, "it has not failed, was deleted, or nothing can be sent to them" },
  { 0 },
};

static const KithRouteStatus reacted[] = {
  { 204, "done" },
  { 404, "there is no such message" },
  { 409, "it was deleted, has too many reactions, or nothing can be sent to them" },
  { 0 },
};

const KithHouseRoute kith_routes_messages[] = {
  { { "GET", "messages", page_params, NULL, page_fields, "A page of a conversation", paged, 0 }, get_messages },
  { { "POST", "messages", NULL, post_fields, posted_fields, "Sends a message", posted, 0 }, post_message },
  { { "PATCH", "messages/:id", by_id, edit_fields, kith_fields_message, "Edits an own message", edited, 0 },
    patch_message },
  { { "DELETE", "messages/:id", delete_params, NULL, NULL, "Deletes a message, here or for everyone", deleted, 0 },
    delete_message },
  { { "POST", "messages/:id/resend", by_id, NULL, kith_fields_message, "Tries a failed one again", resent, 0 },
    resend_message },
  { { "PUT", "messages/:id/reactions/:emoji", react_params, NULL, NULL, "Adds the user's reaction", reacted, 0 },
    put_reaction },
  { { "DELETE", "messages/:id/reactions/:emoji", react_params, NULL, NULL, "Takes it back", reacted, 0 },
    delete_reaction },
  { { 0 } },
};
