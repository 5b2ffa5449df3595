/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-db.h"

G_BEGIN_DECLS

/* Mailboxes of friends, parcels that came, what could not be read: the tables "mailbox", "parcel_seen" and
 * "quarantine". Inside jobs and reads only. */
#define KITH_PARCEL_DAYS 14
#define KITH_QUARANTINE_DAYS 30
#define KITH_QUARANTINE_MAX 100 /* of one person; also of all that nobody could be told of */

typedef struct
{
  char *uuid; /* NULL: none of theirs is listed */
  guint32 device;
  gint64 created_ms; /* of its certificate */
  gint64 asked_ms;   /* when the directory said so */
} KithMailboxRow;

void kith_mailbox_row_clear (KithMailboxRow *row);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithMailboxRow, kith_mailbox_row_clear)

/* FALSE without an error: the directory never gave the pinned key for that person. */
gboolean kith_table_mailbox_get (KithDb *db, gint64 person, const char *office, KithMailboxRow *out, GError **error);
gboolean
kith_table_mailbox_set (KithDb *db, gint64 person, const char *office, const KithMailboxRow *row, GError **error);
/* It is gone: the directory is to be asked again. */
gboolean kith_table_mailbox_forget (KithDb *db, gint64 person, const char *office, const char *uuid, GError **error);
/* When a device of theirs was first seen; 0: never. */
gint64 kith_table_mailbox_device_seen (KithDb *db, gint64 person, guint32 device);

/* *fresh FALSE: it was here before. */
gboolean kith_table_parcel_add (KithDb *db, const char *id, gint64 now_ms, gboolean *fresh, GError **error);

typedef struct
{
  gint64 id, person;
  guint32 device;
  GBytes *wire;
  int code; /* a KithE2eeCode */
  char *reason, *transport;
  gint64 received_ms;
} KithQuarantineRow;

void kith_quarantine_row_clear (KithQuarantineRow *row);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithQuarantineRow, kith_quarantine_row_clear)

/* The oldest of that person goes when there are KITH_QUARANTINE_MAX. */
gboolean kith_table_quarantine_add (KithDb *db, const KithQuarantineRow *row, GError **error);
/* The first one after an id; FALSE without an error: none. asked: also those that were asked for. */
gboolean kith_table_quarantine_next (
    KithDb *db, gint64 person, gint64 after, gboolean asked, KithQuarantineRow *out, GError **error);
gboolean kith_table_quarantine_remove (KithDb *db, gint64 id, GError **error);
gboolean kith_table_quarantine_set_asked (KithDb *db, gint64 id, gint64 now_ms, GError **error);
/* Something of theirs could be read: what was asked for before is theirs to send again. */
gboolean kith_table_quarantine_answered (KithDb *db, gint64 person, GError **error);
/* How many of that person the user still misses; person 0: whoever it was. */
gint64 kith_table_quarantine_count (KithDb *db, gint64 person);
typedef void (*KithQuarantineFunc) (gint64 person, gint64 count, gpointer data);
gboolean kith_table_quarantine_people (KithDb *db, KithQuarantineFunc func, gpointer data, GError **error);

/* Of a person who is removed, or whose identity is another one. */
gboolean kith_table_mail_drop (KithDb *db, gint64 person, GError **error);
/* What has outlived its time: at most `limit` rows of each table. */
gboolean kith_table_mail_prune (KithDb *db, gint64 now_ms, int limit, gboolean *more, GError **error);

G_END_DECLS
