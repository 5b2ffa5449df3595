/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "kith-private.h"

G_BEGIN_DECLS

/* For a worker's thread that asks a desktop service: a context of its own, and an end to its patience. Real time. */
typedef struct
{
  GMainContext *context;     /* the thread's default between begin and end */
  GCancellable *cancellable; /* cancelled at the deadline */
  GSource *deadline;
} KithWait;

KITH_PRIVATE void kith_wait_begin (KithWait *wait, guint deadline_ms);
/* Runs the context until *done; FALSE when the deadline came first. (Whoever passed the cancellable on is answered
 * then.) */
KITH_PRIVATE gboolean kith_wait_until (KithWait *wait, const gboolean *done);
KITH_PRIVATE void kith_wait_end (KithWait *wait);

G_END_DECLS
