/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One client of /signal, and the room they are in. */
#pragma once

#include "kith-relay-private.h"

G_BEGIN_DECLS

#define KITH_SIGNAL_CHALLENGE 32

struct _KithSignal
{
  KithWorld *world;
  char **hosts;
  gboolean open;
  GHashTable *by_key;      /* public key (base64) → KithSignalClient, those who have proved it */
};

typedef struct
{
  KithSignal *signal;
  KithSocket *socket;      /* borrowed */
  guint8 challenge[KITH_SIGNAL_CHALLENGE];
  char *key;               /* NULL until it is proved */
  gboolean first_generation;
  const char *status;      /* what it said last */
  GHashTable *watched;     /* public keys */
  guint timer;             /* until it is proved */
  double tokens;
  gint64 at_us;
} KithSignalClient;

/* kith-signal-client.c: everything that one frame can say */
void     kith_signal_take   (KithSignalClient *client, const char *text, gsize n);
/* members: names and values, NULL at the end */
void     kith_signal_say    (KithSignalClient *client, const char *const *members);
/* To everybody who may know. status NULL: what it said. */
void     kith_signal_tell_all (KithSignalClient *client, const char *status);

G_END_DECLS
