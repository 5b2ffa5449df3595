/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"

/* Several daemons' chat rooms in one process, each with its own database, joined by socket pairs. */
typedef struct _Side Side;

typedef struct
{
  GMainContext *context;
  GSource *watchdog, *tick; /* tick: a condition may become true while it is looked at */
  KithWorld *world;
  GPtrArray *sides;
} Net;

struct _Side
{
  Net *net;
  char *name, *folder, *path;
  guint8 key[KITH_STORE_KEY_BYTES];
  KithStore *store;
  KithKeys *keys;
  KithBus *bus;
  KithChat *chat;
  KithTransport *transport;
  gboolean unreachable; /* nobody can dial it */
  const char *cut_at;   /* its transport goes when this event is told: before what caused it is acknowledged */
  GString *events;      /* journaled: "name data\n" … */
  guint unread_events;
};

void net_set_up (Net *net, gconstpointer data);
void net_tear_down (Net *net, gconstpointer data);
Side *net_add (Net *net, const char *name);
void side_start (Side *side);
void side_stop (Side *side); /* a clean stop; side_start() goes on with the same database */
void side_cut (Side *side);  /* its transport goes: all links end */
void side_plug (Side *side); /* the transport is there again */

/* Runs the loop until the condition holds. */
#define net_wait(net, condition)                                                                                       \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    while (!(condition))                                                                                               \
      g_main_context_iteration ((net)->context, TRUE);                                                                 \
  }                                                                                                                    \
  G_STMT_END
void net_turn (Net *net); /* what is ready now */

char *side_add (Side *side, Side *friend, const char *note);
void net_befriend (Side *a, Side *b); /* both, and linked */
gboolean side_linked (Side *side, const char *name);
gboolean side_change (Side *side,
                      void (*start) (KithChat *, const char *, GCancellable *, GAsyncReadyCallback, gpointer),
                      const char *name);
/* The id of the message (free); *delivered as the answer says. */
char *side_post (Side *side, const char *to, const char *text, gboolean *delivered);
char *side_page (Side *side, const char *peer); /* JSON */
char *side_requests (Side *side);
guint side_count (Side *side, const char *event);                     /* how many such events were told */
gboolean side_told (Side *side, const char *event, const char *part); /* one whose data contain that */
/* One number from the database. */
gint64 side_query (Side *side, const char *sql);

/* Async verbs, waited for. */
typedef struct
{
  gboolean done;
  GAsyncResult *result;
} Wait;
void wait_callback (GObject *source, GAsyncResult *result, gpointer data);
GAsyncResult *side_wait (Side *side, Wait *wait); /* none, valid until wait_clear() */
void wait_clear (Wait *wait);
