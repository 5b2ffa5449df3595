/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_SETTINGS_ENABLE_BACKEND
#include "test-supabase.h"

#include <gio/gsettingsbackend.h>
#include <string.h>

#define SCHEMA "im.kith.Kith.Plugin.supabase"

static Fixture *current;       /* whose log is being kept */

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; current != NULL && i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_string_append_printf (current->log, "%s\n", (const char *) fields[i].value);
  return (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) != 0
             ? g_log_writer_default (level, fields, n_fields, data)
             : G_LOG_WRITER_HANDLED;
}

static void
take_log (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if (current != NULL)
    g_string_append_printf (current->log, "%s\n", message);
  if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) != 0)
    g_log_default_handler (domain, level, message, data);
}

static gboolean
on_watchdog (gpointer data)
{
  g_printerr ("%s\n", ((Fixture *) data)->log->str);
  g_error ("waited 100 s in vain");
  return G_SOURCE_REMOVE;
}

/* --- the daemon, as far as it is needed */

static GListModel *
get_friends (gpointer backend, KithHost *host)
{
  return G_LIST_MODEL (((Fixture *) backend)->friends);
}

static KithFriend *
find_friend (gpointer backend, KithHost *host, const char *username)
{
  Fixture *self = backend;

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->friends)); i++)
    {
      g_autoptr (KithFriend) friend = g_list_model_get_item (G_LIST_MODEL (self->friends), i);

      if (g_str_equal (kith_friend_get_username (friend), username))
        return friend; /* the list holds it */
    }
  return NULL;
}

static const char *
get_username (gpointer backend, KithHost *host)
{
  return "alice";
}

static GBytes *
get_identity_key (gpointer backend, KithHost *host)
{
  static const guint8 key[32] = { 9 };
  static GBytes *bytes;

  if (bytes == NULL)
    bytes = g_bytes_new_static (key, sizeof key);
  return bytes;
}

static KithPresence
get_status (gpointer backend, KithHost *host)
{
  return ((Fixture *) backend)->status;
}

static void
on_parcel (KithMailboxTransport *transport, KithParcel *parcel, GTask *task, gpointer data)
{
  Fixture *self = data;
  GBytes *sealed = kith_parcel_get_sealed (parcel);

  g_assert_cmpstr (kith_parcel_get_mailbox (parcel), ==, TEST_DEVICE);
  if (self->refuse_after > 0 && --self->refuse_after == 0)
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_STORE, "the disk is full");
  else
    {
      g_ptr_array_add (self->received,
                       g_strdup_printf ("%s:%.*s", kith_parcel_get_id (parcel), (int) g_bytes_get_size (sealed),
                                        (const char *) g_bytes_get_data (sealed, NULL)));
      g_task_return_int (task, KITH_FATE_STORED);
    }
  g_object_unref (task);
}

static gboolean
add_transport (gpointer backend, KithHost *host, KithTransport *transport, GError **error)
{
  Fixture *self = backend;

  self->transport = g_object_ref (transport);
  kith_mailbox_transport_set_receive_func (KITH_MAILBOX_TRANSPORT (transport), on_parcel, self, NULL);
  return TRUE;
}

static void
drop_transport (gpointer backend, KithHost *host, KithTransport *transport)
{
  kith_mailbox_transport_set_receive_func (KITH_MAILBOX_TRANSPORT (transport), NULL, NULL, NULL);
}

static gboolean
add_directory (gpointer backend, KithHost *host, KithDirectory *directory, GError **error)
{
  return TRUE;
}

static void
drop_directory (gpointer backend, KithHost *host, KithDirectory *directory)
{
}

static void
mark_read (gpointer backend, KithHost *host, KithFriend *peer, const char *msg_id, gboolean tell_peer, GTask *task)
{
  g_assert_false (tell_peer);
  g_ptr_array_add (((Fixture *) backend)->marked, g_strdup (msg_id));
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
offer_address (gpointer backend, KithHost *host, KithFriend *of, const char *address, guint lease_s)
{
  g_ptr_array_add (((Fixture *) backend)->addresses, g_strdup (address));
}

static GBytes *
seal (gpointer backend, KithHost *host, KithFriend *to, GBytes *plain, GError **error)
{
  return g_bytes_ref (plain);
}

/* Whatever begins like an envelope's content is taken for one; the rest is forged. */
static GBytes *
unseal (gpointer backend, KithHost *host, KithFriend *from, GBytes *sealed, GError **error)
{
  if (g_bytes_get_size (sealed) > 1 && *(const char *) g_bytes_get_data (sealed, NULL) == '{')
    return g_bytes_ref (sealed);
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_PROTOCOL, "forged");
  return NULL;
}

