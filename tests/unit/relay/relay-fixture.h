/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A relay in this process, in a world whose time the test moves, asked over its real door. */
#pragma once

#include "kith-relay-private.h"

/* What a test is added with: options of the relay, the rest is usual. */
typedef struct
{
  guint cap_mib, sign_ups;
  const char *invite;      /* the word; the fixture makes the file */
} RelayWish;

typedef struct
{
  KithWorld *world;
  KithRelay relay;
  KithRelayOptions options;
  char *folder, *invite_path;
  char *key;               /* what is sent as apikey; NULL: nothing */
  char *forwarded;         /* X-Forwarded-For, nullable */
  guint n_devices;
} Relay;

typedef struct
{
  guint status;
  char *head, *text;
  const char *code;        /* of the body: "code", or the auth service's "error_code" */
  int retry_s;             /* Retry-After, 0: none */
  JsonNode *json;          /* nullable */
} Answer;

typedef struct
{
  Relay *at;
  char *id, *user, *token, *refresh, *name;
} Device;

void      relay_set_up    (Relay *f, gconstpointer wish);
void      relay_tear_down (Relay *f, gconstpointer wish);
void      relay_restart   (Relay *f);
/* Moves the relay's time, and runs what fell due. */
void      relay_pass_s    (Relay *f, guint seconds);
/* A statement of the test's own, in a job; the first column of its first row, 0 without one. */
gint64    relay_sql       (Relay *f, const char *sql);
/* For every text with arguments: ' stands for ". */
Answer   *relay_ask       (Relay *f, const char *method, const char *path, const char *token, const char *body);
Answer   *relay_ask_bytes (Relay *f, const char *method, const char *path, const char *token, const void *body,
                           gsize n);
void      answer_free     (Answer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Answer, answer_free)
const char *answer_get    (Answer *answer, const char *member);   /* a text in the object; fails without one */
gint64    answer_get_int  (Answer *answer, const char *member);
JsonArray *answer_list    (Answer *answer, const char *member);
/* These take the answer. code: NULL for any. */
void      check_status    (Answer *answer, guint status, const char *code);
int       check_throttled (Answer *answer, const char *code);     /* 429 with Retry-After, which it gives */
/* The answer's text without its times, ' for ". */
void      check_text      (Answer *answer, const char *expected);

Device   *device_sign_up  (Relay *f);
Device   *device_new      (Relay *f);                             /* registered, too */
void      device_renew    (Device *device);                       /* a new token; the old one lasts an hour */
void      device_free     (Device *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Device, device_free)
Answer   *device_call     (Device *device, const char *function, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Sends n messages of so many characters; gives the statuses with a blank between them, equal neighbours once with
 * their number: "stored*5 mailbox_full". */
char     *device_send     (Device *from, Device *to, guint n, gsize n_chars);
void      check_sent      (Device *from, Device *to, guint n, const char *expected);
/* How many messages a fetch of this consumer gives; minus the status when it is refused. */
int       device_fetch    (Device *device, const char *consumer);

/* A WebSocket of the test's. */
typedef struct
{
  Relay *at;
  int fd;
  GByteArray *in;
  guint close_code;        /* 0: open */
} Wire;

Wire     *wire_open       (Relay *f, const char *path);
void      wire_say        (Wire *wire, const char *text);         /* ' for " */
char     *wire_next       (Wire *wire);                           /* a text message; NULL: closed */
/* The next message contains this (' for "); gives it. */
char     *wire_expect     (Wire *wire, const char *part);
void      wire_free       (Wire *wire);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Wire, wire_free)

#define UUID_A "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define UUID_B "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
#define A_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define A_CERT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define A_HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
