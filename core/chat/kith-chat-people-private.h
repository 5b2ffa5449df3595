/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"

G_BEGIN_DECLS

/* A change of one person: a job that finds the row by its local name (or makes it), changes it, journals what happened;
 * afterwards the mirror and the links follow. */
typedef struct _KithChange KithChange;
typedef gboolean (*KithChangeFunc) (KithChange *change, KithDb *db, GError **error);

struct _KithChange
{
  KithChat *chat;
  GTask *task;
  GRefString *own_name;
  char *name;               /* local name; NULL: the function finds or makes the row itself */
  KithChangeFunc func;      /* [job] changes row (saved afterwards) */
  KithPersonRow row;        /* [job] then done */
  KithAfter *after;
  gint64 absorbed;           /* done: the row of a requester that went into this one; 0: none */
  gboolean identity_changed; /* done: the row has another key: links under the old one end */
  gboolean gone;            /* done: the row was removed */
  char *conflict;           /* done: what was written stands, and the answer is this conflict */
  gboolean kick;            /* done: there may be something to send */
  gboolean answer_name;     /* the task returns the local name, not TRUE */
  /* parameters of the functions */
  gpointer data;
  GDestroyNotify destroy;
  gboolean flag;
  int allow[3];
};

KithChange *kith_change_new (
    KithChat *chat, const char *name, KithChangeFunc func, GCancellable *c, GAsyncReadyCallback cb, gpointer data);
void        kith_change_submit (KithChange *change /* full */);
void        kith_change_fail   (KithChange *change /* full */, GError *error /* full */);
/* [job] a journal row {"username": …} */
gboolean    kith_change_journal (KithChange *change, KithDb *db, const char *event, GError **error);

/* [job] The directory gives another key for a name that we know: the row says so (save it), and it is told once. */
gboolean kith_people_note_changed_key (KithDb *db, KithPersonRow *row, const guint8 *ik, GError **error);

const char *kith_presence_word (KithPresence presence);

G_END_DECLS
