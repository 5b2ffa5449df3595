/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-bus-private.h"
#include "kith-friend-private.h"
#include "kith-loader.h"
#include "kith-transport-private.h"
#include "test-server.h"

/* The real module, loaded by the real loader, with as much of a daemon as it needs. */
typedef struct
{
  TestServer *server;
  KithWorld *world;
  KithBus *bus;
  GSettings *settings;
  KithLoader *loader;
  KithTransport *transport;
  GListStore *friends;
  GHashTable *values;          /* its own store: key → GBytes */
  gboolean store_fails;        /* nothing can be saved */
  GPtrArray *held;             /* of GTask: saves that wait for release_saves () */
  gboolean hold_saves;
  GPtrArray *received;         /* "id:text" of the parcels, in order */
  guint refuse_after;          /* so many parcels are taken, then the store is full; 0: all */
  GPtrArray *addresses;        /* what was offered for friends */
  GPtrArray *marked;           /* ids of messages */
  gint evidence;               /* the last KithPresence; -1: none */
  guint lease_ms;
  KithPresence status;
  GString *log;
  guint watchdog;
} Fixture;

void fixture_set_up (Fixture *self, gconstpointer data);
void fixture_tear_down (Fixture *self, gconstpointer data);
void fixture_configure (Fixture *self, const char *url, const char *key);
/* With the server, signed in, registered, its mailbox read. */
void fixture_connect (Fixture *self);
const char *fixture_get_error (Fixture *self);
void fixture_release_saves (Fixture *self);
KithFriend *fixture_add_friend (Fixture *self, const char *username);
char *fixture_take_received (Fixture *self);
GArray *fixture_deposit (Fixture *self, GPtrArray *parcels, GError **error);
void fixture_add_parcel (GPtrArray *parcels, const char *id, const char *mailbox);
/* Turns the loop for so long. */
void fixture_pass_ms (Fixture *self, guint ms);

#define wait_until(condition) \
  while (!(condition))        \
  g_main_context_iteration (NULL, TRUE)
#define is_state(self, wanted) (kith_transport_get_state ((self)->transport) == KITH_TRANSPORT_##wanted)
#define add_test(path, func, data) \
  g_test_add ("/supabase/" path, Fixture, data, fixture_set_up, func, fixture_tear_down)

#define ID(n) "00000000-0000-4000-8000-00000000000" n
#define BOX "33333333-3333-4333-8333-333333333333"
#define OTHER_BOX "44444444-4444-4444-8444-444444444444"
#define HTML "<html><body>502 Bad Gateway</body></html>"

/* Before anything asks for the network. */
void test_network_init (void);
void test_timers_watch (KithWorld *world);

void add_part_tests (void);
void add_network_tests (void);
