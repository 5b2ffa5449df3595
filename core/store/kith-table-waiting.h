/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-table-message.h"

G_BEGIN_DECLS

/* Contents that wait for something: the tables "pending", "request_item" and "content_seen". Inside jobs and reads
 * only. */
#define KITH_PENDING_MAX 1000
#define KITH_PENDING_DAYS 30
#define KITH_REQUEST_ITEMS_MAX 100

/* For a message that has not come; final: it was deleted. The oldest of that person is dropped when there are
 * KITH_PENDING_MAX. */
gboolean kith_table_pending_add (
    KithDb *db, gint64 person, const guint8 *message, GBytes *content, gboolean final, gint64 now_ms, GError **error);
/* What waited for a message of that person, in order; the rows are taken away. */
gboolean kith_table_pending_take (
    KithDb *db, gint64 person, const guint8 *message, GPtrArray *contents /* of GBytes */, GError **error);

/* *changed FALSE: it is there already. *full: the requester has KITH_REQUEST_ITEMS_MAX; nothing was added. */
gboolean kith_table_request_add (KithDb *db,
                                 gint64 person,
                                 const guint8 *cid,
                                 GBytes *content,
                                 gint64 now_ms,
                                 gboolean direct,
                                 gboolean *changed,
                                 gboolean *full,
                                 GError **error);
gint64 kith_table_request_count (KithDb *db, gint64 person);
typedef gboolean (*KithRequestItemFunc) (
    GBytes *content, gint64 received_ms, gboolean direct, gpointer data); /* FALSE: enough */
gboolean kith_table_request_each (KithDb *db, gint64 person, KithRequestItemFunc func, gpointer data, GError **error);
/* What waited as the request of another row is this person's now. */
gboolean kith_table_request_move (KithDb *db, gint64 from, gint64 to, GError **error);
gboolean kith_table_request_drop (KithDb *db, gint64 person, GError **error);
/* How many people wait in requests. */
gint64 kith_table_request_people (KithDb *db);

/* *fresh FALSE: it was here before. */
gboolean
kith_table_seen_add (KithDb *db, gint64 person, const guint8 *cid, gint64 now_ms, gboolean *fresh, GError **error);

/* What has outlived its time goes: at most `limit` rows of each table. *more: there is more. */
gboolean kith_table_waiting_prune (KithDb *db, gint64 now_ms, int limit, gboolean *more, GError **error);

G_END_DECLS
