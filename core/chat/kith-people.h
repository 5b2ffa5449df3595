/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-friend-private.h"
#include "kith-table-people.h"

G_BEGIN_DECLS

/* Everybody we know by an identity key, in memory, main thread: friends, requesters, blocked ones, and those whose
 * conversation stayed. The rows are the truth (kith-table-people.h, changed inside jobs only); this is their mirror,
 * brought up to date by kith_people_apply() when a job is done. */
typedef struct _KithPeople KithPeople;

typedef struct
{
  KithPersonRow row;      /* a copy of the row */
  KithFriend *friend;     /* own; non-NULL while row.state is KITH_PERSON_FRIEND */
  gpointer outbox;        /* kith-outbox.c's own */
} KithPerson;

KithPeople *kith_people_new         (void);
void        kith_people_free        (KithPeople *self);
KithPerson *kith_people_apply (KithPeople *self,
                               const KithPersonRow *row); /* insert or update; the friend list follows */
void        kith_people_forget      (KithPeople *self, gint64 id);
KithPerson *kith_people_find_id (KithPeople *self, gint64 id); /* none, nullable; also the next three */
KithPerson *kith_people_find_ik     (KithPeople *self, const guint8 *ik);
KithPerson *kith_people_find_name   (KithPeople *self, const char *name);
KithPerson *kith_people_find_friend (KithPeople *self, KithFriend *friend);
GListModel *kith_people_get_friends (KithPeople *self);                                     /* none */
GPtrArray *kith_people_list (KithPeople *self);            /* full container; of KithPerson, ordered by row id */
gboolean kith_person_is_friend (const KithPerson *person); /* a friend and not blocked */

G_END_DECLS
