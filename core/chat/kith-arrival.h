/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"
#include "kith-courier.h"
#include "kith-inbox.h"

G_BEGIN_DECLS

/* An INIT or MSG that came, over a link or in a parcel: who sent it, and what came of it. */
typedef struct
{
  KithChat *chat;
  guint8 ik[32];
  guint32 device;
  char *username; /* what they call themselves; nullable */
  GBytes *wire;
  GRefString *own_name;
  GHashTable *kinds;
  gint64 now_ms;
  gboolean direct;
  gboolean missing; /* something of theirs is in quarantine */
  const char *transport; /* interned */
  /* what came of it */
  KithAfter *after;
  KithAck code;
  KithE2eeCode error_code;
  gint64 person;       /* 0: nobody whom we know */
  gboolean is_friend;  /* and not blocked */
  gboolean blocked;
  gboolean fresh;      /* it was read, and was not here before */
  gboolean new_session;
  gboolean refused; /* the job failed because of a limit, not of the store */
} KithArrival;

void kith_arrival_init (KithArrival *arrival, KithInbox *inbox, const char *transport);
void kith_arrival_clear (KithArrival *arrival);
/* [jobs] Begins with a reset: decrypts, applies, journals. FALSE: the job fails. */
gboolean kith_arrival_run (KithArrival *arrival, KithDb *db, GError **error);

G_END_DECLS
