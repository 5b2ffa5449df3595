/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clients of /events: everybody sees everything, nobody waits for anybody. Main thread. spec: local-api.md §1. */
#pragma once

#include "kith-bus-private.h"
#include "kith-catalog.h"
#include "kith-exchange.h"
#include "kith-journal.h"
#include "kith-tail.h"

G_BEGIN_DECLS

#define KITH_TYPE_WINDOWS (kith_windows_get_type ())
G_DECLARE_FINAL_TYPE (KithWindows, kith_windows, KITH, WINDOWS, GObject)

/* Listens to the bus from now on. Property "budget": bytes a window may have unsent, 1 MiB by default. */
KithWindows *kith_windows_new           (KithWorld *world, KithBus *bus, KithStore *store, KithCatalog *catalog);
/* GET /events?since=SEQ&epoch=E: answers the exchange, with a WebSocket if all is well. */
void         kith_windows_open          (KithWindows *self, KithExchange *exchange);
guint        kith_windows_get_n         (KithWindows *self);
guint64      kith_windows_get_n_delivered (KithWindows *self);   /* frames handed to sockets, ever */
guint64      kith_windows_get_n_overrun (KithWindows *self);     /* closed with 1013, ever */
/* The journal is another one now: everybody is asked to come again (1012), what was kept in memory is forgotten. */
void         kith_windows_restart       (KithWindows *self);
/* Hears nothing more; sockets are closed with 1001. */
void         kith_windows_stop          (KithWindows *self);

G_END_DECLS
