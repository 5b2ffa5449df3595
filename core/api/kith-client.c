/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-api"
#include "kith-client.h"

#include <string.h>

#include "kith-catalog-private.h"
#include "kith-json-private.h"
#include "kith-json-writer.h"
#include "kith-log.h"
#include "kith-request-private.h"
#include "kith-told.h"

/* What was given to the socket and is not yet with the kernel, in order. */
typedef struct
{
  gsize left;
  gsize size;     /* of the log's window; 0: no journaled frame */
  gint64 seq;
} Sent;

struct _KithClient
{
  GList link;
  const KithClientHome *home;
  KithSocket *socket;
  KithTail *tail;
  GCancellable *cancellable;
  gint64 from, position;
  gboolean live;
  GPtrArray *held;   /* errors that come after the replay, as what they answer did */

  Sent *sent;     /* a ring */
  guint n_ring, first, n_sent;
};

#define KITH_CLIENT_RING 16
#define KITH_CLIENT_HELD 256

KithClient *
kith_client_new (const KithClientHome *home)
{
  KithClient *self = g_rc_box_new0 (KithClient);

  self->home = home;
  self->link.data = self;
  self->cancellable = g_cancellable_new ();
  self->held = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  self->n_ring = KITH_CLIENT_RING;
  self->sent = g_new (Sent, self->n_ring);
  return self;
}

static void
kith_client_clear (gpointer data)
{
  KithClient *self = data;

  g_clear_pointer (&self->tail, kith_tail_free);
  g_clear_object (&self->socket);
  g_clear_object (&self->cancellable);
  g_ptr_array_unref (self->held);
  g_free (self->sent);
}

void
kith_client_drop (KithClient *self)
{
  g_rc_box_release_full (self, kith_client_clear);
}

GList *
kith_client_get_link (KithClient *self)
{
  return &self->link;
}

gint64
kith_client_get_from (KithClient *self)
{
  return self->from;
}

guint64
kith_client_get_client (KithClient *self)
{
  return kith_socket_get_client (self->socket);
}

gboolean
kith_client_is_live (KithClient *self)
{
  return self->live;
}

gboolean
kith_client_is_overrun (KithClient *self)
{
  return self->live && self->tail != NULL && kith_socket_is_open (self->socket) && !kith_tail_is_live (self->tail);
}

void
kith_client_close (KithClient *self, guint code, const char *reason)
{
  kith_socket_close (self->socket, code, reason);
}

/* --- out */

static void
push_sent (KithClient *self, gsize left, gsize size, gint64 seq)
{
  if (self->n_sent == self->n_ring)
    {
      Sent *wider = g_new (Sent, self->n_ring * 2);

      for (guint i = 0; i < self->n_sent; i++)
        wider[i] = self->sent[(self->first + i) & (self->n_ring - 1)];
      g_free (self->sent);
      self->sent = wider;
      self->first = 0;
      self->n_ring *= 2;
    }
  self->sent[(self->first + self->n_sent++) & (self->n_ring - 1)] = (Sent) { left, size, seq };
}

static gboolean
send_entry (KithClient *self, GBytes *frame, gsize size, gint64 seq)
{
  if (!kith_socket_send_frame (self->socket, frame))
    return FALSE;
  push_sent (self, g_bytes_get_size (frame), size, seq);
  return TRUE;
}

gboolean
kith_client_send (KithClient *self, GBytes *frame)
{
  return send_entry (self, frame, 0, 0);
}

static void
on_deliver (KithTail *tail, gint64 position, GBytes *frame, gpointer data)
{
  KithClient *self = data;

  if (position > self->position + 1)
    self->home->funcs->lost (self, self->home->data);
  self->position = position;
  if (!self->live)
    kith_told_frame (self->home->catalog->bus, frame, TRUE);
  if (!send_entry (self, frame, g_bytes_get_size (frame), position))
    kith_tail_set_paused (tail, TRUE);   /* it is closing */
}

static void
go_live (KithClient *self)
{
  self->live = TRUE;
  self->home->funcs->caught_up (self, self->home->data);
  for (guint i = 0; i < self->held->len; i++)
    kith_client_send (self, self->held->pdata[i]);
  g_ptr_array_set_size (self->held, 0);
}

static void
on_live (KithTail *tail, gpointer data)
{
  KithClient *self = data;

  if (!self->live)
    go_live (self);
}

void
kith_client_follow (KithClient *self, KithLog *log, gint64 from, gsize window_bytes)
{
  self->from = self->position = from;
  if (log == NULL)
    {
      go_live (self);
      return;
    }
  self->tail = kith_tail_new (log, from, window_bytes, on_deliver, self);
  kith_tail_set_live_func (self->tail, on_live);
}

void
kith_client_take (KithClient *self, KithSocket *socket)
{
  self->socket = g_object_ref (socket);
}

