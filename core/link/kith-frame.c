/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-frame.h"
#include <string.h>

/* Moves bytes into the partial frame until it holds `want`; TRUE when it does. */
static gboolean
fill (KithFrames *self, gsize want, const guint8 **bytes, gsize *n)
{
  gsize take = MIN (want - self->n_partial, *n);

  if (self->n_allocated < want)
    {
      self->n_allocated = want;
      self->partial = g_realloc (self->partial, want);
    }
  memcpy (self->partial + self->n_partial, *bytes, take);
  self->n_partial += take;
  *bytes += take;
  *n -= take;
  return self->n_partial == want;
}

/* Ends the frame that an earlier call began, if there is one and the bytes suffice. */
static KithFramesResult
finish_partial (KithFrames *self, const guint8 **bytes, gsize *n, KithFrameFunc func, gpointer data)
{
  g_autofree guint8 *frame = NULL;
  guint32 length;

  if (self->n_partial < 4 && !fill (self, 4, bytes, n))
    return KITH_FRAMES_MORE;
  length = kith_read_u32 (self->partial);
  if (length == 0 || length > KITH_FRAME_MAX)
    return KITH_FRAMES_BAD_LENGTH;
  if (!fill (self, 4 + (gsize) length, bytes, n))
    return KITH_FRAMES_MORE;
  frame = g_steal_pointer (&self->partial);   /* the function may clear us */
  self->n_partial = self->n_allocated = 0;
  return func (frame[4], frame + 5, length - 1, data) ? KITH_FRAMES_MORE : KITH_FRAMES_STOPPED;
}

KithFramesResult
kith_frames_feed (KithFrames *self, const guint8 *bytes, gsize n, KithFrameFunc func, gpointer data)
{
  if (self->n_partial > 0)
    {
      KithFramesResult result = finish_partial (self, &bytes, &n, func, data);

      if (result != KITH_FRAMES_MORE)
        return result;
    }
  while (n >= 4)
    {
      guint32 length = kith_read_u32 (bytes);

      if (length == 0 || length > KITH_FRAME_MAX)
        return KITH_FRAMES_BAD_LENGTH;
      if (n - 4 < length)
        break;
      if (!func (bytes[4], bytes + 5, length - 1, data))
        return KITH_FRAMES_STOPPED;
      bytes += 4 + (gsize) length;
      n -= 4 + (gsize) length;
    }
  if (n > 0)
    {
      gsize want = n < 4 ? 4 : 4 + (gsize) kith_read_u32 (bytes);

      fill (self, want, &bytes, &n);
    }
  return KITH_FRAMES_MORE;
}

void
kith_frames_clear (KithFrames *self)
{
  g_clear_pointer (&self->partial, g_free);
  self->n_partial = self->n_allocated = 0;
}
