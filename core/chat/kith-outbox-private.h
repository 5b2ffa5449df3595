/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-courier.h"
#include "kith-outbox.h"
#include "kith-tail.h"

G_BEGIN_DECLS

#define KITH_BOX_WINDOW 256 /* envelopes under way on a link: peer-link.md §3 */
#define KITH_BOX_HOT_BYTES (256 * 1024)
#define KITH_BOX_WINDOW_BYTES (4 * 1024 * 1024)
#define KITH_HEALS_MAX 3

/* What an envelope is to us. */
typedef enum
{
  KITH_PARCEL_NONE,
  KITH_PARCEL_ROW,       /* value: outbox id */
  KITH_PARCEL_READ,      /* value: the position that was told */
  KITH_PARCEL_DELIVERED, /* value: the last receipt in it */
} KithParcelKind;

typedef struct
{
  KithParcelKind kind;
  gint64 value;
  gsize size;
  gint64 sent_ms;  /* 0: that is in the trace already */
  const char *transport; /* interned */
  guint8 sid[16]; /* the session with which it was encrypted */
  guint8 code;    /* its outcome, once there is one */
} KithBoxItem;

/* What was sent on one link and has no acknowledgement: slot n modulo the window. */
typedef struct
{
  KithLink *link;
  const char *transport; /* interned */
  KithBoxItem slots[KITH_BOX_WINDOW];
} KithFlight;

typedef struct
{
  KithBoxItem item;
  GBytes *wire;
} KithQueued;

/* One for each person to whom something is sent; KithPerson.outbox. */
typedef struct
{
  KithOutbox *owner;
  gint64 person;
  KithLog *log;             /* made with the first link */
  KithTail *tail;           /* while there is a link */
  KithFlight *flight, *old; /* of the present link, and of the one before, whose acknowledgements may still come */
  GQueue queue;             /* of KithQueued: refused by a full window */
  gboolean flushing, again; /* a flush is under way; another one is wanted */
  guint renewing;           /* jobs that make rows plain for a newer device: no tail meanwhile */
  gboolean asked;           /* a bundle, on this link */
  gboolean need_bundle;     /* the session is no good: nothing is encrypted before there is a new one */
  gboolean read_away, delivered_away;
  gboolean read_held, delivered_held; /* away, and not wanted: later once more */
  guint sign_heals; /* how often a sign could not be read on this link */
  guint8 bad_sid[16];
  gint64 refused_from; /* lowest row that was refused; 0: none */
  guint refused_s;     /* how long we wait */
  guint timer;
  gboolean posting; /* no link, and none came: what waits goes to the mailbox */
  gboolean preparing; /* a job on the way there is under way */
  guint post_timer; /* that long we wait for a link */
  /* The lowest and the highest row that went over a link and may be there; 0: none. */
  gint64 unanswered_from, unanswered_to;
  gboolean want_bundle; /* another session is wanted, to heal; what goes meanwhile goes on the one that stands */
} KithBox;

struct _KithOutbox
{
  KithChat *chat;
  gint64 next_id;    /* [jobs] */
  GHashTable *boxes; /* gint64 person → KithBox */
};

KithBox *kith_outbox_get_box (KithOutbox *self, gint64 person);

/* kith-outbox-flush.c */
void kith_box_flush (KithBox *box, GBytes *bundle /* nullable */);
/* kith-outbox-acks.c */
void kith_box_submit_acks (KithBox *box, GArray *items /* full; of KithBoxItem */);
/* kith-outbox.c: the tail of the present link begins, if there is one */
void kith_box_start_tail (KithBox *box);
/* kith-outbox.c: sends, or queues for when there is room */
void kith_box_push (KithBox *box, KithParcelKind kind, gint64 value, GBytes *wire);
/* kith-outbox.c: they did not want a sign; later, or when we hear from them */
void kith_box_hold_sign (KithBox *box, KithParcelKind kind);
/* [jobs] the next number */
gint64 kith_outbox_next_id (KithOutbox *self);

/* kith-outbox-post.c */
/* A row went over a link that has ended, and there is no answer. */
void kith_box_note_unanswered (KithBox *box, gint64 row);
/* They have everything up to a row. */
void kith_box_note_answered (KithBox *box, gint64 row);
/* Something waits: without a link it goes to the mailbox, in a moment. */
void kith_box_consider (KithBox *box);
/* To heal: a new session, with a bundle that comes over the link or from the directory. */
void kith_box_want_bundle (KithBox *box);
/* A link is up, or nothing is to go any more. */
void kith_box_withdraw (KithBox *box);
/* kith-outbox-acks.c */
/* [jobs] A message cannot be delivered and is not tried again by itself. */
gboolean kith_outbox_fail_message (KithDb *db, const KithPersonRow *person, const guint8 *cid, gint64 message,
                                   gint64 now_ms, const char *transport, const char *reason, GError **error);

G_END_DECLS
