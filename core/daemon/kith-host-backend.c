/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#include "kith-host-backend.h"

#include <string.h>

#include "kith-chat.h"
#include "kith-journal.h"
#include "kith-log.h"
#include "kith-table-plugin.h"

struct _KithHostBackend
{
  KithApi *api;
  const KithRooms *rooms;
  char *username;    /* as it was last asked for */
  GBytes *identity;
};

KithHostBackend *
kith_host_backend_new (KithApi *api)
{
  KithHostBackend *self = g_new0 (KithHostBackend, 1);

  self->api = api;
  self->rooms = kith_api_get_rooms (api);
  return self;
}

void
kith_host_backend_free (KithHostBackend *self)
{
  g_clear_pointer (&self->identity, g_bytes_unref);
  g_free (self->username);
  g_free (self);
}

/* --- who is who */

static GListModel *
get_friends (gpointer backend, KithHost *host)
{
  return kith_chat_get_friends (((KithHostBackend *) backend)->rooms->chat);
}

static KithFriend *
find_friend (gpointer backend, KithHost *host, const char *username)
{
  return kith_chat_find_friend (((KithHostBackend *) backend)->rooms->chat, username);
}

static const char *
get_username (gpointer backend, KithHost *host)
{
  KithHostBackend *self = backend;
  g_autofree char *username = NULL;

  g_object_get (self->rooms->chat, "username", &username, NULL);
  if (g_strcmp0 (username, self->username) != 0)
    {
      g_free (self->username);
      self->username = g_steal_pointer (&username);
    }
  return self->username;
}

static GBytes *
get_identity_key (gpointer backend, KithHost *host)
{
  KithHostBackend *self = backend;

  g_clear_pointer (&self->identity, g_bytes_unref);
  self->identity = kith_keys_dup_identity_key (self->rooms->keys);
  return self->identity;
}

static KithPresence
get_status (gpointer backend, KithHost *host)
{
  return kith_chat_get_status (((KithHostBackend *) backend)->rooms->chat);
}

/* --- what it offers */

static gboolean
add_command (gpointer backend, KithHost *host, const KithEventSpec *spec, KithRequestFunc func, gpointer data,
             GError **error)
{
  return kith_catalog_add_command (kith_api_get_catalog (((KithHostBackend *) backend)->api), kith_host_get_id (host),
                                   spec, func, data, NULL, error);
}

static void
drop_command (gpointer backend, KithHost *host, const KithEventSpec *spec)
{
  kith_catalog_drop_command (kith_api_get_catalog (((KithHostBackend *) backend)->api), spec);
}

static gboolean
add_route (gpointer backend, KithHost *host, const KithRouteSpec *spec, KithRequestFunc func, gpointer data,
           GError **error)
{
  const char *id = kith_host_get_id (host);
  g_autofree char *prefix = kith_host_get_builtin (host) ? NULL : g_strconcat ("plugins/", id, NULL);

  return kith_catalog_add_route (kith_api_get_catalog (((KithHostBackend *) backend)->api), id, prefix,
                                 spec, func, data, NULL, error);
}

static void
drop_route (gpointer backend, KithHost *host, const KithRouteSpec *spec)
{
  kith_catalog_drop_route (kith_api_get_catalog (((KithHostBackend *) backend)->api), spec);
}

static gboolean
add_content (gpointer backend, KithHost *host, const char *kind, KithContentFunc func, gpointer data, GError **error)
{
  return kith_chat_add_kind (((KithHostBackend *) backend)->rooms->chat, kind, func, data, error);
}

static void
drop_content (gpointer backend, KithHost *host, const char *kind)
{
  kith_chat_drop_kind (((KithHostBackend *) backend)->rooms->chat, kind);
}

static gboolean
add_transport (gpointer backend, KithHost *host, KithTransport *transport, GError **error)
{
  return kith_chat_add_transport (((KithHostBackend *) backend)->rooms->chat, transport, error);
}

static void
drop_transport (gpointer backend, KithHost *host, KithTransport *transport)
{
  kith_chat_drop_transport (((KithHostBackend *) backend)->rooms->chat, transport);
}

static gboolean
add_directory (gpointer backend, KithHost *host, KithDirectory *directory, GError **error)
{
  return kith_chat_add_directory (((KithHostBackend *) backend)->rooms->chat, directory, error);
}

static void
drop_directory (gpointer backend, KithHost *host, KithDirectory *directory)
{
  kith_chat_drop_directory (((KithHostBackend *) backend)->rooms->chat, directory);
}

/* --- what it does */

static gboolean
journal_event (KithDb *db, gpointer event, GError **error)
{
  return kith_db_journal (db, kith_event_get_name (event), kith_event_get_bytes (event), NULL, error) != 0;
}

