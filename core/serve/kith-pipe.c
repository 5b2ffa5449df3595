/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-pipe.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kith-direct-stream.h"
#include "kith-guard-stream.h"
#include "kith-reply.h"
#include "kith-socket-private.h"

/* What a client may still send to a connection on which nobody listens. */
#define MOST_UNHEARD_BYTES (1024 * 1024)
/* Pings of all clients fall into common moments, eight an interval, so that many clients wake the machine as one. */
#define PING_MOMENTS 8

G_DEFINE_FINAL_TYPE (KithPipe, kith_pipe, G_TYPE_IO_STREAM)

static void
drop_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
kith_pipe_set_deadline (KithPipe *self, guint deadline_ms)
{
  self->deadline_us = deadline_ms == 0 ? -1 : g_get_monotonic_time () + (gint64) deadline_ms * 1000;
  if (deadline_ms > 0)
    kith_hall_wake_at (self->hall, self->deadline_us);
}

static void
set_ping_deadline (KithPipe *self, gint64 from_us, guint interval_ms)
{
  gint64 moment_us = MAX ((gint64) interval_ms * 1000 / PING_MOMENTS, 1);
  gint64 due_us = from_us + (gint64) interval_ms * 1000;

  self->deadline_us = (due_us + moment_us - 1) / moment_us * moment_us;
  kith_hall_wake_at (self->hall, self->deadline_us);
}

void
kith_pipe_set_phase (KithPipe *self, KithPhase phase, guint deadline_ms)
{
  self->phase = phase;
  self->phase_bytes = 0;
  if (phase == KITH_PHASE_SOCKET)
    set_ping_deadline (self, self->last_rx_us, self->hall->limits.ping_interval_ms);
  else
    kith_pipe_set_deadline (self, deadline_ms);
}

/* The end: no descriptor, no source, not in the list. Whoever still holds the object sees end of file. */
static void
let_go (KithPipe *self)
{
  g_autoptr(GCancellable) gone = g_steal_pointer (&self->gone);

  if (self->phase == KITH_PHASE_GONE)
    return;
  self->phase = KITH_PHASE_GONE;
  self->deadline_us = -1;
  drop_source (&self->writable);
  drop_source (&self->watch);
  kith_out_queue_clear (&self->queue);
  close (self->fd);
  self->fd = -1;
  g_queue_unlink (&self->hall->pipes, &self->link);
  if (gone != NULL)
    g_cancellable_cancel (gone);
  g_clear_object (&self->exchange);
  if (self->hall->pipes.length == 0 && self->hall->emptied != NULL)
    self->hall->emptied (self->hall->emptied_data);
  g_object_unref (self);
}

void
kith_pipe_cut (KithPipe *self, KithReason reason)
{
  if (self->phase >= KITH_PHASE_CUT)
    return;
  if (reason != KITH_REASON_NONE)
    kith_bouncer_note (self->hall->bouncer, reason, self->way, self->client, self->uid, NULL);
  if (!self->soup_has_it)
    {
      let_go (self);
      return;
    }
  /* libsoup reads the end of file and takes its objects down itself. */
  kith_pipe_set_phase (self, KITH_PHASE_CUT, 0);
  drop_source (&self->writable);
  kith_out_queue_clear (&self->queue);
  self->mute = TRUE;
  (void) shutdown (self->fd, SHUT_RDWR);
}

/* FALSE: end of file, or too much. */
static gboolean
throw_away (KithPipe *self)
{
  guint8 *slice = kith_hall_get_slice (self->hall);

  self->hall->slice_owner = NULL;
  for (;;)
    {
      ssize_t n = recv (self->fd, slice, KITH_SLICE_BYTES, MSG_DONTWAIT);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return n < 0 && errno == EAGAIN;
      self->phase_bytes += (gsize) n;
      if (self->phase_bytes > MOST_UNHEARD_BYTES)
        return FALSE;
      if (n < KITH_SLICE_BYTES)
        return TRUE;
    }
}

static gboolean on_watch (int fd, GIOCondition condition, gpointer data);

static void
watch (KithPipe *self, GIOCondition condition)
{
  drop_source (&self->watch);
  self->watch = g_unix_fd_source_new (self->fd, condition);
  g_source_set_callback (self->watch, G_SOURCE_FUNC (on_watch), self, NULL);
  g_source_attach (self->watch, self->hall->context);
}

