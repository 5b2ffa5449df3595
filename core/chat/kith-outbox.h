/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"
#include "kith-table-outbox.h"

G_BEGIN_DECLS

/* What waits to be sent, and how it goes over the link: one log of each friend's encrypted rows and, while there is a
 * link, a tail of it that feeds the link's window. A row stays until its acknowledgement, and goes again, as the same
 * bytes, on the next link. Main thread, but for what says [jobs]. */
/* The "kind" of a row without a content (e2ee.md §7.4, kind 0x02). */
#define KITH_OUTBOX_DUMMY "dummy"
/* The "kind" of a row that holds a RETRY_REQUEST (kind 0x01). */
#define KITH_OUTBOX_RETRY "retry"
/* [jobs] */
gboolean kith_outbox_retry (KithChat *chat, KithDb *db, gint64 person, GBytes *request, GError **error);

KithOutbox *kith_outbox_new (KithChat *chat);
void kith_outbox_free (KithOutbox *self);
/* [jobs] at start: where the numbering goes on */
void kith_outbox_load (KithOutbox *self, KithDb *db);

/* [jobs] Adds a content of `person` (kind, cid, message, content, created_ms are given): encrypted at once when there
 * is a session and nothing waits before it, else plain. */
gboolean kith_outbox_put (
    KithOutbox *self, KithDb *db, const KithPersonRow *person, KithOutboxRow *row, KithAfter *after, GError **error);

/* After the commit: an encrypted row. */
void kith_outbox_append (KithOutbox *self, gint64 person, gint64 position, GBytes *wire);
/* The person has a newer device: what has no acknowledgement is encrypted anew. */
void kith_outbox_renew (KithOutbox *self, gint64 person);
/* Nothing goes to them before the user has decided which identity is theirs; or all goes on. */
void kith_outbox_hold (KithOutbox *self, gint64 person, gboolean hold);
/* They are no friend any more, are blocked, or somebody else's identity was accepted: nothing goes to their mailbox. */
void kith_outbox_forget (KithOutbox *self, gint64 person);
/* They gave a sign of life: what they had refused is tried again. */
void kith_outbox_sign (KithOutbox *self, KithPerson *person);

/* Hooks of the links */
void kith_outbox_up (KithOutbox *self, KithPerson *person, KithLink *link);
void kith_outbox_down (KithOutbox *self, KithPerson *person, KithLink *link);
void kith_outbox_acked (KithOutbox *self, KithPerson *person, KithLink *link, const KithLinkOutcome *outcomes, guint n);
void kith_outbox_room (KithOutbox *self, KithPerson *person, KithLink *link);
void kith_outbox_bundle (KithOutbox *self, KithPerson *person, GBytes *bundle);

G_END_DECLS
