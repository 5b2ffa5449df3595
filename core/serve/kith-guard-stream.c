/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-guard-stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>

#include "kith-head-check.h"
#include "kith-reply.h"

/* What chunked framing may add to a body. */
#define CHUNK_BYTES (64 * 1024)

struct _KithGuardStream
{
  GInputStream parent_instance;
  KithPipe *pipe;   /* NULL once the pipe has gone */
};

static void kith_guard_stream_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (KithGuardStream, kith_guard_stream, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, kith_guard_stream_pollable_init))

static gssize
would_block (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "later");
  return -1;
}

/* 0: end or cut, -1: nothing now. */
static gssize
receive (KithPipe *pipe, void *buffer, gsize n)
{
  ssize_t got;

  do
    got = recv (pipe->fd, buffer, n, MSG_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got < 0)
    return errno == EAGAIN ? -1 : 0;
  if (got == 0)
    {
      pipe->ended = TRUE;
      return 0;
    }
  pipe->last_rx_us = g_get_monotonic_time ();
  pipe->phase_bytes += (gsize) got;
  return got;
}

/* libsoup sees a client that went away. */
static gssize
refuse (KithPipe *pipe, KithReason reason)
{
  pipe->mute = TRUE;
  pipe->unread = TRUE;
  kith_reply_refuse (pipe, reason, NULL);
  return 0;
}

/* The head is collected and looked at whole, before libsoup sees a byte of it. FALSE: not yet, or never. */
static gboolean
collect_head (KithPipe *pipe, gssize *got)
{
  const gsize most = pipe->hall->limits.max_header_bytes;
  guint8 *slice = kith_hall_get_slice (pipe->hall);
  KithReason reason;
  gsize n_head;

  pipe->hall->slice_owner = NULL;
  *got = receive (pipe, slice, KITH_SLICE_BYTES);
  if (*got <= 0)
    return FALSE;
  if (pipe->head == NULL)
    pipe->head = g_byte_array_sized_new ((guint) *got);
  g_byte_array_append (pipe->head, slice, (guint) *got);
  n_head = kith_head_measure ((const char *) pipe->head->data, pipe->head->len);
  if (n_head > most || (n_head == 0 && pipe->head->len > most))
    {
      kith_pipe_cut (pipe, KITH_REASON_HEADER_BYTES);
      *got = 0;
      return FALSE;
    }
  *got = -1;
  if (n_head == 0)
    return FALSE;
  reason = kith_head_check ((const char *) pipe->head->data, n_head);
  if (reason == KITH_REASON_NONE)
    {
      pipe->head_bytes = n_head;
      return TRUE;
    }
  *got = refuse (pipe, reason);
  return FALSE;
}

/* end: no further than there. */
static gssize
serve_head (KithPipe *pipe, void *buffer, gsize n, gsize end)
{
  n = MIN (n, end - pipe->head_served);
  memcpy (buffer, pipe->head->data + pipe->head_served, n);
  pipe->head_served += n;
  if (pipe->head_served == pipe->head->len)
    g_clear_pointer (&pipe->head, g_byte_array_unref);
  return (gssize) n;
}

static gssize
read_head (KithPipe *pipe, void *buffer, gsize n, GError **error)
{
  gssize got = -1;

  if (pipe->head_served == 0 && !collect_head (pipe, &got))
    return got < 0 ? would_block (error) : 0;
  if (pipe->head == NULL || pipe->head_served == pipe->head_bytes)
    return would_block (error);
  return serve_head (pipe, buffer, n, pipe->head_bytes);
}

static gssize
receive_body (KithPipe *pipe, void *buffer, gsize n)
{
  gssize got;

  if (pipe->head != NULL)   /* its beginning came with the head */
    return serve_head (pipe, buffer, n, pipe->head->len);
  if (pipe->slice_at >= KITH_SLICE_BYTES)
    {
      pipe->slice_at = 0;
      return -1;   /* the others have their turn now */
    }
  got = receive (pipe, buffer, n);
  pipe->slice_at = got > 0 ? pipe->slice_at + (gsize) got : 0;
  return got;
}

static gssize
read_body (KithPipe *pipe, void *buffer, gsize n, GError **error)
{
  gssize got = receive_body (pipe, buffer, n);

  if (got < 0)
    return would_block (error);
  if (pipe->phase_bytes > (gsize) pipe->hall->limits.max_body_bytes + CHUNK_BYTES)
    {
      kith_pipe_cut (pipe, KITH_REASON_BODY_BYTES);
      return 0;
    }
  if (pipe->is_chunked && !kith_chunks_check (&pipe->chunks, buffer, (gsize) got))
    return refuse (pipe, KITH_REASON_MALFORMED);
  return got;
}

