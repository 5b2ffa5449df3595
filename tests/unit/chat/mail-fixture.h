/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "chat-fixture.h"

/* A mailbox server in the same process: a directory and mailboxes, honest unless it is told otherwise, and the
 * transport by which sides use it. */
typedef struct
{
  char *id, *mailbox;
  GBytes *sealed;
} Letter;

typedef struct
{
  char *username, *mailbox;
  GBytes *identity, *certificate, *bundle;
  GPtrArray *prekeys; /* of GBytes */
  guint published;    /* how often */
  GQueue letters;     /* of Letter */
} Account;

typedef struct
{
  Net *net;
  GPtrArray *accounts;
  gboolean down;        /* answers nobody */
  gboolean lose_answer; /* of the next deposit, which is done */
  gboolean silent;      /* answers a lookup when it is cancelled */
  guint lookups_to_fail;
  GArray *fates;        /* of KithDeposit: of the next parcels, instead of what is right */
  guint deposits, parcels, lookups, claims, collects;
  GPtrArray *seen;      /* of char*: "ID HASH" of each parcel that was deposited */
} Server;

Server *server_new (Net *net);
void server_free (Server *server);
Account *server_find (Server *server, const char *username);
void server_empty (Server *server, const char *username); /* what lies in that mailbox is lost */
void server_next (Server *server, KithDeposit fate);

/* Signs a side up (once), and plugs the transport in; state CONNECTED. */
KithMailboxTransport *side_open_mail (Side *side, Server *server);
void side_close_mail (Side *side, KithMailboxTransport *mail);
/* Hands everything over that lies in the side's mailbox; what is acknowledged is gone. The fate of the last one. */
KithFate side_collect (Side *side, KithMailboxTransport *mail, Server *server);
/* One letter; FALSE with the error. */
gboolean side_take (Side *side, KithMailboxTransport *mail, const Letter *letter, KithFate *fate, GError **error);
/* Adds somebody by the directory; the local name. */
char *side_look_up (Side *side, const char *username);

/* Two friends who have only mailboxes to reach each other. */
typedef struct
{
  Net net;
  Server *server;
  Side *alice, *bob;
  KithMailboxTransport *a, *b;
} Post;

void post_set_up (Post *post, gconstpointer data);
void post_tear_down (Post *post, gconstpointer data);
guint post_letters (Post *post, const char *who); /* how many lie in that mailbox */
void post_befriend (Post *post);                  /* both have added each other, by name */
void post_exchange (Post *post);                  /* until nobody waits for anything */
void post_restart (Post *post, Side *side, KithMailboxTransport **mail);

/* Both look into their mailboxes until the condition holds. */
#define mail_wait(post, condition)                                                                                     \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    while (!(condition))                                                                                               \
      {                                                                                                                \
        g_main_context_iteration ((post)->net.context, TRUE);                                                          \
        side_collect ((post)->alice, (post)->a, (post)->server);                                                       \
        side_collect ((post)->bob, (post)->b, (post)->server);                                                         \
      }                                                                                                                \
  }                                                                                                                    \
  G_STMT_END
