/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-table-message.h"

G_BEGIN_DECLS

/* What waits to be sent: the tables "outbox" and "receipt". Inside jobs and reads only. */
typedef struct
{
  gint64 id, person, message; /* message: row, 0: the content is none */
  char *kind;
  guint8 cid[KITH_ID_BYTES];
  GBytes *content;
  GBytes *wire; /* NULL: plain */
  gint64 heals, created_ms;
} KithOutboxRow;

void kith_outbox_row_clear (KithOutboxRow *row);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithOutboxRow, kith_outbox_row_clear)

gint64 kith_table_outbox_newest (KithDb *db); /* highest id, 0: empty */
/* row.id is its first turn */
gboolean kith_table_outbox_add (KithDb *db, const KithOutboxRow *row, GError **error);
/* FALSE without an error: there is none. `light`: neither content nor wire. */
gboolean kith_table_outbox_get (KithDb *db, gint64 id, gboolean light, KithOutboxRow *out, GError **error);
gboolean kith_table_outbox_get_cid (KithDb *db, gint64 person, const guint8 *cid, KithOutboxRow *out, GError **error);
gboolean kith_table_outbox_remove (KithDb *db, gint64 id, GError **error);
gboolean kith_table_outbox_has_plain (KithDb *db, gint64 person);
gboolean kith_table_outbox_has_message (KithDb *db, gint64 person); /* a message waits for that person */
/* Which messages wait for that person: their ids, oldest first, KITH_ID_BYTES each. */
gboolean kith_table_outbox_messages (KithDb *db, gint64 person, GByteArray *ids, GError **error);
/* The plain row that comes first, FALSE without an error: none. */
gboolean kith_table_outbox_next_plain (KithDb *db, gint64 person, KithOutboxRow *out, GError **error);
/* It is encrypted now, and its turn is `new_id`. */
gboolean kith_table_outbox_set_wire (KithDb *db, gint64 id, gint64 new_id, GBytes *wire, GError **error);
/* To be encrypted anew: one row, for healing, or all of a person. */
gboolean kith_table_outbox_set_plain (KithDb *db, gint64 id, GError **error);
gboolean kith_table_outbox_set_all_plain (KithDb *db, gint64 person, GError **error);
/* Whatever of a deleted message waits goes: itself, its edits, reactions. */
gboolean kith_table_outbox_drop_message (KithDb *db, gint64 message, GError **error);
gboolean kith_table_outbox_drop (KithDb *db, gint64 person, GError **error);
/* Encrypted rows after an id, in order, until func says FALSE. */
typedef gboolean (*KithWireFunc) (gint64 id, GBytes *wire /* full */, gpointer data);
gboolean
kith_table_outbox_wires (KithDb *db, gint64 person, gint64 after, KithWireFunc func, gpointer data, GError **error);
typedef void (*KithOutboxPersonFunc) (gint64 person, gpointer data);
gboolean kith_table_outbox_people (KithDb *db,
                                   KithOutboxPersonFunc func,
                                   gpointer data,
                                   GError **error); /* who has rows, receipts or a read to be told */

/* receipts */
#define KITH_RECEIPTS_MAX 200
gboolean kith_table_receipt_add (KithDb *db, gint64 person, const guint8 *cid, GError **error);
/* At most KITH_RECEIPTS_MAX, oldest first, KITH_ID_BYTES each; *last: id of the last one. */
gboolean kith_table_receipt_list (KithDb *db, gint64 person, GByteArray *cids, gint64 *last, GError **error);
gboolean kith_table_receipt_done (KithDb *db, gint64 person, gint64 last, GError **error);

G_END_DECLS
