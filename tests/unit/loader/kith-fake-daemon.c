/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-fake-daemon.h"

#define G_SETTINGS_ENABLE_BACKEND
#include <gio/gsettingsbackend.h>

#include "kith-content-private.h"
#include "kith-event-private.h"
#include "kith-friend-private.h"
#include "kith-host-private.h"
#include "kith-json-private.h"
#include "kith-request-private.h"
#include "kith-transport-private.h"

typedef struct
{
  char *name;
  const KithField *fields;
  KithRequestFunc request;
  KithContentFunc content;
  gpointer data;
} Offer;

static void
note (KithFakeDaemon *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
note (KithFakeDaemon *self, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_string_append_vprintf (self->notes, format, args);
  va_end (args);
  g_string_append_c (self->notes, '\n');
}

static void
note_object (KithFakeDaemon *self, const char *prefix, JsonObject *data)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), data);
  g_autoptr (GBytes) bytes = kith_json_print (node);

  note (self, "%s %.*s", prefix, (int) g_bytes_get_size (bytes), (const char *) g_bytes_get_data (bytes, NULL));
}

static void
offer_free (gpointer data)
{
  Offer *offer = data;

  g_free (offer->name);
  g_free (offer);
}

static Offer *
find_offer (KithFakeDaemon *self, const char *name)
{
  for (guint i = 0; i < self->offers->len; i++)
    {
      Offer *offer = g_ptr_array_index (self->offers, i);

      if (g_str_equal (offer->name, name))
        return offer;
    }
  return NULL;
}

static Offer *
add_offer (KithFakeDaemon *self, const char *name, GError **error)
{
  Offer *offer;

  if (find_offer (self, name) != NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "\"%s\" is offered already", name);
      return NULL;
    }
  offer = g_new0 (Offer, 1);
  offer->name = g_strdup (name);
  g_ptr_array_add (self->offers, offer);
  return offer;
}

static void
drop_offer (KithFakeDaemon *self, const char *name)
{
  Offer *offer = find_offer (self, name);

  g_assert_nonnull (offer);
  g_ptr_array_remove (self->offers, offer);
}

static GListModel *
fake_get_friends (gpointer backend, KithHost *host)
{
  return G_LIST_MODEL (((KithFakeDaemon *) backend)->friends);
}

static KithFriend *
fake_find_friend (gpointer backend, KithHost *host, const char *username)
{
  GListModel *friends = fake_get_friends (backend, host);

  for (guint i = 0; i < g_list_model_get_n_items (friends); i++)
    {
      g_autoptr (KithFriend) one = g_list_model_get_item (friends, i);

      if (g_str_equal (kith_friend_get_username (one), username))
        return one; /* the list holds it */
    }
  return NULL;
}

static const char *
fake_get_username (gpointer backend, KithHost *host)
{
  return "me";
}

static KithPresence
fake_get_status (gpointer backend, KithHost *host)
{
  return ((KithFakeDaemon *) backend)->status;
}

static gboolean
fake_add_command (gpointer backend, KithHost *host, const KithEventSpec *spec, KithRequestFunc func, gpointer data,
                  GError **error)
{
  Offer *offer = add_offer (backend, spec->name, error);

  if (offer == NULL)
    return FALSE;
  offer->fields = spec->fields;
  offer->request = func;
  offer->data = data;
  return TRUE;
}

static void
fake_drop_command (gpointer backend, KithHost *host, const KithEventSpec *spec)
{
  drop_offer (backend, spec->name);
}

static gboolean
fake_add_route (gpointer backend, KithHost *host, const KithRouteSpec *spec, KithRequestFunc func, gpointer data,
                GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s %s", spec->method, spec->path);
  Offer *offer = add_offer (backend, name, error);

  if (offer == NULL)
    return FALSE;
  offer->fields = spec->body;
  offer->request = func;
  offer->data = data;
  return TRUE;
}

static void
fake_drop_route (gpointer backend, KithHost *host, const KithRouteSpec *spec)
{
  g_autofree char *name = g_strdup_printf ("%s %s", spec->method, spec->path);

  drop_offer (backend, name);
}

static gboolean
fake_add_content (gpointer backend, KithHost *host, const char *kind, KithContentFunc func, gpointer data,
                  GError **error)
{
  Offer *offer = add_offer (backend, kind, error);

  if (offer == NULL)
    return FALSE;
  offer->content = func;
  offer->data = data;
  return TRUE;
}

static void
fake_drop_content (gpointer backend, KithHost *host, const char *kind)
{
  drop_offer (backend, kind);
}

static gboolean
fake_add_transport (gpointer backend, KithHost *host, KithTransport *transport, GError **error)
{
  return add_offer (backend, kith_transport_get_id (transport), error) != NULL;
}

