/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Holds what we say against the same tables that describe it, before it is said. Only in debug builds (without
 * NDEBUG): there, what does not fit is a critical, for it is our own bug. Main thread. */
#pragma once

#include "kith-bus-private.h"

G_BEGIN_DECLS

#ifndef NDEBUG
/* One event as JSON text, and as the frame of a window. What is replayed may be older than its plugin, or blanked: it
 * only must not contradict its spec. */
void kith_told_event  (KithBus *bus, const char *text, gsize n, gboolean replayed);
void kith_told_frame  (KithBus *bus, GBytes *frame, gboolean replayed);
/* type: of the content, NULL for JSON. error: why not, with its status. */
void kith_told_answer (const KithRouteSpec *spec, guint status, const char *type, GBytes *body, const GError *error);
#else
#define kith_told_event(bus, text, n, replayed) ((void) 0)
#define kith_told_frame(bus, frame, replayed) ((void) 0)
#define kith_told_answer(spec, status, type, body, error) ((void) 0)
#endif

G_END_DECLS
