/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-outbox-private.h"

G_BEGIN_DECLS

/* What goes to friends' mailboxes while there is no link (mailbox.md §5), and what directories know of them. Encrypted
 * rows are sealed once, in a job, and the same bytes go under the same UUID until a server has them; in order for each
 * mailbox. Main thread. */
KithPost *kith_post_new (KithChat *chat);
void kith_post_free (KithPost *self);
/* Nothing goes any more; what is under way is forgotten. */
void kith_post_stop (KithPost *self);
void kith_post_add_transport (KithPost *self, KithMailboxTransport *transport);
void kith_post_drop_transport (KithPost *self, KithMailboxTransport *transport);
/* Its state has changed, or a directory came. */
void kith_post_look (KithPost *self);
/* Our status or the network has changed: nobody waits for a back-off any more, and mailboxes are looked into. */
void kith_post_wake (KithPost *self);
/* There is a transport to mailboxes, whatever its state. */
gboolean kith_post_is_open (KithPost *self);

void kith_post_foreach_traffic (KithPost *self, KithMailTrafficFunc func, gpointer data);

/* The transport to the mailboxes that a directory lists: interned id, nullable. */
const char *kith_post_find_office (KithPost *self, KithDirectory *directory);

/* There is no link to that person, and something waits for them. */
void kith_post_want (KithPost *self, gint64 person);
/* A link is up: what was not uploaded goes over it, and not to the mailbox. */
void kith_post_withdraw (KithPost *self, gint64 person);
/* They are no friend any more, or somebody else's identity was accepted. */
void kith_post_forget (KithPost *self, gint64 person);
/* A `read` or `delivered`, encrypted; not kept over a restart: it is made anew of what it tells. */
void kith_post_sign (KithPost *self, gint64 person, KithParcelKind kind, gint64 value, GBytes *wire);
/* A session is needed: a bundle is claimed, as soon as there is somebody to ask, and given to kith_box_flush (). */
void kith_post_claim (KithPost *self, gint64 person);
/* What came of a bundle. */
void kith_post_claimed (KithPost *self, gint64 person, gboolean good);
/* Somebody has used a prekey that was published. */
void kith_post_prekey_used (KithPost *self);

/* [jobs] Sealed 7 days ago and not acknowledged: failed, and kept for a link. At most `limit` rows. */
gboolean kith_post_expire (KithDb *db, gint64 now_ms, guint limit, gboolean *more, GError **error);

G_END_DECLS
