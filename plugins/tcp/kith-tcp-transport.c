/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-tcp-transport.h"
#include "kith-tcp-address.h"
#include "kith-tcp-listener.h"

#define DIAL_SECONDS 10
#define RETRY_MS 10000

struct _KithTcpTransport
{
  KithStreamTransport parent_instance;
  KithHost *host;                 /* none; outlives us between start and stop */
  GSettings *settings;
  KithTcpListener *listener;
  GSocketClient *client;
  GNetworkMonitor *monitor;
  GStrv addresses;
  char *trouble;                  /* said already */
  guint retry;
};

G_DEFINE_FINAL_TYPE (KithTcpTransport, kith_tcp_transport, KITH_TYPE_STREAM_TRANSPORT)

/* --- dialling */

static void
on_connected (GObject *client, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) connection = g_socket_client_connect_finish (G_SOCKET_CLIENT (client), result, &error);

  if (connection == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  kith_tcp_prepare (connection);
  g_task_return_pointer (task, g_steal_pointer (&connection), g_object_unref);
}

static void
kith_tcp_transport_dial_async (KithStreamTransport *transport,
                               const char *address,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  KithTcpTransport *self = KITH_TCP_TRANSPORT (transport);
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnectable) where = kith_tcp_address_parse (address, &error);

  g_task_set_source_tag (task, kith_tcp_transport_dial_async);
  if (where == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  g_socket_client_connect_async (self->client, where, cancellable, on_connected, g_steal_pointer (&task));
}

