/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* max (Retry-After, uniform (0.5, 1) × min (300 s, 2^n)); a success begins anew. */
typedef struct
{
  guint failures;
  gint64 closed_until_us;
} KithSupabaseBackoff;

static inline void
kith_supabase_backoff_clear (KithSupabaseBackoff *self)
{
  self->failures = 0;
  self->closed_until_us = 0;
}

static inline gboolean
kith_supabase_backoff_is_closed (const KithSupabaseBackoff *self, gint64 now_us)
{
  return self->closed_until_us > now_us;
}

/* Gives the milliseconds to wait. What fails while it is closed was under way before and counts no more. */
static inline guint
kith_supabase_backoff_fail (KithSupabaseBackoff *self, GRand *chance, gint64 now_us, guint retry_after_s)
{
  gboolean closed = kith_supabase_backoff_is_closed (self, now_us);
  double wait_s = MIN (300.0, (double) (1u << MIN (self->failures, 9u))) * g_rand_double_range (chance, 0.5, 1.0);

  wait_s = MAX (wait_s, (double) retry_after_s);
  if (!closed && self->failures < 9)
    self->failures++;
  if (!closed || retry_after_s > 0)
    self->closed_until_us = MAX (self->closed_until_us, now_us + (gint64) (wait_s * G_USEC_PER_SEC));
  return (guint) ((self->closed_until_us - now_us) / 1000 + 1);
}
