/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /friends and everything below it. */
#include "kith-json-writer.h"
#include "kith-routes.h"

/* What waits for chat: the request, and who it is about. */
typedef struct
{
  KithRequest *request;
  char *name;
} About;

static About *
about_new (KithRequest *request)
{
  About *about = g_new (About, 1);

  about->request = request;
  about->name = g_strdup (kith_request_get_param (request, KITH_KEY_USERNAME));
  return about;
}

/* 200 and the friend as they are now; 204 when it was no friend (a requester was blocked). */
static void
on_friend_changed (GObject *chat, GAsyncResult *result, gpointer data)
{
  About *about = data;
  GError *error = NULL;
  GBytes *json = NULL;

  if (kith_chat_change_finish (KITH_CHAT (chat), result, &error))
    json = kith_chat_print_friend (KITH_CHAT (chat), about->name);
  kith_call_finish (about->request, error, json != NULL ? 200 : 204, json);
  g_free (about->name);
  g_free (about);
}

static void
get_friends (KithRequest *request, gpointer api)
{
  kith_call_answer (request, 200, kith_chat_print_friends (kith_route_chat (api)));
}

static void
on_added (GObject *chat, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;
  g_autofree char *name = kith_chat_add_finish (KITH_CHAT (chat), result, &error);

  kith_call_finish (request, error, 201, name != NULL ? kith_chat_print_friend (KITH_CHAT (chat), name) : NULL);
}

static void
post_friend (KithRequest *request, gpointer api)
{
  kith_chat_add_async (kith_route_chat (api), kith_route_body_string (request, KITH_KEY_USERNAME),
                       kith_route_body_string (request, KITH_KEY_INVITE),
                       kith_route_body_string (request, KITH_KEY_NOTE), kith_request_get_cancellable (request),
                       on_added, request);
}

static void
delete_friend (KithRequest *request, gpointer api)
{
  kith_chat_remove_async (kith_route_chat (api), kith_request_get_param (request, KITH_KEY_USERNAME), NULL,
                          kith_route_on_changed, request);
}

static KithSwitch
read_switch (JsonObject *body, const char *member)
{
  if (!json_object_has_member (body, member))
    return KITH_SWITCH_KEEP;
  if (json_object_get_null_member (body, member))
    return KITH_SWITCH_GLOBAL;
  return json_object_get_boolean_member (body, member) ? KITH_SWITCH_ON : KITH_SWITCH_OFF;
}

static void
patch_friend (KithRequest *request, gpointer api)
{
  JsonObject *body = kith_request_get_body (request);
  About *about = about_new (request);

  kith_chat_set_allow_async (kith_route_chat (api), about->name, read_switch (body, KITH_KEY_PRESENCE),
                             read_switch (body, KITH_KEY_TYPING), read_switch (body, KITH_KEY_RECEIPTS), NULL,
                             on_friend_changed, about);
}

static void
on_safety_number (GObject *keys, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;
  g_autofree char *number = kith_keys_safety_number_finish (KITH_KEYS (keys), result, &error);
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  if (number != NULL)
    kith_json_writer_member_string (&w, "safety_number", number);
  kith_json_writer_end_object (&w);
  kith_call_finish (request, error, 200, kith_json_writer_finish (&w));
}

static void
get_safety_number (KithRequest *request, gpointer api)
{
  const KithRooms *rooms = kith_api_get_rooms (api);
  const char *name = kith_request_get_param (request, KITH_KEY_USERNAME);
  KithFriend *friend = kith_chat_find_friend (rooms->chat, name);

  if (friend == NULL)
    {
      kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN, "“%s” is no friend", name));
      return;
    }
  kith_keys_safety_number_async (rooms->keys, g_bytes_get_data (kith_friend_get_identity_key (friend), NULL), NULL,
                                 on_safety_number, request);
}

static void
set_verified (KithRequest *request, gpointer api, gboolean verified)
{
  About *about = about_new (request);

  kith_chat_set_verified_async (kith_route_chat (api), about->name, verified, NULL, on_friend_changed, about);
}

static void
put_verified (KithRequest *request, gpointer api)
{
  set_verified (request, api, TRUE);
}

static void
delete_verified (KithRequest *request, gpointer api)
{
  set_verified (request, api, FALSE);
}

static void
put_blocked (KithRequest *request, gpointer api)
{
  About *about = about_new (request);

  kith_chat_set_blocked_async (kith_route_chat (api), about->name, TRUE, NULL, on_friend_changed, about);
}

