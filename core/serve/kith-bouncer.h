/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one policy: who may talk to the daemon. Asked at accept, at the head of each request, and by every further way
 * in. What it does not know, it refuses. It counts and logs each no. spec/security.md §1. */
#pragma once

#include <gio/gio.h>

#include "kith-door.h"
#include "kith-head.h"
#include "kith-policy.h"
#include "kith-reason.h"

G_BEGIN_DECLS

typedef struct _KithBouncer KithBouncer;

KithBouncer *kith_bouncer_new         (const KithDoorLimits *limits);   /* the door's, borrowed */
/* Fails where no user can be told from another: as the overflow uid, or without NETLINK_SOCK_DIAG. Until it succeeded,
 * nobody on TCP is let in. */
gboolean     kith_bouncer_prepare     (KithBouncer *self, GError **error);
/* Borrowed; kith_policy_local until then. */
void         kith_bouncer_set_policy (KithBouncer *self, const KithDoorPolicy *policy);
const KithDoorPolicy *kith_bouncer_get_policy (KithBouncer *self);
void         kith_bouncer_free        (KithBouncer *self);
void         kith_bouncer_set_origins (KithBouncer *self, const char *const *origins);
void         kith_bouncer_set_page    (KithBouncer *self, guint16 api_port);
void         kith_bouncer_set_token   (KithBouncer *self, gboolean required, const void *token, gsize n);
void         kith_bouncer_require_token (KithBouncer *self, gboolean required);

/* For D-Bus and whoever else asks somebody else for the uid. */
KithReason   kith_bouncer_ask_uid     (KithBouncer *self, uid_t uid);
/* A connection that was just accepted, while so many are open. *uid is for the log. */
KithReason   kith_bouncer_ask_socket  (KithBouncer *self, KithWay way, int fd, guint n_open, uid_t *uid);
KithReason   kith_bouncer_ask_head    (KithBouncer *self, const KithHead *head);
gboolean     kith_bouncer_knows_origin (KithBouncer *self, const char *origin);
/* FALSE: the client's end of a TCP connection is held by nobody any more. */
gboolean     kith_bouncer_is_there    (KithBouncer *self, KithWay way, int fd);

/* Counts, and writes the one log line. client 0: it has no number yet; uid -1: nobody knows. */
void         kith_bouncer_note        (KithBouncer *self, KithReason reason, KithWay way, guint64 client, uid_t uid,
                                       const char *method);
guint64      kith_bouncer_get_count   (KithBouncer *self, KithReason reason);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithBouncer, kith_bouncer_free)

G_END_DECLS
