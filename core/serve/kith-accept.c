/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-serve"

#include "kith-accept.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many in one dispatch; then the clients that are there already have their turn. */
#define MOST_AT_ONCE 16

struct _KithAccept
{
  int listener;
  int reserve;
  const guint *pause_ms;
  guint64 *n_pauses;
  KithAcceptFunc func;
  gpointer data;
  GMainContext *context;
  GSource *source;     /* listening, or resting */
};

static void start (KithAccept *self);

static void
stop (KithAccept *self)
{
  if (self->source == NULL)
    return;
  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
}

static void
hold_reserve (KithAccept *self)
{
  if (self->reserve < 0)
    self->reserve = open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

static gboolean
on_rested (gpointer data)
{
  KithAccept *self = data;

  stop (self);
  hold_reserve (self);
  start (self);
  return G_SOURCE_REMOVE;
}

static void
rest (KithAccept *self)
{
  stop (self);
  self->source = g_timeout_source_new (*self->pause_ms);
  g_source_set_callback (self->source, on_rested, self, NULL);
  g_source_attach (self->source, self->context);
}

/* Whoever waits would wait until somebody else's descriptor comes free: one is told to go, the others keep their
 * place. */
static void
shed (KithAccept *self)
{
  int fd;

  (*self->n_pauses)++;
  g_message ("no file descriptor is left to accept a connection: resting for %u ms", *self->pause_ms);
  if (self->reserve >= 0)
    close (self->reserve);
  self->reserve = -1;
  fd = accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0)
    close (fd);
  hold_reserve (self);
}

static gboolean
on_waiting (int listener, GIOCondition condition, gpointer data)
{
  KithAccept *self = data;

  for (guint i = 0; i < MOST_AT_ONCE; i++)
    {
      int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (fd >= 0)
        {
          self->func (fd, self->data);
          continue;
        }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        {
          shed (self);
          rest (self);
          return G_SOURCE_REMOVE;
        }
      if (errno != EINTR && errno != ECONNABORTED)
        break;   /* EAGAIN, and whatever a network may say about a connection that is lost already */
    }
  return G_SOURCE_CONTINUE;
}

static void
start (KithAccept *self)
{
  self->source = g_unix_fd_source_new (self->listener, G_IO_IN);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_waiting), self, NULL);
  g_source_attach (self->source, self->context);
}

KithAccept *
kith_accept_new (int listener, const guint *pause_ms, guint64 *n_pauses, KithAcceptFunc func, gpointer data)
{
  KithAccept *self = g_new0 (KithAccept, 1);

  self->listener = listener;
  self->reserve = -1;
  self->pause_ms = pause_ms;
  self->n_pauses = n_pauses;
  self->func = func;
  self->data = data;
  self->context = g_main_context_ref_thread_default ();
  hold_reserve (self);
  start (self);
  return self;
}

void
kith_accept_free (KithAccept *self)
{
  stop (self);
  close (self->listener);
  if (self->reserve >= 0)
    close (self->reserve);
  g_main_context_unref (self->context);
  g_free (self);
}