static GIOStream *
kith_tcp_transport_dial_finish (KithStreamTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- addresses */

static GStrv
kith_tcp_transport_dup_addresses (KithStreamTransport *transport)
{
  return g_strdupv (KITH_TCP_TRANSPORT (transport)->addresses);
}

static void
find_addresses (KithTcpTransport *self)
{
  g_auto (GStrv) advertise = self->settings == NULL ? NULL : g_settings_get_strv (self->settings, "advertise");
  g_auto (GStrv) now = NULL;

  if (self->listener != NULL)
    now = kith_tcp_address_list (kith_tcp_listener_get_bound (self->listener), (const char *const *) advertise);
  else
    now = g_new0 (char *, 1);
  if (g_strv_equal ((const char *const *) now, (const char *const *) self->addresses))
    return;
  g_strfreev (self->addresses);
  self->addresses = g_steal_pointer (&now);
  kith_stream_transport_addresses_changed (KITH_STREAM_TRANSPORT (self));
}

/* --- listening */

static void
on_accepted (GSocketConnection *connection, const char *from, gpointer data)
{
  kith_stream_transport_accept (data, G_IO_STREAM (connection), from);
}

static gboolean
listen_now (KithTcpTransport *self, GError **error)
{
  g_autofree char *address = g_settings_get_string (self->settings, "listen-address");
  g_autoptr (GVariant) port = g_settings_get_value (self->settings, "peer-port");
  g_autoptr (GError) why = NULL;

  g_clear_pointer (&self->listener, kith_tcp_listener_free);
  self->listener = kith_tcp_listener_new (self->host, address, g_variant_get_uint16 (port), on_accepted, self, &why);
  kith_transport_set_state (KITH_TRANSPORT (self),
                            self->listener != NULL ? KITH_TRANSPORT_CONNECTED : KITH_TRANSPORT_DISCONNECTED, why);
  find_addresses (self);
  if (why != NULL)
    g_propagate_error (error, g_steal_pointer (&why));
  return self->listener != NULL;
}

/* Later than at the start, a port that cannot be had is a state that may pass. */
static gboolean
listen_again (gpointer data)
{
  KithTcpTransport *self = data;
  g_autoptr (GError) error = NULL;

  kith_host_drop_timer (self->host, self->retry);
  self->retry = 0;
  if (!listen_now (self, &error))
    {
      if (g_strcmp0 (self->trouble, error->message) != 0)
        g_warning ("%s", error->message);
      self->retry = kith_host_add_timer (self->host, RETRY_MS, listen_again, self, NULL);
    }
  g_free (self->trouble);
  self->trouble = error == NULL ? NULL : g_strdup (error->message);
  return G_SOURCE_REMOVE;
}

static gboolean
is_address_refused (KithTcpTransport *self)
{
  g_autofree char *address = g_settings_get_string (self->settings, "listen-address");

  if (*address == '\0' || g_hostname_is_ip_address (address))
    return FALSE;
  g_warning ("the setting tcp.listen-address='%s' is refused, %s: it must be an IP address", address,
             self->listener != NULL ? "it listens where it did" : "and friends cannot reach us directly");
  return TRUE;
}

static void
on_setting (KithTcpTransport *self, const char *key)
{
  if (g_str_equal (key, "advertise"))
    find_addresses (self);
  else if (!is_address_refused (self))
    listen_again (self);
}

static void
on_network (KithTcpTransport *self)
{
  find_addresses (self);
}

gboolean
kith_tcp_transport_start (KithTcpTransport *self, GError **error)
{
  self->settings = g_object_ref (kith_host_get_settings (self->host));
  self->monitor = g_object_ref (g_network_monitor_get_default ());
  g_signal_connect_object (self->settings, "changed", G_CALLBACK (on_setting), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->monitor, "network-changed", G_CALLBACK (on_network), self, G_CONNECT_SWAPPED);
  /* Nonsense ends nothing, nor is it a reason to listen where nobody said. */
  return is_address_refused (self) || listen_now (self, error);
}

void
kith_tcp_transport_stop (KithTcpTransport *self)
{
  if (self->settings == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->settings, self);
  g_signal_handlers_disconnect_by_data (self->monitor, self);
  kith_host_drop_timer (self->host, self->retry);
  self->retry = 0;
  g_clear_pointer (&self->listener, kith_tcp_listener_free);
  g_clear_object (&self->settings);
  g_clear_object (&self->monitor);
  kith_transport_set_state (KITH_TRANSPORT (self), KITH_TRANSPORT_DISCONNECTED, NULL);
  find_addresses (self);
}

/* --- object */

static void
kith_tcp_transport_dispose (GObject *object)
{
  KithTcpTransport *self = KITH_TCP_TRANSPORT (object);

  g_clear_pointer (&self->listener, kith_tcp_listener_free);
  g_clear_object (&self->settings);
  g_clear_object (&self->monitor);
  g_clear_object (&self->client);
  g_clear_pointer (&self->addresses, g_strfreev);
  g_clear_pointer (&self->trouble, g_free);
  G_OBJECT_CLASS (kith_tcp_transport_parent_class)->dispose (object);
}

static void
kith_tcp_transport_class_init (KithTcpTransportClass *class)
{
  KithStreamTransportClass *stream_class = KITH_STREAM_TRANSPORT_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = kith_tcp_transport_dispose;
  stream_class->scheme = KITH_TCP_SCHEME;
  stream_class->dial_async = kith_tcp_transport_dial_async;
  stream_class->dial_finish = kith_tcp_transport_dial_finish;
  stream_class->dup_addresses = kith_tcp_transport_dup_addresses;
}

static void
kith_tcp_transport_init (KithTcpTransport *self)
{
  self->addresses = g_new0 (char *, 1);
  self->client = g_socket_client_new ();
  /* Names and both families in parallel are GIO's business; proxies for web pages are none of ours. */
  g_socket_client_set_enable_proxy (self->client, FALSE);
  g_socket_client_set_timeout (self->client, DIAL_SECONDS);
}

KithTcpTransport *
kith_tcp_transport_new (KithHost *host)
{
  KithTcpTransport *self = g_object_new (KITH_TYPE_TCP_TRANSPORT, "id", "tcp", NULL);

  self->host = host;
  return self;
}
