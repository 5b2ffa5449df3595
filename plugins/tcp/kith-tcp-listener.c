/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-tcp-listener.h"
#include <fcntl.h>
#include <gio/gnetworking.h>
#include <unistd.h>

#define BACKLOG 128
#define ACCEPTS_A_TURN 16
#define PAUSE_MS 100

struct _KithTcpListener
{
  KithHost *host;
  GSocket *socket;
  GInetSocketAddress *bound;
  GSource *source;
  guint pause;
  int reserve;                     /* given up for a moment to tell somebody that there is no room */
  KithTcpAcceptFunc func;
  gpointer data;
};

void
kith_tcp_prepare (GSocketConnection *connection)
{
  GSocket *socket = g_socket_connection_get_socket (connection);

  g_socket_set_timeout (socket, 0);
  g_socket_set_keepalive (socket, TRUE);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
}

static char *
get_from (GSocketConnection *connection)
{
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (connection, NULL);
  g_autofree char *text = NULL;

  if (remote == NULL || !G_IS_INET_SOCKET_ADDRESS (remote))
    return NULL;                   /* it has gone already */
  text = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote)));
  return g_str_has_prefix (text, "::ffff:") ? g_strdup (text + 7) : g_steal_pointer (&text);
}

/* FALSE: nobody (more) waits, or there is no descriptor for them. */
static gboolean
accept_one (KithTcpListener *self, GError **error)
{
  g_autoptr (GSocket) socket = g_socket_accept (self->socket, NULL, error);
  g_autoptr (GSocketConnection) connection = NULL;
  g_autofree char *from = NULL;

  if (socket == NULL)
    return FALSE;
  connection = g_socket_connection_factory_create_connection (socket);
  from = get_from (connection);
  if (from == NULL)
    return TRUE;
  kith_tcp_prepare (connection);
  self->func (g_steal_pointer (&connection), from, self->data);
  return TRUE;
}

static gboolean start (gpointer data);

/* Out of descriptors: hang up on whoever waits first, then let time pass. The socket stays, so the port answers again
 * by itself. */
static void
make_room (KithTcpListener *self)
{
  if (self->reserve >= 0)
    {
      int fd;

      close (self->reserve);
      fd = accept (g_socket_get_fd (self->socket), NULL, NULL);
      if (fd >= 0)
        close (fd);
    }
  self->reserve = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  self->pause = kith_host_add_timer (self->host, PAUSE_MS, start, self, NULL);
}

static gboolean
on_incoming (GSocket *socket, GIOCondition condition, gpointer data)
{
  KithTcpListener *self = data;
  g_autoptr (GSource) source = g_source_ref (self->source);

  for (guint i = 0; i < ACCEPTS_A_TURN && !g_source_is_destroyed (source); i++)
    {
      g_autoptr (GError) error = NULL;

      if (accept_one (self, &error))
        continue;
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        break;
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES)
          || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
        {
          g_warning ("no file descriptors left for incoming links: %s", error->message);
          make_room (self);
          break;
        }
      g_debug ("accept: %s", error->message);      /* it hung up before it was taken */
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
start (gpointer data)
{
  KithTcpListener *self = data;

  self->pause = 0;
  self->source = g_socket_create_source (self->socket, G_IO_IN, NULL);
  g_source_set_callback (self->source, (GSourceFunc) on_incoming, self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
  return G_SOURCE_REMOVE;
}

static GSocket *
bind_socket (GInetAddress *address, guint16 port, GError **error)
{
  GSocketFamily family = g_inet_address_get_family (address);
  g_autoptr (GSocketAddress) where = g_inet_socket_address_new (address, port);
  g_autoptr (GSocket) socket = g_socket_new (family, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);

  if (socket == NULL)
    return NULL;
  if (family == G_SOCKET_FAMILY_IPV6)
    g_socket_set_option (socket, IPPROTO_IPV6, IPV6_V6ONLY, g_inet_address_get_is_any (address) ? 0 : 1, NULL);
  g_socket_set_blocking (socket, FALSE);
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (!g_socket_bind (socket, where, TRUE, error) || !g_socket_listen (socket, error))
    return NULL;
  return g_steal_pointer (&socket);
}

static GSocket *
bind_any (guint16 port, GError **error)
{
  g_autoptr (GInetAddress) every = g_inet_address_new_any (G_SOCKET_FAMILY_IPV6);
  g_autoptr (GInetAddress) every_v4 = g_inet_address_new_any (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GError) why = NULL;
  GSocket *socket = bind_socket (every, port, &why);

  if (socket != NULL)
    return socket;
  if (g_error_matches (why, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
  return bind_socket (every_v4, port, error);     /* a machine without IPv6 */
}

static void
explain (GError *why, const char *address, guint16 port, GError **error)
{
  const char *where = address[0] == '\0' ? "every address" : address;

  if (g_error_matches (why, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT,
                 "port %u is taken by another program: end that, or choose another “peer-port”", port);
  else if (g_error_matches (why, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED,
                 "port %u may not be listened on: choose a “peer-port” above 1023", port);
  else
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "cannot listen on %s, port %u: %s", where, port, why->message);
}

KithTcpListener *
kith_tcp_listener_new (
    KithHost *host, const char *address, guint16 port, KithTcpAcceptFunc func, gpointer data, GError **error)
{
  g_autoptr (GInetAddress) parsed = address[0] == '\0' ? NULL : g_inet_address_new_from_string (address);
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GError) why = NULL;
  KithTcpListener *self;

  if (address[0] != '\0' && parsed == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "“listen-address”: “%s” is no IP address", address);
      return NULL;
    }
  socket = parsed == NULL ? bind_any (port, &why) : bind_socket (parsed, port, &why);
  if (socket == NULL)
    {
      explain (why, address, port, error);
      return NULL;
    }
  self = g_new0 (KithTcpListener, 1);
  self->host = host;
  self->socket = g_steal_pointer (&socket);
  self->bound = G_INET_SOCKET_ADDRESS (g_socket_get_local_address (self->socket, NULL));
  self->reserve = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  self->func = func;
  self->data = data;
  start (self);
  return self;
}

GInetSocketAddress *
kith_tcp_listener_get_bound (KithTcpListener *self)
{
  return self->bound;
}

void
kith_tcp_listener_free (KithTcpListener *self)
{
  if (self == NULL)
    return;
  kith_host_drop_timer (self->host, self->pause);
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  if (self->reserve >= 0)
    close (self->reserve);
  g_socket_close (self->socket, NULL);
  g_object_unref (self->socket);
  g_clear_object (&self->bound);
  g_free (self);
}
