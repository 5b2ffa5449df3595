/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-world.h"

/* What differs between a real and a virtual world; kith-world.c holds what does not. */
typedef struct
{
  gint64 (*get_time_us) (KithWorld *world);
  gint64 (*get_date_ms) (KithWorld *world);
  void (*fill_random) (KithWorld *world, void *buffer, gsize n);
  guint (*add_timer) (KithWorld *world, guint interval_ms, GSourceFunc func, gpointer data, GDestroyNotify destroy);
  void (*drop_timer) (KithWorld *world, guint id);
  KithWorker *(*add_worker) (KithWorld *world, const char *name, KithTurnFunc turn, gpointer data);
  void (*wake_worker) (KithWorker *worker);
  void (*free_worker) (KithWorker *worker);
  void (*free) (KithWorld *world);
} KithWorldImpl;

struct _KithWorld
{
  gatomicrefcount refs;
  const KithWorldImpl *impl;
  GMainContext *context;

  GMutex posts_lock;
  GQueue posts;
  GSource *posts_source;
};

struct _KithWorker
{
  KithWorld *world;
  char *name;
  KithTurnFunc turn;
  gpointer data;
};

KITH_PRIVATE void kith_world_init (KithWorld *world, const KithWorldImpl *impl);
KITH_PRIVATE void kith_worker_init (KithWorker *worker, KithWorld *world, const char *name, KithTurnFunc turn,
                                    gpointer data);
KITH_PRIVATE void kith_worker_clear (KithWorker *worker);