static void
fake_drop_transport (gpointer backend, KithHost *host, KithTransport *transport)
{
  drop_offer (backend, kith_transport_get_id (transport));
}

static void
fake_send (gpointer backend, KithHost *host, KithFriend *to, const char *kind, JsonObject *data, GTask *task)
{
  g_autofree char *prefix = g_strdup_printf ("send %s %s", kith_friend_get_username (to), kind);

  note_object (backend, prefix, data);
  json_object_unref (data);
  g_task_return_pointer (task, g_strdup ("00000000-0000-4000-8000-000000000000"), g_free);
  g_object_unref (task);
}

static gboolean
fake_send_ephemeral (gpointer backend, KithHost *host, KithFriend *to, const char *kind, JsonObject *data)
{
  KithFakeDaemon *self = backend;
  g_autofree char *prefix = g_strdup_printf ("ephemeral %s %s", kith_friend_get_username (to), kind);
  gboolean linked = self->links_work && kith_friend_get_linked (to);

  if (linked)
    note_object (self, prefix, data);
  json_object_unref (data);
  return linked;
}

static void
fake_mark_read (gpointer backend, KithHost *host, KithFriend *peer, const char *msg_id, gboolean tell_peer, GTask *task)
{
  KithFakeDaemon *self = backend;

  note (self, "read %s %s %s", kith_friend_get_username (peer), msg_id, tell_peer ? "told" : "untold");
  if (self->hold_tasks)
    {
      g_clear_object (&self->held_task);
      self->held_task = task;
      return;
    }
  if (self->read_error != NULL)
    g_task_return_error (task, g_steal_pointer (&self->read_error));
  else
    g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
fake_ask (gpointer backend, KithHost *host, const char *method, const char *path, JsonObject *body, GTask *task)
{
  KithFakeDaemon *self = backend;
  g_autofree char *prefix = g_strdup_printf ("ask %s %s", method, path);

  if (body != NULL)
    note_object (self, prefix, body);
  else
    note (self, "%s", prefix);
  g_clear_pointer (&body, json_object_unref);
  g_task_return_pointer (task, NULL, NULL);
  g_object_unref (task);
}

static void
fake_set_presence (gpointer backend, KithHost *host, KithFriend *of, KithPresence presence)
{
  kith_friend_set_presence (of, presence);
  note (backend, "presence %s %s", kith_friend_get_username (of), kith_presence_to_status (presence));
}

static void
fake_load (gpointer backend, KithHost *host, const char *key, GTask *task)
{
  KithFakeDaemon *self = backend;
  g_autofree char *name = g_strdup_printf ("%s/%s", kith_host_get_id (host), key);
  GBytes *value = g_hash_table_lookup (self->values, name);

  if (value != NULL)
    g_task_return_pointer (task, g_bytes_ref (value), (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "nothing is kept as \"%s\"", key);
  g_object_unref (task);
}

static void
fake_save (gpointer backend, KithHost *host, const char *key, GBytes *value, GTask *task)
{
  KithFakeDaemon *self = backend;
  char *name = g_strdup_printf ("%s/%s", kith_host_get_id (host), key);

  if (value != NULL)
    g_hash_table_insert (self->values, name, g_bytes_ref (value));
  else
    {
      g_hash_table_remove (self->values, name);
      g_free (name);
    }
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static const KithHostFuncs fake_funcs = {
  .get_friends = fake_get_friends,
  .find_friend = fake_find_friend,
  .get_username = fake_get_username,
  .get_status = fake_get_status,
  .add_command = fake_add_command,
  .drop_command = fake_drop_command,
  .add_route = fake_add_route,
  .drop_route = fake_drop_route,
  .add_content = fake_add_content,
  .drop_content = fake_drop_content,
  .add_transport = fake_add_transport,
  .drop_transport = fake_drop_transport,
  .send = fake_send,
  .send_ephemeral = fake_send_ephemeral,
  .mark_read = fake_mark_read,
  .ask = fake_ask,
  .set_presence = fake_set_presence,
  .load = fake_load,
  .save = fake_save,
};

static void
on_event (KithBus *bus, KithEvent *event, KithFakeDaemon *self)
{
  GBytes *bytes = kith_event_get_bytes (event);

  note (self, "event %s %.*s", kith_event_get_name (event), (int) g_bytes_get_size (bytes),
        (const char *) g_bytes_get_data (bytes, NULL));
}

static GSettings *
make_settings (const char *schema_id, const char *plugin_id, gpointer data, GError **error)
{
  KithFakeDaemon *self = data;
  g_autoptr (GSettingsSchemaSource) source = NULL;
  g_autoptr (GSettingsSchema) schema = NULL;
  g_autoptr (GSettingsBackend) backend = NULL;
  g_autofree char *path = g_strdup_printf ("/im/kith/Kith/plugins/%s/", plugin_id);

  if (self->schema_dir != NULL)
    source = g_settings_schema_source_new_from_directory (self->schema_dir, NULL, FALSE, error);
  if (source == NULL)
    return NULL;
  schema = g_settings_schema_source_lookup (source, schema_id, FALSE);
  if (schema == NULL)
    return NULL;
  backend = g_memory_settings_backend_new ();
  return g_settings_new_full (schema, backend, path);
}

static KithFakeDaemon *log_taker;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE") && (level & G_LOG_LEVEL_WARNING) != 0 && log_taker != NULL)
      {
        note (log_taker, "warning %s", (const char *) fields[i].value);
        return G_LOG_WRITER_HANDLED;
      }
  return g_log_writer_default (level, fields, n_fields, data);
}

static KithFakeDaemon *
fake_daemon_new (const char *const *path, const char *schema_dir, KithWorld *world)
{
  static gboolean hooked;
  KithFakeDaemon *self = g_new0 (KithFakeDaemon, 1);

  /* A warning is something to look at here, a critical the end. */
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  if (!hooked)
    g_log_set_writer_func (write_log, NULL, NULL);
  hooked = TRUE;
  log_taker = self;
  self->world = world;
  self->bus = kith_bus_new (self->world);
  self->friends = g_list_store_new (KITH_TYPE_FRIEND);
  self->status = KITH_PRESENCE_ONLINE;
  self->notes = g_string_new (NULL);
  self->offers = g_ptr_array_new_with_free_func (offer_free);
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  self->schema_dir = schema_dir;
  self->links_work = TRUE;
  g_signal_connect (self->bus, "event", G_CALLBACK (on_event), self);
  self->loader = kith_loader_new (self->world, self->bus, &fake_funcs, self, NULL, make_settings, self, path);
  kith_loader_discover (self->loader);
  return self;
}

KithFakeDaemon *
kith_fake_daemon_new (const char *const *path, const char *schema_dir)
{
  return fake_daemon_new (path, schema_dir, kith_world_new_virtual (1));
}

KithFakeDaemon *
kith_fake_daemon_new_real (const char *const *path)
{
  return fake_daemon_new (path, NULL, kith_world_new ());
}

void
kith_fake_daemon_free (KithFakeDaemon *self)
{
  kith_fake_daemon_stop_all (self);
  g_assert_cmpuint (self->offers->len, ==, 0);
  g_clear_object (&self->held_task);
  g_assert_finalize_object (self->loader);
  g_assert_finalize_object (self->bus);
  g_clear_object (&self->friends);
  g_clear_pointer (&self->world, kith_world_unref);
  g_string_free (self->notes, TRUE);
  g_ptr_array_unref (self->offers);
  g_hash_table_unref (self->values);
  g_clear_error (&self->read_error);
  log_taker = NULL;
  g_free (self);
}

char *
kith_fake_daemon_take_notes (KithFakeDaemon *self)
{
  char *notes = g_strdup (self->notes->str);

  g_string_truncate (self->notes, 0);
  return notes;
}

void
kith_fake_daemon_advance_ms (KithFakeDaemon *self, guint ms)
{
  gint64 end_us = kith_world_get_time_us (self->world) + (gint64) ms * 1000;

  if (kith_world_is_virtual (self->world))
    kith_world_advance (self->world, (guint64) ms * 1000);
  else
    while (g_main_context_iteration (NULL, FALSE) || kith_world_get_time_us (self->world) < end_us)
      ;
}

static void
on_settled (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static GAsyncResult *
wait_settled (KithFakeDaemon *self, GAsyncResult **result)
{
  /* More than all deadlines together. */
  for (guint i = 0; *result == NULL && i < 300; i++)
    kith_fake_daemon_advance_ms (self, 100);
  g_assert_nonnull (*result);
  return *result;
}

void
kith_fake_daemon_start_all (KithFakeDaemon *self)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  kith_loader_activate_all_async (self->loader, NULL, on_settled, &result);
  kith_loader_activate_all_finish (self->loader, wait_settled (self, &result), &error);
  g_assert_no_error (error);
}

void
kith_fake_daemon_stop_all (KithFakeDaemon *self)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  kith_loader_deactivate_all_async (self->loader, NULL, on_settled, &result);
  kith_loader_deactivate_all_finish (self->loader, wait_settled (self, &result), &error);
  g_assert_no_error (error);
}

gboolean
kith_fake_daemon_enable (KithFakeDaemon *self, const char *id, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  kith_loader_enable_async (self->loader, id, NULL, on_settled, &result);
  return kith_loader_enable_finish (self->loader, wait_settled (self, &result), error);
}

void
kith_fake_daemon_disable (KithFakeDaemon *self, const char *id)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  kith_loader_disable_async (self->loader, id, NULL, on_settled, &result);
  kith_loader_disable_finish (self->loader, wait_settled (self, &result), &error);
  g_assert_no_error (error);
}