static GBytes *
certify (gpointer backend, KithHost *host, const char *purpose, GBytes *about, GError **error)
{
  guint8 bytes[76] = { 0, 0, 0, 1 };

  return g_bytes_new (bytes, sizeof bytes);
}

static GBytes *
derive (gpointer backend, KithHost *host, const char *purpose, GError **error)
{
  guint8 bytes[32] = { 5 };

  return g_bytes_new (bytes, sizeof bytes);
}

static GStrv
dup_addresses (gpointer backend, KithHost *host)
{
  return g_strsplit ("tcp:127.0.0.1:9", " ", -1);
}

static void
load (gpointer backend, KithHost *host, const char *key, GTask *task)
{
  GBytes *value = g_hash_table_lookup (((Fixture *) backend)->values, key);

  if (value != NULL)
    g_task_return_pointer (task, g_bytes_ref (value), (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "nothing there");
  g_object_unref (task);
}

static void
save (gpointer backend, KithHost *host, const char *key, GBytes *value, GTask *task)
{
  Fixture *self = backend;

  if (self->store_fails)
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_STORE, "the disk is full");
      g_object_unref (task);
      return;
    }
  if (value != NULL)
    g_hash_table_insert (self->values, g_strdup (key), g_bytes_ref (value));
  else
    g_hash_table_remove (self->values, key);
  g_ptr_array_add (self->held, task);
  if (!self->hold_saves)
    fixture_release_saves (self);
}

void
fixture_release_saves (Fixture *self)
{
  while (self->held->len > 0)
    {
      g_autoptr (GTask) task = g_ptr_array_steal_index (self->held, 0);

      g_task_return_boolean (task, TRUE);
    }
}

static const KithHostFuncs host_funcs = {
  .get_friends = get_friends, .find_friend = find_friend, .get_username = get_username,
  .get_identity_key = get_identity_key, .get_status = get_status, .add_transport = add_transport,
  .drop_transport = drop_transport, .add_directory = add_directory, .drop_directory = drop_directory,
  .mark_read = mark_read, .offer_address = offer_address, .seal = seal, .unseal = unseal, .certify = certify,
  .derive = derive, .dup_addresses = dup_addresses, .load = load, .save = save,
};

static void
on_evidence (KithBus *bus, KithFriend *about, KithPresence says, guint lease_ms, Fixture *self)
{
  self->evidence = (gint) says;
  self->lease_ms = lease_ms;
}

static GSettings *
give_settings (const char *schema_id, const char *plugin_id, gpointer data, GError **error)
{
  return g_object_ref (((Fixture *) data)->settings);
}

