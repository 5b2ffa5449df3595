/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-serve"

#include "kith-reception.h"

#include <libsoup/soup.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kith-exchange-private.h"
#include "kith-pipe.h"
#include "kith-reply.h"
#include "kith-target.h"

/* Else the kernel holds up to 4 MB for a client that has stopped reading. */
#define SEND_BUFFER_BYTES (128 * 1024)

struct _KithReception
{
  KithHall *hall;
  SoupServer *soup;
  GSocketAddress *here;      /* libsoup wants an address; who is who is kept by the pipe */
  GInetAddress *loopback;
  GQuark pipe_quark;
};

/* --- requests --- */

static KithPipe *
get_pipe (KithReception *self, SoupServerMessage *message)
{
  GSocketAddress *remote = soup_server_message_get_remote_address (message);

  return remote != NULL ? g_object_get_qdata (G_OBJECT (remote), self->pipe_quark) : NULL;
}

static void
fill_head (KithHead *head, KithPipe *pipe, SoupServerMessage *message)
{
  GUri *uri = soup_server_message_get_uri (message);
  SoupMessageHeadersIter iter;
  const char *name, *value;

  head->way = pipe->way;
  head->port = pipe->port;
  head->http_1_0 = soup_server_message_get_http_version (message) == SOUP_HTTP_1_0;
  head->method = soup_server_message_get_method (message);
  head->uri_host = g_uri_get_host (uri);
  head->uri_port = g_uri_get_port (uri);
  head->uri_userinfo = g_uri_get_userinfo (uri) != NULL;
  head->path = g_uri_get_path (uri);
  head->query = g_uri_get_query (uri);
  soup_message_headers_iter_init (&iter, soup_server_message_get_request_headers (message));
  while (soup_message_headers_iter_next (&iter, &name, &value))
    kith_head_add (head, name, value);
}

/* Takes the connection from libsoup: it reads no further and writes nothing. */
static GIOStream *
steal (KithPipe *pipe, SoupServerMessage *message)
{
  GIOStream *stream = soup_server_message_steal_connection (message);

  kith_pipe_take_over (pipe);
  return stream;
}

static void
refuse (KithPipe *pipe, SoupServerMessage *message, KithReason reason, const KithHead *head)
{
  g_autoptr(GIOStream) stream = NULL;

  pipe->unread = pipe->phase == KITH_PHASE_BODY && kith_head_has_body (head);
  kith_reply_refuse (pipe, reason, head);
  stream = steal (pipe, message);   /* last: head points into the message */
}

