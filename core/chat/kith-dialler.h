/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-people.h"
#include "kith-world.h"

G_BEGIN_DECLS

/* Who is dialled when. Each person that we want a link with has addresses and a back-off (peer-link.md §3: 1 s × 2 up
 * to 5 min, ±20 %); an attempt tries the addresses one after another, 250 ms apart, without waiting for the slow ones.
 * Main thread. */
typedef struct _KithDialler KithDialler;

typedef struct
{
  /* Who dials addresses of that scheme now; none, nullable. */
  KithStreamTransport *(*transport) (gpointer links, const char *scheme);
  /* A stream is there: shake hands on it, then say kith_dialler_linked() or kith_dialler_failed(). */
  void (*connected) (
      gpointer links, gint64 person, GIOStream *stream /* full */, KithStreamTransport *transport, const char *address);
  /* An address did not answer. */
  void (*refused) (gpointer links, gint64 person, KithStreamTransport *transport, const char *address, guint took_ms,
                   const GError *error);
} KithDiallerFuncs;

KithDialler *kith_dialler_new             (KithWorld *world, const KithDiallerFuncs *funcs, gpointer links);
void         kith_dialler_free            (KithDialler *self);
void kith_dialler_set_paused (KithDialler *self, gboolean paused); /* nobody is dialled */
void         kith_dialler_add             (KithDialler *self, gint64 person, const char *const *addresses);
void         kith_dialler_remove          (KithDialler *self, gint64 person);
void kith_dialler_learn (KithDialler *self, gint64 person, const char *address); /* goes to the front */
void         kith_dialler_linked          (KithDialler *self, gint64 person);
void         kith_dialler_unlinked        (KithDialler *self, gint64 person);
void kith_dialler_failed (KithDialler *self, gint64 person); /* the handshake on a stream of ours */
void kith_dialler_want (KithDialler *self, gint64 person);   /* the user waits: now */
void kith_dialler_network_changed (KithDialler *self);       /* everybody, now */
gboolean     kith_dialler_may_come        (KithDialler *self, gint64 person);

G_END_DECLS
