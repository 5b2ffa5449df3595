/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-supabase-transport.h"
#include "kith-supabase-private.h"

/* Both settings change in one go; what stands between is nothing to act on. */
#define SETTLE_MS 100

struct _KithSupabaseTransport
{
  KithMailboxTransport parent_instance;
  KithHost *host;                 /* none; outlives us between start and stop */
  GSettings *settings;
  GNetworkMonitor *monitor;
  KithSupabase *server;           /* NULL: none is used */
  KithSupabase *leaving;          /* the one before, perhaps still saying good-bye */
  char *used_url, *used_key;      /* what the server was made of */
  char *complaint;                /* said already */
  guint timer;
};

static void kith_supabase_directory_init (KithDirectoryInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (KithSupabaseTransport, kith_supabase_transport, KITH_TYPE_MAILBOX_TRANSPORT,
                               G_IMPLEMENT_INTERFACE (KITH_TYPE_DIRECTORY, kith_supabase_directory_init))

/* --- what the daemon asks */

/* NULL: the task was answered. */
static GTask *
begin (KithSupabaseTransport *self, gpointer tag, GCancellable *cancellable, GAsyncReadyCallback callback,
       gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  /* What came to pass at the server is told, whoever cancelled meanwhile. */
  g_task_set_check_cancellable (task, FALSE);
  if (self->server != NULL)
    return g_steal_pointer (&task);
  g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "no offline server is used");
  return NULL;
}

static void
kith_supabase_transport_deposit_async (KithMailboxTransport *transport, GPtrArray *parcels, GCancellable *cancellable,
                                       GAsyncReadyCallback callback, gpointer user_data)
{
  KithSupabaseTransport *self = KITH_SUPABASE_TRANSPORT (transport);
  GTask *task = begin (self, kith_supabase_transport_deposit_async, cancellable, callback, user_data);

  if (task != NULL)
    kith_supabase_outgoing_deposit (self->server, parcels, task);
}

