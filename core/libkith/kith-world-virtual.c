/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-world-impl.h"

#include <sodium.h>

/* 2026-01-01T00:00:00Z; the monotonic clock begins at one second, so that 0 can mean never. */
#define VIRTUAL_EPOCH_MS G_GINT64_CONSTANT (1767225600000)
#define VIRTUAL_START_US G_USEC_PER_SEC

typedef struct
{
  gint64 due_us;
  guint id;
  guint interval_ms;
  GSourceFunc func;
  gpointer data;
  GDestroyNotify destroy;
} VirtualTimer;

typedef struct
{
  KithWorld base;
  GMutex lock; /* clock, chance */
  gint64 now_us;
  gint64 date_offset_ms;
  guint64 seed;
  guint64 drawn;

  GSequence *timers; /* of VirtualTimer, by due time and age */
  guint last_id;
  VirtualTimer *running;
  gboolean running_dropped;
} VirtualWorld;

typedef struct
{
  KithWorker base;
  gint refs; /* the owner, and a turn that is posted */
  gint posted;
  gint ended;
} VirtualWorker;

static gint64
virtual_get_time_us (KithWorld *world)
{
  VirtualWorld *self = (VirtualWorld *) world;
  gint64 now;

  g_mutex_lock (&self->lock);
  now = self->now_us;
  g_mutex_unlock (&self->lock);
  return now;
}

static gint64
virtual_get_date_ms (KithWorld *world)
{
  VirtualWorld *self = (VirtualWorld *) world;
  gint64 date;

  g_mutex_lock (&self->lock);
  date = self->date_offset_ms + self->now_us / 1000;
  g_mutex_unlock (&self->lock);
  return date;
}

static void
virtual_fill_random (KithWorld *world, void *buffer, gsize n)
{
  VirtualWorld *self = (VirtualWorld *) world;
  guint8 seed[randombytes_SEEDBYTES] = { 0 };

  g_mutex_lock (&self->lock);
  memcpy (seed, &self->seed, sizeof self->seed);
  memcpy (seed + 8, &self->drawn, sizeof self->drawn);
  self->drawn++;
  g_mutex_unlock (&self->lock);
  randombytes_buf_deterministic (buffer, n, seed);
}

static int
timer_compare (gconstpointer a, gconstpointer b, gpointer data)
{
  const VirtualTimer *one = a, *other = b;

  if (one->due_us != other->due_us)
    return one->due_us < other->due_us ? -1 : 1;
  return one->id < other->id ? -1 : one->id > other->id;
}

static void
timer_free (VirtualTimer *timer)
{
  if (timer->destroy != NULL)
    timer->destroy (timer->data);
  g_free (timer);
}

static gboolean virtual_run_next (VirtualWorld *self, gint64 until_us);

/* An idle runs in the next turn of the loop, without anybody advancing the clock. */
static gboolean
virtual_run_idle (gpointer data)
{
  virtual_run_next (data, virtual_get_time_us (data));
  return G_SOURCE_REMOVE;
}

static guint
virtual_add_timer (KithWorld *world, guint interval_ms, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  VirtualWorld *self = (VirtualWorld *) world;
  VirtualTimer *timer = g_new0 (VirtualTimer, 1);

  timer->due_us = virtual_get_time_us (world) + (gint64) interval_ms * 1000;
  timer->id = ++self->last_id;
  timer->interval_ms = interval_ms;
  timer->func = func;
  timer->data = data;
  timer->destroy = destroy;
  g_sequence_insert_sorted (self->timers, timer, timer_compare, NULL);
  if (interval_ms == 0)
    kith_world_post (world, virtual_run_idle, self, NULL);
  return timer->id;
}

static void
virtual_drop_timer (KithWorld *world, guint id)
{
  VirtualWorld *self = (VirtualWorld *) world;
  GSequenceIter *iter;

  if (self->running != NULL && self->running->id == id)
    {
      self->running_dropped = TRUE;
      return;
    }
  for (iter = g_sequence_get_begin_iter (self->timers); !g_sequence_iter_is_end (iter);
       iter = g_sequence_iter_next (iter))
    {
      VirtualTimer *timer = g_sequence_get (iter);

      if (timer->id != id)
        continue;
      g_sequence_remove (iter);
      timer_free (timer);
      return;
    }
}

