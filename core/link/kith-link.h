/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include "kith-world.h"

G_BEGIN_DECLS

/* "kith link/1": one authenticated, numbered, acknowledged pipe to another daemon over any pollable GIOStream.
 * Everything here runs on the main thread and never blocks. Callbacks come from the main loop, never from inside a call
 * of yours (but for verdict(), see below). */
typedef struct _KithLink KithLink;
typedef struct _KithLinkDoor KithLinkDoor;

typedef enum { KITH_LINK_DROP, KITH_LINK_STRANGER, KITH_LINK_FRIEND } KithLinkVerdict;

/* ACK codes: content.md §3. A code that we do not know arrives as KITH_ACK_REFUSED. */
typedef enum
{
  KITH_ACK_STORED = 0x00,
  KITH_ACK_REQUEST = 0x01,
  KITH_ACK_REFUSED = 0x02,
  KITH_ACK_UNREADABLE = 0x03
} KithAck;

/* Why a link ended. The first five are CLOSE's reasons on the wire (said by them or by us); the rest only exist here.
 */
typedef enum
{
  KITH_LINK_GOING_AWAY = 0,
  KITH_LINK_PROTOCOL = 1,
  KITH_LINK_DUPLICATE = 2,
  KITH_LINK_IDLE = 3,
  KITH_LINK_OVERLOADED = 4,
  KITH_LINK_DEAD = 0x100,    /* no answer to a PING */
  KITH_LINK_BROKEN,          /* the stream ended or failed */
  KITH_LINK_HANDSHAKE,       /* it failed, or took more than 5 s: not the one we called, or no kith */
  KITH_LINK_DROPPED          /* our verdict, or kith_link_cut() */
} KithLinkReason;

typedef struct
{
  char *username;
  guint8 identity_key[32];   /* Ed25519; proven by the handshake */
  guint32 device;
  GStrv addresses;           /* at most 8 URIs, unchecked beyond that */
  GStrv features;
  char *version;
} KithLinkHello;

typedef struct { guint32 n; guint8 code; /* KithAck */ } KithLinkOutcome;

/* Any member may be NULL. After closed() nothing more is called. */
typedef struct
{
  /* Who called, or who answered: asked once, as soon as their HELLO is known. DROP: closed without a word. Without a
   * function: FRIEND. */
  KithLinkVerdict (*verdict) (KithLink *link, const KithLinkHello *hello, gpointer data);
  void (*opened) (KithLink *link, gpointer data); /* both HELLOs are done: send the presence now */
  void (*envelope) (KithLink *link,
                    guint32 n,
                    GBytes *wire /* none */,
                    gpointer data); /* answer each with kith_link_ack() */
  void (*acked) (KithLink *link,
                 const KithLinkOutcome *outcomes,
                 guint n_outcomes,
                 gpointer data);                /* ascending n, each n once */
  void (*room) (KithLink *link, gpointer data); /* after a refused send: the window is open again */
  void (*ephemeral) (KithLink *link,
                     const char *kind,
                     JsonObject *data_ /* none */,
                     gpointer data); /* friends only; any kind */
  void (*bundle_request) (KithLink *link,
                          gboolean is_friend,
                          gpointer data); /* kith_keys_make_bundle(), kith_link_send_bundle() */
  void (*bundle) (KithLink *link, GBytes *bundle /* none */, gpointer data); /* only after kith_link_request_bundle() */
  void (*closed) (KithLink *link,
                  KithLinkReason reason,
                  const GError *error,
                  gpointer data); /* exactly once; error is never NULL */
} KithLinkFuncs;

/* --- the door: what all links of a daemon share (our key, our HELLO, limits, the counts of half-open and strangers'
 * links) */
typedef struct
{
  guint handshake_ms;         /* 5,000 */
  guint ping_ms;              /* 15,000: silence before a PING */
  guint quiet_ping_ms;        /* 60,000: the same after a quiet minute, aligned over all links */
  guint quiet_after_ms;       /* 60,000 */
  guint dead_ms;              /* 15,000 after the PING */
  guint stranger_idle_ms;     /* 60,000 */
  guint retire_ms;            /* 10,000: how long a loser waits for its acknowledgements */
  guint max_half_open;        /* 64 */
  guint max_half_open_from;   /* 8 from one address */
  guint max_strangers;        /* 32 */
  guint max_strangers_from;   /* 4 from one address */
  guint window;               /* 256 envelopes; not above 256 */
  gsize window_bytes;         /* 4 MiB */
} KithLinkLimits;

typedef struct
{
  guint half_open, strangers, links;
  guint64 refused /* at accept */, failed /* handshakes */, overloaded;
} KithLinkCounts;