static void
delete_blocked (KithRequest *request, gpointer api)
{
  About *about = about_new (request);

  kith_chat_set_blocked_async (kith_route_chat (api), about->name, FALSE, NULL, on_friend_changed, about);
}

static void
put_identity (KithRequest *request, gpointer api)
{
  About *about = about_new (request);

  kith_chat_accept_identity_async (kith_route_chat (api), about->name,
                                   kith_route_body_string (request, KITH_KEY_FINGERPRINT),
                                   kith_route_body_string (request, KITH_KEY_INVITE), NULL, on_friend_changed, about);
}

static const KithField by_name[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "the local name" },
  { 0 },
};

static const KithField add_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 256, "looked up in the directory" },
  { KITH_KEY_INVITE, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 4096, "kith:NAME?ik=…, needs no directory" },
  { KITH_KEY_NOTE, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 300, "goes with the request" },
  { 0 },
};

static const KithField allow_fields[] = {
  { KITH_KEY_PRESENCE, KITH_FIELD_BOOLEAN, KITH_FIELD_OPTIONAL, 0, "null: the global setting" },
  { KITH_KEY_TYPING, KITH_FIELD_BOOLEAN, KITH_FIELD_OPTIONAL, 0, "null: the global setting" },
  { KITH_KEY_RECEIPTS, KITH_FIELD_BOOLEAN, KITH_FIELD_OPTIONAL, 0, "null: the global setting" },
  { 0 },
};

static const KithField identity_fields[] = {
  { KITH_KEY_FINGERPRINT, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 64, "of the new identity key, compared by the user" },
  { KITH_KEY_INVITE, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 4096, "with the new identity key" },
  { 0 },
};

static const KithField number_fields[] = {
  { "safety_number", KITH_FIELD_STRING, 0, 0, "60 digits in groups of five, alike on both sides" },
  { 0 },
};

static const KithRouteStatus added[] = {
  { 201, "the friend" },
  { 404, "the directory does not know the name" },
  { 409, "already a friend, or blocked, or it is our own" },
  { 502, "the directory gives nonsense" },
  { 503, "no directory is connected: an invite needs none" },
  { 0 },
};

static const KithRouteStatus removed[] = {
  { 204, "done" },
  { 404, "that is no friend" },
  { 0 },
};

static const KithRouteStatus changed[] = {
  { 200, "the friend as they are now" },
  { 404, "that is no friend" },
  { 0 },
};

static const KithRouteStatus numbered[] = {
  { 200, "the number" },
  { 404, "that is no friend" },
  { 0 },
};

static const KithRouteStatus blocked[] = {
  { 200, "the friend as they are now" },
  { 204, "done, and they are no friend" },
  { 404, "nobody here has that name" },
  { 0 },
};

static const KithRouteStatus accepted[] = {
  { 200, "the friend with the new key" },
  { 404, "that is no friend" },
  { 409, "the key is not what was given, or belongs to another" },
  { 0 },
};

const KithHouseRoute kith_routes_friends[] = {
  { { "GET", "friends", NULL, NULL, kith_fields_friend, "All friends", NULL, KITH_ROUTE_LIST }, get_friends },
  { { "POST", "friends", NULL, add_fields, kith_fields_friend, "Adds a friend by name or invite", added, 0 },
    post_friend },
  { { "DELETE", "friends/:username", by_name, NULL, NULL, "Removes a friend; the conversation stays", removed, 0 },
    delete_friend },
  { { "PATCH", "friends/:username", by_name, allow_fields, kith_fields_friend, "What this friend may see of us",
      changed, 0 }, patch_friend },
  { { "GET", "friends/:username/safety-number", by_name, NULL, number_fields, "The number to compare", numbered, 0 },
    get_safety_number },
  { { "PUT", "friends/:username/verified", by_name, NULL, kith_fields_friend, "The number was compared", changed, 0 },
    put_verified },
  { { "DELETE", "friends/:username/verified", by_name, NULL, kith_fields_friend, "Takes that back", changed, 0 },
    delete_verified },
  { { "PUT", "friends/:username/blocked", by_name, NULL, kith_fields_friend, "Blocks a friend or requester", blocked,
      0 }, put_blocked },
  { { "DELETE", "friends/:username/blocked", by_name, NULL, kith_fields_friend, "Unblocks", blocked, 0 },
    delete_blocked },
  { { "PUT", "friends/:username/identity", by_name, identity_fields, kith_fields_friend,
      "Accepts a changed identity key", accepted, 0 }, put_identity },
  { { 0 } },
};
