/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-post.h"
#include "kith-table-mail.h"
#include "kith-transport-private.h"

G_BEGIN_DECLS

#define KITH_POST_PARCELS 50                /* of one deposit */
#define KITH_POST_BYTES (384 * 1024)        /* the same; as base64 that is 512 KiB */
#define KITH_POST_DAYS 7                    /* a server keeps it */
#define KITH_POST_BACKOFF_MAX_S 300
#define KITH_POST_ASK_S 60                  /* between two questions about a person, doubling */
#define KITH_POST_ASK_MAX_S 3600
#define KITH_POST_REFRESH_MS (G_GINT64_CONSTANT (86400) * 1000) /* how long we believe where a mailbox is */

/* A transport to mailboxes; reference-counted, for calls under way. */
typedef struct
{
  KithPost *owner; /* NULL: it was dropped */
  KithMailboxTransport *transport;
  const char *id; /* interned */
  GCancellable *cancellable;
  gboolean busy, again; /* a deposit is under way; something came meanwhile */
  gboolean down;        /* the whole of it failed: nothing before the timer */
  guint failures, timer;
  /* kith-post-publish.c */
  gboolean publishing, publish_again;
  guint publish_failures, publish_timer;
  GBytes *bundle;     /* the last one that is there */
  guint left;         /* one-time prekeys there, as it said */
  GBytes *put_bundle; /* under way; the same ones again until they are there */
  GPtrArray *put_prekeys;
} KithOffice;

/* A sign that waits to be uploaded. */
typedef struct
{
  KithParcelKind kind;
  gint64 value;
  GBytes *wire;
  char *parcel; /* NULL: not sealed yet */
  GBytes *sealed;
} KithPostSign;

/* What is under way to a person. */
typedef struct
{
  KithPost *owner;
  gint64 person;
  gboolean wanted; /* something waits, and there is no link */
  guint asked;     /* how often it was wanted */
  gboolean later;  /* their mailbox takes nothing now, or nobody knows it yet */
  GQueue signs;    /* of KithPostSign */
  gboolean looking, look_wanted, claiming, claim_wanted;
  guint look_failures, claim_failures;
  gint64 look_after_us, claim_after_us;
  guint timer;
} KithRoute;

struct _KithPost
{
  KithChat *chat;
  GPtrArray *offices; /* of KithOffice */
  GArray *traffic;    /* of KithMailTraffic */
  GHashTable *routes; /* gint64 person → KithRoute */
  GQueue wanted;      /* of KithRoute: in the order of their coming */
  guint prekey_timer;
  gulong bundle_id, client_id;
  gboolean stopped;
};

/* kith-post.c */
/* The one that is used: the first that is connected. */
KithOffice *kith_post_get_office (KithPost *self); /* none, nullable */
KithOffice *kith_office_ref (KithOffice *office);
void kith_office_unref (KithOffice *office);
/* The one of that transport; makes it. */
KithMailTraffic *kith_post_find_traffic (KithPost *self, const char *transport /* interned */);
/* The directory that goes with it; none, nullable. */
KithDirectory *kith_office_get_directory (KithOffice *office);
KithRoute *kith_post_get_route (KithPost *self, gint64 person);  /* makes it */
KithRoute *kith_post_find_route (KithPost *self, gint64 person); /* nullable */
void kith_post_pump (KithPost *self);
/* A pause that grows with each failure: half of it is random. */
guint kith_post_pause_ms (KithPost *self, guint failures, guint first_s, guint most_s);
void kith_post_sign_free (gpointer data);
void kith_post_drop_sign (KithRoute *route, KithPostSign *sign);
void kith_office_failed (KithOffice *office, gboolean down);

/* kith-post-deposit.c */
void kith_office_pump (KithOffice *office);

/* kith-post-lookup.c */
/* Asks the directory where their mailbox is, unless it was asked a moment ago. */
void kith_route_look (KithRoute *route);
/* Whatever is wanted of the directory and may be asked now. */
void kith_route_ask (KithRoute *route);

/* kith-post-publish.c */
void kith_office_publish (KithOffice *office);

G_END_DECLS
