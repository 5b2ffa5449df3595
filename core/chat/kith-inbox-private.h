/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-inbox.h"

G_BEGIN_DECLS

struct _KithInbox
{
  KithChat *chat;
  GArray *unread; /* of gint64: people whose count has changed */
  guint idle;
  GHashTable *forged; /* gint64 person → how much of theirs could not be read */
  GHashTable *kinds;  /* kith-inbox-kinds.c: name → KithInboxKind */
  GHashTable *remembered; /* names that enabled plugins have registered, also before this start */
  GHashTable *known;  /* the set of all these names; replaced, never changed */
};

void kith_inbox_open_kinds (KithInbox *self);
void kith_inbox_close_kinds (KithInbox *self);
void kith_inbox_recall_kinds (KithInbox *self, GPtrArray *names /* none */); /* before the first link */
void kith_inbox_start_kinds (KithInbox *self); /* the store is there: what waited from the last run */

G_END_DECLS
