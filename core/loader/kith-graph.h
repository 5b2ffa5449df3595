/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-unit.h"

G_BEGIN_DECLS

/* Who needs whom: features, not names. @units is sorted by id. */

/* Whether everything that @unit requires is active and will stay so. */
gboolean kith_graph_is_ready (GPtrArray *units, KithUnit *unit);
/* Whether it can become active at all; if not, @why (full) tells the whole chain. */
gboolean kith_graph_is_possible (GPtrArray *units, KithUnit *unit, char **why);
/* Whether something that is active, or on its way, requires what @unit provides. */
gboolean kith_graph_is_needed (GPtrArray *units, KithUnit *unit);
/* Whether an active unit may stay: it is wanted, and so is what it requires. */
gboolean kith_graph_may_stay (GPtrArray *units, KithUnit *unit);

G_END_DECLS
