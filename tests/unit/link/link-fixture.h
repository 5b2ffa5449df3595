/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-link-private.h"

/* Two doors (alice, bob) in one virtual world, links between them over a socket pair, and everything they were told. */
typedef struct
{
  KithLink *link;
  KithLinkVerdict verdict;          /* what verdict() answers */
  gboolean answers;                 /* acknowledge envelopes at once */
  KithAck code;
  guint n_verdict, n_opened, n_room, n_closed, n_ephemeral, n_bundle_request, n_bundle;
  gboolean asked_as_friend;
  GPtrArray *envelopes;             /* GBytes */
  GArray *numbers;                  /* guint32 */
  GArray *outcomes;                 /* KithLinkOutcome */
  GString *kinds;                   /* of ephemerals: "typing,presence," */
  KithLinkReason reason;
  char *why;
  char *hello_name;
  void (*on_envelope) (KithLink *link, guint32 n, gpointer self);
} End;

typedef struct
{
  guint8 secret[32];                /* X25519 */
  guint8 identity[32];              /* Ed25519 */
  guint8 exchange[32];
} Person;

typedef struct
{
  KithWorld *world;
  KithLinkDoor *alice_door, *bob_door;
  Person alice, bob, carol;
  End a, b;                         /* alice dials, bob accepts */
} Fixture;

extern const KithLinkFuncs end_funcs;

void       person_init   (Person *self, guint8 seed);
void       end_clear     (End *self);
void       fixture_init  (Fixture *self, gconstpointer data);
void       fixture_clear (Fixture *self, gconstpointer data);
void       make_pair     (GIOStream **left, GIOStream **right);
GIOStream *make_half     (int *fd);                  /* the other half is a bare file descriptor */
void       dial          (Fixture *self);            /* a and b get links; nothing has run yet */
void       connect_both  (Fixture *self);            /* … and are open */
void       run           (Fixture *self);
void       advance_ms    (Fixture *self, guint ms);
GBytes    *make_envelope (guint8 type, gsize n);

/* A peer made by hand, which may say anything: it speaks Noise and nothing else. */
typedef struct
{
  Fixture *fixture;
  int fd;
  KithNoise noise;
  KithNoiseCipher sending, receiving;
  GByteArray *in;                   /* opened bytes */
  GByteArray *raw;                  /* what came, not opened yet */
  gboolean transport, hung_up;
} Peer;

void peer_dial (Peer *self,
                Fixture *fixture,
                const Person *who,
                const char *hello /* nullable */); /* bob listens; HELLO is said */
void peer_connect (Peer *self, Fixture *fixture);  /* only the connection */
void     peer_shake    (Peer *self, const Person *who, const char *hello);
void     peer_clear    (Peer *self);
void     peer_send_raw (Peer *self, const void *bytes, gsize n);
void     peer_say      (Peer *self, guint8 type, const void *body, gsize n);
void     peer_say_plain (Peer *self, const void *bytes, gsize n);      /* any plaintext */
void     peer_read     (Peer *self);                                   /* runs the world, and takes what came */
gboolean peer_next     (Peer *self, guint8 *type, GBytes **body);      /* the next frame; FALSE: none */
guint8   peer_expect_close (Peer *self);                               /* its reason; 0xff: there was none */
char    *make_hello    (const Person *who, const char *name);
