/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"
#include "kith-world.h"

G_BEGIN_DECLS

/* The bus itself; it is also a port, to which the daemon's own rooms connect. Main thread only. */
KITH_PRIVATE KithBus *kith_bus_new (KithWorld *world);
/* A port of its own for a plugin: full; it ends everything that was connected to it when it is cut. */
KITH_PRIVATE KithBus *kith_bus_add_port (KithBus *bus, const char *plugin_id);
KITH_PRIVATE void kith_bus_cut (KithBus *port);
KITH_PRIVATE const char *kith_bus_get_port_id (KithBus *port);

/* The registry, of the whole bus, through any port. Specs stay with their owner. */
typedef void (*KithEventSpecFunc) (const KithEventSpec *spec, const char *owner, gpointer data);
KITH_PRIVATE gboolean kith_bus_add_event (KithBus *bus, const KithEventSpec *spec, const char *owner, GError **error);
KITH_PRIVATE gboolean kith_bus_add_kind (KithBus *bus, const char *kind, const char *owner, GError **error);
KITH_PRIVATE gboolean kith_bus_knows_kind (KithBus *bus, const char *kind);
KITH_PRIVATE const char *kith_bus_find_kind_owner (KithBus *bus, const char *kind);
KITH_PRIVATE void kith_bus_drop_owner (KithBus *bus, const char *owner);
KITH_PRIVATE void kith_bus_foreach_event (KithBus *bus, KithEventSpecFunc func, gpointer data);
KITH_PRIVATE const KithEventSpec *kith_bus_find_event (KithBus *bus, const char *name);
KITH_PRIVATE const char *kith_bus_find_event_owner (KithBus *bus, const char *name);

/* Telling: delivered at once, or after the present emission. An event or kind that nobody registered is dropped. */
KITH_PRIVATE void kith_bus_tell_event (KithBus *bus, KithEvent *event);
KITH_PRIVATE void kith_bus_tell_ephemeral (KithBus *bus, const char *kind, KithFriend *from, JsonObject *data);
KITH_PRIVATE void kith_bus_tell_link (KithBus *bus, gboolean up, KithFriend *with, const char *transport);
KITH_PRIVATE void kith_bus_tell_evidence (KithBus *bus, const char *source, KithFriend *about, KithPresence says,
                                          guint lease_ms);
KITH_PRIVATE void kith_bus_tell_client (KithBus *bus, gboolean opened, guint64 client);

/* Who kept the loop: plugin id ("core" for the bus itself), what it handled ("event::typing", "timer", "GET
 * polls/:id"), for how long. */
#define KITH_SLOW_HANDLER_MS 50
typedef void (*KithSlowFunc) (const char *plugin_id, const char *what, guint ms, gpointer data);
KITH_PRIVATE void kith_bus_set_slow_func (KithBus *bus, KithSlowFunc func, gpointer data);
/* For calls into a plugin that are no signals: @since_us is the world's time before the call. */
KITH_PRIVATE void kith_bus_measure (KithBus *port, const char *what, gint64 since_us);
/* How often what is connected to each port was called, and how long that took in all: for /metrics. */
typedef void (*KithPortFunc) (const char *plugin_id, guint64 calls, gint64 spent_us, gpointer data);
KITH_PRIVATE void kith_bus_foreach_port (KithBus *bus, KithPortFunc func, gpointer data);
KITH_PRIVATE KithWorld *kith_bus_get_world (KithBus *bus);

G_END_DECLS
