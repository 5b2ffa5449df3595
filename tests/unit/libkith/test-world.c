/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-world.h"

#include "kith-event-private.h"

typedef struct
{
  KithWorld *world;
  GString *log;
  guint left;
  guint drop;
} Fixture;

static gboolean
on_tick (gpointer data)
{
  Fixture *f = data;

  g_string_append_printf (f->log, "%d ", (int) (kith_world_get_time_us (f->world) / 1000) - 1000);
  if (f->drop != 0)
    kith_world_drop_timer (f->world, f->drop);
  return --f->left > 0;
}

static void
on_gone (gpointer data)
{
  g_string_append (((Fixture *) data)->log, "gone ");
}

static void
test_virtual_time (void)
{
  Fixture f = { kith_world_new_virtual (1), g_string_new (NULL), 3, 0 };
  gint64 date = kith_world_get_date_ms (f.world);
  guint other;

  g_assert_true (kith_world_is_virtual (f.world));
  g_assert_cmpuint (kith_world_add_timer (f.world, 100, on_tick, &f, on_gone), !=, 0);
  kith_world_advance (f.world, 99 * 1000);
  g_assert_cmpstr (f.log->str, ==, "");
  kith_world_advance (f.world, 1000 * 1000);
  g_assert_cmpstr (f.log->str, ==, "100 200 300 gone ");
  g_assert_cmpint (kith_world_get_date_ms (f.world) - date, ==, 1099);

  /* Dropped from outside, and by itself while it runs. */
  g_string_truncate (f.log, 0);
  f.left = 5;
  other = kith_world_add_timer (f.world, 10, on_tick, &f, on_gone);
  kith_world_drop_timer (f.world, other);
  g_assert_cmpstr (f.log->str, ==, "gone ");
  f.drop = kith_world_add_timer (f.world, 1, on_tick, &f, on_gone);
  kith_world_advance (f.world, 1000 * 1000);
  g_assert_cmpstr (f.log->str, ==, "gone 1100 gone ");
  g_string_free (f.log, TRUE);
  kith_world_unref (f.world);
}

static void
test_same_chance (void)
{
  g_autoptr (KithWorld) one = kith_world_new_virtual (7), same = kith_world_new_virtual (7),
                        other = kith_world_new_virtual (8);
  g_autofree char *a = kith_world_new_uuid (one), *b = kith_world_new_uuid (same), *c = kith_world_new_uuid (other),
                  *d = kith_world_new_uuid (one);

  g_assert_cmpstr (a, ==, b);
  g_assert_cmpstr (a, !=, c);
  g_assert_cmpstr (a, !=, d);
  g_assert_true (kith_name_is_uuid (a));
  for (guint i = 0; i < 100; i++)
    g_assert_cmpuint (kith_world_random_uniform (one, 3), <, 3);
}

typedef struct
{
  KithWorld *world;
  GMutex lock;
  guint asked;
  guint taken;
  guint posted;
} Work;

static gboolean
on_posted (gpointer data)
{
  Work *work = data;

  work->posted++;
  return G_SOURCE_REMOVE;
}

static gboolean
turn (gpointer data)
{
  Work *work = data;
  gboolean more;

  g_mutex_lock (&work->lock);
  more = work->asked > work->taken;
  if (more)
    work->taken++;
  g_mutex_unlock (&work->lock);
  if (more)
    kith_world_post (work->world, on_posted, work, NULL);
  return more;
}

static void
run_worker (KithWorld *world)
{
  Work work = { .world = world };
  KithWorker *worker = kith_world_add_worker (world, "test", turn, &work);

  g_mutex_init (&work.lock);
  for (guint i = 0; i < 1000; i++)
    {
      g_mutex_lock (&work.lock);
      work.asked++;
      g_mutex_unlock (&work.lock);
      kith_worker_wake (worker);
      if (i % 100 == 0)
        while (g_main_context_iteration (NULL, FALSE))
          ;
    }
  kith_worker_free (worker);
  /* Everything that was asked for is done when the worker has gone, and what it posted comes after. */
  g_assert_cmpuint (work.taken, ==, 1000);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (work.posted, ==, 1000);
  g_mutex_clear (&work.lock);
}

static void
test_workers (void)
{
  g_autoptr (KithWorld) real = kith_world_new (), virtual = kith_world_new_virtual (1);

  run_worker (real);
  run_worker (virtual);
}

static GString *written;

static gboolean
write_letter (gpointer data)
{
  g_string_append_c (written, (char) GPOINTER_TO_INT (data));
  return G_SOURCE_REMOVE;
}

static gboolean
write_and_post (gpointer data)
{
  kith_world_post (data, write_letter, GINT_TO_POINTER ('z'), NULL);
  return write_letter (GINT_TO_POINTER ('b'));
}

/* In the order of the calls; what is posted meanwhile comes after. */
static void
test_posts (void)
{
  g_autoptr (KithWorld) world = kith_world_new ();

  written = g_string_new (NULL);
  kith_world_post (world, write_letter, GINT_TO_POINTER ('a'), NULL);
  kith_world_post (world, write_and_post, world, NULL);
  kith_world_post (world, write_letter, GINT_TO_POINTER ('c'), NULL);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpstr (written->str, ==, "abcz");
  g_string_free (written, TRUE);
}

static gboolean
on_real_tick (gpointer data)
{
  return --*(guint *) data > 0;
}

static void
test_real_timer (void)
{
  g_autoptr (KithWorld) world = kith_world_new ();
  guint left = 3, never = 1;
  guint dropped = kith_world_add_timer (world, 1, on_real_tick, &never, NULL);

  kith_world_drop_timer (world, dropped);
  kith_world_add_timer (world, 1, on_real_tick, &left, NULL);
  while (left > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (never, ==, 1);
  kith_world_drop_timer (world, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/world/virtual-time", test_virtual_time);
  g_test_add_func ("/world/same-chance", test_same_chance);
  g_test_add_func ("/world/posts", test_posts);
  g_test_add_func ("/world/real-timer", test_real_timer);
  g_test_add_func ("/world/workers", test_workers);
  return g_test_run ();
}