KithPluginState
kith_fake_daemon_get_state (KithFakeDaemon *self, const char *id)
{
  const KithPluginInfo *info = kith_loader_find (self->loader, id);

  g_assert_nonnull (info);
  return info->state;
}

KithFriend *
kith_fake_daemon_add_friend (KithFakeDaemon *self, const char *username)
{
  guint8 key[32] = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (KithFriend) friend = NULL;

  key[0] = (guint8) g_list_model_get_n_items (G_LIST_MODEL (self->friends));
  bytes = g_bytes_new (key, sizeof key);
  friend = kith_friend_new (bytes, username);
  g_list_store_append (self->friends, friend);
  return friend; /* the list holds it */
}

void
kith_fake_daemon_set_link (KithFakeDaemon *self, KithFriend *with, gboolean up)
{
  kith_friend_set_linked (with, up);
  kith_bus_tell_link (self->bus, up, with, "tcp");
}

void
kith_fake_daemon_say (KithFakeDaemon *self, KithFriend *from, const char *kind, const char *json)
{
  g_autoptr (JsonObject) data = kith_json_parse_object (json, -1, NULL);

  g_assert_nonnull (data);
  kith_bus_tell_ephemeral (self->bus, kind, from, data);
}

void
kith_fake_daemon_set_status (KithFakeDaemon *self, KithPresence status)
{
  self->status = status;
  kith_loader_notify_status (self->loader);
}

