/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-api"
#include "kith-api.h"

#include <string.h>

#include "kith-events.h"
#include "kith-log.h"
#include "routes/kith-routes.h"

struct _KithApi
{
  GObject parent_instance;

  KithRooms rooms;
  KithCatalog *catalog;
  KithWindows *windows;
  gint64 start_us;
  guint peer_port;
  char *trouble;
  gboolean ready, stopped;
};

G_DEFINE_FINAL_TYPE (KithApi, kith_api, G_TYPE_OBJECT)

/* What cannot be answered without the database; the rest can say what is the matter. */
static const char *const stored[] = { "friends", "messages", "identity", "requests", "presence", "signaling", NULL };

/* --- answers */

static void
exchange_answer (guint status, GBytes *json, GError *error, const char *const *headers, gpointer data)
{
  KithExchange *exchange = data;

  if (error != NULL)
    {
      if (status == 500)
        kith_warning ("%s %s failed: %s", kith_exchange_get_method (exchange), kith_exchange_get_path (exchange),
                      error->message);
      kith_exchange_answer_error (exchange, status, error->message, headers);
    }
  else
    kith_exchange_answer (exchange, status, json, headers);
  g_clear_error (&error);
  g_clear_pointer (&json, g_bytes_unref);
}

static const KithCaller exchange_caller = { exchange_answer, g_object_unref };

/* --- questions */

static gboolean
needs_store (const char *path)
{
  g_autofree char *first = g_strndup (path + 1, strcspn (path + 1, "/"));

  /* A window that was told to begin anew for want of a journal would have lost its place when there is one again. */
  if (strcmp (path, "/events") == 0)
    return TRUE;
  return g_strv_contains (stored, first);
}

/* Full; NULL: it can be answered. */
static char *
find_refusal (KithApi *self, const char *path)
{
  KithStoreState state = kith_store_get_state (self->rooms.store);
  const char *why = kith_store_get_message (self->rooms.store);

  if (why == NULL)
    why = self->trouble;
  if (self->stopped)
    return g_strdup ("kithd is stopping");
  if (!self->ready && strcmp (path, "/healthz") != 0 && !g_str_has_prefix (path, "/admin/"))
    return g_strdup ("kithd is starting: try again in a moment");
  if ((state == KITH_STORE_OPEN && self->trouble == NULL) || !needs_store (path))
    return NULL;
  if (why != NULL)
    return g_strdup (why);
  return g_strdup_printf ("the database is not open (%s)", kith_store_state_to_string (state));
}

void
kith_api_ask (KithApi *self, const char *method, const char *path, GHashTable *query, GBytes *body,
              GCancellable *cancellable, const KithCaller *caller, gpointer data)
{
  g_autofree char *refusal = find_refusal (self, path);

  if (refusal == NULL)
    {
      kith_catalog_ask (self->catalog, KITH_REACH_LOCAL, method, path, query, body, cancellable, caller, data);
      return;
    }
  caller->answer (503, NULL, g_error_new_literal (KITH_ERROR, KITH_ERROR_BUSY, refusal), NULL, data);
  if (caller->destroy != NULL)
    caller->destroy (data);
}

static void
on_events (KithApi *self, KithExchange *exchange, const char *method)
{
  const char *allow[] = { "Allow", "GET", NULL };

  if (strcmp (method, "GET") == 0)
    kith_windows_open (self->windows, exchange);
  else if (strcmp (method, "OPTIONS") == 0)
    kith_exchange_answer (exchange, 204, NULL, allow);
  else
    kith_exchange_answer_error (exchange, 405, "/events is a WebSocket: open it with GET", allow);
}

static void
on_exchange (KithExchange *exchange, gpointer data)
{
  KithApi *self = data;
  const char *method = kith_exchange_get_method (exchange);
  const char *path = kith_exchange_get_path (exchange);
  KithWay way = kith_exchange_get_way (exchange);
  g_autofree char *refusal = find_refusal (self, path);

  if (refusal != NULL)
    {
      kith_exchange_answer_error (exchange, 503, refusal, NULL);
      return;
    }
  if (way != KITH_WAY_API && strcmp (path, "/events") == 0)
    {
      on_events (self, exchange, method);
      return;
    }
  if (way == KITH_WAY_EVENTS)
    {
      kith_exchange_answer_error (exchange, 404, "this port has /events and nothing else", NULL);
      return;
    }
  kith_catalog_ask (self->catalog, way == KITH_WAY_UNIX ? KITH_REACH_OWNER : KITH_REACH_LOCAL, method, path,
                    kith_exchange_get_query (exchange), kith_exchange_get_body (exchange),
                    kith_exchange_get_cancellable (exchange), &exchange_caller, g_object_ref (exchange));
}

/* --- the object */

static void
kith_api_dispose (GObject *object)
{
  KithApi *self = KITH_API (object);

  kith_api_stop (self);
  g_clear_object (&self->windows);
  g_clear_object (&self->catalog);
  g_clear_pointer (&self->trouble, g_free);
  G_OBJECT_CLASS (kith_api_parent_class)->dispose (object);
}

static void
kith_api_class_init (KithApiClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_api_dispose;
}

static void
kith_api_init (KithApi *self)
{
}

KithApi *
kith_api_new (const KithRooms *rooms)
{
  KithApi *self = g_object_new (KITH_TYPE_API, NULL);

  self->rooms = *rooms;
  self->start_us = kith_world_get_time_us (rooms->world);
  self->catalog = kith_catalog_new (rooms->bus);
  kith_events_register (rooms->bus);
  self->windows = kith_windows_new (rooms->world, rooms->bus, rooms->store, self->catalog);
  kith_routes_add_all (self->catalog, self);
  kith_door_set_handler (rooms->door, on_exchange, self, NULL);
  return self;
}

void
kith_api_set_loader (KithApi *self, KithLoader *loader)
{
  self->rooms.loader = loader;
}

void
kith_api_set_ready (KithApi *self, gboolean ready)
{
  self->ready = ready;
}

void
kith_api_set_trouble (KithApi *self, const char *trouble)
{
  g_free (self->trouble);
  self->trouble = g_strdup (trouble);
}

const char *
kith_api_get_trouble (KithApi *self)
{
  return self->trouble;
}

void
kith_api_store_changed (KithApi *self)
{
  kith_windows_restart (self->windows);
}

void
kith_api_stop (KithApi *self)
{
  if (self->stopped)
    return;
  self->stopped = TRUE;
  kith_windows_stop (self->windows);
}

const KithRooms *
kith_api_get_rooms (KithApi *self)
{
  return &self->rooms;
}

KithCatalog *
kith_api_get_catalog (KithApi *self)
{
  return self->catalog;
}

KithWindows *
kith_api_get_windows (KithApi *self)
{
  return self->windows;
}

void
kith_api_set_peer_port (KithApi *self, guint port)
{
  self->peer_port = port;
}

guint
kith_api_get_peer_port (KithApi *self)
{
  return self->peer_port;
}

gint64
kith_api_get_start_us (KithApi *self)
{
  return self->start_us;
}
