/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-sealer.h"
#include "kith-frame.h"
#include <sodium.h>
#include <string.h>

#define KEEP_BYTES (256 * 1024)    /* an empty buffer above this is given back */
#define COMPACT_BYTES (64 * 1024)
#define SPARE_NUMBERS 4096         /* more messages than the largest backlog makes */

void
kith_sealer_init (KithSealer *self)
{
  memset (self, 0, sizeof *self);
  self->bytes = g_byte_array_new ();
}

void
kith_sealer_clear (KithSealer *self)
{
  g_clear_pointer (&self->bytes, g_byte_array_unref);
  sodium_memzero (&self->cipher, sizeof self->cipher);
}

static guint8 *
grow (KithSealer *self, gsize n)
{
  gsize before = self->bytes->len;

  g_byte_array_set_size (self->bytes, before + n);
  return self->bytes->data + before;
}

void
kith_sealer_put_raw (KithSealer *self, const guint8 *bytes, gsize n)
{
  guint8 *at = grow (self, 2 + n);

  at[0] = (guint8) (n >> 8);
  at[1] = (guint8) n;
  memcpy (at + 2, bytes, n);
}

void
kith_sealer_finish (KithSealer *self)
{
  gsize n;
  guint8 *message;

  if (!self->is_open)
    return;
  n = self->bytes->len - self->open - 2;
  grow (self, KITH_NOISE_TAG);
  message = self->bytes->data + self->open;
  message[0] = (guint8) ((n + KITH_NOISE_TAG) >> 8);
  message[1] = (guint8) (n + KITH_NOISE_TAG);
  self->is_open = FALSE;
  /* Worn out, which is_worn() tells long before: nothing may leave in the clear. */
  if (kith_noise_seal (&self->cipher, message + 2, n) != KITH_NOISE_OK)
    g_byte_array_set_size (self->bytes, self->open);
}

void
kith_sealer_add (KithSealer *self, const void *bytes, gsize n)
{
  const guint8 *from = bytes;

  while (n > 0)
    {
      gsize room, take;

      if (!self->is_open)
        {
          self->open = self->bytes->len;
          self->is_open = TRUE;
          grow (self, 2);
        }
      room = KITH_NOISE_MAX_PLAIN - (self->bytes->len - self->open - 2);
      take = MIN (room, n);
      memcpy (grow (self, take), from, take);
      from += take;
      n -= take;
      if (take == room)
        kith_sealer_finish (self);
    }
}

void
kith_sealer_begin (KithSealer *self, guint8 type, const void *head, gsize n_head, gsize n_rest)
{
  guint8 start[5];

  kith_write_u32 (start, (guint32) (1 + n_head + n_rest));
  start[4] = type;
  kith_sealer_add (self, start, sizeof start);
  kith_sealer_add (self, head, n_head);
}

void
kith_sealer_put (KithSealer *self, guint8 type, const void *body, gsize n)
{
  kith_sealer_begin (self, type, body, n, 0);
}

gsize
kith_sealer_get_pending (KithSealer *self)
{
  return self->bytes->len - self->n_written;
}

gboolean
kith_sealer_is_worn (KithSealer *self)
{
  return self->cipher.nonce >= KITH_NOISE_MAX_NONCE - SPARE_NUMBERS;
}

/* Keeps the buffer small: empty it when all is out, and close the gap at its beginning before it costs more than it
 * saves. */
static void
tidy (KithSealer *self)
{
  gsize n = self->n_written;

  if (n == self->bytes->len)
    {
      self->n_written = 0;
      if (n > KEEP_BYTES)
        {
          g_byte_array_unref (self->bytes);
          self->bytes = g_byte_array_new ();
        }
      else
        g_byte_array_set_size (self->bytes, 0);
    }
  else if (n > COMPACT_BYTES && n > self->bytes->len / 2)
    {
      g_byte_array_remove_range (self->bytes, 0, n);
      self->n_written = 0;
    }
}

gboolean
kith_sealer_write (KithSealer *self, GPollableOutputStream *stream, GError **error)
{
  gssize n;

  kith_sealer_finish (self);
  if (kith_sealer_get_pending (self) == 0)
    return TRUE;
  n = g_pollable_output_stream_write_nonblocking (stream, self->bytes->data + self->n_written,
                                                  kith_sealer_get_pending (self), NULL, error);
  if (n < 0)
    return FALSE;
  self->n_written += (gsize) n;
  self->n_out += (gsize) n;
  tidy (self);
  return TRUE;
}