static gboolean
on_watch (int fd, GIOCondition condition, gpointer data)
{
  KithPipe *self = data;

  if ((condition & (G_IO_HUP | G_IO_ERR | G_IO_NVAL)) == 0 && throw_away (self))
    return G_SOURCE_CONTINUE;
  self->ended = TRUE;
  /* Someone who only said that no more will come (half-closed) still waits for the answer; someone who closed does
   * not. */
  if (self->phase != KITH_PHASE_LINGER && (condition & (G_IO_HUP | G_IO_ERR | G_IO_NVAL)) == 0 &&
      self->phase_bytes <= MOST_UNHEARD_BYTES && kith_bouncer_is_there (self->hall->bouncer, self->way, self->fd))
    {
      watch (self, G_IO_HUP | G_IO_ERR);
      return G_SOURCE_REMOVE;
    }
  let_go (self);
  return G_SOURCE_REMOVE;
}

void
kith_pipe_await (KithPipe *self)
{
  if (self->phase == KITH_PHASE_ANSWER)
    watch (self, G_IO_IN | G_IO_HUP | G_IO_ERR);
}

/* All has left. Closing with something unread would make the kernel send a reset, which can overtake the answer. */
static void
say_goodbye (KithPipe *self)
{
  if (self->phase == KITH_PHASE_LINGER)
    return;
  kith_pipe_set_phase (self, KITH_PHASE_LINGER, self->hall->limits.close_timeout_ms);
  if (self->ended)
    {
      let_go (self);
      return;
    }
  if (!self->unread)
    {
      gboolean more = throw_away (self);

      if (!more || self->phase_bytes == 0)
        {
          let_go (self);
          return;
        }
    }
  (void) shutdown (self->fd, SHUT_WR);
  watch (self, G_IO_IN | G_IO_HUP | G_IO_ERR);
}

void
kith_pipe_take_over (KithPipe *self)
{
  self->soup_has_it = FALSE;
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer data)
{
  kith_pipe_flush (data);
  return G_SOURCE_CONTINUE;   /* unless that destroyed it */
}

static void
await_room (KithPipe *self)
{
  if (self->writable != NULL)
    return;
  self->writable = g_unix_fd_source_new (self->fd, G_IO_OUT);
  g_source_set_callback (self->writable, G_SOURCE_FUNC (on_writable), self, NULL);
  g_source_attach (self->writable, self->hall->context);
}

void
kith_pipe_push (KithPipe *self, GBytes *bytes, gboolean counts)
{
  kith_out_queue_push (&self->queue, bytes, counts);
  if (self->is_dirty || self->writable != NULL)
    return;   /* it leaves with the rest, or when there is room again */
  self->is_dirty = TRUE;
  kith_hall_add_dirty (self->hall, self);
}

void
kith_pipe_flush (KithPipe *self)
{
  KithOutState state;
  gsize counted = 0;

  self->is_dirty = FALSE;
  if (self->phase >= KITH_PHASE_CUT || (self->queue.pending == 0 && self->phase == KITH_PHASE_SOCKET))
    return;
  g_object_ref (self);
  state = kith_out_queue_write (&self->queue, self->fd, &counted);
  if (state == KITH_OUT_FULL)
    {
      await_room (self);
      if (self->phase == KITH_PHASE_SENDING)
        kith_pipe_set_deadline (self, self->hall->limits.idle_timeout_ms);
    }
  else
    drop_source (&self->writable);
  if (counted > 0 && self->socket != NULL)
    kith_socket_wrote (self->socket, counted);
  if (state == KITH_OUT_BROKEN)
    kith_pipe_cut (self, KITH_REASON_NONE);
  else if (state == KITH_OUT_EMPTY && self->phase == KITH_PHASE_SENDING)
    say_goodbye (self);
  g_object_unref (self);
}

void
kith_pipe_finish (KithPipe *self)
{
  if (self->phase >= KITH_PHASE_LINGER)
    return;
  kith_pipe_set_phase (self, KITH_PHASE_SENDING, self->hall->limits.idle_timeout_ms);
  kith_pipe_flush (self);
}

static void
tick_socket (KithPipe *self, gint64 now_us)
{
  static const guint8 ping[] = { 0x89, 0x00 };
  const KithDoorLimits *limits = &self->hall->limits;

  if (now_us - self->last_rx_us < (gint64) limits->ping_interval_ms * 1000)
    set_ping_deadline (self, self->last_rx_us, limits->ping_interval_ms);
  else if (self->pinged_us <= self->last_rx_us)   /* it has spoken since the last one */
    {
      g_autoptr(GBytes) frame = g_bytes_new_static (ping, sizeof ping);

      self->pinged_us = now_us;
      kith_pipe_push (self, frame, FALSE);
      set_ping_deadline (self, now_us, limits->pong_timeout_ms);
    }
  else if (now_us - self->pinged_us < (gint64) limits->pong_timeout_ms * 1000)
    set_ping_deadline (self, self->pinged_us, limits->pong_timeout_ms);
  else
    kith_pipe_cut (self, KITH_REASON_SILENT);
}

