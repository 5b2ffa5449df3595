/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-courier.h"
#include "kith-outbox.h"

G_BEGIN_DECLS

/* A friend names what they could not read (e2ee.md §8.6, RETRY_REQUEST). All of it is for jobs. */
/* Which content that place of a session holds. */
gboolean kith_retry_note (
    KithChat *chat, KithDb *db, const guint8 *ik, const KithSent *sent, const guint8 *cid, GError **error);
/* What the friend asks for, and only what was for them, goes to the outbox again, under the same cid. */
gboolean kith_retry_obey (KithChat *chat,
                          KithDb *db,
                          const KithPersonRow *person,
                          const KithOpened *opened,
                          KithAfter *after,
                          GError **error);

G_END_DECLS
