/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-hall.h"

#include "kith-pipe.h"

static const KithDoorLimits usual_limits = {
  .max_connections = 128,
  .max_websockets = 64,
  .max_headers = 64,
  .max_header_bytes = 16 * 1024,
  .max_body_bytes = 256 * 1024,
  .max_message_bytes = 64 * 1024,
  .max_fragments = 1024,
  .frame_rate = 200,
  .frame_burst = 400,
  .control_rate = 20,
  .control_burst = 40,
  .client_budget_bytes = 1024 * 1024,
  .header_timeout_ms = 8000,
  .body_timeout_ms = 10000,
  .idle_timeout_ms = 15000,
  .close_timeout_ms = 3000,
  .ping_interval_ms = 30000,
  .pong_timeout_ms = 30000,
  .accept_pause_ms = 100,
};

typedef struct
{
  GSource source;
  KithHall *hall;
} KithHallSource;

/* --- the clock: one source for all deadlines. Its time is only ever too early, never too late: a connection that went
 * before its deadline leaves one needless wake-up behind, at most one per timeout. --- */

static void
take_due (gpointer item, gpointer data)
{
  g_ptr_array_add (data, g_object_ref (item));
}

static gboolean
clock_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  KithHall *self = ((KithHallSource *) source)->hall;
  gint64 now_us = g_get_monotonic_time ();
  g_autoptr(GPtrArray) all = g_ptr_array_new_full (self->pipes.length, g_object_unref);

  kith_hall_ref (self);
  self->clock_due_us = -1;
  g_source_set_ready_time (source, -1);
  g_queue_foreach (&self->pipes, take_due, all);
  for (guint i = 0; i < all->len; i++)
    kith_pipe_tick (all->pdata[i], now_us);
  g_ptr_array_set_size (all, 0);
  kith_hall_unref (self);
  return G_SOURCE_CONTINUE;
}

void
kith_hall_wake_at (KithHall *self, gint64 due_us)
{
  if (self->clock == NULL || (self->clock_due_us >= 0 && self->clock_due_us <= due_us))
    return;
  self->clock_due_us = due_us;
  g_source_set_ready_time (self->clock, due_us);
}

/* --- the flusher --- */

static gboolean
flusher_prepare (GSource *source, int *timeout_ms)
{
  *timeout_ms = -1;
  return ((KithHallSource *) source)->hall->dirty->len > 0;
}

static gboolean
flusher_check (GSource *source)
{
  return ((KithHallSource *) source)->hall->dirty->len > 0;
}

static gboolean
flusher_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  KithHall *self = ((KithHallSource *) source)->hall;
  GPtrArray *now = self->dirty;

  kith_hall_ref (self);   /* the last connection may go in here */
  self->dirty = self->spare;
  self->spare = now;
  for (guint i = 0; i < now->len; i++)
    kith_pipe_flush (now->pdata[i]);
  g_ptr_array_set_size (now, 0);
  kith_hall_unref (self);
  return G_SOURCE_CONTINUE;
}

void
kith_hall_add_dirty (KithHall *self, KithPipe *pipe)
{
  g_ptr_array_add (self->dirty, g_object_ref (pipe));
}

void
kith_hall_forget_dirty (KithHall *self)
{
  g_ptr_array_set_size (self->dirty, 0);
}

static GSourceFuncs clock_funcs = { NULL, NULL, clock_dispatch, NULL, NULL, NULL };
static GSourceFuncs flusher_funcs = { flusher_prepare, flusher_check, flusher_dispatch, NULL, NULL, NULL };

static GSource *
attach (KithHall *self, GSourceFuncs *funcs, int priority, const char *name)
{
  GSource *source = g_source_new (funcs, sizeof (KithHallSource));

  ((KithHallSource *) source)->hall = self;
  g_source_set_priority (source, priority);
  g_source_set_static_name (source, name);
  g_source_attach (source, self->context);
  return source;
}

KithHall *
kith_hall_new (void)
{
  KithHall *self = g_rc_box_new0 (KithHall);

  self->limits = usual_limits;
  self->bouncer = kith_bouncer_new (&self->limits);
  self->context = g_main_context_ref_thread_default ();
  self->uri = g_uri_build (G_URI_FLAGS_NONE, "ws", NULL, "localhost", -1, "/events", NULL, NULL);
  self->dirty = g_ptr_array_new_with_free_func (g_object_unref);
  self->spare = g_ptr_array_new_with_free_func (g_object_unref);
  self->clock_due_us = -1;
  self->clock = attach (self, &clock_funcs, G_PRIORITY_DEFAULT, "kith door clock");
  self->flusher = attach (self, &flusher_funcs, G_PRIORITY_HIGH, "kith door flush");
  return self;
}

KithHall *
kith_hall_ref (KithHall *self)
{
  return g_rc_box_acquire (self);
}

static void
hall_clear (gpointer data)
{
  KithHall *self = data;

  g_source_destroy (self->clock);
  g_source_unref (self->clock);
  g_source_destroy (self->flusher);
  g_source_unref (self->flusher);
  g_ptr_array_unref (self->dirty);
  g_ptr_array_unref (self->spare);
  kith_hall_set_func (self, NULL, NULL, NULL);
  kith_bouncer_free (self->bouncer);
  g_uri_unref (self->uri);
  g_main_context_unref (self->context);
  g_free (self->slice);
}

void
kith_hall_unref (KithHall *self)
{
  g_rc_box_release_full (self, hall_clear);
}

guint8 *
kith_hall_get_slice (KithHall *self)
{
  if (self->slice == NULL)
    self->slice = g_malloc (KITH_SLICE_BYTES);
  return self->slice;
}

const char *
kith_hall_get_date (KithHall *self)
{
  gint64 now_s = g_get_real_time () / G_USEC_PER_SEC;

  if (now_s != self->date_s)
    {
      g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc (now_s);
      static const char *const days[] = { "", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
      static const char *const months[] = { "", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
                                            "Nov", "Dec" };

      self->date_s = now_s;
      g_snprintf (self->date, sizeof self->date, "%s, %02d %s %d %02d:%02d:%02d GMT",
                  days[g_date_time_get_day_of_week (now)], g_date_time_get_day_of_month (now),
                  months[g_date_time_get_month (now)], g_date_time_get_year (now), g_date_time_get_hour (now),
                  g_date_time_get_minute (now), g_date_time_get_second (now));
    }
  return self->date;
}

void
kith_hall_set_func (KithHall *self, KithDoorFunc func, gpointer data, GDestroyNotify destroy)
{
  gpointer old_data = self->func_data;
  GDestroyNotify old_destroy = self->func_destroy;

  self->func = func;
  self->func_data = data;
  self->func_destroy = destroy;
  if (old_destroy != NULL)
    old_destroy (old_data);
}
