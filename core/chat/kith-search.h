/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"

G_BEGIN_DECLS

/* Keeps the search index up to date: what is new goes into it in slices, in the bulk lane, a moment after it was told,
 * or when somebody searches. Main thread. */
KithSearch *kith_search_new (KithChat *chat);
void kith_search_free (KithSearch *self);
void kith_search_note (KithSearch *self); /* there are new messages */

G_END_DECLS
