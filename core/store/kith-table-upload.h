/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-table-outbox.h"

G_BEGIN_DECLS

/* The mailboxes' side of the table "outbox": an encrypted row is sealed once, and the same bytes go under the same
 * UUID until a server has them. Inside jobs only. */
typedef struct
{
  gint64 id, message;
  char *kind;
  guint8 cid[KITH_ID_BYTES];
  char *parcel;   /* NULL: not sealed yet */
  GBytes *sealed; /* NULL with it */
  GBytes *wire;   /* while it is not sealed */
} KithUploadRow;

void kith_upload_row_clear (KithUploadRow *row);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithUploadRow, kith_upload_row_clear)

/* The first encrypted row after an id that no mailbox has; FALSE without an error: none. */
gboolean kith_table_upload_next (KithDb *db, gint64 person, gint64 after, KithUploadRow *out, GError **error);
gboolean
kith_table_upload_seal (KithDb *db, gint64 id, const char *parcel, GBytes *sealed, gint64 now_ms, GError **error);
/* The same bytes under another UUID. */
gboolean kith_table_upload_rename (KithDb *db, gint64 id, const char *parcel, GError **error);
/* *changed FALSE: the row went, or was encrypted anew, meanwhile. ms -1: to go over a link alone. */
gboolean kith_table_upload_set (
    KithDb *db, gint64 id, const char *parcel, gint64 uploaded_ms, gboolean *changed, GError **error);
/* Sealed before a time and still without an acknowledgement: its id, 0: none. */
gint64 kith_table_upload_expired (KithDb *db, gint64 before_ms);
/* A message of ours goes through a mailbox. */
gboolean kith_table_upload_message (KithDb *db, gint64 message, GError **error);
/* From now on it waits for a link. */
gboolean kith_table_upload_give_up (KithDb *db, gint64 id, GError **error);
/* It goes to a mailbox again, in other bytes. */
gboolean kith_table_upload_again (KithDb *db, gint64 id, GError **error);
/* All of a person from that one on, but those that wait for a link. */
gboolean kith_table_upload_all_again (KithDb *db, gint64 person, gint64 from, GError **error);

G_END_DECLS