void
kith_pipe_tick (KithPipe *self, gint64 now_us)
{
  static const KithReason late[] = {
    [KITH_PHASE_HEADERS] = KITH_REASON_HEADER_TIME, [KITH_PHASE_BODY] = KITH_REASON_BODY_TIME,
    [KITH_PHASE_SENDING] = KITH_REASON_IDLE_TIME, [KITH_PHASE_LEAVING] = KITH_REASON_CLOSE_TIME,
    [KITH_PHASE_LINGER] = KITH_REASON_CLOSE_TIME,
  };

  if (self->deadline_us < 0 || self->phase >= KITH_PHASE_CUT)
    return;
  if (self->deadline_us > now_us)
    kith_hall_wake_at (self->hall, self->deadline_us);
  else if (self->phase == KITH_PHASE_SOCKET)
    tick_socket (self, now_us);
  else if (self->phase == KITH_PHASE_ANSWER)
    self->deadline_us = -1;
  else
    kith_pipe_cut (self, late[self->phase]);
}

/* --- as a GIOStream --- */

static GInputStream *
kith_pipe_get_input (GIOStream *stream)
{
  return KITH_PIPE (stream)->in;
}

static GOutputStream *
kith_pipe_get_output (GIOStream *stream)
{
  return KITH_PIPE (stream)->out;
}

/* libsoup has done with it. */
static void
release (KithPipe *self)
{
  self->soup_has_it = FALSE;
  if (self->phase == KITH_PHASE_CUT || self->phase == KITH_PHASE_HEADERS)
    let_go (self);
  else if (self->phase == KITH_PHASE_BODY && !self->mute && !self->ended)
    kith_reply_refuse (self, KITH_REASON_MALFORMED, NULL);   /* broken chunks */
  else if (self->phase == KITH_PHASE_BODY)
    let_go (self);
  else if (self->phase == KITH_PHASE_SOCKET || self->phase == KITH_PHASE_LEAVING)
    {
      kith_pipe_set_phase (self, KITH_PHASE_SENDING, self->hall->limits.close_timeout_ms);
      kith_pipe_flush (self);
    }
}

static gboolean
kith_pipe_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  KithPipe *self = KITH_PIPE (stream);

  if (self->soup_has_it)
    release (self);
  return TRUE;
}

static void
kith_pipe_close_async (GIOStream *stream, int priority, GCancellable *cancellable, GAsyncReadyCallback done,
                       gpointer data)
{
  g_autoptr(GTask) task = g_task_new (stream, cancellable, done, data);

  g_task_set_source_tag (task, kith_pipe_close_async);
  g_task_return_boolean (task, kith_pipe_close (stream, cancellable, NULL));
}

static gboolean
kith_pipe_close_finish (GIOStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
kith_pipe_finalize (GObject *object)
{
  KithPipe *self = KITH_PIPE (object);

  kith_guard_stream_detach (self->in);
  kith_direct_stream_detach (self->out);
  g_object_unref (self->in);
  g_object_unref (self->out);
  g_clear_pointer (&self->head, g_byte_array_unref);
  kith_hall_unref (self->hall);
  G_OBJECT_CLASS (kith_pipe_parent_class)->finalize (object);
}

static void
kith_pipe_class_init (KithPipeClass *klass)
{
  GIOStreamClass *stream = G_IO_STREAM_CLASS (klass);

  stream->get_input_stream = kith_pipe_get_input;
  stream->get_output_stream = kith_pipe_get_output;
  stream->close_fn = kith_pipe_close;
  stream->close_async = kith_pipe_close_async;
  stream->close_finish = kith_pipe_close_finish;
  G_OBJECT_CLASS (klass)->finalize = kith_pipe_finalize;
}

static void
kith_pipe_init (KithPipe *self)
{
  self->link.data = self;
  self->in = kith_guard_stream_new (self);
  self->out = kith_direct_stream_new (self);
  self->deadline_us = -1;
  self->soup_has_it = TRUE;
}

KithPipe *
kith_pipe_new (KithHall *hall, KithWay way, guint16 port, int fd, uid_t uid)
{
  KithPipe *self = g_object_new (KITH_TYPE_PIPE, NULL);

  self->hall = kith_hall_ref (hall);
  self->way = way;
  self->port = port;
  self->fd = fd;
  self->uid = uid;
  self->client = ++hall->last_client;
  self->last_rx_us = g_get_monotonic_time ();
  g_queue_push_tail_link (&hall->pipes, &self->link);
  kith_pipe_set_phase (self, KITH_PHASE_HEADERS, hall->limits.header_timeout_ms);
  return g_object_ref (self);   /* one for the hall until let_go() */
}
