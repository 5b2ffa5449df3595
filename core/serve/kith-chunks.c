/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chunks.h"

#define MOST_DIGITS 8

enum { SIZE, SIZE_FEED, DATA, DATA_RETURN, DATA_FEED, END_RETURN, END_FEED, DONE };

static gboolean
take_size (KithChunks *self, guint8 byte)
{
  int digit = g_ascii_xdigit_value ((char) byte);

  if (byte == '\r' && self->digits > 0)
    {
      self->state = SIZE_FEED;
      return TRUE;
    }
  if (digit < 0 || ++self->digits > MOST_DIGITS)
    return FALSE;
  self->left = self->left * 16 + (guint64) digit;
  return TRUE;
}

static gboolean
expect (KithChunks *self, guint8 byte, guint8 wanted, guint8 next)
{
  self->state = next;
  return byte == wanted;
}

static gboolean
take (KithChunks *self, guint8 byte)
{
  switch (self->state)
    {
    case SIZE:
      return take_size (self, byte);
    case SIZE_FEED:
      return expect (self, byte, '\n', self->left > 0 ? DATA : END_RETURN);
    case DATA_RETURN:
      return expect (self, byte, '\r', DATA_FEED);
    case DATA_FEED:
      self->digits = 0;
      return expect (self, byte, '\n', SIZE);
    case END_RETURN:
      return expect (self, byte, '\r', END_FEED);
    case END_FEED:
      return expect (self, byte, '\n', DONE);
    default:
      return TRUE;   /* after the end: nobody reads it */
    }
}

gboolean
kith_chunks_check (KithChunks *self, const guint8 *data, gsize n)
{
  gsize at = 0;

  while (at < n && self->state != DONE)
    {
      gsize skip = self->state == DATA ? (gsize) MIN (self->left, (guint64) (n - at)) : 0;

      if (self->state != DATA)
        {
          if (!take (self, data[at++]))
            return FALSE;
          continue;
        }
      at += skip;
      self->left -= skip;
      if (self->left == 0)
        self->state = DATA_RETURN;
    }
  return TRUE;
}