/* What the links of one transport carried since the door was made. Frames: Noise messages on the wire. */
typedef struct
{
  const char *transport; /* interned */
  guint64 links /* opened */, bytes_in, bytes_out, frames_in, frames_out;
} KithLinkTraffic;

/* secret: the X25519 private key of our identity, copied to sodium memory; identity_key: the Ed25519 public key. */
KithLinkDoor *kith_link_door_new        (KithWorld *world, const guint8 secret[32], const guint8 identity_key[32]);
void kith_link_door_free (KithLinkDoor *self); /* cuts what is left; drop your links before or after */
KithLinkLimits *
kith_link_door_get_limits (KithLinkDoor *self); /* none; write to it: holds for links made from then on */
void          kith_link_door_get_counts (KithLinkDoor *self, KithLinkCounts *counts);
typedef void (*KithLinkTrafficFunc) (const KithLinkTraffic *traffic, gpointer data);
void          kith_link_door_foreach_traffic (KithLinkDoor *self, KithLinkTrafficFunc func, gpointer data);
/* What our HELLOs say from now on. Addresses that do not fit (8, 1 KiB of JSON) are left out, from the end. */
void kith_link_door_set_hello (KithLinkDoor *self,
                               const char *username,
                               guint32 device,
                               const char *const *addresses,
                               const char *const *features /* nullable */,
                               const char *version);

/* Both take the stream (pollable both ways). transport: an id, shown by kith_link_get_transport(); from/to: the address
 * URI. accept() returns NULL (KITH_ERROR_BUSY, the stream closed) over the limits before the handshake. */
KithLink *kith_link_dial (KithLinkDoor *door,
                          GIOStream *stream /* full */,
                          const char *transport,
                          const char *to,
                          const guint8 identity_key[32],
                          const KithLinkFuncs *funcs /* static */,
                          gpointer data,
                          GError **error);
KithLink *kith_link_accept (KithLinkDoor *door,
                            GIOStream *stream /* full */,
                            const char *transport,
                            const char *from,
                            const KithLinkFuncs *funcs /* static */,
                            gpointer data,
                            GError **error);
KithLink     *kith_link_ref              (KithLink *self);
void kith_link_unref (KithLink *self); /* the last one of a live link cuts it */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithLink, kith_link_unref)

/* --- what is known of it */
gboolean kith_link_is_open (KithLink *self); /* both HELLOs done, neither closing nor retired */
gboolean             kith_link_is_dialer      (KithLink *self);
const char          *kith_link_get_transport  (KithLink *self);
const char          *kith_link_get_address    (KithLink *self);                  /* to or from */
const KithLinkHello *kith_link_get_hello      (KithLink *self);                  /* theirs; NULL before verdict() */
KithLinkVerdict      kith_link_get_verdict    (KithLink *self);
gint64 kith_link_get_up_us (KithLink *self); /* for how long it is open; -1: not yet */
guint                kith_link_get_in_flight  (KithLink *self);                  /* sent, not yet acknowledged */
gpointer             kith_link_get_data       (KithLink *self);

/* --- what it does */
/* A requester became a friend (or the other way round); DROP closes without a word. */
void     kith_link_set_verdict    (KithLink *self, KithLinkVerdict verdict);
/* FALSE: not open, or the window is full (then room() is called once it is not). *n is its number, for acked(). */
gboolean kith_link_send_envelope  (KithLink *self, GBytes *wire, guint32 *n /* out */);
/* The durable outcome of a received envelope, in any order, exactly once for each; ranges and exceptions are made of
 * them, one ACK a turn. */
void     kith_link_ack            (KithLink *self, guint32 n, KithAck code);
gboolean kith_link_send_ephemeral (KithLink *self, const char *kind, JsonObject *data /* none, nullable */);
/* Is the peer still there? Asks now, and does not wait long: after a sleep, a change of network. */
void     kith_link_probe          (KithLink *self);
gboolean kith_link_request_bundle (KithLink *self);
gboolean kith_link_send_bundle    (KithLink *self, GBytes *bundle);
/* Says CLOSE (a wire reason), flushes, ends; closed() follows. Nothing can be sent and no other callback comes after
 * it. */
void     kith_link_close          (KithLink *self, KithLinkReason reason, const char *text);
/* The loser of two links: takes no new envelopes, says CLOSE(2) once everything sent and received is acknowledged (10 s
 * at most). */
void     kith_link_retire         (KithLink *self);
/* Ends it at once, without a word and without any callback. */
void     kith_link_cut            (KithLink *self);

/* Two links between the same two devices (peer-link.md §3): TRUE: the newer wins, FALSE: the older. */
gboolean kith_link_newer_wins     (const guint8 older_dialer[32], const guint8 newer_dialer[32], gint64 older_up_us);

G_END_DECLS
