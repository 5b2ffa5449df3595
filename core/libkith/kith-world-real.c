/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-world-impl.h"

#include <sodium.h>

typedef struct
{
  KithWorker base;
  GThread *thread;
  GMutex lock;
  GCond cond;
  gboolean woken;
  gboolean ending;
} RealWorker;

static gint64
real_get_time_us (KithWorld *world)
{
  return g_get_monotonic_time ();
}

static gint64
real_get_date_ms (KithWorld *world)
{
  return g_get_real_time () / 1000;
}

static void
real_fill_random (KithWorld *world, void *buffer, gsize n)
{
  randombytes_buf (buffer, n);
}

static guint
real_add_timer (KithWorld *world, guint interval_ms, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  g_autoptr (GSource) source = NULL;

  if (interval_ms == 0)
    source = g_idle_source_new ();
  /* GLib fires the whole-second sources of a process together; from ten seconds on nobody misses the rounding. */
  else if (interval_ms >= 10000)
    source = g_timeout_source_new_seconds ((interval_ms + 999) / 1000);
  else
    source = g_timeout_source_new (interval_ms);
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, destroy);
  return g_source_attach (source, world->context);
}

static void
real_drop_timer (KithWorld *world, guint id)
{
  GSource *source = g_main_context_find_source_by_id (world->context, id);

  if (source != NULL)
    g_source_destroy (source);
}

static gpointer
real_worker_run (gpointer data)
{
  RealWorker *self = data;
  gboolean ending = FALSE;

  while (!ending)
    {
      g_mutex_lock (&self->lock);
      while (!self->woken && !self->ending)
        g_cond_wait (&self->cond, &self->lock);
      self->woken = FALSE;
      ending = self->ending;
      g_mutex_unlock (&self->lock);
      while (self->base.turn (self->base.data))
        ;
    }
  return NULL;
}

static KithWorker *
real_add_worker (KithWorld *world, const char *name, KithTurnFunc turn, gpointer data)
{
  RealWorker *self = g_new0 (RealWorker, 1);

  kith_worker_init (&self->base, world, name, turn, data);
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  self->thread = g_thread_new (self->base.name, real_worker_run, self);
  return &self->base;
}

static void
real_wake_worker (KithWorker *worker)
{
  RealWorker *self = (RealWorker *) worker;

  g_mutex_lock (&self->lock);
  if (!self->woken)
    {
      self->woken = TRUE;
      g_cond_signal (&self->cond);
    }
  g_mutex_unlock (&self->lock);
}

static void
real_free_worker (KithWorker *worker)
{
  RealWorker *self = (RealWorker *) worker;

  g_mutex_lock (&self->lock);
  self->ending = TRUE;
  g_cond_signal (&self->cond);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
  kith_worker_clear (worker);
  g_free (self);
}

static void
real_free (KithWorld *world)
{
  g_free (world);
}

static const KithWorldImpl real_impl = {
  .get_time_us = real_get_time_us,
  .get_date_ms = real_get_date_ms,
  .fill_random = real_fill_random,
  .add_timer = real_add_timer,
  .drop_timer = real_drop_timer,
  .add_worker = real_add_worker,
  .wake_worker = real_wake_worker,
  .free_worker = real_free_worker,
  .free = real_free,
};

KithWorld *
kith_world_new (void)
{
  KithWorld *world = g_new0 (KithWorld, 1);

  /* It fails only where the system has no randomness at all; nothing is safe there. */
  if (sodium_init () < 0)
    g_critical ("libsodium cannot start: the system gives no randomness");
  kith_world_init (world, &real_impl);
  return world;
}
