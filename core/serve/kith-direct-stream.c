/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-direct-stream.h"

#include <string.h>

#include "kith-reply.h"

struct _KithDirectStream
{
  GOutputStream parent_instance;
  KithPipe *pipe;   /* NULL once the pipe has gone */
};

static void kith_direct_stream_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (KithDirectStream, kith_direct_stream, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, kith_direct_stream_pollable_init))

/* While libsoup reads a request it has one thing to say for us: "100 Continue". Anything else is its own refusal of
 * what it could not parse, which is said in our words. */
static void
write_for_request (KithPipe *pipe, const void *data, gsize n)
{
  static const char go_on[] = "HTTP/1.1 100";

  if (pipe->mute)
    return;
  if (n >= sizeof go_on - 1 && memcmp (data, go_on, sizeof go_on - 1) == 0)
    {
      kith_out_queue_push_copy (&pipe->queue, data, n);
      kith_pipe_flush (pipe);
      return;
    }
  pipe->mute = TRUE;
  kith_reply_refuse (pipe, KITH_REASON_MALFORMED, NULL);
}

static gssize
kith_direct_stream_write_nonblocking (GPollableOutputStream *stream, const void *data, gsize n, GError **error)
{
  KithPipe *pipe = KITH_DIRECT_STREAM (stream)->pipe;

  if (pipe == NULL || pipe->fd < 0 || pipe->phase == KITH_PHASE_CUT)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "closed");
      return -1;
    }
  if (pipe->phase == KITH_PHASE_HEADERS || pipe->phase == KITH_PHASE_BODY)
    write_for_request (pipe, data, n);
  else if (!pipe->mute && (pipe->phase == KITH_PHASE_SOCKET || pipe->phase == KITH_PHASE_LEAVING))
    {
      /* A client that pings and never reads meets its budget here as well. */
      if (pipe->queue.pending + n > (gsize) pipe->hall->limits.client_budget_bytes)
        kith_pipe_cut (pipe, KITH_REASON_BACKLOG);
      else
        {
          g_autoptr(GBytes) bytes = g_bytes_new (data, n);

          kith_pipe_push (pipe, bytes, FALSE);
        }
    }
  return (gssize) n;
}

static gssize
kith_direct_stream_write (GOutputStream *stream, const void *data, gsize n, GCancellable *cancellable, GError **error)
{
  return kith_direct_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (stream), data, n, error);
}

static gboolean
kith_direct_stream_is_writable (GPollableOutputStream *stream)
{
  return TRUE;
}

static GSource *
kith_direct_stream_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  g_autoptr(GSource) base = g_timeout_source_new (0);

  return g_pollable_source_new_full (stream, base, cancellable);
}

static void
kith_direct_stream_class_init (KithDirectStreamClass *klass)
{
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = kith_direct_stream_write;
}

static void
kith_direct_stream_init (KithDirectStream *self)
{
}

static void
kith_direct_stream_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = kith_direct_stream_is_writable;
  iface->create_source = kith_direct_stream_create_source;
  iface->write_nonblocking = kith_direct_stream_write_nonblocking;
}

GOutputStream *
kith_direct_stream_new (KithPipe *pipe)
{
  KithDirectStream *self = g_object_new (KITH_TYPE_DIRECT_STREAM, NULL);

  self->pipe = pipe;
  return G_OUTPUT_STREAM (self);
}

void
kith_direct_stream_detach (GOutputStream *stream)
{
  KITH_DIRECT_STREAM (stream)->pipe = NULL;
}
