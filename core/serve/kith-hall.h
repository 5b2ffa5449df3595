/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all connections of one door share: limits, policy, the clock that ends what takes too long, and the list of
 * those who have something to send in this turn of the loop. Outlives the door until the last connection has let go. */
#pragma once

#include "kith-bouncer.h"
#include "kith-door.h"

G_BEGIN_DECLS

typedef struct _KithPipe KithPipe;

#define KITH_SLICE_BYTES (64 * 1024)

typedef struct
{
  KithDoorLimits limits;
  KithBouncer *bouncer;
  GMainContext *context;
  GUri *uri;                 /* libsoup wants one for a WebSocket; nobody reads it */
  GQueue pipes;              /* links inside of KithPipe */
  guint n_websockets;
  guint64 n_accepted;
  guint64 n_requests;
  guint64 n_upgrades;
  guint64 n_frames;          /* that came */
  guint64 n_messages;
  guint64 n_pauses;          /* of the accept loop */
  guint64 last_client;
  gboolean closing;
  KithDoorFunc func;         /* NULL once the door is gone */
  gpointer func_data;
  GDestroyNotify func_destroy;
  void (*emptied) (gpointer data);   /* the last connection went */
  gpointer emptied_data;
  /* kith-hall.c's own */
  GSource *clock;
  gint64 clock_due_us;
  GSource *flusher;
  GPtrArray *dirty;
  GPtrArray *spare;
  guint8 *slice;             /* KITH_SLICE_BYTES, for whoever reads in this turn */
  gconstpointer slice_owner;
  gint64 date_s;
  char date[40];
} KithHall;

KithHall   *kith_hall_new       (void);
KithHall   *kith_hall_ref       (KithHall *self);
void        kith_hall_unref     (KithHall *self);
/* Makes sure that the clock looks at deadlines at due_us (monotonic) at the latest. */
void        kith_hall_wake_at   (KithHall *self, gint64 due_us);
/* The pipe is flushed before anything else in the next turn. */
void        kith_hall_add_dirty (KithHall *self, KithPipe *pipe);
void        kith_hall_forget_dirty (KithHall *self);
guint8     *kith_hall_get_slice (KithHall *self);
const char *kith_hall_get_date  (KithHall *self);
void        kith_hall_set_func  (KithHall *self, KithDoorFunc func, gpointer data, GDestroyNotify destroy);

G_END_DECLS