static void
on_answer (guint status, JsonNode *body, GError *error, gpointer data)
{
  char **answer = data;

  g_assert_null (*answer);
  if (error != NULL)
    *answer = g_strdup_printf ("%u %s", status, error->message);
  else if (body != NULL)
    {
      g_autoptr (GBytes) bytes = kith_json_print (body);

      *answer = g_strdup_printf ("%u %.*s", status, (int) g_bytes_get_size (bytes),
                                 (const char *) g_bytes_get_data (bytes, NULL));
    }
  else
    *answer = g_strdup_printf ("%u", status);
  g_clear_error (&error);
  g_clear_pointer (&body, json_node_unref);
}

char *
kith_fake_daemon_ask (KithFakeDaemon *self, const char *name, guint64 client, const char *const *params,
                      const char *json)
{
  Offer *offer = find_offer (self, name);
  g_autofree char *method = client == 0 && strchr (name, ' ') != NULL ? g_strndup (name, strcspn (name, " ")) : NULL;
  g_autoptr (GHashTable) table = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GError) error = NULL;
  JsonNode *body = json != NULL ? kith_json_parse (json, -1, &error) : NULL;
  char *answer = NULL;

  g_assert_no_error (error);
  if (offer == NULL)
    return NULL;
  for (gsize i = 0; params != NULL && params[i] != NULL; i++)
    {
      gsize n = strcspn (params[i], "=");

      g_hash_table_insert (table, g_strndup (params[i], n), g_strdup (params[i] + n + 1));
    }
  if (body != NULL && !kith_fields_check (offer->fields, json_node_get_object (body), &error))
    {
      json_node_unref (body);
      return g_strdup_printf ("%u %s", kith_error_to_status (error), error->message);
    }
  offer->request (kith_request_new (method, g_steal_pointer (&table), body, client, NULL, on_answer, &answer, NULL),
                  offer->data);
  kith_fake_daemon_advance_ms (self, 0);
  return answer;
}

static void
on_content_done (KithContent *content, gpointer data)
{
  *(gboolean *) data = TRUE;
}

gboolean
kith_fake_daemon_hand_over (KithFakeDaemon *self, KithFriend *from, const char *kind, const char *id, const char *json)
{
  Offer *offer = find_offer (self, kind);
  JsonObject *data = kith_json_parse_object (json, -1, NULL);
  gboolean done = FALSE;

  g_assert_nonnull (offer);
  offer->content (kith_content_new (from, kind, id, data, on_content_done, &done, NULL), offer->data);
  kith_fake_daemon_advance_ms (self, 0);
  return done;
}

gboolean
kith_fake_daemon_offers (KithFakeDaemon *self, const char *name)
{
  return find_offer (self, name) != NULL;
}
