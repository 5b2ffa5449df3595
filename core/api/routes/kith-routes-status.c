/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /status, GET /connection. */
#include "kith-json-writer.h"
#include "kith-routes.h"

static void
write_journal (KithJsonWriter *w, KithStore *store)
{
  KithJournalBounds bounds;

  kith_store_get_journal (store, &bounds);
  kith_json_writer_key (w, "journal");
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, KITH_KEY_EPOCH, bounds.epoch);
  kith_json_writer_member_int (w, KITH_KEY_OLDEST, bounds.oldest);
  kith_json_writer_member_int (w, KITH_KEY_NEWEST, bounds.newest);
  kith_json_writer_end_object (w);
}

static void
write_store (KithJsonWriter *w, const KithRooms *rooms, const char *trouble)
{
  const char *message = kith_store_get_message (rooms->store);

  kith_json_writer_key (w, "store");
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, KITH_KEY_STATE, kith_store_state_to_string (kith_store_get_state (rooms->store)));
  kith_json_writer_member_string_or_null (w, KITH_KEY_MESSAGE, message != NULL ? message : trouble);
  kith_json_writer_member_string_or_null (w, "key_store",
                                         rooms->key_store != NULL ? kith_key_store_get_name (rooms->key_store) : NULL);
  kith_json_writer_member_bool (w, "disk_full", kith_store_is_disk_full (rooms->store));
  kith_json_writer_member_bool (w, "rolled_back", kith_store_was_rolled_back (rooms->store));
  kith_json_writer_end_object (w);
}

static void
get_status (KithRequest *request, gpointer api)
{
  const KithRooms *rooms = kith_api_get_rooms (api);
  gint64 up_us = kith_world_get_time_us (rooms->world) - kith_api_get_start_us (api);
  gboolean has_keys = kith_keys_is_open (rooms->keys);
  g_autofree char *username = NULL;
  g_autofree char *node_id = has_keys ? kith_keys_dup_fingerprint (rooms->keys) : NULL;
  g_auto (KithJsonWriter) w;

  g_object_get (rooms->chat, "username", &username, NULL);
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_STATUS, "ok");
  kith_json_writer_member_string (&w, KITH_KEY_USERNAME, username);
  kith_json_writer_member_string_or_null (&w, "node_id", node_id);
  kith_json_writer_member_int (&w, "uptime_seconds", up_us / G_USEC_PER_SEC);
  kith_json_writer_member_int (&w, "friends_count", kith_chat_count_friends (rooms->chat));
  kith_json_writer_member_int (&w, "peer_port", kith_api_get_peer_port (api));
  /* Signed in, registered, keys published, mailbox fetched: what that transport calls connected. */
  kith_json_writer_member_bool (&w, "supabase_connected", kith_chat_is_connected (rooms->chat, "supabase"));
  kith_json_writer_member_string (&w, "version", KITH_DAEMON_VERSION);
  write_journal (&w, rooms->store);
  write_store (&w, rooms, kith_api_get_trouble (api));
  kith_json_writer_end_object (&w);
  kith_call_answer (request, 200, kith_json_writer_finish (&w));
}

static void
get_connection (KithRequest *request, gpointer api)
{
  kith_call_answer (request, 200, kith_chat_print_connections (kith_route_chat (api)));
}

static const KithField journal_fields[] = {
  { KITH_KEY_EPOCH, KITH_FIELD_STRING, 0, 0, "this journal's life" },
  { KITH_KEY_OLDEST, KITH_FIELD_INTEGER, 0, 0, "the oldest event kept" },
  { KITH_KEY_NEWEST, KITH_FIELD_INTEGER, 0, 0, "the newest" },
  { 0 },
};

static const KithField store_fields[] = {
  { KITH_KEY_STATE, KITH_FIELD_STRING, 0, 0, "open, or what is the matter" },
  { KITH_KEY_MESSAGE, KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "for people: what to do; null when all is well" },
  { "key_store", KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "where the key of the database is kept" },
  { "disk_full", KITH_FIELD_BOOLEAN, 0, 0, "nothing can be stored for lack of room" },
  { "rolled_back", KITH_FIELD_BOOLEAN, 0, 0, "an older copy was found in the database's place" },
  { 0 },
};

static const KithField status_fields[] = {
  { KITH_KEY_STATUS, KITH_FIELD_STRING, 0, 0, "ok" },
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "our own" },
  { "node_id", KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "fingerprint of the identity key; null: no database" },
  { "uptime_seconds", KITH_FIELD_INTEGER, 0, 0, "since the start" },
  { "friends_count", KITH_FIELD_INTEGER, 0, 0, "how many friends" },
  { "peer_port", KITH_FIELD_INTEGER, 0, 0, "where other daemons reach us" },
  { "supabase_connected", KITH_FIELD_BOOLEAN, 0, 0, "the mailbox is in use" },
  { "version", KITH_FIELD_STRING, 0, 0, "of kithd" },
  { "journal", KITH_FIELD_OBJECT, 0, 0, "bounds of the journal", journal_fields },
  { "store", KITH_FIELD_OBJECT, 0, 0, "the database", store_fields },
  { 0 },
};

static const KithField connection_fields[] = {
  { KITH_KEY_TRANSPORT, KITH_FIELD_STRING, 0, 0, "its id" },
  { KITH_KEY_STATE, KITH_FIELD_STRING, 0, 0, "what it is doing", NULL, kith_values_link_state },
  { KITH_KEY_SINCE, KITH_FIELD_TIME, 0, 0, "since when" },
  { KITH_KEY_LAST_ERROR, KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "for people" },
  { 0 },
};

const KithHouseRoute kith_routes_status[] = {
  { { "GET", "status", NULL, NULL, status_fields, "How the daemon is" }, get_status },
  { { "GET", "connection", NULL, NULL, connection_fields, "The state of every transport", NULL, KITH_ROUTE_LIST },
    get_connection },
  { { 0 } },
};
