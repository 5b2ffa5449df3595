/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said at the door: routes, commands, windows. Main thread. spec: local-api.md. */
#pragma once

#include "kith-bus-private.h"
#include "kith-catalog.h"
#include "kith-chat.h"
#include "kith-door.h"
#include "kith-key-store.h"
#include "kith-keys.h"
#include "kith-loader.h"
#include "kith-store.h"
#include "kith-windows.h"
#include "kith-world.h"

G_BEGIN_DECLS

#define KITH_TYPE_API (kith_api_get_type ())
G_DECLARE_FINAL_TYPE (KithApi, kith_api, KITH, API, GObject)

/* What a route may ask. All of it outlives the api; loader comes later (it needs the catalog). */
typedef struct
{
  KithWorld *world;
  KithBus *bus;
  KithStore *store;
  KithKeys *keys;
  KithChat *chat;
  KithDoor *door;
  KithLoader *loader;
  KithKeyStore *key_store; /* nullable; for /status */
} KithRooms;

/* Registers the house's events at the bus and its routes in the catalog, and becomes the door's handler. Until
 * kith_api_set_ready() everything but /healthz is answered 503. */
KithApi         *kith_api_new         (const KithRooms *rooms);
void             kith_api_set_loader  (KithApi *self, KithLoader *loader);
void             kith_api_set_ready   (KithApi *self, gboolean ready);
/* Why there is no database, for those who are answered 503; NULL: all is well. */
void             kith_api_set_trouble (KithApi *self, const char *trouble);
const char      *kith_api_get_trouble (KithApi *self);   /* none, nullable */
/* The store was opened after the start (the user decided what becomes of a damaged one): windows begin anew. */
void             kith_api_store_changed (KithApi *self);
/* Nothing is asked of the rooms any more. */
void             kith_api_stop        (KithApi *self);
const KithRooms *kith_api_get_rooms   (KithApi *self);   /* none */
/* What somebody of the house asks as a program over TCP would: everything but /events and /admin. path and query are
 * decoded. */
void             kith_api_ask         (KithApi *self, const char *method, const char *path, GHashTable *query,
                                       GBytes *body, GCancellable *cancellable, const KithCaller *caller,
                                       gpointer data);
KithCatalog     *kith_api_get_catalog (KithApi *self);   /* none */
KithWindows     *kith_api_get_windows (KithApi *self);   /* none */
/* "peer_port" of /status. */
void             kith_api_set_peer_port (KithApi *self, guint port);
guint            kith_api_get_peer_port (KithApi *self);
gint64           kith_api_get_start_us  (KithApi *self);

G_END_DECLS
