/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-table-message.h"

G_BEGIN_DECLS

/* Gaps: every message says which one its sender wrote before it. A received one whose predecessor is not here keeps
 * that name until it comes, and history shows that something is missing. Inside jobs only. */

/* For a message of ours: fills prev with what was sent before it, which is none at the beginning of a conversation. */
void kith_table_gap_begin (KithDb *db, KithMessageRow *row);
/* It was added: the next one follows it. */
gboolean kith_table_gap_sent (KithDb *db, const KithMessageRow *row, GError **error);
/* For one of theirs that names its predecessor: fills prev if that one is not here, and was not deleted before it
 * came. */
gboolean kith_table_gap_look (KithDb *db, KithMessageRow *row, const guint8 *prev, GError **error);
/* It was added, or deleted before it came: a gap that it leaves is closed. */
gboolean kith_table_gap_close (KithDb *db, gint64 person, const guint8 *id, GError **error);

G_END_DECLS