/* Runs the first timer if it is due by @until_us. */
static gboolean
virtual_run_next (VirtualWorld *self, gint64 until_us)
{
  GSequenceIter *iter = g_sequence_get_begin_iter (self->timers);
  VirtualTimer *timer, *outer = self->running;
  gboolean outer_dropped = self->running_dropped, again;

  if (g_sequence_iter_is_end (iter))
    return FALSE;
  timer = g_sequence_get (iter);
  if (timer->due_us > until_us)
    return FALSE;
  g_sequence_remove (iter);
  g_mutex_lock (&self->lock);
  self->now_us = MAX (self->now_us, timer->due_us);
  g_mutex_unlock (&self->lock);

  self->running = timer;
  self->running_dropped = FALSE;
  again = timer->func (timer->data) && !self->running_dropped;
  self->running = outer;
  self->running_dropped = outer_dropped;
  if (again)
    {
      timer->due_us += (gint64) timer->interval_ms * 1000;
      g_sequence_insert_sorted (self->timers, timer, timer_compare, NULL);
      if (timer->interval_ms == 0)
        kith_world_post (&self->base, virtual_run_idle, self, NULL);
    }
  else
    timer_free (timer);
  return TRUE;
}

static void
virtual_worker_unref (VirtualWorker *self)
{
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  kith_worker_clear (&self->base);
  g_free (self);
}

static gboolean
virtual_worker_turn (gpointer data)
{
  VirtualWorker *self = data;

  g_atomic_int_set (&self->posted, FALSE);
  if (!g_atomic_int_get (&self->ended) && self->base.turn (self->base.data))
    kith_worker_wake (&self->base);
  return G_SOURCE_REMOVE;
}

static KithWorker *
virtual_add_worker (KithWorld *world, const char *name, KithTurnFunc turn, gpointer data)
{
  VirtualWorker *self = g_new0 (VirtualWorker, 1);

  kith_worker_init (&self->base, world, name, turn, data);
  self->refs = 1;
  return &self->base;
}

static void
virtual_wake_worker (KithWorker *worker)
{
  VirtualWorker *self = (VirtualWorker *) worker;

  if (!g_atomic_int_compare_and_exchange (&self->posted, FALSE, TRUE))
    return;
  g_atomic_int_inc (&self->refs);
  kith_world_post (worker->world, virtual_worker_turn, self, (GDestroyNotify) virtual_worker_unref);
}

static void
virtual_free_worker (KithWorker *worker)
{
  VirtualWorker *self = (VirtualWorker *) worker;

  while (worker->turn (worker->data))
    ;
  g_atomic_int_set (&self->ended, TRUE);
  virtual_worker_unref (self);
}

static void
virtual_free (KithWorld *world)
{
  VirtualWorld *self = (VirtualWorld *) world;

  g_sequence_foreach (self->timers, (GFunc) timer_free, NULL);
  g_sequence_free (self->timers);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static const KithWorldImpl virtual_impl = {
  .get_time_us = virtual_get_time_us,
  .get_date_ms = virtual_get_date_ms,
  .fill_random = virtual_fill_random,
  .add_timer = virtual_add_timer,
  .drop_timer = virtual_drop_timer,
  .add_worker = virtual_add_worker,
  .wake_worker = virtual_wake_worker,
  .free_worker = virtual_free_worker,
  .free = virtual_free,
};

KithWorld *
kith_world_new_virtual (guint64 seed)
{
  VirtualWorld *self = g_new0 (VirtualWorld, 1);

  if (sodium_init () < 0)
    g_critical ("libsodium cannot start");
  g_mutex_init (&self->lock);
  self->now_us = VIRTUAL_START_US;
  self->date_offset_ms = VIRTUAL_EPOCH_MS;
  self->seed = seed;
  self->timers = g_sequence_new (NULL);   /* removing is not freeing: a running timer is in no sequence */
  kith_world_init (&self->base, &virtual_impl);
  return &self->base;
}

gboolean
kith_world_is_virtual (KithWorld *world)
{
  return world->impl == &virtual_impl;
}

void
kith_world_set_date_ms (KithWorld *world, gint64 date_ms)
{
  VirtualWorld *self = (VirtualWorld *) world;

  g_return_if_fail (kith_world_is_virtual (world));
  g_mutex_lock (&self->lock);
  self->date_offset_ms = date_ms - self->now_us / 1000;
  g_mutex_unlock (&self->lock);
}

void
kith_world_run_until_idle (KithWorld *world)
{
  g_return_if_fail (kith_world_is_virtual (world));
  while (g_main_context_iteration (world->context, FALSE))
    ;
}

void
kith_world_advance (KithWorld *world, guint64 us)
{
  VirtualWorld *self = (VirtualWorld *) world;
  gint64 target;

  g_return_if_fail (kith_world_is_virtual (world));
  target = self->now_us + (gint64) us;
  do
    kith_world_run_until_idle (world);
  while (virtual_run_next (self, target));
  g_mutex_lock (&self->lock);
  self->now_us = MAX (self->now_us, target);
  g_mutex_unlock (&self->lock);
  kith_world_run_until_idle (world);
}
