/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of core/relay share. Functions of the contract run in jobs of the store, all else on the main
 * thread. */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "kith-door.h"
#include "kith-json-writer.h"
#include "kith-relay.h"
#include "kith-store.h"
#include "kith-world.h"

G_BEGIN_DECLS

#define KITH_RELAY_UUID 37                /* with the NUL */
#define KITH_RELAY_TOKEN_S 3600

typedef struct _KithBells KithBells;
typedef struct _KithSignal KithSignal;

typedef struct
{
  KithWorld *world;
  KithStore *store;
  KithDoor *door;
  KithBells *bells;
  KithSignal *signal;
  GMainLoop *loop;
  guint8 *secret;          /* 32 bytes, locked: signs access tokens */
  char *api_key;
  char *invite;            /* nullable */
  char *url;
  gint64 cap_bytes;
  GHashTable *sign_ups;    /* address → bucket */
  double sign_up_burst;    /* of one address */
  guint sweep, purge;      /* timers */
  gboolean stopping;
} KithRelay;

/* --- kith-relay.c: what kith_relay_run() begins and ends with, for tests in a world of their own. Clear it also after
 * a failure. */
gboolean    kith_relay_open         (KithRelay *self, KithWorld *world, const KithRelayOptions *options,
                                     GError **error);
void        kith_relay_clear        (KithRelay *self);

/* Who asks: what an access token says, once it is verified. */
typedef struct
{
  char user[KITH_RELAY_UUID];
  char session[KITH_RELAY_UUID];
  gint64 expires_s;
} KithRelayClaims;

/* --- kith-relay-token.c */
char       *kith_relay_token_make   (KithRelay *self, const char *user, const char *session, gint64 expires_s);
/* NULL, or why not. */
const char *kith_relay_token_check  (KithRelay *self, const char *token, KithRelayClaims *claims);
/* base64url without padding; free with g_free(). */
char       *kith_relay_random_word  (KithRelay *self, gsize n_bytes);
gboolean    kith_relay_parse_uuid   (const char *text, char out[KITH_RELAY_UUID]);

/* --- kith-relay-route.c */
void        kith_relay_handle       (KithExchange *exchange, gpointer relay);
/* retry_s: Retry-After, 0 for none; KITH_RELAY_AUTH_SHAPE: none, and the auth service's shape of the body. */
#define KITH_RELAY_AUTH_SHAPE (-1)
void        kith_relay_answer_error (KithExchange *exchange, guint status, const char *code, const char *message,
                                     int retry_s);

/* --- kith-relay-auth.c */
void        kith_relay_auth         (KithRelay *self, KithExchange *exchange, const char *path);

/* --- kith-relay-call.c: one call of a function, or of anything else that needs the store */
typedef struct _KithRelayCall KithRelayCall;
typedef gboolean (*KithRelayRun) (KithRelayCall *call, KithDb *db, GError **error);

struct _KithRelayCall
{
  KithRelay *relay;
  KithExchange *exchange;
  KithRelayRun run;
  JsonObject *args;        /* nullable; the job's alone while it runs */
  KithRelayClaims claims;
  gboolean auth_errors;    /* said in the auth service's shape */
  char account[KITH_RELAY_UUID];
  gint64 now_ms;
  char *own;               /* scratch of the run function, set before */
  /* the answer */
  guint status;
  int retry_s;
  char *code, *message;
  GBytes *body;            /* NULL: 204 */
  GHashTable *rung;        /* device → seq (gint64*), told after the commit */
};

/* --- kith-relay-args.c */
#define KITH_RELAY_MOST_ARGS 4

typedef struct
{
  const char *name;
  char type;               /* t text, u uuid, i int, l bigint, b boolean, j anything, T text[], U uuid[] */
  gboolean optional;
} KithRelayArg;

typedef struct
{
  const char *name;
  KithRelayRun run;        /* NULL: the operator's */
  KithRelayArg args[KITH_RELAY_MOST_ARGS];
} KithRelayFunction;

/* NULL: there is no such function. */
const KithRelayFunction *kith_relay_find_function (const char *name);
/* A missing or empty body is no arguments. */
JsonObject    *kith_relay_parse_args  (GBytes *body, GError **error);
/* As PostgREST resolves a function: by the exact set of names. */
gboolean       kith_relay_args_fit    (const KithRelayFunction *function, JsonObject *args);
/* Of arguments that fit: the name of the first that has another type; NULL when all are right. */
const char    *kith_relay_find_mistyped (const KithRelayFunction *function, JsonObject *args);

