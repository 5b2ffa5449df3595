/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection, from accept to close. A GIOStream for libsoup, which parses requests and WebSocket input; reading is
 * watched (kith-guard-stream), writing is ours alone (kith-direct-stream). */
#pragma once

#include <sys/types.h>

#include "kith-chunks.h"
#include "kith-hall.h"
#include "kith-out-queue.h"

G_BEGIN_DECLS

typedef enum
{
  KITH_PHASE_HEADERS,   /* libsoup reads the head */
  KITH_PHASE_BODY,      /* libsoup reads the body */
  KITH_PHASE_ANSWER,    /* the handler has it; from here on libsoup is out unless it becomes a WebSocket */
  KITH_PHASE_SENDING,   /* the answer is leaving */
  KITH_PHASE_SOCKET,    /* an open WebSocket: libsoup parses its input */
  KITH_PHASE_LEAVING,   /* a WebSocket after our close frame: input is only looked through for the client's */
  KITH_PHASE_LINGER,    /* all is said: what still comes is thrown away until the client closes */
  KITH_PHASE_CUT,       /* shut down; libsoup has still to notice */
  KITH_PHASE_GONE,      /* closed */
} KithPhase;

#define KITH_TYPE_PIPE (kith_pipe_get_type ())
G_DECLARE_FINAL_TYPE (KithPipe, kith_pipe, KITH, PIPE, GIOStream)

struct _KithPipe
{
  GIOStream parent_instance;

  KithHall *hall;
  GList link;                  /* in hall->pipes */
  int fd;
  guint64 client;
  KithWay way;
  guint16 port;
  uid_t uid;
  KithPhase phase;
  gboolean soup_has_it;        /* libsoup will close us: not to be closed behind its back */
  gboolean is_dirty;
  gboolean ended;              /* the client said all it will say */
  gboolean unread;             /* something that nobody will read may still come */
  gboolean deaf;               /* libsoup sees nothing more of what comes */
  gboolean mute;               /* what libsoup writes is thrown away */
  gint64 deadline_us;          /* -1: none */
  gint64 last_rx_us;
  gint64 pinged_us;            /* 0: never */
  gsize phase_bytes;           /* read in this phase */
  GByteArray *head;            /* until libsoup has had all of it */
  gsize head_bytes;            /* of it the head itself; then what came with it */
  gsize head_served;
  gboolean is_chunked;
  KithChunks chunks;
  gsize slice_at, slice_n;     /* what of the hall's slice is ours, inside one dispatch */
  GInputStream *in;
  GOutputStream *out;
  KithOutQueue queue;
  GSource *writable;
  GSource *watch;              /* on what comes in while libsoup does not look */
  /* Who is told; borrowed. */
  GCancellable *gone;          /* cancelled when the client goes before its answer */
  KithExchange *exchange;      /* owned: waits for its body */
  KithSocket *socket;
};

KithPipe *kith_pipe_new          (KithHall *hall, KithWay way, guint16 port, int fd, uid_t uid);
/* 0: no deadline. */
void      kith_pipe_set_phase    (KithPipe *self, KithPhase phase, guint deadline_ms);
void      kith_pipe_set_deadline (KithPipe *self, guint deadline_ms);
/* libsoup has let go of it (the connection was stolen). */
void      kith_pipe_take_over    (KithPipe *self);
/* The handler has not answered at once: notice when the client goes. */
void      kith_pipe_await        (KithPipe *self);
void      kith_pipe_push         (KithPipe *self, GBytes *bytes, gboolean counts);
void      kith_pipe_flush        (KithPipe *self);
/* Everything is queued that will ever be: send it, then close in peace. */
void      kith_pipe_finish       (KithPipe *self);
/* Ends it now; reason NONE is not counted. */
void      kith_pipe_cut          (KithPipe *self, KithReason reason);
void      kith_pipe_tick         (KithPipe *self, gint64 now_us);

G_END_DECLS
