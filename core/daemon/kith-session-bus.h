/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon on the session bus: im.kith.Kith (profiles: im.kith.Kith.Profile.NAME), one instance per user and profile.
 * Says how the daemon is, never what people write. Every call is for the daemon's own user, as the bouncer has it;
 * every call of ours has a deadline. Main thread. data/docs/dbus.md */
#pragma once

#include "kith-api.h"

G_BEGIN_DECLS

typedef struct _KithSessionBus KithSessionBus;

typedef enum
{
  KITH_BUS_ALONE,          /* nobody else has the name, or nobody can know */
  KITH_BUS_HANDED_OVER,    /* another kithd runs and was asked to show itself */
  KITH_BUS_OCCUPIED,       /* another kithd runs and does not answer: the error says so */
} KithBusOutcome;

typedef struct
{
  void (*settled) (KithBusOutcome outcome, const GError *error, gpointer daemon);   /* once, never from _new() */
  void (*late)    (gpointer daemon);   /* the bus answered after all, when settled had been told */
  void (*quit)    (gpointer daemon);   /* somebody asked for the end, and has been answered */
  void (*closed)  (gpointer daemon);   /* the bus has gone */
} KithSessionBusFuncs;

KithSessionBus  *kith_session_bus_new     (const char *profile, KithDoor *door, const KithSessionBusFuncs *funcs,
                                           gpointer daemon);
void             kith_session_bus_free    (KithSessionBus *self);
GDBusConnection *kith_session_bus_get_connection (KithSessionBus *self);   /* none; NULL: there is no session bus */
/* The rooms are there (borrowed until _free()). */
void             kith_session_bus_set_api (KithSessionBus *self, KithApi *api);
/* What was asked while the daemon started is done now. */
void             kith_session_bus_ready   (KithSessionBus *self);
/* Something may be otherwise: those who listen are told, once for all that happened in this turn of the loop. */
void             kith_session_bus_look    (KithSessionBus *self);
/* The property Autostart. */
void             kith_session_bus_set_autostart (KithSessionBus *self, const char *state);

G_END_DECLS
