/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /identity: who we are to others. */
#include "kith-json-writer.h"
#include "kith-routes.h"

static void
write_key (KithJsonWriter *w, const char *name, GBytes *key /* full */)
{
  gsize n;
  const void *data = g_bytes_get_data (key, &n);

  kith_json_writer_member_base64 (w, name, data, n);
  g_bytes_unref (key);
}

static void
get_identity (KithRequest *request, gpointer api)
{
  const KithRooms *rooms = kith_api_get_rooms (api);
  g_autofree char *username = NULL;
  g_autofree char *fingerprint = kith_keys_dup_fingerprint (rooms->keys);
  g_autofree char *invite = kith_chat_make_invite (rooms->chat);
  g_auto (KithJsonWriter) w;

  g_object_get (rooms->chat, "username", &username, NULL);
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_USERNAME, username);
  write_key (&w, KITH_KEY_PUBLIC_KEY, kith_keys_dup_exchange_key (rooms->keys));
  write_key (&w, KITH_KEY_SIGNING_KEY, kith_keys_dup_identity_key (rooms->keys));
  kith_json_writer_member_string (&w, KITH_KEY_FINGERPRINT, fingerprint);
  kith_json_writer_member_string (&w, KITH_KEY_INVITE, invite);
  kith_json_writer_end_object (&w);
  kith_call_answer (request, 200, kith_json_writer_finish (&w));
}

static const KithField identity_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "our own" },
  { KITH_KEY_PUBLIC_KEY, KITH_FIELD_STRING, 0, 0, "X25519, base64" },
  { KITH_KEY_SIGNING_KEY, KITH_FIELD_STRING, 0, 0, "Ed25519, base64" },
  { KITH_KEY_FINGERPRINT, KITH_FIELD_STRING, 0, 0, "32 hex digits" },
  { KITH_KEY_INVITE, KITH_FIELD_STRING, 0, 0, "kith:NAME?ik=…&a=…" },
  { 0 },
};

const KithHouseRoute kith_routes_identity[] = {
  { { "GET", "identity", NULL, NULL, identity_fields, "Who we are to others" }, get_identity },
  { { 0 } },
};
