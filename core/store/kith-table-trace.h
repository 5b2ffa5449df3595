/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-db.h"

G_BEGIN_DECLS

/* The table "trace": what happened to a message, step by step, written by the job that does it. Inside jobs and reads
 * only. */
#define KITH_TRACE_DAYS 7
#define KITH_TRACE_STEPS_MAX 500 /* told of one message: the newest */

/* What a step says. */
#define KITH_TRACE_QUEUED "queued"             /* kept; there is no session with which to encrypt it */
#define KITH_TRACE_ENCRYPTED "encrypted"
#define KITH_TRACE_TRIED "tried"               /* an address of theirs was dialled, in vain */
#define KITH_TRACE_LINKED "linked"             /* a link came up */
#define KITH_TRACE_SENT "sent"
#define KITH_TRACE_UNANSWERED "unanswered"     /* the link went before they acknowledged it */
#define KITH_TRACE_ACKNOWLEDGED "acknowledged" /* their daemon has it on disk */
#define KITH_TRACE_WAITS "waits"               /* it waits in their requests */
#define KITH_TRACE_REFUSED "refused"           /* over a limit of theirs; tried again later */
#define KITH_TRACE_HEALED "healed"             /* they could not read it; it is encrypted anew */
#define KITH_TRACE_FAILED "failed"
#define KITH_TRACE_RESENT "resent"             /* the user asked for it */
#define KITH_TRACE_UPLOADED "uploaded"         /* a mailbox has it */
#define KITH_TRACE_RECEIVED "received"
#define KITH_TRACE_READ "read"

/* message 0: everything that waits for that person. transport and detail may be NULL. */
gboolean kith_table_trace_add (KithDb *db,
                               gint64 person,
                               gint64 message,
                               gint64 at_ms,
                               const char *what,
                               const char *transport,
                               const char *detail,
                               GError **error);
typedef void (*KithTraceFunc) (
    gint64 at_ms, const char *what, const char *transport, const char *detail, gpointer data);
/* In order of time; what befell the person between the message's first step and its end is among them. */
gboolean
kith_table_trace_each (KithDb *db, gint64 person, gint64 message, KithTraceFunc func, gpointer data, GError **error);
/* What is older than KITH_TRACE_DAYS: at most `limit` rows. */
gboolean kith_table_trace_prune (KithDb *db, gint64 now_ms, int limit, gboolean *more, GError **error);

G_END_DECLS
