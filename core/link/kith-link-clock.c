/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-link"
#include "kith-link-private.h"

/* One timer a link, set for whatever falls due first. What is heard only notes the time: the timer finds out when it
 * comes. So an idle link wakes the machine once a minute, at the same moment as all others. */

#define PROBE_MS 5000                     /* for an answer when the link is probably dead */
#define LAST_WORDS_US G_USEC_PER_SEC      /* to write our CLOSE; and then, for them to hang up */
#define MS(ms) ((gint64) (ms) * 1000)

static gint64
now (KithLink *self)
{
  return kith_world_get_time_us (kith_link_door_get_world (self->door));
}

static gboolean
is_quiet (KithLink *self, gint64 now_us)
{
  return now_us - self->active_us >= MS (self->limits.quiet_after_ms);
}

static gint64
next_ping_us (KithLink *self, gint64 now_us)
{
  gint64 interval = MS (self->limits.quiet_ping_ms);
  gint64 earliest;

  if (!is_quiet (self, now_us))
    return self->heard_us + MS (self->limits.ping_ms);
  /* The next common moment; one that comes right after they were heard would say nothing new. */
  earliest = self->heard_us + interval / 2;
  return (earliest + interval - 1) / interval * interval;
}

/* When the PING that is out has waited long enough. */
static gint64
dead_us (KithLink *self)
{
  return self->ping_us + MS (self->probed ? MIN (self->limits.dead_ms, PROBE_MS) : self->limits.dead_ms);
}

static gint64
next_us (KithLink *self, gint64 now_us)
{
  gint64 due;

  if (self->state < KITH_LINK_OPEN)
    return self->started_us + MS (self->limits.handshake_ms);
  if (self->state > KITH_LINK_OPEN)
    return self->closing_us + LAST_WORDS_US;
  due = self->ping_us != 0 ? dead_us (self) : next_ping_us (self, now_us);
  if (self->verdict != KITH_LINK_FRIEND)
    due = MIN (due, self->theirs_us + MS (self->limits.stranger_idle_ms));
  if (self->retired)
    due = MIN (due, self->retired_us + MS (self->limits.retire_ms));
  return due;
}

static void
say_ping (KithLink *self, gint64 now_us)
{
  guint8 body[8];

  self->ping_number++;
  kith_write_u32 (body, (guint32) (self->ping_number >> 32));
  kith_write_u32 (body + 4, (guint32) self->ping_number);
  kith_sealer_put (&self->sealer, KITH_FRAME_PING, body, sizeof body);
  self->ping_us = now_us;
  kith_link_flush_soon (self);
}

static void
look_at_open (KithLink *self, gint64 now_us)
{
  if (self->busy)
    self->active_us = now_us;
  self->busy = FALSE;
  if (self->ping_us != 0 && now_us >= dead_us (self))
    kith_link_end_f (self, KITH_LINK_DEAD, KITH_ERROR_UNREACHABLE, "no answer for %u s",
                     (guint) ((now_us - self->heard_us) / G_USEC_PER_SEC));
  else if (self->retired && now_us >= self->retired_us + MS (self->limits.retire_ms))
    kith_link_close (self, KITH_LINK_DUPLICATE, "another link took its place");
  else if (self->verdict != KITH_LINK_FRIEND && now_us >= self->theirs_us + MS (self->limits.stranger_idle_ms))
    kith_link_close (self, KITH_LINK_IDLE, "nothing to say for a while");
  else if (self->ping_us == 0 && now_us >= next_ping_us (self, now_us))
    say_ping (self, now_us);
}

static gboolean
on_timer (gpointer data)
{
  KithLink *self = data;
  gint64 now_us = now (self);
  KITH_LINK_HELD (self);

  self->timer = 0;
  if (self->state < KITH_LINK_OPEN && now_us >= next_us (self, now_us))
    kith_link_end_f (self, KITH_LINK_HANDSHAKE, KITH_ERROR_UNREACHABLE, "no handshake within %u ms",
                     self->limits.handshake_ms);
  else if (self->state == KITH_LINK_OPEN)
    look_at_open (self, now_us);
  else if (self->state == KITH_LINK_CLOSING && now_us >= next_us (self, now_us))
    kith_link_said_all (self);
  else if (self->state == KITH_LINK_LINGERING && now_us >= next_us (self, now_us))
    kith_link_tear_down (self);
  if (self->timer == 0)
    kith_link_schedule (self);
  return G_SOURCE_REMOVE;
}

void
kith_link_schedule (KithLink *self)
{
  KithWorld *world = kith_link_door_get_world (self->door);
  gint64 now_us = now (self);
  gint64 wait_us;

  if (self->timer != 0)
    kith_world_drop_timer (world, self->timer);
  self->timer = 0;
  if (self->state == KITH_LINK_GONE)
    return;
  wait_us = MAX (next_us (self, now_us) - now_us, 0);
  self->timer = kith_world_add_timer (world, (guint) ((wait_us + 999) / 1000), on_timer, self, NULL);
}

void
kith_link_heard (KithLink *self)
{
  gboolean waited = self->ping_us != 0;

  self->heard_us = now (self);
  self->ping_us = 0;
  self->probed = FALSE;
  if (waited && self->state == KITH_LINK_OPEN)
    kith_link_schedule (self);
}

void
kith_link_probe (KithLink *self)
{
  if (self->state != KITH_LINK_OPEN)
    return;
  self->probed = TRUE;
  say_ping (self, now (self));
  kith_link_schedule (self);
}
