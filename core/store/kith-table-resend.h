/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-table-outbox.h"

G_BEGIN_DECLS

/* Contents that were acknowledged and may yet be asked for again (e2ee.md §8.6): the table "sent_content". A message
 * has
 * its text elsewhere and is here only once it was sent again. Inside jobs only. */

/* Before the row goes; see kith_table_resend_wants (). */
gboolean kith_table_resend_keep (KithDb *db, gint64 outbox_id, gint64 day, GError **error);
/* FALSE without an error: there is none. content is NULL for a message. */
gboolean kith_table_resend_get (KithDb *db, gint64 person, const guint8 *cid, KithOutboxRow *out, GError **error);
/* Deletes what is older than a day, at most `rows`. */
gboolean kith_table_resend_prune (KithDb *db, gint64 day, guint rows, gboolean *more, GError **error);

static inline gboolean
kith_table_resend_wants (const KithOutboxRow *row)
{
  return row->heals > 0 || !g_str_equal (row->kind, "message");
}

G_END_DECLS
