/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /admin/key: where the key of the database is kept, unlocking it, and moving it elsewhere without losing a byte. */
#define G_LOG_DOMAIN "kithd"
#include "kith-daemon-private.h"
#include "kith-json-writer.h"
#include "kith-key-ring.h"

static GBytes *
print_key (KithDaemon *self)
{
  g_autofree char *wanted = g_settings_get_string (kith_settings_get_main (self->settings), "key-store");
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "kept_by", kith_key_store_get_name (self->key_store));
  kith_json_writer_member_string (&w, "setting", wanted);
  kith_json_writer_member_bool (&w, "unlocked", kith_store_get_state (self->store) == KITH_STORE_OPEN);
  kith_json_writer_member_string (&w, "path", self->home->key);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

static void
get_key (KithRequest *request, gpointer data)
{
  kith_call_answer (request, 200, print_key (data));
}

static const char *
get_passphrase (KithRequest *request)
{
  return json_object_get_string_member_with_default (kith_request_get_body (request), "passphrase", NULL);
}

/* --- POST /admin/key/unlock: the same way up as at the start */

static void
post_unlock (KithRequest *request, gpointer data)
{
  KithDaemon *self = data;
  GError *error = NULL;

  if (kith_store_get_state (self->store) == KITH_STORE_OPEN)
    error = g_error_new_literal (KITH_ERROR, KITH_ERROR_CONFLICT, "the message store is unlocked");
  else if (self->opening || self->stopping)
    error = g_error_new_literal (KITH_ERROR, KITH_ERROR_BUSY, "the message store is just being opened");
  if (error != NULL)
    {
      kith_request_fail (request, error);
      return;
    }
  kith_key_ring_give_passphrase (self->key_store, get_passphrase (request));
  self->decision = request;
  kith_daemon_open (self, KITH_STORE_OPEN_CREATE);
}

/* --- POST /admin/key/move, /admin/key/passphrase */

typedef struct
{
  KithDaemon *daemon;
  KithRequest *request;
  KithKeyKind to;
} Move;

static void
on_moved (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Move *move = data;
  KithDaemon *self = move->daemon;
  GError *error = NULL;

  self->moving_key = FALSE;
  if (!kith_key_ring_move_finish (self->key_store, result, &error))
    {
      kith_request_fail (move->request, error);
      return;
    }
  g_settings_set_string (kith_settings_get_main (self->settings), "key-store", kith_key_kind_name (move->to));
  kith_call_answer (move->request, 200, print_key (self));
}

static void
move_key (KithDaemon *self, KithRequest *request, KithKeyKind to, const char *passphrase)
{
  Move *move = NULL;
  GError *error = NULL;

  if (kith_store_get_state (self->store) != KITH_STORE_OPEN)
    error = g_error_new_literal (KITH_ERROR, KITH_ERROR_CONFLICT, "the message store is locked: kithctl key unlock");
  else if (self->moving_key || self->opening || self->stopping)
    error = g_error_new_literal (KITH_ERROR, KITH_ERROR_BUSY, "the key is being moved, or the message store opened");
  else if (to == KITH_KEY_PASSPHRASE && (passphrase == NULL || *passphrase == '\0'))
    error = g_error_new_literal (KITH_ERROR, KITH_ERROR_INVALID, "passphrase: one is needed");
  if (error != NULL)
    {
      kith_request_fail (request, error);
      return;
    }
  move = g_new0 (Move, 1);
  move->daemon = self;
  move->request = request;
  move->to = to;
  self->moving_key = TRUE;
  kith_key_ring_move_async (self->key_store, to, passphrase, NULL, on_moved, move);
}

static void
post_move (KithRequest *request, gpointer data)
{
  KithKeyKind to = KITH_KEY_FILE;

  /* The list of values was checked already. */
  kith_key_kind_parse (json_object_get_string_member (kith_request_get_body (request), "to"), &to);
  move_key (data, request, to, get_passphrase (request));
}

static void
post_passphrase (KithRequest *request, gpointer data)
{
  move_key (data, request, KITH_KEY_PASSPHRASE, get_passphrase (request));
}

static const char *const kinds[] = { "file", "secret-service", "portal", "passphrase", NULL };

static const KithField key_fields[] = {
  { "kept_by", KITH_FIELD_STRING, 0, 0, "file, secret-service, portal, passphrase; none: not known yet" },
  { "setting", KITH_FIELD_STRING, 0, 0, "the setting key-store" },
  { "unlocked", KITH_FIELD_BOOLEAN, 0, 0, "whether the message store is open" },
  { "path", KITH_FIELD_STRING, 0, 0, "the key file, which is there in any case" },
  { 0 },
};

static const KithField unlock_fields[] = {
  { "passphrase", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 1024, "where one is needed" },
  { 0 },
};

static const KithField move_fields[] = {
  { "to", KITH_FIELD_STRING, 0, 0, "who keeps it from now on", NULL, kinds },
  { "passphrase", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 1024, "for passphrase: the new one" },
  { 0 },
};

static const KithField passphrase_fields[] = {
  { "passphrase", KITH_FIELD_STRING, 0, 1024, "the new one" },
  { 0 },
};

static const KithRouteStatus moved[] = {
  { 200, "where it is now" },
  { 403, "the keyring or portal does not take it" },
  { 409, "the message store is locked" },
  { 0 },
};

static const KithRouteStatus unlocked[] = {
  { 200, "the message store is open" },
  { 403, "that is not the passphrase" },
  { 409, "it is open already" },
  { 0 },
};

const KithHouseRoute kith_admin_key_routes[] = {
  { { "GET", "admin/key", NULL, NULL, key_fields, "Where the key of the message store is kept" }, get_key },
  { { "POST", "admin/key/unlock", NULL, unlock_fields, kith_fields_opened, "Opens a locked message store", unlocked,
      0 }, post_unlock },
  { { "POST", "admin/key/move", NULL, move_fields, key_fields, "Keeps the key elsewhere", moved, 0 }, post_move },
  { { "POST", "admin/key/passphrase", NULL, passphrase_fields, key_fields, "Sets or changes the passphrase", moved,
      0 }, post_passphrase },
  { { 0 } },
};
