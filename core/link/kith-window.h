/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "kith-link.h"

G_BEGIN_DECLS

/* The numbers of a link's envelopes, one direction each: what is under way and what became of it (peer-link.md §2 ACK,
 * §3 window). */
#define KITH_WINDOW_ENVELOPES 256
#define KITH_WINDOW_BYTES (4u * 1024 * 1024)
#define KITH_ACK_EXCEPTIONS 255
#define KITH_ACK_MAX_BODY (5 + KITH_ACK_EXCEPTIONS * 5)

typedef struct
{
  guint64 first, next;                        /* the oldest without an ACK; the number of the next one */
  gsize bytes;
  guint limit;
  gsize limit_bytes;
  guint32 sizes[KITH_WINDOW_ENVELOPES];
} KithSentWindow;

void     kith_sent_window_init (KithSentWindow *self, guint limit, gsize limit_bytes);
gboolean kith_sent_window_take (KithSentWindow *self, gsize size, guint32 *n);   /* FALSE: full */
guint    kith_sent_window_count (const KithSentWindow *self);
/* Reads an ACK's body. FALSE: its form or a number in it is wrong. outcomes holds KITH_WINDOW_ENVELOPES. */
gboolean kith_sent_window_settle (
    KithSentWindow *self, const guint8 *body, gsize n, KithLinkOutcome *outcomes, guint *n_outcomes);

typedef enum { KITH_WINDOW_TAKEN, KITH_WINDOW_WRONG_NUMBER, KITH_WINDOW_FULL } KithWindowResult;

typedef struct
{
  guint64 first, next; /* the oldest that we have not acknowledged; the only number that may come */
  gsize bytes;
  guint32 sizes[KITH_WINDOW_ENVELOPES];
  guint8 codes[KITH_WINDOW_ENVELOPES];
} KithReceivedWindow;

void             kith_received_window_init      (KithReceivedWindow *self);
KithWindowResult kith_received_window_take      (KithReceivedWindow *self, guint32 n, gsize size);
gboolean kith_received_window_settle (KithReceivedWindow *self, guint32 n, guint8 code); /* FALSE: not under way */
/* The body of the next ACK, over everything settled without a gap; 0: there is nothing to say. Call until it says so.
 */
gsize            kith_received_window_write_ack (KithReceivedWindow *self, guint8 body[KITH_ACK_MAX_BODY]);
guint            kith_received_window_count     (const KithReceivedWindow *self);

G_END_DECLS
