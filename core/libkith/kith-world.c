/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-world-impl.h"

#include <sodium.h>

typedef struct
{
  GSourceFunc func;
  gpointer data;
  GDestroyNotify destroy;
} KithPost;

typedef struct
{
  GSource source;
  KithWorld *world;
} KithPostsSource;

static void
post_run (KithPost *post, gboolean call)
{
  if (call)
    post->func (post->data);
  if (post->destroy != NULL)
    post->destroy (post->data);
  g_free (post);
}

static gboolean
posts_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  KithWorld *world = ((KithPostsSource *) source)->world;
  GQueue taken;
  KithPost *post;

  /* What is posted meanwhile waits for the next turn, so that a chain of posts cannot keep the loop. */
  g_mutex_lock (&world->posts_lock);
  taken = world->posts;
  g_queue_init (&world->posts);
  g_source_set_ready_time (source, -1);
  g_mutex_unlock (&world->posts_lock);

  kith_world_ref (world);
  while ((post = g_queue_pop_head (&taken)) != NULL)
    post_run (post, TRUE);
  kith_world_unref (world);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs posts_funcs = { .dispatch = posts_dispatch };

void
kith_world_init (KithWorld *world, const KithWorldImpl *impl)
{
  g_atomic_ref_count_init (&world->refs);
  world->impl = impl;
  world->context = g_main_context_ref_thread_default ();
  g_mutex_init (&world->posts_lock);
  g_queue_init (&world->posts);
  world->posts_source = g_source_new (&posts_funcs, sizeof (KithPostsSource));
  ((KithPostsSource *) world->posts_source)->world = world;
  g_source_set_static_name (world->posts_source, "kith posts");
  g_source_attach (world->posts_source, world->context);
}

KithWorld *
kith_world_ref (KithWorld *world)
{
  g_atomic_ref_count_inc (&world->refs);
  return world;
}

void
kith_world_unref (KithWorld *world)
{
  KithPost *post;

  if (!g_atomic_ref_count_dec (&world->refs))
    return;
  g_source_destroy (world->posts_source);
  g_source_unref (world->posts_source);
  while ((post = g_queue_pop_head (&world->posts)) != NULL)
    post_run (post, FALSE);
  g_mutex_clear (&world->posts_lock);
  g_main_context_unref (world->context);
  world->impl->free (world);
}

GMainContext *
kith_world_get_context (KithWorld *world)
{
  return world->context;
}

gint64
kith_world_get_time_us (KithWorld *world)
{
  return world->impl->get_time_us (world);
}

gint64
kith_world_get_date_ms (KithWorld *world)
{
  return world->impl->get_date_ms (world);
}

void
kith_world_fill_random (KithWorld *world, void *buffer, gsize n)
{
  world->impl->fill_random (world, buffer, n);
}

guint32
kith_world_random_uniform (KithWorld *world, guint32 upper)
{
  guint64 value = 0;

  g_return_val_if_fail (upper > 0, 0);
  /* 64 bits into at most 32: what the remainder prefers is below 2^-32. */
  kith_world_fill_random (world, &value, sizeof value);
  return (guint32) (value % upper);
}

char *
kith_world_new_uuid (KithWorld *world)
{
  guint8 b[16];

  kith_world_fill_random (world, b, sizeof b);
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  return g_strdup_printf ("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
                          b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void
kith_world_post (KithWorld *world, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  KithPost *post = g_new (KithPost, 1);

  post->func = func;
  post->data = data;
  post->destroy = destroy;
  g_mutex_lock (&world->posts_lock);
  g_queue_push_tail (&world->posts, post);
  if (world->posts.length == 1)
    g_source_set_ready_time (world->posts_source, 0);
  g_mutex_unlock (&world->posts_lock);
}

guint
kith_world_add_timer (KithWorld *world, guint interval_ms, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  return world->impl->add_timer (world, interval_ms, func, data, destroy);
}

guint
kith_world_add_idle (KithWorld *world, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  return world->impl->add_timer (world, 0, func, data, destroy);
}

void
kith_world_drop_timer (KithWorld *world, guint id)
{
  if (id != 0)
    world->impl->drop_timer (world, id);
}

void
kith_worker_init (KithWorker *worker, KithWorld *world, const char *name, KithTurnFunc turn, gpointer data)
{
  worker->world = kith_world_ref (world);
  worker->name = g_strdup (name);
  worker->turn = turn;
  worker->data = data;
}

void
kith_worker_clear (KithWorker *worker)
{
  g_free (worker->name);
  kith_world_unref (worker->world);
}

KithWorker *
kith_world_add_worker (KithWorld *world, const char *name, KithTurnFunc turn, gpointer data)
{
  return world->impl->add_worker (world, name, turn, data);
}

void
kith_worker_wake (KithWorker *worker)
{
  worker->world->impl->wake_worker (worker);
}

void
kith_worker_free (KithWorker *worker)
{
  if (worker != NULL)
    worker->world->impl->free_worker (worker);
}
