/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"

G_BEGIN_DECLS

/* What links bring: each envelope is one job that decrypts it, applies its content and journals what became true; the
 * acknowledgement goes after the commit. Main thread. */
KithInbox *kith_inbox_new (KithChat *chat);
void kith_inbox_free (KithInbox *self);
void kith_inbox_take (KithInbox *self, KithLink *link, const KithLinkPeer *peer, guint32 n, GBytes *wire);

/* What a mailbox brought (mailbox.md §5): the task (full) returns its KithFate when that is durable. */
void
kith_inbox_take_parcel (KithInbox *self, KithMailboxTransport *transport, KithParcel *parcel, GTask *task /* full */);

/* `unread` of that person is told once a turn of the loop. */
void kith_inbox_note_unread (KithInbox *self, gint64 person);

/* Plugins' own kinds: what waits is handed out, one after the other, each until the plugin is done with it. */
void kith_inbox_hand_out (KithInbox *self, const char *kind);
/* The registered kinds as a job sees them (transfer full; a set that never changes). */
GHashTable *kith_inbox_ref_kinds (KithInbox *self);

G_END_DECLS
