/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame parser: the first byte says in what pieces the rest comes. Whatever the pieces, the same frames must be
 * seen. */
#include "kith-frame.h"
#include "kith-window.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

typedef struct
{
  guint64 sum;
  guint count;
} Seen;

static gboolean
note (guint8 type, const guint8 *body, gsize n, gpointer data)
{
  Seen *seen = data;

  seen->count++;
  seen->sum = seen->sum * 31 + type;
  for (gsize i = 0; i < n; i++)
    seen->sum = seen->sum * 31 + body[i];
  return TRUE;
}

static KithFramesResult
feed (const guint8 *data, gsize n, gsize step, Seen *seen)
{
  KithFrames frames = { 0 };
  KithFramesResult result = KITH_FRAMES_MORE;

  for (gsize at = 0; at < n && result == KITH_FRAMES_MORE; at += step)
    result = kith_frames_feed (&frames, data + at, MIN (step, n - at), note, seen);
  kith_frames_clear (&frames);
  return result;
}

static void
try_ack (const guint8 *data, gsize n)
{
  KithLinkOutcome outcomes[KITH_WINDOW_ENVELOPES];
  KithSentWindow window;
  guint n_outcomes;
  guint32 number;

  kith_sent_window_init (&window, KITH_WINDOW_ENVELOPES, KITH_WINDOW_BYTES);
  for (guint i = 0; i < 200; i++)
    kith_sent_window_take (&window, 100, &number);
  if (kith_sent_window_settle (&window, data, n, outcomes, &n_outcomes) && n_outcomes > 200)
    g_error ("more outcomes than envelopes");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  Seen whole = { 0, 0 }, pieces = { 0, 0 };
  KithFramesResult one, other;

  if (n < 1)
    return 0;
  one = feed (data + 1, n - 1, n, &whole);
  other = feed (data + 1, n - 1, 1 + data[0], &pieces);
  if (one != other || whole.sum != pieces.sum || whole.count != pieces.count)
    g_error ("the pieces change what is seen");
  try_ack (data + 1, n - 1);
  return 0;
}
