/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-event.h"
#include "kith-friend.h"

G_BEGIN_DECLS

#define KITH_TYPE_BUS (kith_bus_get_type ())

/**
 * KithBus:
 *
 * A plugin's own port to the one bus: what it connects here ends when it is deactivated. It tells facts only, after
 * they are true, on the main thread, to every port in the same order, and run to completion: what a handler
 * publishes is delivered after the present emission. All arguments are (transfer none).
 *
 * Its signals all carry a detail, and the detail is interned for registered names only:
 *
 * - `event::NAME` ([struct@Kith.Event] event)
 * - `ephemeral::KIND` ([class@Kith.Friend] from, [struct@Json.Object] data): friends only, not blocked, registered
 *   kinds only
 * - `link::up`, `link::down` ([class@Kith.Friend] friend, string transport)
 * - `evidence::SOURCE` ([class@Kith.Friend] friend, [enum@Kith.Presence] says, uint lease in ms)
 * - `client::opened`, `client::closed` (uint64 client): a window of `/events`
 *
 * A handler that keeps the loop for more than 50 ms is logged and named in `/plugins`.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (KithBus, kith_bus, KITH, BUS, GObject)

/**
 * kith_bus_knows_event:
 * @self: a port
 * @name: the name of an event
 *
 * Whether somebody has registered this event now. Main thread.
 *
 * Returns: whether it is registered
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_bus_knows_event (KithBus *self, const char *name);

G_END_DECLS
