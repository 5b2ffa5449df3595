/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"
#include "kith-table-mail.h"

G_BEGIN_DECLS

/* What came through a mailbox and could not be read (mailbox.md §5, e2ee.md §8.6): kept, tried again when there is
 * another session, and, if its sender is a friend, asked for again. Main thread. */
KithQuarantine *kith_quarantine_new (KithChat *chat);
void kith_quarantine_free (KithQuarantine *self);
/* Nothing is tried any more. */
void kith_quarantine_stop (KithQuarantine *self);
/* The store is there: what waits from the last run. */
void kith_quarantine_start (KithQuarantine *self);
/* Something of that person (0: nobody whom we know) is in it since a job. */
void kith_quarantine_note (KithQuarantine *self, gint64 person);
/* There is anything of anybody. */
gboolean kith_quarantine_any (KithQuarantine *self);
/* How much of that person the user still misses. */
guint kith_quarantine_count (KithQuarantine *self, gint64 person);
/* There is another session with them, or a content of theirs was read after one was asked for. */
void kith_quarantine_look (KithQuarantine *self, gint64 person);
/* They are no friend any more, or have another identity: nothing of theirs is kept since a job. */
void kith_quarantine_forget (KithQuarantine *self, gint64 person);
/* A session was begun with the bundle that was claimed for healing. */
void kith_quarantine_healed (KithQuarantine *self, gint64 person);

G_END_DECLS