static gboolean
is_below (const char *path, const char *root)
{
  gsize n = strlen (root);

  return strncmp (path, root, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static gboolean
leads_somewhere (KithWay way, const char *path)
{
  switch (way)
    {
    case KITH_WAY_EVENTS:
      return strcmp (path, "/events") == 0;
    case KITH_WAY_API:
      return strcmp (path, "/events") != 0 && !is_below (path, "/admin");
    case KITH_WAY_UNIX:
    default:
      return TRUE;
    }
}

static KithReason
ask (KithReception *self, SoupServerMessage *message, const KithHead *head, char **path, GHashTable **query)
{
  KithReason reason;

  if (soup_server_message_get_status (message) != 0)
    return KITH_REASON_MALFORMED;   /* libsoup's own no, as to https */
  reason = kith_bouncer_ask_head (self->hall->bouncer, head);
  if (reason != KITH_REASON_NONE || kith_head_is_preflight (head))
    return reason;
  *path = kith_target_parse_path (head->path);
  if (*path == NULL || soup_server_message_is_options_ping (message))
    return KITH_REASON_PATH;
  *query = kith_target_parse_query (head->query);
  if (*query == NULL)
    return KITH_REASON_QUERY;
  if (!kith_bouncer_get_policy (self->hall->bouncer)->split_ways)
    return KITH_REASON_NONE;
  return leads_somewhere (head->way, *path) ? KITH_REASON_NONE : KITH_REASON_WAY;
}

static void
keep_headers (KithReception *self, KithExchange *exchange, SoupServerMessage *message)
{
  const char *const *names = kith_bouncer_get_policy (self->hall->bouncer)->kept_headers;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  for (; names != NULL && *names != NULL; names++)
    {
      const char *value = soup_message_headers_get_list (headers, *names);

      if (value != NULL)
        kith_exchange_keep_header (exchange, *names, value);
    }
}

/* The answer to the client's key, or NULL: no handshake, or a wrong one. */
static const char *
shake_hands (SoupServerMessage *message, const KithHead *head)
{
  /* Without extensions: 0.8 MB of permessage-deflate became 929 MB. */
  if (!head->upgrade_websocket || !soup_websocket_server_process_handshake (message, NULL, NULL, NULL, NULL))
    return NULL;
  return soup_message_headers_get_one (soup_server_message_get_response_headers (message), "Sec-WebSocket-Accept");
}

static void
on_got_headers (SoupServerMessage *message, KithReception *self)
{
  KithPipe *pipe = get_pipe (self, message);
  g_autofree char *path = NULL;
  g_autoptr(GHashTable) query = NULL;
  KithExchange *exchange;
  KithHead head = { 0 };
  KithReason reason;

  if (pipe == NULL || pipe->phase != KITH_PHASE_HEADERS)
    return;
  fill_head (&head, pipe, message);
  if (head.header_bytes > self->hall->limits.max_header_bytes)
    {
      kith_pipe_cut (pipe, KITH_REASON_HEADER_BYTES);
      return;
    }
  kith_pipe_set_phase (pipe, KITH_PHASE_BODY, self->hall->limits.body_timeout_ms);
  reason = ask (self, message, &head, &path, &query);
  if (reason != KITH_REASON_NONE)
    {
      refuse (pipe, message, reason, &head);
      return;
    }
  if (kith_head_is_preflight (&head))
    {
      g_autoptr(GIOStream) stream = NULL;

      kith_reply_preflight (pipe, &head);
      stream = steal (pipe, message);
      return;
    }
  exchange = kith_exchange_new (pipe, &head, g_steal_pointer (&path), g_steal_pointer (&query),
                                shake_hands (message, &head));
  keep_headers (self, exchange, message);
  if (kith_head_has_body (&head))
    {
      pipe->is_chunked = head.n_transfer > 0;
      pipe->exchange = exchange;
      return;
    }
  kith_exchange_dispatch (exchange, steal (pipe, message), NULL);
  g_object_unref (exchange);
}

/* A chunked body says its size as it goes. */
static void
on_got_chunk (SoupServerMessage *message, GBytes *chunk, KithReception *self)
{
  KithPipe *pipe = get_pipe (self, message);
  KithHead head = { 0 };

  if (pipe == NULL || pipe->phase != KITH_PHASE_BODY ||
      soup_server_message_get_request_body (message)->length <= (goffset) self->hall->limits.max_body_bytes)
    return;
  fill_head (&head, pipe, message);
  refuse (pipe, message, KITH_REASON_BODY_SIZE, &head);
}

static void
on_got_body (SoupServerMessage *message, KithReception *self)
{
  KithPipe *pipe = get_pipe (self, message);
  g_autoptr(KithExchange) exchange = NULL;
  GBytes *body;

  if (pipe == NULL || pipe->exchange == NULL)
    return;
  exchange = g_steal_pointer (&pipe->exchange);
  body = soup_message_body_flatten (soup_server_message_get_request_body (message));
  kith_exchange_dispatch (exchange, steal (pipe, message), body);
}

static void
on_request_started (SoupServer *soup, SoupServerMessage *message, KithReception *self)
{
  g_signal_connect (message, "got-headers", G_CALLBACK (on_got_headers), self);
  g_signal_connect (message, "got-chunk", G_CALLBACK (on_got_chunk), self);
  g_signal_connect (message, "got-body", G_CALLBACK (on_got_body), self);
}

/* --- connections --- */

static void
turn_away (KithReception *self, KithReason reason, KithWay way, int fd, uid_t uid)
{
  kith_bouncer_note (self->hall->bouncer, reason, way, 0, uid, NULL);
  kith_reply_at_accept (fd, reason);
  close (fd);
}

static void
set_options (KithWay way, int fd)
{
  int one = 1, bytes = SEND_BUFFER_BYTES;

  (void) setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  if (way != KITH_WAY_UNIX)
    (void) setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void
kith_reception_meet (KithReception *self, KithWay way, guint16 port, int fd)
{
  KithHall *hall = self->hall;
  g_autoptr(KithPipe) pipe = NULL;
  g_autoptr(GSocketAddress) there = NULL;
  g_autoptr(GError) error = NULL;
  KithReason reason;
  uid_t uid;

  hall->n_accepted++;
  reason = kith_bouncer_ask_socket (hall->bouncer, way, fd, hall->pipes.length, &uid);
  if (reason == KITH_REASON_NONE && hall->closing)
    reason = KITH_REASON_CLOSING;
  if (reason != KITH_REASON_NONE)
    {
      turn_away (self, reason, way, fd, uid);
      return;
    }
  set_options (way, fd);
  pipe = kith_pipe_new (hall, way, port, fd, uid);
  there = g_inet_socket_address_new (self->loopback, 0);
  g_object_set_qdata_full (G_OBJECT (there), self->pipe_quark, g_object_ref (pipe), g_object_unref);
  if (!soup_server_accept_iostream (self->soup, G_IO_STREAM (pipe), self->here, there, &error))
    {
      g_warning ("a connection could not be handed on: %s", error->message);
      kith_pipe_take_over (pipe);
      kith_pipe_cut (pipe, KITH_REASON_NONE);
    }
}

KithReception *
kith_reception_new (KithHall *hall)
{
  KithReception *self = g_new0 (KithReception, 1);

  self->hall = kith_hall_ref (hall);
  self->soup = soup_server_new ("raw-paths", TRUE, NULL);
  self->loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  self->here = g_inet_socket_address_new (self->loopback, 0);
  self->pipe_quark = g_quark_from_static_string ("kith-pipe");
  g_signal_connect (self->soup, "request-started", G_CALLBACK (on_request_started), self);
  return self;
}

void
kith_reception_free (KithReception *self)
{
  soup_server_disconnect (self->soup);
  g_signal_handlers_disconnect_by_data (self->soup, self);
  g_object_unref (self->soup);
  g_object_unref (self->here);
  g_object_unref (self->loopback);
  kith_hall_unref (self->hall);
  g_free (self);
}