static void
on_journaled (gpointer event, const GError *error)
{
  if (error != NULL)
    kith_warning ("the event %s is lost: %s", kith_event_get_name (event), error->message);
}

static void
publish (gpointer backend, KithHost *host, KithEvent *event)
{
  KithHostBackend *self = backend;
  const KithEventSpec *spec = kith_bus_find_event (self->rooms->bus, kith_event_get_name (event));

  if (spec != NULL && spec->keep == KITH_KEEP_ALL)
    {
      kith_store_submit (self->rooms->store, KITH_LANE_FRONT, journal_event, on_journaled, event,
                         (GDestroyNotify) kith_event_unref);
      return;
    }
  kith_bus_tell_event (self->rooms->bus, event);
  kith_event_unref (event);
}

static void
on_sent (GObject *chat, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  char *id = kith_chat_send_finish (KITH_CHAT (chat), result, &error);

  if (id != NULL)
    g_task_return_pointer (task, id, g_free);
  else
    g_task_return_error (task, error);
}

static void
send (gpointer backend, KithHost *host, KithFriend *to, const char *kind, JsonObject *data, GTask *task)
{
  kith_chat_send_async (((KithHostBackend *) backend)->rooms->chat, to, kind, data, g_task_get_cancellable (task),
                        on_sent, task);
}

static gboolean
send_ephemeral (gpointer backend, KithHost *host, KithFriend *to, const char *kind, JsonObject *data)
{
  return kith_chat_send_ephemeral (((KithHostBackend *) backend)->rooms->chat, to, kind, data);
}

static void
on_marked (GObject *chat, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (kith_chat_change_finish (KITH_CHAT (chat), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
mark_read (gpointer backend, KithHost *host, KithFriend *peer, const char *msg_id, gboolean tell_peer, GTask *task)
{
  kith_chat_mark_read_async (((KithHostBackend *) backend)->rooms->chat, peer, msg_id, tell_peer,
                             g_task_get_cancellable (task), on_marked, task);
}

static void
answer_ask (guint status, GBytes *json, GError *error, const char *const *headers, gpointer task)
{
  JsonNode *node = NULL;
  gsize n = 0;
  const char *text = json != NULL ? g_bytes_get_data (json, &n) : NULL;

  if (text != NULL && (node = kith_json_parse (text, (gssize) n, NULL)) == NULL)
    {
      g_autofree char *plain = g_utf8_make_valid (text, (gssize) n);

      node = json_node_init_string (json_node_alloc (), plain);
    }
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_steal_pointer (&node), (GDestroyNotify) json_node_unref);
  g_clear_pointer (&node, json_node_unref);
  g_clear_pointer (&json, g_bytes_unref);
}

static const KithCaller ask_caller = { answer_ask, g_object_unref };

static void
ask (gpointer backend, KithHost *host, const char *method, const char *path, JsonObject *body, GTask *task)
{
  const char *mark = strchr (path, '?');
  g_autofree char *plain = g_uri_unescape_segment (path, mark, "/");
  g_autoptr (GHashTable) query = NULL;
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autoptr (GBytes) bytes = NULL;
  GError *error = NULL;

  if (mark != NULL)
    query = g_uri_parse_params (mark + 1, -1, "&", G_URI_PARAMS_WWW_FORM, &error);
  if (body != NULL)
    {
      json_node_take_object (node, body);
      bytes = kith_json_print (node);
    }
  if (plain != NULL && *plain == '/' && error == NULL)
    {
      kith_api_ask (((KithHostBackend *) backend)->api, method, plain, query, bytes, g_task_get_cancellable (task),
                    &ask_caller, task);
      return;
    }
  g_clear_error (&error);
  g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_INVALID, "“%s” is no path of the API", path);
  g_object_unref (task);
}

static void
set_presence (gpointer backend, KithHost *host, KithFriend *of, KithPresence presence)
{
  kith_chat_set_presence (((KithHostBackend *) backend)->rooms->chat, of, presence);
}

static void
offer_address (gpointer backend, KithHost *host, KithFriend *of, const char *address, guint lease_s)
{
  kith_chat_offer_address (((KithHostBackend *) backend)->rooms->chat, of, address, lease_s);
}

static GStrv
dup_addresses (gpointer backend, KithHost *host)
{
  return kith_chat_dup_addresses (((KithHostBackend *) backend)->rooms->chat);
}

/* --- what needs keys */

static GBytes *
seal (gpointer backend, KithHost *host, KithFriend *to, GBytes *plain, GError **error)
{
  KithHostBackend *self = backend;
  guint8 ik[32];
  guint32 device;

  if (!kith_chat_get_device (self->rooms->chat, to, ik, &device))
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "that is no friend any more");
      return NULL;
    }
  return kith_keys_seal (self->rooms->keys, ik, device, plain, error);
}

