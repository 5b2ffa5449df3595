/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-serve"

#include "kith-exchange.h"

#include <gio/gio.h>
#include <libsoup/soup.h>
#include <string.h>
#include <sys/socket.h>

#include "kith-exchange-private.h"
#include "kith-reply.h"
#include "kith-socket-private.h"

struct _KithExchange
{
  GObject parent_instance;

  KithPipe *pipe;
  GIOStream *stream;     /* what libsoup gave back: may hold bytes that it read ahead */
  char *method;
  char *path;
  GHashTable *query;
  GBytes *body;
  char *origin;
  GHashTable *headers;   /* those that the policy keeps; NULL: none */
  char *accept;
  gboolean wants_socket;
  gboolean dispatched;
  gboolean answered;
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (KithExchange, kith_exchange, G_TYPE_OBJECT)

const char *
kith_exchange_get_method (KithExchange *self)
{
  return self->method;
}

const char *
kith_exchange_get_path (KithExchange *self)
{
  return self->path;
}

GHashTable *
kith_exchange_get_query (KithExchange *self)
{
  return self->query;
}

GBytes *
kith_exchange_get_body (KithExchange *self)
{
  return self->body;
}

KithWay
kith_exchange_get_way (KithExchange *self)
{
  return self->pipe->way;
}

const char *
kith_exchange_get_origin (KithExchange *self)
{
  return self->origin;
}

const char *
kith_exchange_get_header (KithExchange *self, const char *name)
{
  return self->headers != NULL ? g_hash_table_lookup (self->headers, name) : NULL;
}

void
kith_exchange_keep_header (KithExchange *self, const char *name, const char *value)
{
  if (self->headers == NULL)
    self->headers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_hash_table_replace (self->headers, g_strdup (name), g_strdup (value));
}

char *
kith_exchange_dup_address (KithExchange *self)
{
  struct sockaddr_storage there = { 0 };
  socklen_t n = sizeof there;
  g_autoptr(GSocketAddress) address = NULL;

  if (self->pipe->way != KITH_WAY_UNIX && getpeername (self->pipe->fd, (struct sockaddr *) &there, &n) == 0)
    address = g_socket_address_new_from_native (&there, n);
  if (address == NULL || !G_IS_INET_SOCKET_ADDRESS (address))
    return g_strdup ("unix");
  return g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
}

guint64
kith_exchange_get_client (KithExchange *self)
{
  return self->pipe->client;
}

gboolean
kith_exchange_wants_socket (KithExchange *self)
{
  return self->wants_socket;
}

GCancellable *
kith_exchange_get_cancellable (KithExchange *self)
{
  return self->cancellable;
}

gboolean
kith_exchange_is_answered (KithExchange *self)
{
  return self->answered;
}

/* FALSE: too late, or a second time. */
static gboolean
take_turn (KithExchange *self)
{
  g_return_val_if_fail (!self->answered, FALSE);
  self->answered = TRUE;
  g_clear_object (&self->pipe->gone);
  return self->pipe->phase == KITH_PHASE_ANSWER;
}

void
kith_exchange_answer (KithExchange *self, guint status, GBytes *json, const char *const *headers)
{
  g_return_if_fail (KITH_IS_EXCHANGE (self));
  if (!take_turn (self))
    return;
  kith_reply (self->pipe, status, json, headers, self->origin, strcmp (self->method, "HEAD") == 0);
}

void
kith_exchange_answer_error (KithExchange *self, guint status, const char *text, const char *const *headers)
{
  g_autoptr(GBytes) body = kith_reply_error_body (text);

  kith_exchange_answer (self, status, body, headers);
}

static void
refuse (KithExchange *self, KithReason reason)
{
  const KithHead head = { .method = self->method, .origin = self->origin, .n_origin = self->origin != NULL ? 1 : 0 };

  if (take_turn (self))
    kith_reply_refuse (self->pipe, reason, &head);
}

/* TRUE: it was answered, because it cannot become a WebSocket. */
static gboolean
turn_down (KithExchange *self)
{
  static const char *const allow[] = { "Allow", "GET", NULL };
  static const char *const upgrade[] = { "Upgrade", "websocket", "Sec-WebSocket-Version", "13", NULL };
  KithHall *hall = self->pipe->hall;

  if (strcmp (self->method, "GET") != 0)
    kith_exchange_answer_error (self, SOUP_STATUS_METHOD_NOT_ALLOWED, "a WebSocket is opened by GET", allow);
  else if (!self->wants_socket)
    kith_exchange_answer_error (self, 426, "this is a WebSocket: connect with Upgrade: websocket", upgrade);
  else if (self->accept == NULL)
    refuse (self, KITH_REASON_HANDSHAKE);
  else if (hall->closing)
    refuse (self, KITH_REASON_CLOSING);
  else if (hall->n_websockets >= hall->limits.max_websockets)
    refuse (self, KITH_REASON_WEBSOCKETS);
  else
    return FALSE;
  return TRUE;
}

KithSocket *
kith_exchange_upgrade (KithExchange *self, const KithSocketFuncs *funcs, gpointer data, GDestroyNotify destroy)
{
  g_autoptr(GIOStream) stream = NULL;

  g_return_val_if_fail (KITH_IS_EXCHANGE (self), NULL);
  if (turn_down (self) || !take_turn (self))
    {
      if (destroy != NULL)
        destroy (data);
      return NULL;
    }
  stream = g_steal_pointer (&self->stream);
  return kith_socket_new (self->pipe, stream, self->accept, self->origin, funcs, data, destroy);
}

static void
kith_exchange_dispose (GObject *object)
{
  KithExchange *self = KITH_EXCHANGE (object);

  if (self->dispatched && !self->answered)
    {
      g_critical ("%s %s was dropped without an answer", self->method, self->path);
      kith_exchange_answer_error (self, SOUP_STATUS_INTERNAL_SERVER_ERROR, "kith forgot to answer: this is a bug",
                                  NULL);
    }
  G_OBJECT_CLASS (kith_exchange_parent_class)->dispose (object);
}

static void
kith_exchange_finalize (GObject *object)
{
  KithExchange *self = KITH_EXCHANGE (object);

  g_clear_object (&self->stream);
  g_object_unref (self->pipe);
  g_free (self->method);
  g_free (self->path);
  g_hash_table_unref (self->query);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_free (self->origin);
  g_clear_pointer (&self->headers, g_hash_table_unref);
  g_free (self->accept);
  g_object_unref (self->cancellable);
  G_OBJECT_CLASS (kith_exchange_parent_class)->finalize (object);
}

static void
kith_exchange_class_init (KithExchangeClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = kith_exchange_dispose;
  G_OBJECT_CLASS (klass)->finalize = kith_exchange_finalize;
}

static void
kith_exchange_init (KithExchange *self)
{
  self->cancellable = g_cancellable_new ();
}

KithExchange *
kith_exchange_new (KithPipe *pipe, const KithHead *head, char *path, GHashTable *query, const char *accept)
{
  KithExchange *self = g_object_new (KITH_TYPE_EXCHANGE, NULL);

  self->pipe = g_object_ref (pipe);
  self->method = g_strdup (head->method);
  self->path = path;
  self->query = query;
  self->origin = g_strdup (head->origin);
  self->wants_socket = head->upgrade_websocket;
  self->accept = g_strdup (accept);
  g_hash_table_remove (query, "token");
  return self;
}

void
kith_exchange_dispatch (KithExchange *self, GIOStream *stream, GBytes *body)
{
  KithPipe *pipe = self->pipe;
  KithHall *hall = pipe->hall;

  self->dispatched = TRUE;
  self->stream = stream;
  self->body = body;
  kith_pipe_take_over (pipe);
  kith_pipe_set_phase (pipe, KITH_PHASE_ANSWER, 0);
  pipe->gone = g_object_ref (self->cancellable);
  hall->n_requests++;
  g_object_ref (self);
  if (hall->closing || hall->func == NULL)
    refuse (self, KITH_REASON_CLOSING);
  else
    hall->func (self, hall->func_data);
  if (!self->answered)
    kith_pipe_await (pipe);
  g_object_unref (self);
}
