/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request that passed the bouncer, and its one answer. Main thread. */
#pragma once

#include <gio/gio.h>

#include "kith-socket.h"

G_BEGIN_DECLS

typedef enum
{
  KITH_WAY_API,      /* TCP api-port: everything but /events and /admin */
  KITH_WAY_EVENTS,   /* TCP events-port: /events only */
  KITH_WAY_UNIX,     /* the Unix socket: everything, and /admin */
  KITH_WAY_DBUS,     /* the session bus: nobody listens there, but who asks is asked about */
} KithWay;

#define KITH_N_WAYS 4

#define KITH_TYPE_EXCHANGE (kith_exchange_get_type ())
G_DECLARE_FINAL_TYPE (KithExchange, kith_exchange, KITH, EXCHANGE, GObject)

/* GET HEAD POST PUT PATCH DELETE OPTIONS. HEAD: answer as for GET, the door leaves the body out. OPTIONS comes here
 * only when it is no preflight; the api answers 204 with Allow. */
const char   *kith_exchange_get_method      (KithExchange *self);
/* Decoded exactly once, valid UTF-8, begins with '/', without NUL, control characters, empty or dot
 * segments. An encoded
 * slash (%2F) is refused with 400 before it comes here, so '/' always separates. A slash at the end is kept. */
const char   *kith_exchange_get_path        (KithExchange *self);
/* Decoded name → value, never NULL, may be empty; a name that comes twice was refused (400), "token" is taken out. */
GHashTable   *kith_exchange_get_query       (KithExchange *self);
GBytes       *kith_exchange_get_body        (KithExchange *self);   /* NULL: none; else unchecked JSON text */
KithWay       kith_exchange_get_way         (KithExchange *self);
const char   *kith_exchange_get_origin      (KithExchange *self);   /* NULL: none (a program, or our own page) */
/* A header that the door's policy keeps, all values of it joined by ", "; NULL: not sent. name: as in the policy. */
const char   *kith_exchange_get_header      (KithExchange *self, const char *name);
/* Who connected, "192.0.2.1"; "unix" on the Unix socket. (transfer full) */
char         *kith_exchange_dup_address     (KithExchange *self);
guint64       kith_exchange_get_client      (KithExchange *self);   /* number of the connection, never reused */
gboolean      kith_exchange_wants_socket    (KithExchange *self);   /* asks for a WebSocket: "Upgrade: websocket" */
/* Cancelled when the client goes before it has the answer; answering is then still right, and without effect. */
GCancellable *kith_exchange_get_cancellable (KithExchange *self);
gboolean      kith_exchange_is_answered     (KithExchange *self);

/* Exactly once, now or later; a second answer is a critical and ignored, an exchange that is dropped unanswered gets
 * 500 and a critical. json: the body, NULL for none (204). headers: NULL, or names and values in turn, NULL at the
 * end, e.g. {"Allow", "GET, POST", NULL}; "Content-Type" replaces application/json. CORS, Connection, Cache-Control
 * are set here. */
void          kith_exchange_answer          (KithExchange *self, guint status, GBytes *json,
                                             const char *const *headers);
/* {"error": text}; text any UTF-8, escaped here. */
void          kith_exchange_answer_error    (KithExchange *self, guint status, const char *text,
                                             const char *const *headers);
/* Makes a WebSocket of it; that is the answer. Returns it (borrowed: it lives until its closed() has run; take a
 * reference to keep it longer), or NULL when the handshake was wrong or there are too many, which is then answered here
 * (400, 426, 503) and data destroyed. Frames may be sent to it at once: they leave after the handshake. */
KithSocket   *kith_exchange_upgrade         (KithExchange *self, const KithSocketFuncs *funcs, gpointer data,
                                             GDestroyNotify destroy);

G_END_DECLS