static GArray *
kith_supabase_transport_deposit_finish (KithMailboxTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
kith_supabase_transport_collect (KithMailboxTransport *transport)
{
  KithSupabaseTransport *self = KITH_SUPABASE_TRANSPORT (transport);

  if (self->server != NULL)
    kith_supabase_hurry (self->server);
}

static void
kith_supabase_transport_lookup_async (KithDirectory *directory, const char *username, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data)
{
  KithSupabaseTransport *self = KITH_SUPABASE_TRANSPORT (directory);
  GTask *task = begin (self, kith_supabase_transport_lookup_async, cancellable, callback, user_data);

  if (task != NULL)
    kith_supabase_lookup (self->server, username, task);
}

static KithListing *
kith_supabase_transport_lookup_finish (KithDirectory *directory, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
kith_supabase_transport_claim_async (KithDirectory *directory, const char *mailbox, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data)
{
  KithSupabaseTransport *self = KITH_SUPABASE_TRANSPORT (directory);
  GTask *task = begin (self, kith_supabase_transport_claim_async, cancellable, callback, user_data);

  if (task != NULL)
    kith_supabase_claim (self->server, mailbox, task);
}

static GBytes *
kith_supabase_transport_claim_finish (KithDirectory *directory, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
kith_supabase_transport_publish_async (KithDirectory *directory, GBytes *bundle, GPtrArray *prekeys,
                                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  KithSupabaseTransport *self = KITH_SUPABASE_TRANSPORT (directory);
  GTask *task = begin (self, kith_supabase_transport_publish_async, cancellable, callback, user_data);

  if (task != NULL)
    kith_supabase_publish (self->server, bundle, prekeys, task);
}

static gboolean
kith_supabase_transport_publish_finish (KithDirectory *directory, GAsyncResult *result, guint *left, GError **error)
{
  g_autoptr (GError) why = NULL;
  gssize n = g_task_propagate_int (G_TASK (result), &why);

  if (why != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  if (left != NULL)
    *left = (guint) n;
  return TRUE;
}

/* --- which server */

static void
nothing (gpointer data)
{
}

static void
end_leaving (KithSupabaseTransport *self)
{
  if (self->leaving != NULL)
    kith_supabase_stop (self->leaving);
  g_clear_pointer (&self->leaving, kith_supabase_unref);
}

static void
drop_server (KithSupabaseTransport *self, gboolean unset)
{
  if (self->server == NULL)
    return;
  if (unset && kith_supabase_session_is_lost (self->server))
    kith_supabase_session_forget (self->server);
  end_leaving (self);
  self->leaving = g_steal_pointer (&self->server);
  kith_supabase_leave (self->leaving, nothing, NULL);
  g_clear_pointer (&self->used_url, g_free);
  g_clear_pointer (&self->used_key, g_free);
}

/* The same complaint is told once. */
static void
complain (KithSupabaseTransport *self, const GError *error)
{
  const char *text = error != NULL ? error->message : NULL;

  if (text != NULL && g_strcmp0 (text, self->complaint) != 0)
    g_message ("%s", text);
  g_free (self->complaint);
  self->complaint = g_strdup (text);
  kith_transport_set_state (KITH_TRANSPORT (self), KITH_TRANSPORT_DISCONNECTED, error);
}

static void
look_at_settings (KithSupabaseTransport *self)
{
  g_autofree char *url = g_settings_get_string (self->settings, "url");
  g_autofree char *key = g_settings_get_string (self->settings, "api-key");
  gboolean offline = kith_host_get_status (self->host) == KITH_PRESENCE_OFFLINE;
  g_autoptr (GError) error = NULL;
  KithSupabaseConfig *config;

  if (self->server != NULL && !offline && g_strcmp0 (url, self->used_url) == 0 && g_strcmp0 (key, self->used_key) == 0)
    return;
  drop_server (self, *url == '\0');
  config = kith_supabase_config_new (url, key, &error);
  if (config == NULL || offline)
    {
      g_clear_pointer (&config, kith_supabase_config_free);
      complain (self, error);
      return;
    }
  complain (self, NULL);
  self->used_url = g_steal_pointer (&url);
  self->used_key = g_steal_pointer (&key);
  self->server = kith_supabase_new (self->host, KITH_MAILBOX_TRANSPORT (self), config);
  kith_supabase_start (self->server);
}

static gboolean
on_settled (gpointer data)
{
  KithSupabaseTransport *self = data;

  self->timer = 0;
  look_at_settings (self);
  return G_SOURCE_REMOVE;
}

static void
on_change (KithSupabaseTransport *self)
{
  if (self->timer == 0)
    self->timer = kith_host_add_timer (self->host, SETTLE_MS, on_settled, self, NULL);
}

static void
on_network (KithSupabaseTransport *self)
{
  if (self->server != NULL && g_network_monitor_get_network_available (self->monitor))
    kith_supabase_hurry (self->server);
}

void
kith_supabase_transport_start (KithSupabaseTransport *self)
{
  self->settings = g_object_ref (kith_host_get_settings (self->host));
  self->monitor = g_object_ref (g_network_monitor_get_default ());
  g_signal_connect_object (self->settings, "changed", G_CALLBACK (on_change), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->monitor, "network-changed", G_CALLBACK (on_network), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->host, "notify::status", G_CALLBACK (on_change), self, G_CONNECT_SWAPPED);
  look_at_settings (self);
}

void
kith_supabase_transport_stop (KithSupabaseTransport *self, GDestroyNotify done, gpointer data)
{
  g_autoptr (KithSupabaseTransport) keep = g_object_ref (self);
  KithSupabase *server = g_steal_pointer (&self->server);

  end_leaving (self);
  if (self->settings != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->settings, self);
      g_signal_handlers_disconnect_by_data (self->monitor, self);
      g_signal_handlers_disconnect_by_data (self->host, self);
      kith_host_drop_timer (self->host, self->timer);
      self->timer = 0;
      g_clear_object (&self->settings);
      g_clear_object (&self->monitor);
    }
  kith_transport_set_state (KITH_TRANSPORT (self), KITH_TRANSPORT_DISCONNECTED, NULL);
  if (server == NULL)
    {
      done (data);
      return;
    }
  kith_supabase_leave (server, done, data);
  kith_supabase_unref (server);
}

/* --- object */

static void
kith_supabase_transport_finalize (GObject *object)
{
  KithSupabaseTransport *self = KITH_SUPABASE_TRANSPORT (object);

  g_clear_object (&self->settings);
  g_clear_object (&self->monitor);
  g_free (self->used_url);
  g_free (self->used_key);
  g_free (self->complaint);
  G_OBJECT_CLASS (kith_supabase_transport_parent_class)->finalize (object);
}

static void
kith_supabase_directory_init (KithDirectoryInterface *iface)
{
  iface->lookup_async = kith_supabase_transport_lookup_async;
  iface->lookup_finish = kith_supabase_transport_lookup_finish;
  iface->claim_async = kith_supabase_transport_claim_async;
  iface->claim_finish = kith_supabase_transport_claim_finish;
  iface->publish_async = kith_supabase_transport_publish_async;
  iface->publish_finish = kith_supabase_transport_publish_finish;
}

static void
kith_supabase_transport_class_init (KithSupabaseTransportClass *class)
{
  KithMailboxTransportClass *mailbox_class = KITH_MAILBOX_TRANSPORT_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = kith_supabase_transport_finalize;
  mailbox_class->deposit_async = kith_supabase_transport_deposit_async;
  mailbox_class->deposit_finish = kith_supabase_transport_deposit_finish;
  mailbox_class->collect = kith_supabase_transport_collect;
}

static void
kith_supabase_transport_init (KithSupabaseTransport *self)
{
}

KithSupabaseTransport *
kith_supabase_transport_new (KithHost *host)
{
  KithSupabaseTransport *self = g_object_new (KITH_TYPE_SUPABASE_TRANSPORT, "id", "supabase", NULL);

  self->host = host;
  return self;
}
