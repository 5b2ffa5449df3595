/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"
#include "kith-transport-private.h"

/* Several daemons' rooms (store, keys, chat, links, journal) in one process, on virtual time, joined by a net that
 * loses, delays, chops and parts; everything follows from one seed. */

#define SIM_NODES_MAX 3

typedef struct _Sim Sim;
typedef struct _Node Node;
typedef struct _Conn Conn;
typedef struct _Op Op;
typedef struct _Message Message;

struct _Sim
{
  GMainContext *context;
  KithWorld *world; /* the time of all */
  guint64 seed, chance;
  gboolean verbose, strangers;
  GChecksum *trace;
  guint64 steps;
  char *folder;
  guint files;
  Node *nodes[SIM_NODES_MAX];
  guint n_nodes;
  GPtrArray *conns; /* none */
  gboolean parted[SIM_NODES_MAX][SIM_NODES_MAX];
  gboolean disturbed[SIM_NODES_MAX][SIM_NODES_MAX]; /* somebody was removed or blocked: not everything must arrive */
  guint delay_ms;                                   /* the most */
  guint chop;                                       /* percent of the writes */
  guint slow_ms;                                    /* what a commit takes at most */
  GPtrArray *messages;                              /* Message: what was posted */
  guint pending;                                    /* Ops without an answer */
  guint n_posts;
  gboolean mail, mail_trouble;                      /* there are mailboxes; they are not what they should be */
  gboolean mail_loses;                              /* and lose letters, or bring them in another order */
  GPtrArray *boxes;                                 /* sim-mail.c's own */
  KithBackup **backups; /* none; one for each node */
  GString *failure; /* what does not hold */
};

struct _Node
{
  Sim *sim;
  guint index;
  const char *name;
  char *path;
  guint8 key[KITH_STORE_KEY_BYTES];
  KithWorld *world; /* the same time, another calendar */
  KithStore *store;
  KithKeys *keys;
  KithBus *bus;
  KithChat *chat;
  KithTransport *transport;
  KithTransport *mail; /* NULL: no mailboxes in this run */
  guint life; /* grows with each start and death */
  guint ops;  /* without an answer, of this life */
  gboolean up;
  gboolean renewed;  /* another device than in the beginning */
  gint64 told;       /* seq of the newest event that was told */
  GPtrArray *events; /* by seq - 1: the name, NULL when it was never told */
};

struct _Message
{
  Node *from, *to;
  char *text, *client_id;
  char *id;              /* NULL: nobody was told of it */
  gboolean acknowledged; /* 200 or 202 */
  gboolean delivered;    /* 200 */
  gboolean deleted, read;
  gboolean voided;  /* one side has lost its history since */
  guint edits;      /* edits and deletions that were asked for */
  gboolean touched; /* nobody knows what became of one of them */
};

/* --- sim.c: chance, trace */
guint64 sim_draw (Sim *sim);
guint sim_below (Sim *sim, guint n);
gboolean sim_percent (Sim *sim, guint percent);
void sim_trace (Sim *sim, const char *format, ...) G_GNUC_PRINTF (2, 3);
void sim_fail (Sim *sim, const char *format, ...) G_GNUC_PRINTF (2, 3);
void sim_turn (Sim *sim);                /* all that is ready */
void sim_advance (Sim *sim, guint64 ms); /* and time goes on */

/* --- sim-net.c */
KithTransport *sim_transport_new (Node *node);
void sim_cut_all (Sim *sim, Node *node, gboolean silently); /* every connection of a node that dies */
gboolean sim_cut_some (Sim *sim, gboolean silently);
void sim_part (Sim *sim, guint a, guint b, gboolean parted);

/* --- sim-mail.c */
void sim_mail_open (Node *node);
void sim_mail_connect (Node *node, gboolean connected);
gboolean sim_mail_connected (Node *node);
void sim_mail_box_free (gpointer box);

/* --- sim-node.c */
KithWorld *sim_world_new (Sim *sim); /* the time of all, a calendar and slow workers of its own */
void sim_world_shift (KithWorld *world, gint64 ms);
Node *sim_node_new (Sim *sim, const char *name, GBytes *database);
void sim_node_free (Node *node);
void sim_node_start (Node *node);
void sim_node_stop (Node *node);
void sim_node_kill (Node *node, gboolean silently); /* what is not in its files is gone */
void sim_node_plug (Node *node);
void sim_node_unplug (Node *node);
void sim_node_lose_files (Node *node); /* of one that was killed */
GBytes *sim_node_read_file (Node *node); /* of one that was stopped */
gboolean sim_node_linked (Node *node, Node *other);
typedef gboolean (*SimReadFunc) (KithDb *db, gpointer data, GError **error);
void sim_node_read (Node *node, SimReadFunc func, gpointer data);

/* --- sim-renew.c */
KithBackup *sim_node_backup (Node *node);
void sim_node_renew (Node *node, KithBackup *backup);

/* --- sim-act.c */
void sim_act (Sim *sim); /* something random */
void sim_befriend (Node *a, Node *b);
void sim_heal (Sim *sim);
void sim_message_free (gpointer message);

/* --- sim-check.c */
gboolean sim_is_quiet (Sim *sim, GString *why /* nullable: what is not */);
void sim_check (Sim *sim);