/* --- kith-relay-call.c */
KithRelayCall *kith_relay_call_new    (KithRelay *self, KithExchange *exchange, KithRelayRun run);
/* (transfer full) */
void           kith_relay_call_submit (KithRelayCall *call);
/* Inside the run function: rolls back. Always FALSE. */
gboolean       kith_relay_fail        (KithRelayCall *call, guint status, const char *code, const char *message,
                                       int retry_s, GError **error);
gboolean       kith_relay_bad         (KithRelayCall *call, const char *what, GError **error);
/* The same, but what was written before stays: a wrong guess must count. Always TRUE. */
gboolean       kith_relay_refuse      (KithRelayCall *call, guint status, const char *code, const char *message);
void           kith_relay_call_finish (KithRelayCall *call, KithJsonWriter *writer);   /* 200 */
/* The prologue: the account of the device that asks, or refused. Every statement after it is bound to both. */
gboolean       kith_relay_need_me     (KithRelayCall *call, KithDb *db, GError **error);
gboolean       kith_relay_need_session (KithRelayCall *call, KithDb *db, GError **error);
/* Refuses when the disk cap is reached. */
gboolean       kith_relay_need_room   (KithRelayCall *call, KithDb *db, GError **error);
void           kith_relay_rpc         (KithRelay *self, KithExchange *exchange, const char *name);
void           kith_relay_get_bells   (KithRelay *self, KithExchange *exchange);
/* *wait_s: 0 when the tokens were taken. */
gboolean       kith_relay_take        (KithRelayCall *call, KithDb *db, const char *key, double per_s, double burst,
                                       double cost, double *wait_s, GError **error);
/* Arguments, checked before: NULL for absent and null. */
const char    *kith_relay_text        (KithRelayCall *call, const char *name);
gint64         kith_relay_int         (KithRelayCall *call, const char *name, gint64 usual);
gboolean       kith_relay_is_word     (const char *text, const char *chars, gsize least, gsize most);
gboolean       kith_relay_is_key      (const char *text);      /* base64 of 32 bytes */
gboolean       kith_relay_is_base64   (const char *text, gsize least, gsize most);
gboolean       kith_relay_is_hex64    (const char *text);

/* Statements in one line: format has 's' for a text (nullable) and 'i' for a gint64 each. */
KithStmt      *kith_relay_bind        (KithDb *db, const char *sql, const char *format, ...);
gboolean       kith_relay_exec        (KithDb *db, GError **error, const char *sql, const char *format, ...);
/* One row, one column. FALSE with *error unset: no row (or NULL in it). */
gboolean       kith_relay_get_int     (KithDb *db, gint64 *value, GError **error, const char *sql, const char *format,
                                       ...);
gboolean       kith_relay_get_text    (KithDb *db, char **value, GError **error, const char *sql, const char *format,
                                       ...);

/* --- the functions: kith-relay-accounts.c, kith-relay-keys.c, kith-relay-mail.c, kith-relay-people.c */
gboolean kith_relay_register       (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_link_begin     (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_link_claim     (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_delete_account (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_publish        (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_lookup         (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_claim          (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_send           (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_fetch          (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_ack            (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_release        (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_grant          (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_ungrant        (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_beat           (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_mark_read      (KithRelayCall *call, KithDb *db, GError **error);
gboolean kith_relay_marks          (KithRelayCall *call, KithDb *db, GError **error);
/* A slice of what has expired; *more: there is more of it. */
gboolean kith_relay_purge          (KithDb *db, gint64 now_ms, gboolean *more, GError **error);

/* --- kith-relay-bells.c */
KithBells *kith_bells_new     (KithRelay *relay);
void       kith_bells_free    (KithBells *self);
void       kith_bells_connect (KithBells *self, KithExchange *exchange);
void       kith_bells_ring    (KithBells *self, const char *device, gint64 seq);
void       kith_bells_sweep   (KithBells *self);   /* ends channels whose token has expired */

/* --- kith-signal.c. hosts: the names that this server goes by. */
KithSignal *kith_signal_new     (KithWorld *world, const char *const *hosts, gboolean open);
void        kith_signal_free    (KithSignal *self);
void        kith_signal_connect (KithSignal *self, KithExchange *exchange);

G_END_DECLS
