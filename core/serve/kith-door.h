/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The door: every way into the daemon for programs of this machine. It accepts, asks the bouncer, guards the pipe and
 * hands what is left to one handler as a KithExchange. Everything here is for the main thread. spec/security.md §1,
 * §2. */
#pragma once

#include <gio/gio.h>

#include "kith-exchange.h"
#include "kith-policy.h"
#include "kith-socket.h"

G_BEGIN_DECLS

#define KITH_TYPE_DOOR (kith_door_get_type ())
G_DECLARE_FINAL_TYPE (KithDoor, kith_door, KITH, DOOR, GObject)

/* Each member is also a property of KithDoor of the same name (with dashes) and takes effect at once: what is already
 * open keeps its place, what comes next meets the new limit. */
typedef struct
{
  guint max_connections;      /* 128: all of them, WebSockets included */
  guint max_websockets;       /* 64 */
  guint max_headers;          /* 64, more: 431 */
  guint max_header_bytes;     /* 16384, more: dropped */
  guint max_body_bytes;       /* 262144, more: 413 */
  guint max_message_bytes;    /* 65536 a WebSocket message, more: 1009 */
  guint max_fragments;        /* 1024 frames a message, more: 1008 */
  guint frame_rate;           /* 200 frames a second … */
  guint frame_burst;          /* 400 … with this burst, more: 1008 */
  guint control_rate;         /* 20 control frames a second … */
  guint control_burst;        /* 40 … with this burst, more: 1008 */
  guint client_budget_bytes;  /* 1048576 unsent bytes a WebSocket, more: 1013 */
  guint header_timeout_ms;    /* 8000 from accept to the end of the headers */
  guint body_timeout_ms;      /* 10000 for the body */
  guint idle_timeout_ms;      /* 15000 without a byte while an answer is being taken */
  guint close_timeout_ms;     /* 3000 from our close to the end of the socket */
  guint ping_interval_ms;     /* 30000 of silence until a ping … */
  guint pong_timeout_ms;      /* 30000 … and until a pinged client counts as gone */
  guint accept_pause_ms;      /* 100 without accepting after the descriptors ran out */
} KithDoorLimits;

/* Called once for each request that passed the bouncer. Take a reference to answer later. */
typedef void (*KithDoorFunc) (KithExchange *exchange, gpointer data);
/* reason: NULL, or the value of the label "reason"; total: FALSE for a gauge. */
typedef void (*KithDoorCounterFunc) (const char *name, const char *reason, guint64 value, gboolean total,
                                    gpointer data);

KithDoor   *kith_door_new           (void);   /* the limits of spec/security.md; nobody listens yet */
void        kith_door_get_limits    (KithDoor *self, KithDoorLimits *limits);
void        kith_door_set_limits    (KithDoor *self, const KithDoorLimits *limits);
/* Property "allowed-origins" (GStrv): exact, case-sensitive; NULL: the five of the spec. Our own page
 * (http://127.0.0.1:API-PORT and http://localhost:API-PORT) is always a member. */
void        kith_door_set_origins   (KithDoor *self, const char *const *origins);
/* Property "require-token". While it is set without a token being known, everybody on TCP is refused (401). The Unix
 * socket needs no token: the kernel says who is there. token: its printable bytes; copied to locked memory. */
void        kith_door_set_token     (KithDoor *self, gboolean required, const void *token, gsize token_bytes);
void        kith_door_set_handler   (KithDoor *self, KithDoorFunc func, gpointer data, GDestroyNotify destroy);

/* 127.0.0.1 and, where it exists, [::1]. port 0 takes a free one (tests). A port of somebody else is an error
 * (G_IO_ERROR_ADDRESS_IN_USE) whose text names the port and the setting to change; nothing listens then. Calling it
 * again for the same way replaces that way's listeners, and keeps the old ones on failure. */
gboolean    kith_door_listen_tcp    (KithDoor *self, KithWay way, guint16 port, GError **error);
/* Before it listens: another policy than kith_policy_local (borrowed for good). */
void        kith_door_set_policy    (KithDoor *self, const KithDoorPolicy *policy);
/* One address that the policy allows to be any; port 0 takes a free one. */
gboolean    kith_door_listen_address (KithDoor *self, KithWay way, GInetSocketAddress *address, GError **error);
/* Mode 0600; makes the folder (0700) if it is missing. A socket file that nobody answers on is replaced; one that
 * answers is an error. The file goes when the door closes. */
gboolean    kith_door_listen_unix   (KithDoor *self, const char *path, GError **error);
/* A listening socket that somebody made for us (socket activation). Takes the descriptor, also on failure. */
gboolean    kith_door_adopt         (KithDoor *self, KithWay way, int fd, GError **error);
/* For what is asked on a bus, whose daemon told the uid (known FALSE: it did not): the bouncer's answer, counted and
 * logged as any other. method is for the log. */
gboolean    kith_door_ask_uid       (KithDoor *self, gboolean known, uid_t uid, const char *method);
void        kith_door_stop_listening (KithDoor *self, KithWay way);
guint16     kith_door_get_port      (KithDoor *self, KithWay way);   /* 0: nobody listens there */

/* Closes the listeners at once, WebSockets with 1001, waits for open answers; after grace_ms everything is cut. */
void        kith_door_close_async   (KithDoor *self, guint grace_ms, GAsyncReadyCallback done, gpointer data);
gboolean    kith_door_close_finish  (KithDoor *self, GAsyncResult *result, GError **error);

guint       kith_door_get_n_connections (KithDoor *self);
guint       kith_door_get_n_websockets  (KithDoor *self);
/* For /metrics: kith_door_accepted_total, kith_door_refused_total{reason}, kith_door_dropped_total{reason},
 * kith_door_requests_total, kith_door_connections, kith_door_websockets, … Every reason is told, those at 0 too. */
void        kith_door_foreach_counter (KithDoor *self, KithDoorCounterFunc func, gpointer data);
guint64     kith_door_get_counter     (KithDoor *self, const char *name, const char *reason);

G_END_DECLS
