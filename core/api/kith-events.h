/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-bus-private.h"
#include <kith/kith.h>

G_BEGIN_DECLS

/* Lists that have a name of their own where types are printed; ends with NULL. */
typedef struct { const char *name; const KithField *fields; } KithNamedFields;
extern const KithNamedFields kith_named_fields[];

/* What a Message and a friend look like; also of answers. */
extern const KithField kith_fields_message[];
extern const KithField kith_fields_found[];          /* a Message of a search */
extern const KithField kith_fields_friend[];
extern const KithField kith_fields_open_chat[];
extern const char *const kith_values_status[];       /* of a friend */
extern const char *const kith_values_delivery[];
extern const char *const kith_values_link_state[];
extern const char *const kith_values_own_status[];

/* GET /events, for the description: the catalog does not answer it. */
extern const KithRouteSpec kith_events_route;

/* Registers the events that the house tells and no plugin brings. */
void kith_events_register (KithBus *bus);

G_END_DECLS
