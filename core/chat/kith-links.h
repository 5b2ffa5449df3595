/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-link.h"
#include "kith-people.h"
#include "kith-keys.h"
#include "kith-bus-private.h"
#include "kith-world.h"

G_BEGIN_DECLS

/* Live links: accepts what transports bring, dials people (back-off, addresses), settles two links to one device
 * (peer-link.md §3), says link::up and link::down, and passes ephemerals. Contents are not its business: they go
 * through the hooks. Main thread. */
typedef struct _KithLinks KithLinks;

typedef struct
{
  KithPerson *person;        /* none; NULL: an identity that we do not know */
  guint8 ik[32];
  guint32 device;
  char *username;            /* from HELLO */
  const char *transport;     /* interned id */
  char *from;                /* where the stream came from; nullable */
  gboolean dialled;
} KithLinkPeer;

typedef struct
{
  void (*up) (gpointer chat, KithPerson *person, KithLink *link); /* a friend; both HELLOs are done */
  void (*down)     (gpointer chat, KithPerson *person, KithLink *link);
  void (*envelope) (gpointer chat, KithLink *link, const KithLinkPeer *peer, guint32 n, GBytes *wire);
  void (*acked) (gpointer chat, KithLink *link, KithPerson *person, const KithLinkOutcome *outcomes, guint n_outcomes);
  void (*room) (gpointer chat, KithLink *link, KithPerson *person); /* the window has opened again */
  void (*bundle)   (gpointer chat, KithLink *link, KithPerson *person, GBytes *bundle);
  void (*newer_device) (gpointer chat,
                        KithPerson *person,
                        guint32 device); /* HELLO showed a device never seen; before up() */
  void (*connection) (gpointer chat, KithTransport *transport);                               /* its state changed */
  void (*addresses)  (gpointer chat);                                                         /* ours changed */
} KithLinksHooks;

KithLinks *kith_links_new (KithWorld *world,
                           KithStore *store,
                           KithKeys *keys,
                           KithBus *bus,
                           KithPeople *people,
                           const KithLinksHooks *hooks,
                           gpointer chat);
void        kith_links_free          (KithLinks *self);
void        kith_links_set_username  (KithLinks *self, const char *username);
void        kith_links_set_times     (KithLinks *self, const guint seconds[3]);   /* see kith_chat_set_link_times () */
void kith_links_set_offline (KithLinks *self, gboolean offline); /* status "offline": no links at all */
void        kith_links_stop          (KithLinks *self);
gboolean    kith_links_add_transport (KithLinks *self, KithTransport *transport, GError **error);
void        kith_links_drop_transport (KithLinks *self, KithTransport *transport);
GStrv       kith_links_dup_addresses (KithLinks *self);
void kith_links_get_traffic (KithLinks *self, KithLinkCounts *counts, KithLinkTrafficFunc func, gpointer data);
KithLink *kith_links_find (KithLinks *self, KithPerson *person); /* none; NULL: no live link */
const KithLinkPeer *kith_links_get_peer (KithLinks *self, KithLink *link);                    /* none */
void kith_links_want (KithLinks *self, KithPerson *person); /* the user sends something: dial now */
gboolean kith_links_may_come (
    KithLinks *self,
    KithPerson *person); /* worth waiting 2 s: an address is there and no dial failed in the last 30 s */
void        kith_links_learn         (KithLinks *self, KithPerson *person, const char *address, guint lease_s);
void kith_links_person_changed (KithLinks *self,
                                KithPerson *person); /* became a friend, was removed, blocked: links follow */
/* Addresses and streams may be gone: every link is asked whether it lives, everybody else is dialled. */
void        kith_links_network_changed (KithLinks *self);
gboolean kith_links_send_ephemeral (KithLinks *self, KithPerson *person, const char *kind, JsonObject *data /* full */);
gboolean kith_links_is_connected (KithLinks *self, const char *transport);
GBytes *kith_links_print (KithLinks *self); /* full; GET /connection */

G_END_DECLS
