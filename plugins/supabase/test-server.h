/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

/* A mailbox server that answers well, until a test scripts it not to. On loopback, in the loop of the test. */

#define TEST_KEY "sb_publishable_tok3n-key"
#define TEST_DEVICE "11111111-1111-4111-8111-111111111111"
#define TEST_ACCOUNT "22222222-2222-4222-8222-222222222222"
/* Every secret of it has this in it. */
#define TEST_SECRET "tok3n-"

typedef enum
{
  FAULT_ANSWER,         /* status, body, Retry-After */
  FAULT_DROP_BEFORE,    /* the connection ends, nothing was done */
  FAULT_DROP_AFTER,     /* it was done, but the answer is lost */
  FAULT_ENDLESS,        /* a body without an end */
  FAULT_HANG,           /* no answer, and the connection stays */
  FAULT_REDIRECT,       /* to `body` */
} FaultKind;

typedef struct
{
  SoupServer *server;
  char *url;
  GQueue faults;
  GPtrArray *seen;      /* the last part of each path, in order */
  GPtrArray *rows;      /* JSON texts: the mailbox, oldest first */
  GPtrArray *acked;     /* ids */
  char *sent;           /* body of the last kith_send */
  char *statuses;       /* what the next kith_send answers: JSON array of results; NULL: stored */
  guint serial;         /* of the tokens */
  guint n_wrong;        /* requests with the wrong key or token */
  guint expires_in;
  char *peers;          /* of kith_beat; NULL: none */
  SoupWebsocketConnection *bell;
  guint n_joined;
  gboolean mute;        /* the bell answers no heartbeats */
} TestServer;

TestServer *test_server_new (void);
void test_server_free (TestServer *self);
/* The next `times` calls of this function fail so; `body` NULL: empty. */
void test_server_fail (TestServer *self, const char *function, guint times, FaultKind kind, guint status,
                       const char *retry_after, const char *body);
guint test_server_count (TestServer *self, const char *function);
void test_server_forget (TestServer *self);
void test_server_add_row (TestServer *self, const char *id, const char *ct);
void test_server_ring (TestServer *self);
