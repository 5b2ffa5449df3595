/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-session-bus.h"

G_BEGIN_DECLS

#define KITH_BUS_NAME "im.kith.Kith"
#define KITH_BUS_INTERFACE "im.kith.Kith1"
#define KITH_APPLICATION_INTERFACE "org.freedesktop.Application"
/* Nobody is waited for longer than that. */
#define KITH_BUS_DEADLINE_MS 3000
#define KITH_BUS_N_PROPERTIES 6

struct _KithSessionBus
{
  grefcount ref;
  const KithSessionBusFuncs *funcs;   /* NULL: it was let go */
  gpointer daemon;
  char *name, *path;
  KithDoor *door;
  KithApi *api;                       /* NULL: still starting */
  GCancellable *cancellable;
  GDBusConnection *connection;
  guint ids[2];                       /* of the exported interfaces */
  guint name_lost;
  gulong closed;
  guint deadline;
  gboolean settled, ready;
  guint n_asked;                      /* calls whose caller is being asked about */
  GPtrArray *waiting;                 /* of GDBusMethodInvocation: actions that came before the daemon was ready */
  guint looking;
  GVariant *shown[KITH_BUS_N_PROPERTIES];
  char *autostart;
};

/* kith-bus-status.c: Get and GetAll of im.kith.Kith1, and who is told of changes. */
void      kith_bus_status_call    (KithSessionBus *self, GDBusMethodInvocation *invocation /* full */);
void      kith_bus_status_follow  (KithSessionBus *self);
void      kith_bus_status_stop    (KithSessionBus *self);

/* kith-bus-actions.c: org.freedesktop.Application. */
void      kith_bus_actions_call   (KithSessionBus *self, GDBusMethodInvocation *invocation /* full */);
void      kith_bus_actions_resume (KithSessionBus *self);

G_END_DECLS
