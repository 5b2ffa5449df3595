/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-frame.h"
#include "kith-hello.h"
#include "kith-link.h"
#include "kith-noise.h"
#include "kith-sealer.h"
#include "kith-window.h"
#include <kith/kith-error.h>

G_BEGIN_DECLS

typedef enum
{
  KITH_LINK_SHAKING,     /* Noise messages 1 to 3 */
  KITH_LINK_GREETING,    /* encrypted; the dialler waits for HELLO */
  KITH_LINK_OPEN,
  KITH_LINK_CLOSING,     /* CLOSE waits to be written; what comes is thrown away */
  KITH_LINK_LINGERING,   /* closed() is said; the stream stays a moment, so that our CLOSE is not lost by a reset */
  KITH_LINK_GONE
} KithLinkState;

struct _KithLink
{
  guint refs;                      /* the users' */
  guint holds;                     /* our own: a dispatch, a closing */
  KithLinkDoor *door;
  KithLinkLimits limits;
  const KithLinkFuncs *funcs;
  gpointer data;

  GIOStream *stream;
  GPollableInputStream *input;
  GPollableOutputStream *output;
  GSource *readable, *writable, *turn;
  guint timer;
  char *transport, *address;
  KithLinkTraffic *traffic;        /* the door's */
  guint64 counted_out;             /* Noise messages of ours that are in it */
  guint8 peer_key[32];             /* whom we call; afterwards, who it is */

  KithLinkState state;
  gboolean dialer, retired, ended;
  gboolean counted_half_open, counted_open, counted_stranger;
  KithLinkVerdict verdict;
  KithLinkHello hello;
  KithLinkReason reason;           /* of a closing */
  GError *error;

  KithNoise noise;
  KithNoiseCipher receiving;
  KithSealer sealer;
  guint8 *in;                      /* what came and is not a whole Noise message yet */
  gsize n_in, n_in_allocated;
  KithFrames frames;

  KithSentWindow sent;
  KithReceivedWindow received;
  gboolean wants_room, asked_bundle, owes_bundle;
  guint n_bundle_requests;

  gint64 started_us, opened_us, heard_us, active_us, theirs_us, ping_us /* 0: none is out */, retired_us, closing_us,
      ephemerals_us /* how far the allowance is spent */;
  gboolean busy;                   /* we said something since the last look at the clock */
  gboolean probed;                 /* the PING that is out wants a quick answer */
  guint64 ping_number;
};

static inline KithLink *
kith_link_hold (KithLink *self)
{
  self->holds++;
  return self;
}
void kith_link_release (KithLink *self);
G_GNUC_UNUSED static inline void
kith_link_autorelease (KithLink **self)
{
  kith_link_release (*self);
}
/* For a function that calls back: the link outlives it. */
#define KITH_LINK_HELD(self)                                                                                           \
  __attribute__ ((cleanup (kith_link_autorelease))) KithLink *held G_GNUC_UNUSED = kith_link_hold (self)

/* kith-link.c: how it ends. close: after our CLOSE; end: at once. The first one wins. */
void kith_link_close_f    (KithLink *self, KithLinkReason reason, const char *format, ...) G_GNUC_PRINTF (3, 4);
void kith_link_end        (KithLink *self, KithLinkReason reason, GError *error /* full */);
void kith_link_end_f (KithLink *self, KithLinkReason reason, KithError code, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
void kith_link_tear_down  (KithLink *self);
void kith_link_said_all (KithLink *self); /* of a closing: everything is written, or there is no more time for it */
void kith_link_check_retired (KithLink *self);

/* kith-link-io.c: bytes in and out, the handshake */
gboolean kith_link_start  (KithLink *self, GError **error);
void kith_link_flush_soon (KithLink *self);
void kith_link_stop_io    (KithLink *self);

/* kith-link-frames.c: what frames mean */
gboolean kith_link_take_frame (guint8 type, const guint8 *body, gsize n, gpointer self);
void     kith_link_greet      (KithLink *self, const guint8 *json, gsize n);   /* their HELLO */
void     kith_link_say_acks   (KithLink *self);

/* kith-link-clock.c: deadlines */
void kith_link_schedule   (KithLink *self);
void kith_link_heard      (KithLink *self);

/* kith-link-door.c */
KithLinkTraffic *kith_link_door_get_traffic (KithLinkDoor *self, const char *transport);
KithWorld    *kith_link_door_get_world   (KithLinkDoor *self);
KithLinkDoor *kith_link_door_ref         (KithLinkDoor *self);
void          kith_link_door_unref       (KithLinkDoor *self);
gboolean      kith_link_door_is_shut     (KithLinkDoor *self);
const guint8 *kith_link_door_get_secret  (KithLinkDoor *self);
GBytes       *kith_link_door_print_hello (KithLinkDoor *self);
void          kith_link_door_add         (KithLinkDoor *self, KithLink *link);
void          kith_link_door_remove      (KithLinkDoor *self, KithLink *link);
/* Each TRUE is given back by kith_link_door_leave(). */
gboolean      kith_link_door_enter       (KithLinkDoor *self, KithLink *link);       /* a half-open one */
gboolean      kith_link_door_enter_stranger (KithLinkDoor *self, KithLink *link);
void          kith_link_door_enter_open  (KithLinkDoor *self, KithLink *link);
void          kith_link_door_leave_half_open (KithLinkDoor *self, KithLink *link);
void          kith_link_door_leave_stranger (KithLinkDoor *self, KithLink *link);
void          kith_link_door_leave       (KithLinkDoor *self, KithLink *link);
void          kith_link_door_count_failed (KithLinkDoor *self);
void          kith_link_door_count_overloaded (KithLinkDoor *self);
/* One INIT of a stranger: 3 a minute, 20 a day per identity. */
gboolean      kith_link_door_take_init   (KithLinkDoor *self, const guint8 identity[32]);

G_END_DECLS
