/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-socket.h"

#include <libsoup/soup.h>
#include <string.h>

#include "kith-guard-extension.h"
#include "kith-socket-private.h"

#define MOST_REASON_BYTES 123

struct _KithSocket
{
  GObject parent_instance;

  KithPipe *pipe;                  /* NULL after closed() */
  SoupWebsocketConnection *soup;
  KithGuardExtension *guard;
  KithSocketFuncs funcs;
  gpointer data;
  GDestroyNotify destroy;
  char *origin;
  guint64 client;
  guint own_code;                  /* of the close frame that we sent; 0: none */
  gboolean open;
};

G_DEFINE_FINAL_TYPE (KithSocket, kith_socket, G_TYPE_OBJECT)

/* --- frames --- */

static gsize
write_header (guint8 *to, guint8 opcode, gsize n)
{
  to[0] = 0x80 | opcode;
  if (n < 126)
    {
      to[1] = (guint8) n;
      return 2;
    }
  if (n <= G_MAXUINT16)
    {
      to[1] = 126;
      to[2] = (guint8) (n >> 8);
      to[3] = (guint8) n;
      return 4;
    }
  to[1] = 127;
  for (guint i = 0; i < 8; i++)
    to[2 + i] = (guint8) ((guint64) n >> (56 - 8 * i));
  return 10;
}

static GBytes *
make_frame (guint8 opcode, gconstpointer payload, gsize n)
{
  guint8 header[10];
  gsize n_header = write_header (header, opcode, n);
  guint8 *frame = g_malloc (n_header + n);

  memcpy (frame, header, n_header);
  if (n > 0)
    memcpy (frame + n_header, payload, n);
  return g_bytes_new_take (frame, n_header + n);
}

GBytes *
kith_frame_text (GBytes *text)
{
  gsize n;
  gconstpointer data = g_bytes_get_data (text, &n);

  return make_frame (0x1, data, n);
}

GBytes *
kith_frame_text_take (char *text, gsize n)
{
  GBytes *frame = make_frame (0x1, text, n);

  g_free (text);
  return frame;
}

static GBytes *
make_close_frame (guint code, const char *reason)
{
  guint8 payload[2 + MOST_REASON_BYTES];
  gsize n = reason != NULL ? strlen (reason) : 0;
  const char *end;

  if (n > MOST_REASON_BYTES)
    {
      (void) g_utf8_validate (reason, MOST_REASON_BYTES, &end);   /* no half character */
      n = (gsize) (end - reason);
    }
  payload[0] = (guint8) (code >> 8);
  payload[1] = (guint8) code;
  if (n > 0)
    memcpy (payload + 2, reason, n);
  return make_frame (0x8, payload, n + 2);
}

/* --- leaving --- */

/* Our close frame is the last thing that this client gets. libsoup cannot say 1012 or 1013, and says nothing at all
 * about a message that is too big, so the frame is ours and libsoup's own is thrown away. */
static void
leave (KithSocket *self, guint code, const char *reason)
{
  g_autoptr(GBytes) frame = make_close_frame (code, reason);

  self->open = FALSE;
  self->own_code = code;
  self->pipe->mute = TRUE;
  kith_pipe_push (self->pipe, frame, FALSE);
  kith_pipe_set_phase (self->pipe, KITH_PHASE_LEAVING, self->pipe->hall->limits.close_timeout_ms);
}

void
kith_socket_close (KithSocket *self, guint code, const char *reason)
{
  g_return_if_fail (KITH_IS_SOCKET (self));
  g_return_if_fail ((code >= 1000 && code <= 1013 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999));
  if (kith_socket_is_open (self))
    leave (self, code, reason);
}

/* What this client has not read is dropped at once: it can resume with since, and its memory is somebody else's. */
static void
leave_slow (KithSocket *self)
{
  KithPipe *pipe = self->pipe;

  kith_bouncer_note (pipe->hall->bouncer, KITH_REASON_BACKLOG, pipe->way, self->client, pipe->uid, NULL);
  kith_out_queue_cut (&pipe->queue);
  leave (self, kith_reason_status (KITH_REASON_BACKLOG), kith_reason_text (KITH_REASON_BACKLOG));
}

/* --- what libsoup tells --- */

static void
on_message (SoupWebsocketConnection *soup, int type, GBytes *message, KithSocket *self)
{
  gsize n;
  const char *text = g_bytes_get_data (message, &n);

  if (!kith_socket_is_open (self))
    return;   /* libsoup delivers some even after an error */
  self->pipe->hall->n_messages++;
  if (type != SOUP_WEBSOCKET_DATA_TEXT)
    {
      if (self->funcs.binary != NULL)
        self->funcs.binary (self, n, self->data);
    }
  else if (self->funcs.message != NULL)
    self->funcs.message (self, n > 0 ? text : "", n, self->data);
}

static KithReason
find_reason (KithSocket *self, const GError *error)
{
  KithReason reason = kith_guard_extension_get_reason (self->guard);

  if (reason != KITH_REASON_NONE || error->domain != SOUP_WEBSOCKET_ERROR)
    return reason;
  switch (error->code)
    {
    case SOUP_WEBSOCKET_CLOSE_TOO_BIG:
      return KITH_REASON_MESSAGE_SIZE;
    case SOUP_WEBSOCKET_CLOSE_BAD_DATA:
      return KITH_REASON_TEXT;
    default:
      return KITH_REASON_PROTOCOL;
    }
}

