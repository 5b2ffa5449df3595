/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-window.h"
#include "kith-frame.h"
#include <string.h>

#define PENDING 0xff
#define SLOT(n) ((n) % KITH_WINDOW_ENVELOPES)

void
kith_sent_window_init (KithSentWindow *self, guint limit, gsize limit_bytes)
{
  memset (self, 0, sizeof *self);
  self->limit = CLAMP (limit, 1, KITH_WINDOW_ENVELOPES);
  self->limit_bytes = MIN (limit_bytes, KITH_WINDOW_BYTES);
}

guint
kith_sent_window_count (const KithSentWindow *self)
{
  return (guint) (self->next - self->first);
}

gboolean
kith_sent_window_take (KithSentWindow *self, gsize size, guint32 *n)
{
  guint count = kith_sent_window_count (self);

  if (self->next >= G_MAXUINT32 || count >= self->limit || (count > 0 && self->bytes + size > self->limit_bytes))
    return FALSE;
  *n = (guint32) self->next++;
  self->sizes[SLOT (*n)] = (guint32) size;
  self->bytes += size;
  return TRUE;
}

gboolean
kith_sent_window_settle (
    KithSentWindow *self, const guint8 *body, gsize n, KithLinkOutcome *outcomes, guint *n_outcomes)
{
  guint64 upto;
  guint count;

  if (n < 5 || n != 5 + (gsize) body[4] * 5)
    return FALSE;
  upto = kith_read_u32 (body);
  if (upto < self->first || upto >= self->next)
    return FALSE;
  count = (guint) (upto - self->first + 1);
  for (guint i = 0; i < count; i++)
    outcomes[i] = (KithLinkOutcome) { (guint32) (self->first + i), KITH_ACK_STORED };
  for (const guint8 *at = body + 5; at < body + n; at += 5)
    {
      guint64 number = kith_read_u32 (at);

      if (number < self->first || number > upto)
        return FALSE;
      outcomes[number - self->first].code = at[4] <= KITH_ACK_UNREADABLE ? at[4] : KITH_ACK_REFUSED;
    }
  for (guint64 i = self->first; i <= upto; i++)
    self->bytes -= self->sizes[SLOT (i)];
  self->first = upto + 1;
  *n_outcomes = count;
  return TRUE;
}

void
kith_received_window_init (KithReceivedWindow *self)
{
  memset (self, 0, sizeof *self);
}

guint
kith_received_window_count (const KithReceivedWindow *self)
{
  return (guint) (self->next - self->first);
}

KithWindowResult
kith_received_window_take (KithReceivedWindow *self, guint32 n, gsize size)
{
  if (n != self->next)
    return KITH_WINDOW_WRONG_NUMBER;
  if (kith_received_window_count (self) >= KITH_WINDOW_ENVELOPES || self->bytes + size > KITH_WINDOW_BYTES)
    return KITH_WINDOW_FULL;
  self->next++;
  self->sizes[SLOT (n)] = (guint32) size;
  self->codes[SLOT (n)] = PENDING;
  self->bytes += size;
  return KITH_WINDOW_TAKEN;
}

gboolean
kith_received_window_settle (KithReceivedWindow *self, guint32 n, guint8 code)
{
  if (n < self->first || n >= self->next || self->codes[SLOT (n)] != PENDING)
    return FALSE;
  self->codes[SLOT (n)] = code;
  return TRUE;
}

gsize
kith_received_window_write_ack (KithReceivedWindow *self, guint8 body[KITH_ACK_MAX_BODY])
{
  guint64 at = self->first;
  guint exceptions = 0;

  while (at < self->next && self->codes[SLOT (at)] != PENDING)
    {
      guint8 code = self->codes[SLOT (at)];

      if (code != KITH_ACK_STORED)
        {
          if (exceptions == KITH_ACK_EXCEPTIONS)
            break;
          kith_write_u32 (body + 5 + exceptions * 5, (guint32) at);
          body[5 + exceptions * 5 + 4] = code;
          exceptions++;
        }
      self->bytes -= self->sizes[SLOT (at)];
      at++;
    }
  if (at == self->first)
    return 0;
  kith_write_u32 (body, (guint32) (at - 1));
  body[4] = (guint8) exceptions;
  self->first = at;
  return 5 + exceptions * 5;
}
