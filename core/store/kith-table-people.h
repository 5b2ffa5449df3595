/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-db.h"

G_BEGIN_DECLS

/* The table "person": one row an identity key. Inside jobs and reads only. */
typedef enum
{
  KITH_PERSON_NONE = 0 /* removed; the conversation stays */,
  KITH_PERSON_REQUEST = 1,
  KITH_PERSON_FRIEND = 2
} KithPersonState;

typedef struct
{
  gint64 id;
  guint8 ik[32];
  char *username;              /* what they call themselves */
  char *name;                  /* what we call them: unique here */
  KithPersonState state;
  gboolean blocked, verified;
  gint8 allow[3];              /* presence, typing, receipts: -1 global, 0, 1 */
  guint32 device;              /* the newest seen; 0 = none yet */
  gint64 last_seen_ms, added_ms;
  char *last_ip;               /* nullable */
  gboolean has_changed_ik;     /* the directory gives another key: nothing is delivered */
  guint8 changed_ik[32];
  gint64 read_to;              /* message row up to which we have read */
  gint64 unread;               /* how many received messages are unread */
} KithPersonRow;

void     kith_person_row_clear      (KithPersonRow *row);
void     kith_person_row_copy       (KithPersonRow *to, const KithPersonRow *from);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithPersonRow, kith_person_row_clear)

/* FALSE without an error: no such row */
gboolean kith_table_people_get      (KithDb *db, gint64 id, KithPersonRow *out, GError **error);
gboolean kith_table_people_get_ik   (KithDb *db, const guint8 *ik, KithPersonRow *out, GError **error);
gboolean kith_table_people_get_name (KithDb *db, const char *name, KithPersonRow *out, GError **error);
/* Fills id and name (content.md §2: name, else name~abcd…; own_name is taken, too). */
gboolean kith_table_people_add      (KithDb *db, KithPersonRow *row, const char *own_name, GError **error);
/* writes every column but id, ik, name and unread/read_to */
gboolean kith_table_people_save     (KithDb *db, const KithPersonRow *row, GError **error);
gboolean kith_table_people_set_ik (KithDb *db,
                                   gint64 id,
                                   const guint8 *ik,
                                   GError **error); /* the user accepted another identity key */
gboolean kith_table_people_set_read (KithDb *db, gint64 id, gint64 read_to, gint64 unread, GError **error);
gboolean kith_table_people_remove (KithDb *db, gint64 id, GError **error); /* a refused requester: the row goes */
typedef void (*KithPersonRowFunc) (const KithPersonRow *row, gpointer data);
gboolean kith_table_people_each     (KithDb *db, KithPersonRowFunc func, gpointer data, GError **error);

/* A device that an authenticated HELLO, INIT or certificate showed: *newer when it was never seen from that person;
 * then it is also the person's device from now on. At most 64 are kept for each person, the oldest forgotten. */
gboolean kith_table_people_see_device (
    KithDb *db, gint64 person, guint32 device, gint64 now_ms, gboolean *newer, GError **error);

/* addresses */
/* The newest KITH_ADDRESSES_MAX of a person are kept. */
#define KITH_ADDRESSES_MAX 16
gboolean kith_table_people_add_address (
    KithDb *db, gint64 person, const char *uri, gint64 now_ms, gint64 until_ms /* 0 = for ever */, GError **error);
gboolean kith_table_people_get_addresses (
    KithDb *db, gint64 person, gint64 now_ms, GPtrArray *out /* of char * */, GError **error);

G_END_DECLS
