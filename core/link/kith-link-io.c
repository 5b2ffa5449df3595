/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-link"
#include "kith-link-private.h"
#include "kith-e2ee.h"
#include <string.h>

#define PROLOGUE "kith link/1"
#define SHAKING_BYTES 2048                        /* every handshake message is shorter */
#define READ_BYTES (96 * 1024)                    /* a whole Noise message and more, in one read */
#define MAX_BACKLOG_BYTES (8 * 1024 * 1024)       /* a window of ours, and small things: then they do not read */

/* --- sources */

static GSource *
attach (KithLink *self, GSource *source, GSourceFunc func)
{
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, kith_world_get_context (kith_link_door_get_world (self->door)));
  return source;
}

static void
drop (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* One turn of the main loop later: everything that was said meanwhile goes out in one write. */
static gboolean
dispatch_turn (GSource *source, GSourceFunc func, gpointer data)
{
  g_source_set_ready_time (source, -1);
  return func (data);
}

static GSourceFuncs turn_funcs = { NULL, NULL, dispatch_turn, NULL, NULL, NULL };

void
kith_link_flush_soon (KithLink *self)
{
  if (self->turn != NULL && self->writable == NULL)
    g_source_set_ready_time (self->turn, 0);
}

void
kith_link_stop_io (KithLink *self)
{
  drop (&self->readable);
  drop (&self->writable);
  drop (&self->turn);
  kith_noise_clear (&self->noise);
  kith_sealer_clear (&self->sealer);
  kith_sealer_init (&self->sealer);
  kith_frames_clear (&self->frames);
  if (self->stream != NULL)
    g_io_stream_close (self->stream, NULL, NULL);
}

/* --- out */

static gboolean flush (gpointer data);

static gboolean
on_writable (GObject *pollable, gpointer data)
{
  KithLink *self = data;

  drop (&self->writable);
  flush (self);
  return G_SOURCE_REMOVE;
}

static void
write_out (KithLink *self)
{
  g_autoptr (GError) error = NULL;
  guint64 bytes = self->sealer.n_out;
  gboolean wrote = kith_sealer_write (&self->sealer, self->output, &error);

  self->traffic->bytes_out += self->sealer.n_out - bytes;
  self->traffic->frames_out += self->sealer.cipher.nonce - self->counted_out;
  self->counted_out = self->sealer.cipher.nonce;
  if (!wrote && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      KithLinkReason reason = self->state < KITH_LINK_OPEN ? KITH_LINK_HANDSHAKE : KITH_LINK_BROKEN;

      kith_link_end_f (self, reason, KITH_ERROR_UNREACHABLE, "writing: %s", error->message);
      return;
    }
  if (kith_sealer_get_pending (&self->sealer) == 0)
    {
      if (self->state == KITH_LINK_CLOSING)
        kith_link_said_all (self);
      return;
    }
  /* A turn may have been asked for before the last one left something to write. */
  if (self->writable == NULL)
    self->writable
        = attach (self, g_pollable_output_stream_create_source (self->output, NULL), (GSourceFunc)on_writable);
}

static gboolean
flush (gpointer data)
{
  KithLink *self = data;
  KITH_LINK_HELD (self);

  if (self->state == KITH_LINK_OPEN)
    {
      kith_link_say_acks (self);
      kith_link_check_retired (self);
    }
  if (self->state < KITH_LINK_LINGERING)
    write_out (self);
  if (self->state == KITH_LINK_OPEN && kith_sealer_is_worn (&self->sealer))
    kith_link_close (self, KITH_LINK_GOING_AWAY, "the keys of this link are used up");
  return G_SOURCE_CONTINUE;
}

/* --- the handshake */

static void
draw (void *data, void *out, size_t n)
{
  kith_world_fill_random (data, out, n);
}

static void
fail_handshake (KithLink *self, KithNoiseResult result)
{
  static const char *const why[] = {
    [KITH_NOISE_OK] = "",
    [KITH_NOISE_BAD_KEY] = "a key in it is no good",
    [KITH_NOISE_BAD_TAG] = "it was tampered with, or meant for another identity",
    [KITH_NOISE_BAD_LENGTH] = "a message has the wrong length",
    [KITH_NOISE_BAD_TURN] = "it is over",
    [KITH_NOISE_EXHAUSTED] = "it is over",
  };

  kith_link_end_f (self, KITH_LINK_HANDSHAKE, KITH_ERROR_PROTOCOL, "the handshake failed: %s", why[result]);
}

/* Writes our next handshake message; TRUE unless that ended the link. */
static gboolean
shake (KithLink *self, const guint8 *payload, gsize n)
{
  guint8 message[KITH_NOISE_OVERHEAD_3 + KITH_FRAME_MAX_HELLO];
  gsize n_message;
  KithNoiseResult result = kith_noise_write (&self->noise, payload, n, message, sizeof message, &n_message);

  if (result != KITH_NOISE_OK)
    {
      fail_handshake (self, result);
      return FALSE;
    }
  kith_sealer_put_raw (&self->sealer, message, n_message);
  kith_link_flush_soon (self);
  return TRUE;
}

static void
begin_transport (KithLink *self)
{
  kith_noise_split (&self->noise, &self->sealer.cipher, &self->receiving, NULL);
  self->state = KITH_LINK_GREETING;
}

/* The listener knows now who calls: their X25519 key; HELLO must name the Ed25519 key that it belongs to. */
static void
take_third (KithLink *self, const guint8 *hello, gsize n)
{
  memcpy (self->peer_key, self->noise.peer_static, 32);
  begin_transport (self);
  kith_link_greet (self, hello, n);
}

static void
say_third (KithLink *self)
{
  g_autoptr (GBytes) hello = kith_link_door_print_hello (self->door);

  if (shake (self, g_bytes_get_data (hello, NULL), g_bytes_get_size (hello)))
    begin_transport (self);
}

/* What the next handshake message may weigh: told before anything of it is kept. */
static gboolean
length_is_possible (KithLink *self, gsize n)
{
  if (self->noise.turn == 2)
    return n >= KITH_NOISE_OVERHEAD_3 && n <= KITH_NOISE_OVERHEAD_3 + KITH_FRAME_MAX_HELLO;
  return n == KITH_NOISE_OVERHEAD_1;
}

static void
take_shake (KithLink *self, guint8 *message, gsize n)
{
  const guint8 *payload;
  gsize n_payload;
  KithNoiseResult result = kith_noise_read (&self->noise, message, n, &payload, &n_payload);

  if (result != KITH_NOISE_OK)
    fail_handshake (self, result);
  else if (self->dialer)
    say_third (self);
  else if (self->noise.turn == 3)
    take_third (self, payload, n_payload);
  else
    shake (self, NULL, 0);
}

/* --- in */

static void
take_transport (KithLink *self, guint8 *message, gsize n)
{
  KithNoiseResult result = kith_noise_open (&self->receiving, message, n);
  KithFramesResult frames;

  if (result == KITH_NOISE_EXHAUSTED)
    kith_link_end_f (self, KITH_LINK_GOING_AWAY, KITH_ERROR_CLOSED, "the keys of this link are used up");
  else if (result != KITH_NOISE_OK)
    kith_link_end_f (self, KITH_LINK_PROTOCOL, KITH_ERROR_PROTOCOL, "a message was tampered with");
  if (result != KITH_NOISE_OK)
    return;
  self->traffic->frames_in++;
  frames = kith_frames_feed (&self->frames, message, n - KITH_NOISE_TAG, kith_link_take_frame, self);
  if (frames == KITH_FRAMES_BAD_LENGTH)
    kith_link_close (self, KITH_LINK_PROTOCOL, "a frame's length is 0 or above 131072");
}

/* The first message of the n bytes, if they hold one: how long it is with its length; 0: not yet, or the link has
 * ended. */
static gsize
take_message (KithLink *self, guint8 *bytes, gsize n)
{
  gsize length;

  if (n < 2)
    return 0;
  length = (gsize) bytes[0] << 8 | bytes[1];
  if (self->state == KITH_LINK_SHAKING && !length_is_possible (self, length))
    {
      fail_handshake (self, KITH_NOISE_BAD_LENGTH);
      return 0;
    }
  if (n - 2 < length)
    return 0;
  if (self->state == KITH_LINK_SHAKING)
    take_shake (self, bytes + 2, length);
  else
    take_transport (self, bytes + 2, length);
  return 2 + length;
}

static void
take_all (KithLink *self)
{
  gsize at = 0, taken;

  while (self->state < KITH_LINK_CLOSING && (taken = take_message (self, self->in + at, self->n_in - at)) > 0)
    at += taken;
  if (self->state >= KITH_LINK_CLOSING)
    at = self->n_in;                     /* nobody listens any more */
  self->n_in -= at;
  if (self->n_in > 0)
    memmove (self->in, self->in + at, self->n_in);
  else
    {
      g_clear_pointer (&self->in, g_free);
      self->n_in_allocated = 0;
    }
}

static void
take_end (KithLink *self, gssize n, GError *error)
{
  KithLinkReason reason = self->state < KITH_LINK_OPEN ? KITH_LINK_HANDSHAKE : KITH_LINK_BROKEN;

  if (n == 0)
    kith_link_end_f (self, reason, KITH_ERROR_UNREACHABLE, "they hung up");
  else
    kith_link_end_f (self, reason, KITH_ERROR_UNREACHABLE, "reading: %s", error->message);
}

static gboolean
on_readable (GObject *pollable, gpointer data)
{
  KithLink *self = data;
  g_autoptr (GError) error = NULL;
  gsize want = self->state == KITH_LINK_SHAKING ? SHAKING_BYTES : READ_BYTES;
  gssize n;
  KITH_LINK_HELD (self);

  if (self->n_in_allocated < want)
    {
      self->in = g_realloc (self->in, want);
      self->n_in_allocated = want;
    }
  n = g_pollable_input_stream_read_nonblocking (self->input, self->in + self->n_in, self->n_in_allocated - self->n_in,
                                                NULL, &error);
  if (n > 0)
    {
      self->n_in += (gsize) n;
      self->traffic->bytes_in += (gsize) n;
      kith_link_heard (self);
      take_all (self);
      if (kith_sealer_get_pending (&self->sealer) > MAX_BACKLOG_BYTES)
        kith_link_end_f (self, KITH_LINK_OVERLOADED, KITH_ERROR_CLOSED, "they do not read what we say");
    }
  else if (n == 0 || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    take_end (self, n, error);
  return G_SOURCE_CONTINUE;
}

/* --- start */

static gboolean
start_noise (KithLink *self, GError **error)
{
  KithWorld *world = kith_link_door_get_world (self->door);
  guint8 exchange[32];

  if (self->dialer && kith_e2ee_exchange_key (self->peer_key, exchange) != KITH_E2EE_OK)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "the identity key of whom to call is no key");
      return FALSE;
    }
  if (self->dialer)
    memcpy (self->peer_key, exchange, 32);
  if (kith_noise_init (&self->noise, self->dialer, PROLOGUE, strlen (PROLOGUE), kith_link_door_get_secret (self->door),
                       self->dialer ? exchange : NULL, draw, world) != KITH_NOISE_OK)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "the identity key of whom to call is no good");
      return FALSE;
    }
  return TRUE;
}

gboolean
kith_link_start (KithLink *self, GError **error)
{
  GInputStream *input = g_io_stream_get_input_stream (self->stream);
  GOutputStream *output = g_io_stream_get_output_stream (self->stream);

  if (!G_IS_POLLABLE_INPUT_STREAM (input) || !G_IS_POLLABLE_OUTPUT_STREAM (output)
      || !g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (input))
      || !g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (output)))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "transport '%s' gave a stream that cannot be polled",
                   self->transport);
      return FALSE;
    }
  if (!start_noise (self, error))
    return FALSE;
  self->input = G_POLLABLE_INPUT_STREAM (input);
  self->output = G_POLLABLE_OUTPUT_STREAM (output);
  self->turn = attach (self, g_source_new (&turn_funcs, sizeof (GSource)), flush);
  self->readable = attach (self, g_pollable_input_stream_create_source (self->input, NULL), (GSourceFunc) on_readable);
  if (self->dialer)
    shake (self, NULL, 0);
  kith_link_schedule (self);
  return TRUE;
}