static void
on_done (GObject *object, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

/* --- set up, tear down */

void
fixture_set_up (Fixture *self, gconstpointer data)
{
  const char *path[] = { g_getenv ("KITH_PLUGIN_PATH"), NULL };
  g_autoptr (GSettingsBackend) backend = g_memory_settings_backend_new ();
  g_autoptr (GAsyncResult) result = NULL;
  static gboolean hooked;

  if (!hooked)
    g_log_set_writer_func (write_log, NULL, NULL);
  g_log_set_default_handler (take_log, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  hooked = TRUE;
  memset (self, 0, sizeof *self);
  current = self;
  self->log = g_string_new (NULL);
  self->watchdog = g_timeout_add_seconds (100, on_watchdog, self);
  self->server = test_server_new ();
  self->world = kith_world_new ();
  test_timers_watch (self->world);
  self->bus = kith_bus_new (self->world);
  self->settings = g_settings_new_with_backend_and_path (SCHEMA, backend, "/im/kith/Kith/plugins/supabase/");
  self->friends = g_list_store_new (KITH_TYPE_FRIEND);
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  self->held = g_ptr_array_new_with_free_func (g_object_unref);
  self->received = g_ptr_array_new_with_free_func (g_free);
  self->addresses = g_ptr_array_new_with_free_func (g_free);
  self->marked = g_ptr_array_new_with_free_func (g_free);
  self->status = KITH_PRESENCE_ONLINE;
  self->evidence = -1;
  g_signal_connect (self->bus, "evidence", G_CALLBACK (on_evidence), self);
  self->loader = kith_loader_new (self->world, self->bus, &host_funcs, self, NULL, give_settings, self, path);
  g_assert_cmpuint (kith_loader_discover (self->loader), ==, 1);
  kith_loader_set_builtins (self->loader, (const char *const[]) { "supabase", NULL });
  kith_loader_activate_all_async (self->loader, NULL, on_done, &result);
  wait_until (result != NULL);
  g_assert_true (kith_loader_activate_all_finish (self->loader, result, NULL));
  g_assert_nonnull (self->transport);
}

/* Whatever happened: no key and no token was written down, or is shown. */
static void
assert_no_secret (Fixture *self)
{
  g_assert_null (strstr (self->log->str, TEST_SECRET));
  g_assert_true (fixture_get_error (self) == NULL || strstr (fixture_get_error (self), TEST_SECRET) == NULL);
}

void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  const KithPluginInfo *info;

  assert_no_secret (self);
  kith_loader_disable_async (self->loader, "supabase", NULL, on_done, &result);
  wait_until (result != NULL);
  info = kith_loader_find (self->loader, "supabase");
  g_assert_cmpint (info->state, ==, KITH_PLUGIN_OFF);
  g_assert_false (info->leaked);
  assert_no_secret (self);
  current = NULL;
  test_server_free (self->server);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (self->transport);
  g_object_unref (self->loader);
  g_object_unref (self->settings);
  g_object_unref (self->friends);
  g_object_unref (self->bus);
  kith_world_unref (self->world);
  g_hash_table_unref (self->values);
  g_ptr_array_unref (self->held);
  g_ptr_array_unref (self->received);
  g_ptr_array_unref (self->addresses);
  g_ptr_array_unref (self->marked);
  g_string_free (self->log, TRUE);
  g_source_remove (self->watchdog);
}

/* --- what the tests share */

void
fixture_configure (Fixture *self, const char *url, const char *key)
{
  g_settings_set_string (self->settings, "url", url);
  g_settings_set_string (self->settings, "api-key", key);
}

void
fixture_connect (Fixture *self)
{
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (is_state (self, CONNECTED));
}

const char *
fixture_get_error (Fixture *self)
{
  const GError *error = kith_transport_get_error (self->transport);

  return error != NULL ? error->message : NULL;
}

KithFriend *
fixture_add_friend (Fixture *self, const char *username)
{
  guint8 key[32] = { (guint8) (g_list_model_get_n_items (G_LIST_MODEL (self->friends)) + 1) };
  g_autoptr (GBytes) bytes = g_bytes_new (key, sizeof key);
  g_autoptr (KithFriend) friend = kith_friend_new (bytes, username);

  g_list_store_append (self->friends, friend);
  return friend; /* the list holds it */
}

char *
fixture_take_received (Fixture *self)
{
  char *text;

  g_ptr_array_add (self->received, NULL);
  text = g_strjoinv (" ", (char **) self->received->pdata);
  g_ptr_array_set_size (self->received, 0);
  return text;
}

GArray *
fixture_deposit (Fixture *self, GPtrArray *parcels, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  kith_mailbox_transport_deposit_async (KITH_MAILBOX_TRANSPORT (self->transport), parcels, NULL, on_done, &result);
  wait_until (result != NULL);
  return kith_mailbox_transport_deposit_finish (KITH_MAILBOX_TRANSPORT (self->transport), result, error);
}

void
fixture_pass_ms (Fixture *self, guint ms)
{
  gint64 end_us = g_get_monotonic_time () + ms * G_GINT64_CONSTANT (1000);
  guint idle = 0;

  /* Where the machine stood still for as long, what came meanwhile is dealt with all the same. */
  while (g_get_monotonic_time () < end_us || idle < 50)
    if (g_main_context_iteration (NULL, FALSE))
      idle = 0;
    else
      {
        idle++;
        g_usleep (1000);
      }
}

void
fixture_add_parcel (GPtrArray *parcels, const char *id, const char *mailbox)
{
  g_autoptr (GBytes) sealed = g_bytes_new (id, strlen (id));

  g_ptr_array_add (parcels, kith_parcel_new (id, mailbox, sealed, 0));
}