static GBytes *
unseal (gpointer backend, KithHost *host, KithFriend *from, GBytes *sealed, GError **error)
{
  KithHostBackend *self = backend;
  guint8 sender[32];
  guint32 device;
  KithE2eeCode code;
  g_autoptr (GError) why = NULL;
  g_autoptr (GBytes) plain = kith_keys_unseal (self->rooms->keys, sealed, sender, &device, &code, &why);

  if (plain != NULL
      && memcmp (sender, g_bytes_get_data (kith_friend_get_identity_key (from), NULL), sizeof sender) == 0)
    return g_steal_pointer (&plain);
  g_set_error (error, KITH_ERROR, KITH_ERROR_PROTOCOL, "this was not sealed by %s for us%s%s",
               kith_friend_get_username (from),
               why != NULL ? ": " : "", why != NULL ? why->message : "");
  return NULL;
}

static GBytes *
certify (gpointer backend, KithHost *host, const char *purpose, GBytes *about, GError **error)
{
  return kith_keys_certify (((KithHostBackend *) backend)->rooms->keys, purpose, about, error);
}

static GBytes *
derive (gpointer backend, KithHost *host, const char *purpose, GError **error)
{
  return kith_keys_derive (((KithHostBackend *) backend)->rooms->keys, purpose, error);
}

/* --- its own small store */

typedef struct
{
  GTask *task;
  char *plugin, *key;
  GBytes *value;      /* to be saved, or what was found */
} Value;

static Value *
value_new (KithHost *host, const char *key, GBytes *bytes, GTask *task)
{
  Value *value = g_new0 (Value, 1);

  value->task = task;
  value->plugin = g_strdup (kith_host_get_id (host));
  value->key = g_strdup (key);
  value->value = bytes != NULL ? g_bytes_ref (bytes) : NULL;
  return value;
}

static void
value_free (gpointer data)
{
  Value *value = data;

  g_object_unref (value->task);
  g_clear_pointer (&value->value, g_bytes_unref);
  g_free (value->plugin);
  g_free (value->key);
  g_free (value);
}

static gboolean
load_value (KithDb *db, gpointer data, GError **error)
{
  Value *value = data;
  g_autoptr (GError) why = NULL;

  g_clear_pointer (&value->value, g_bytes_unref);
  value->value = kith_db_get_plugin_value (db, value->plugin, value->key, &why);
  if (why == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

static void
on_loaded (gpointer data, const GError *error)
{
  Value *value = data;

  if (error != NULL)
    g_task_return_error (value->task, g_error_copy (error));
  else if (value->value != NULL)
    g_task_return_pointer (value->task, g_steal_pointer (&value->value), (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_new_error (value->task, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is nothing under “%s”", value->key);
}

static void
load (gpointer backend, KithHost *host, const char *key, GTask *task)
{
  kith_store_read (((KithHostBackend *) backend)->rooms->store, load_value, on_loaded,
                   value_new (host, key, NULL, task), value_free);
}

static gboolean
save_value (KithDb *db, gpointer data, GError **error)
{
  Value *value = data;

  return kith_db_set_plugin_value (db, value->plugin, value->key, value->value, error);
}

static void
on_saved (gpointer data, const GError *error)
{
  Value *value = data;

  if (error != NULL)
    g_task_return_error (value->task, g_error_copy (error));
  else
    g_task_return_boolean (value->task, TRUE);
}

static void
save (gpointer backend, KithHost *host, const char *key, GBytes *bytes, GTask *task)
{
  kith_store_submit_sized (((KithHostBackend *) backend)->rooms->store, KITH_LANE_FRONT,
                           bytes != NULL ? g_bytes_get_size (bytes) : 0, save_value, on_saved,
                           value_new (host, key, bytes, task), value_free);
}

const KithHostFuncs kith_host_backend_funcs = {
  .get_friends = get_friends,
  .find_friend = find_friend,
  .get_username = get_username,
  .get_identity_key = get_identity_key,
  .get_status = get_status,
  .add_command = add_command,
  .drop_command = drop_command,
  .add_route = add_route,
  .drop_route = drop_route,
  .add_content = add_content,
  .drop_content = drop_content,
  .add_transport = add_transport,
  .drop_transport = drop_transport,
  .add_directory = add_directory,
  .drop_directory = drop_directory,
  .publish = publish,
  .send = send,
  .send_ephemeral = send_ephemeral,
  .mark_read = mark_read,
  .ask = ask,
  .set_presence = set_presence,
  .offer_address = offer_address,
  .seal = seal,
  .unseal = unseal,
  .certify = certify,
  .derive = derive,
  .dup_addresses = dup_addresses,
  .load = load,
  .save = save,
};