static void
on_error (SoupWebsocketConnection *soup, GError *error, KithSocket *self)
{
  KithPipe *pipe = self->pipe;
  KithReason reason = find_reason (self, error);

  pipe->deaf = TRUE;   /* libsoup would go on parsing what follows */
  if (reason == KITH_REASON_NONE || self->own_code != 0 || pipe->phase >= KITH_PHASE_CUT)
    return;
  kith_bouncer_note (pipe->hall->bouncer, reason, pipe->way, self->client, pipe->uid, NULL);
  leave (self, kith_reason_status (reason), kith_reason_text (reason));
}

/* The client said goodbye: libsoup answers, after what is queued. */
static void
on_closing (SoupWebsocketConnection *soup, KithSocket *self)
{
  if (!self->open)
    return;
  self->open = FALSE;
  if (self->pipe->phase == KITH_PHASE_SOCKET)
    kith_pipe_set_phase (self->pipe, KITH_PHASE_LEAVING, self->pipe->hall->limits.close_timeout_ms);
}

static guint
get_close_code (KithSocket *self)
{
  guint code = soup_websocket_connection_get_close_code (self->soup);

  if (code != 0)
    return code;
  return self->own_code != 0 ? self->own_code : SOUP_WEBSOCKET_CLOSE_ABNORMAL;
}

static void
on_closed (SoupWebsocketConnection *soup, KithSocket *self)
{
  g_autoptr(KithPipe) pipe = g_steal_pointer (&self->pipe);

  self->open = FALSE;
  pipe->socket = NULL;
  pipe->hall->n_websockets--;
  g_signal_handlers_disconnect_by_data (soup, self);
  if (self->funcs.closed != NULL)
    self->funcs.closed (self, get_close_code (self), self->data);
  if (self->destroy != NULL)
    self->destroy (self->data);
  self->data = NULL;
  g_object_unref (self);
}

/* --- the client --- */

void
kith_socket_wrote (KithSocket *self, gsize n)
{
  if (self->funcs.written != NULL && self->pipe != NULL)
    self->funcs.written (self, n, self->data);
}

gboolean
kith_socket_is_open (KithSocket *self)
{
  return self->open && self->pipe->phase == KITH_PHASE_SOCKET &&
         soup_websocket_connection_get_state (self->soup) == SOUP_WEBSOCKET_STATE_OPEN;
}

gboolean
kith_socket_send_frame (KithSocket *self, GBytes *frame)
{
  if (!kith_socket_is_open (self))
    return FALSE;
  if (g_bytes_get_size (frame) > kith_socket_get_room (self))
    {
      leave_slow (self);
      return FALSE;
    }
  kith_pipe_push (self->pipe, frame, TRUE);
  return TRUE;
}

gboolean
kith_socket_send_text (KithSocket *self, const char *text, gssize n)
{
  g_autoptr(GBytes) frame = make_frame (0x1, text, n < 0 ? strlen (text) : (gsize) n);

  return kith_socket_send_frame (self, frame);
}

gsize
kith_socket_get_pending (KithSocket *self)
{
  return self->pipe != NULL ? self->pipe->queue.pending : 0;
}

gsize
kith_socket_get_room (KithSocket *self)
{
  gsize budget = self->pipe != NULL ? self->pipe->hall->limits.client_budget_bytes : 0;
  gsize pending = kith_socket_get_pending (self);

  return budget > pending ? budget - pending : 0;
}

guint64
kith_socket_get_client (KithSocket *self)
{
  return self->client;
}

const char *
kith_socket_get_origin (KithSocket *self)
{
  return self->origin;
}

static void
kith_socket_finalize (GObject *object)
{
  KithSocket *self = KITH_SOCKET (object);

  g_clear_object (&self->soup);
  g_clear_object (&self->guard);
  g_free (self->origin);
  G_OBJECT_CLASS (kith_socket_parent_class)->finalize (object);
}

static void
kith_socket_class_init (KithSocketClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = kith_socket_finalize;
}

static void
kith_socket_init (KithSocket *self)
{
  self->open = TRUE;
}

static void
answer_handshake (KithPipe *pipe, const char *accept)
{
  g_autofree char *text = g_strdup_printf ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                           "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  kith_pipe_push (pipe, bytes, FALSE);
}

static void
connect_soup (KithSocket *self, GIOStream *stream)
{
  KithHall *hall = self->pipe->hall;
  GList *extensions;

  self->guard = kith_guard_extension_new (hall);
  extensions = g_list_append (NULL, g_object_ref (self->guard));
  self->soup = soup_websocket_connection_new (stream, hall->uri, SOUP_WEBSOCKET_CONNECTION_SERVER, NULL, NULL,
                                              extensions);
  soup_websocket_connection_set_max_incoming_payload_size (self->soup, hall->limits.max_message_bytes);
  g_signal_connect (self->soup, "message", G_CALLBACK (on_message), self);
  g_signal_connect (self->soup, "error", G_CALLBACK (on_error), self);
  g_signal_connect (self->soup, "closing", G_CALLBACK (on_closing), self);
  g_signal_connect (self->soup, "closed", G_CALLBACK (on_closed), self);
}

KithSocket *
kith_socket_new (KithPipe *pipe, GIOStream *stream, const char *accept, const char *origin,
                 const KithSocketFuncs *funcs, gpointer data, GDestroyNotify destroy)
{
  KithSocket *self = g_object_new (KITH_TYPE_SOCKET, NULL);   /* its own until closed() */

  self->pipe = g_object_ref (pipe);
  self->funcs = *funcs;
  self->data = data;
  self->destroy = destroy;
  self->client = pipe->client;
  self->origin = g_strdup (origin);
  pipe->socket = self;
  pipe->soup_has_it = TRUE;
  pipe->hall->n_websockets++;
  pipe->hall->n_upgrades++;
  answer_handshake (pipe, accept);
  kith_pipe_set_phase (pipe, KITH_PHASE_SOCKET, 0);
  connect_soup (self, stream);
  return self;
}
