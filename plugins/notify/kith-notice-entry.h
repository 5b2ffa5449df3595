/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One conversation, or one request, of which there is something that the user has not seen. */
#pragma once

#include <kith/kith.h>

G_BEGIN_DECLS

typedef struct
{
  char *id;
  char *username;     /* NULL: the one for all others */
  char *msg_id;       /* the newest message; NULL: a request */
  char *text;         /* its text; nullable */
  guint count;        /* of what is unread; of conversations for the one for all others */
  gboolean request;
  gboolean shown;     /* it is up, as far as we know */
  gboolean folded;    /* … as one of the others */
  gboolean dirty;     /* what is up is not what it should be */
  gboolean asked;     /* what the stranger wrote was looked up */
  gint64 due_us;      /* when it may be put up */
  gint64 shown_us;    /* when it was, the last time; 0: never */
} KithNoticeEntry;

void  kith_notice_entry_free       (gpointer entry);
char *kith_notice_entry_make_title (const KithNoticeEntry *entry);                       /* full */
char *kith_notice_entry_make_body  (const KithNoticeEntry *entry, gboolean show_text);   /* full; plain text */

G_END_DECLS