/* libsoup asks for 1 KiB at a time until there is nothing: one call to the kernel serves the whole dispatch. */
static gssize
read_frames (KithPipe *pipe, void *buffer, gsize n, GError **error)
{
  guint8 *slice = kith_hall_get_slice (pipe->hall);

  if (pipe->head != NULL && !pipe->deaf)
    return serve_head (pipe, buffer, n, pipe->head->len);   /* frames that came with the handshake */
  if (pipe->slice_n == 0 || pipe->hall->slice_owner != pipe)
    {
      gssize got = receive (pipe, slice, KITH_SLICE_BYTES);

      if (got <= 0)
        return got < 0 ? would_block (error) : 0;
      if (pipe->deaf)
        return would_block (error);   /* after an error libsoup would go on parsing: it sees nothing more */
      pipe->hall->slice_owner = pipe;
      pipe->slice_at = 0;
      pipe->slice_n = (gsize) got;
    }
  else if (pipe->slice_at == pipe->slice_n)
    {
      pipe->slice_n = 0;
      return would_block (error);   /* the others have their turn now */
    }
  n = MIN (n, pipe->slice_n - pipe->slice_at);
  memcpy (buffer, slice + pipe->slice_at, n);
  pipe->slice_at += n;
  return (gssize) n;
}

static gssize
kith_guard_stream_read_nonblocking (GPollableInputStream *stream, void *buffer, gsize n, GError **error)
{
  KithPipe *pipe = KITH_GUARD_STREAM (stream)->pipe;

  if (pipe == NULL)
    return 0;
  switch (pipe->phase)
    {
    case KITH_PHASE_HEADERS:
      return read_head (pipe, buffer, n, error);
    case KITH_PHASE_BODY:
      return read_body (pipe, buffer, n, error);
    case KITH_PHASE_SOCKET:
    case KITH_PHASE_LEAVING:
      return read_frames (pipe, buffer, n, error);
    case KITH_PHASE_ANSWER:
    case KITH_PHASE_SENDING:
    case KITH_PHASE_LINGER:
    case KITH_PHASE_CUT:
    case KITH_PHASE_GONE:
    default:
      return 0;
    }
}

static gssize
kith_guard_stream_read (GInputStream *stream, void *buffer, gsize n, GCancellable *cancellable, GError **error)
{
  return kith_guard_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (stream), buffer, n, error);
}

static gboolean
kith_guard_stream_is_readable (GPollableInputStream *stream)
{
  KithPipe *pipe = KITH_GUARD_STREAM (stream)->pipe;

  return pipe == NULL || pipe->fd < 0 || (g_poll (&(GPollFD) { .fd = pipe->fd, .events = G_IO_IN }, 1, 0) > 0);
}

/* Something is here already that the kernel will not announce. */
static gboolean
has_leftover (KithPipe *pipe)
{
  gboolean is_read_on = pipe->phase == KITH_PHASE_BODY || pipe->phase == KITH_PHASE_SOCKET;

  return pipe->head != NULL && pipe->head_served > 0 && (is_read_on || pipe->head_served < pipe->head_bytes);
}

static GSource *
kith_guard_stream_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  KithPipe *pipe = KITH_GUARD_STREAM (stream)->pipe;
  g_autoptr(GSource) base = NULL;

  if (pipe == NULL || pipe->fd < 0 || has_leftover (pipe))
    base = g_timeout_source_new (0);
  else
    base = g_unix_fd_source_new (pipe->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  if (pipe != NULL)
    pipe->slice_n = 0;   /* it waits: whatever it left of the slice it does not want */
  return g_pollable_source_new_full (stream, base, cancellable);
}

static void
kith_guard_stream_class_init (KithGuardStreamClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = kith_guard_stream_read;
}

static void
kith_guard_stream_init (KithGuardStream *self)
{
}

static void
kith_guard_stream_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = kith_guard_stream_is_readable;
  iface->create_source = kith_guard_stream_create_source;
  iface->read_nonblocking = kith_guard_stream_read_nonblocking;
}

GInputStream *
kith_guard_stream_new (KithPipe *pipe)
{
  KithGuardStream *self = g_object_new (KITH_TYPE_GUARD_STREAM, NULL);

  self->pipe = pipe;
  return G_INPUT_STREAM (self);
}

void
kith_guard_stream_detach (GInputStream *stream)
{
  KITH_GUARD_STREAM (stream)->pipe = NULL;
}
