/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "kith-private.h"

G_BEGIN_DECLS

/* Time, chance and threads, given at construction to store, keys, chat, link and loader and to nobody else. A real
 * world has the system's; a virtual one runs on virtual time, repeats its randomness by seed, and runs workers on
 * the loop. */
typedef struct _KithWorld KithWorld;
typedef struct _KithWorker KithWorker;

/* One turn of a worker; TRUE = there is more to do, call again at once. */
typedef gboolean (*KithTurnFunc) (gpointer data);

KITH_PRIVATE KithWorld *kith_world_new (void);
KITH_PRIVATE KithWorld *kith_world_new_virtual (guint64 seed);
KITH_PRIVATE KithWorld *kith_world_ref (KithWorld *world);
KITH_PRIVATE void kith_world_unref (KithWorld *world);
KITH_PRIVATE gboolean kith_world_is_virtual (KithWorld *world);
/* The context on which timers, idles and posts run: the thread default of whoever made the world. */
KITH_PRIVATE GMainContext *kith_world_get_context (KithWorld *world);

/* Any thread. */
KITH_PRIVATE gint64 kith_world_get_time_us (KithWorld *world);
KITH_PRIVATE gint64 kith_world_get_date_ms (KithWorld *world);
KITH_PRIVATE void kith_world_fill_random (KithWorld *world, void *buffer, gsize n);
KITH_PRIVATE guint32 kith_world_random_uniform (KithWorld *world, guint32 upper);
KITH_PRIVATE char *kith_world_new_uuid (KithWorld *world);
/* Runs @func once on the main context, in the order of the calls; @destroy after it. The result of @func is
 * ignored. */
KITH_PRIVATE void kith_world_post (KithWorld *world, GSourceFunc func, gpointer data, GDestroyNotify destroy);

/* Main thread. A timer repeats while @func returns TRUE; from ten seconds on it is coalesced with others. Numbers are
 * never 0. */
KITH_PRIVATE guint kith_world_add_timer (KithWorld *world, guint interval_ms, GSourceFunc func, gpointer data,
                                         GDestroyNotify destroy);
KITH_PRIVATE guint kith_world_add_idle (KithWorld *world, GSourceFunc func, gpointer data, GDestroyNotify destroy);
KITH_PRIVATE void kith_world_drop_timer (KithWorld *world, guint id);

/* A thread that takes turns when woken. In a virtual world the turns run on the main context. */
KITH_PRIVATE KithWorker *kith_world_add_worker (KithWorld *world, const char *name, KithTurnFunc turn, gpointer data);
KITH_PRIVATE void kith_worker_wake (KithWorker *worker);
/* Takes turns until one says FALSE, then joins; no turn runs afterwards. */
KITH_PRIVATE void kith_worker_free (KithWorker *worker);

/* Virtual worlds only, outside of any dispatch: runs everything that falls due, in order of time. */
KITH_PRIVATE void kith_world_advance (KithWorld *world, guint64 us);
KITH_PRIVATE void kith_world_run_until_idle (KithWorld *world);
/* Shifts the calendar, not the monotonic clock. */
KITH_PRIVATE void kith_world_set_date_ms (KithWorld *world, gint64 date_ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithWorld, kith_world_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithWorker, kith_worker_free)

G_END_DECLS