static void
on_written (KithSocket *socket, gsize n, gpointer data)
{
  KithClient *self = data;
  gsize done = 0;
  gint64 seq = 0;

  while (n > 0 && self->n_sent > 0)
    {
      Sent *sent = &self->sent[self->first];

      if (sent->left > n)
        {
          sent->left -= n;
          break;
        }
      n -= sent->left;
      done += sent->size;
      seq = MAX (seq, sent->seq);
      self->first = (self->first + 1) & (self->n_ring - 1);
      self->n_sent--;
    }
  if (seq > 0)
    self->home->funcs->shown (seq, self->home->data);
  if (done > 0 && self->tail != NULL)
    kith_tail_done (self->tail, done);
}

/* --- in */

static void
send_error (KithClient *self, const GError *error, const char *event)
{
  g_auto (KithJsonWriter) w;
  g_autoptr (GBytes) text = NULL;
  g_autoptr (GBytes) frame = NULL;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_EVENT, KITH_EVENT_ERROR);
  kith_json_writer_key (&w, KITH_KEY_DATA);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_CODE, kith_error_to_code (error));
  kith_json_writer_member_string (&w, KITH_KEY_MESSAGE, error->message);
  if (event != NULL && *event != 0)
    kith_json_writer_member_string (&w, KITH_KEY_EVENT, event);
  kith_json_writer_end_object (&w);
  kith_json_writer_end_object (&w);
  text = kith_json_writer_finish (&w);
  frame = kith_frame_text (text);
  kith_told_frame (self->home->catalog->bus, frame, FALSE);
  if (self->live || self->held->len >= KITH_CLIENT_HELD)
    kith_client_send (self, frame);
  else
    g_ptr_array_add (self->held, g_steal_pointer (&frame));
}

typedef struct
{
  KithClient *window;
  char event[65];
} Command;

static void
command_answer (guint status, GBytes *json, GError *error, const char *const *headers, gpointer data)
{
  Command *command = data;

  if (error != NULL && !g_cancellable_is_cancelled (command->window->cancellable))
    send_error (command->window, error, command->event);
  g_clear_error (&error);
  g_clear_pointer (&json, g_bytes_unref);
}

static void
command_free (gpointer data)
{
  Command *command = data;

  kith_client_drop (command->window);
  g_free (command);
}

static const KithCaller command_caller = { command_answer, command_free };

static void
on_message (KithSocket *socket, const char *text, gsize n, gpointer data)
{
  static const char *const names[] = { KITH_KEY_EVENT, KITH_KEY_DATA };
  KithClient *self = data;
  g_autoptr (GError) error = NULL;
  KithJsonSpan spans[G_N_ELEMENTS (names)];
  const char *why = NULL;
  char event[65] = "";
  Command *command;

  if (!kith_json_scan (text, n, names, spans, G_N_ELEMENTS (names), &why))
    g_set_error (&error, KITH_ERROR, KITH_ERROR_INVALID, "this frame is no JSON object that can be read: %s", why);
  else if (!kith_json_span_copy (&spans[0], event, sizeof event) || event[0] == 0)
    {
      event[0] = 0;
      g_set_error (&error, KITH_ERROR, KITH_ERROR_INVALID,
                   "“event” must be there and be the name of an event: {\"event\": …, \"data\": {…}}");
    }
  else if (!kith_json_span_is_object (&spans[1]))
    g_set_error (&error, KITH_ERROR, KITH_ERROR_INVALID, "“data” must be there and be an object");
  if (error != NULL)
    {
      send_error (self, error, event);
      return;
    }
  command = g_new (Command, 1);
  command->window = g_rc_box_acquire (self);
  memcpy (command->event, event, sizeof event);
  if (kith_catalog_command (self->home->catalog, event, spans[1].start, spans[1].length, kith_client_get_client (self),
                            self->cancellable, &command_caller, command, &error))
    return;
  command_free (command);
  send_error (self, error, event);
}

static void
on_binary (KithSocket *socket, gsize n, gpointer data)
{
  g_autoptr (GError) error = g_error_new (KITH_ERROR, KITH_ERROR_INVALID,
                                          "a binary frame was not taken: send JSON in text frames");

  send_error (data, error, NULL);
}

static void
on_closed (KithSocket *socket, guint code, gpointer data)
{
  KithClient *self = data;

  kith_debug ("window %" G_GUINT64_FORMAT " is closed, code %u", kith_client_get_client (self), code);
  g_clear_pointer (&self->tail, kith_tail_free);
  g_cancellable_cancel (self->cancellable);
  self->home->funcs->closed (self, self->home->data);
  kith_client_drop (self);
}

const KithSocketFuncs kith_client_socket_funcs = { on_message, on_binary, on_written, on_closed };
