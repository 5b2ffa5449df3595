/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"

G_BEGIN_DECLS

/* POSTs that wait a moment for their acknowledgement (local-api.md §2.1): 2 s for a link, 3 s for the answer. Main
 * thread; NULL once the chat is stopped: nobody waits. */
typedef void (*KithWaitingFunc) (gboolean delivered, gpointer data);

KithWaiting *kith_waiting_new (KithChat *chat);
void kith_waiting_free (KithWaiting *self); /* everybody is told: not delivered */
/* Calls func once: at once when it is not worth waiting. */
void kith_waiting_add (KithWaiting *self, KithPerson *person, const guint8 *cid, KithWaitingFunc func, gpointer data);
/* What became of a content. */
void kith_waiting_settle (KithWaiting *self, const guint8 *cid, gboolean delivered);
/* A link to that person is up: now 3 s for the answer. */
void kith_waiting_linked (KithWaiting *self, gint64 person);

G_END_DECLS
