/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"
#include "kith-table-trace.h"

G_BEGIN_DECLS

/* Steps of GET /messages/:id/trace that no job of the message takes: what happens to a person's link, or between two
 * jobs. Written in the bulk lane, and only if something waits for that person. Main thread. */

/* Takes detail. */
void kith_trace_person (
    KithWorld *world, KithStore *store, gint64 person, const char *what, const char *transport, char *detail);

typedef struct
{
  gint64 outbox_id, at_ms;
  const char *what, *transport; /* static or interned */
} KithTraceStep;

/* Takes the steps (of KithTraceStep): of rows of the outbox that are messages; others are passed over. */
void kith_trace_rows (KithStore *store, gint64 person, GArray *steps);

G_END_DECLS
