/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-dialler.h"
#include "kith-log.h"
#include "kith-transport-private.h"
#include <string.h>

enum
{
  BACK_OFF_MIN_MS = 1000,
  BACK_OFF_MAX_MS = 5 * 60 * 1000,
  STAGGER_MS = 250,
  TRY_MS = 10000,            /* an address that does not answer holds nobody up for longer */
  WANT_EVERY_MS = 1000,      /* a user who types fast does not make us dial faster */
  RECENT_FAILURE_MS = 30000, /* local-api.md §2.1: no waiting within 30 s of a failed dial */
};

struct _KithDialler
{
  KithWorld *world;
  const KithDiallerFuncs *funcs;
  gpointer links;
  GHashTable *routes;   /* person → Route */
  gboolean paused;
};

typedef struct
{
  gatomicrefcount ref;  /* the table's, and one for each try under way */
  KithDialler *owner;   /* NULL once it was removed */
  gint64 person;
  GPtrArray *addresses; /* newest first */
  guint back_off_ms;
  guint timer;          /* the next attempt, or the next address of this one */
  guint next;           /* of addresses, within an attempt */
  guint pending;        /* tries and handshakes under way */
  GCancellable *cancellable; /* of the attempt; NULL: none under way */
  gboolean linked;
  gint64 failed_us, wanted_us;
} Route;

typedef struct
{
  Route *route;
  KithStreamTransport *transport;
  char *address;
  GCancellable *cancellable; /* the attempt's */
  GCancellable *own;         /* this try's: also cancelled by its deadline */
  gulong chained;
  guint deadline;
  gint64 since_us;
  KithWorld *world;
} Try;

static void route_attempt (Route *route);

static Route *
route_ref (Route *route)
{
  g_atomic_ref_count_inc (&route->ref);
  return route;
}

static void
route_unref (Route *route)
{
  if (!g_atomic_ref_count_dec (&route->ref))
    return;
  g_ptr_array_unref (route->addresses);
  g_free (route);
}

static void
route_clear_timer (Route *route)
{
  if (route->timer != 0)
    kith_world_drop_timer (route->owner->world, route->timer);
  route->timer = 0;
}

static void
route_end_attempt (Route *route)
{
  route_clear_timer (route);
  if (route->cancellable != NULL)
    g_cancellable_cancel (route->cancellable);
  g_clear_object (&route->cancellable);
  route->pending = 0;
}

static void
route_detach (gpointer data)
{
  Route *route = data;

  route_end_attempt (route);
  route->owner = NULL;
  route_unref (route);
}

static gboolean
on_timer (gpointer data)
{
  Route *route = data;

  route->timer = 0;
  route_attempt (route);
  return G_SOURCE_REMOVE;
}

static void
route_set_timer (Route *route, guint ms)
{
  route_clear_timer (route);
  route->timer = kith_world_add_timer (route->owner->world, ms, on_timer, route, NULL);
}

static void
route_schedule (Route *route)
{
  guint32 chance = 0;
  guint ms = route->back_off_ms;

  if (route->linked || route->owner->paused || route->addresses->len == 0)
    return;
  kith_world_fill_random (route->owner->world, &chance, sizeof chance);
  ms = ms * 4 / 5 + (guint) ((guint64) chance * (ms * 2 / 5) / G_MAXUINT32);
  route_set_timer (route, ms);
  route->back_off_ms = MIN (route->back_off_ms * 2, BACK_OFF_MAX_MS);
}

/* The last try of an attempt has failed, and no address is left. */
static void
route_settle (Route *route)
{
  if (route->cancellable == NULL || route->pending > 0 || route->next < route->addresses->len)
    return;
  route_end_attempt (route);
  route->failed_us = kith_world_get_time_us (route->owner->world);
  route_schedule (route);
}

static void
try_free (Try *attempt)
{
  if (attempt->deadline != 0)
    kith_world_drop_timer (attempt->world, attempt->deadline);
  g_cancellable_disconnect (attempt->cancellable, attempt->chained);
  g_object_unref (attempt->cancellable);
  g_object_unref (attempt->own);
  g_object_unref (attempt->transport);
  g_free (attempt->address);
  route_unref (attempt->route);
  kith_world_unref (attempt->world);
  g_free (attempt);
}

static gboolean
on_deadline (gpointer data)
{
  Try *attempt = data;

  attempt->deadline = 0;
  g_cancellable_cancel (attempt->own);
  return G_SOURCE_REMOVE;
}

static void
on_cancelled (GCancellable *cancellable, gpointer data)
{
  g_cancellable_cancel (data);
}

static void
on_dialled (GObject *source, GAsyncResult *result, gpointer data)
{
  Try *attempt = data;
  Route *route = attempt->route;
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) stream = kith_stream_transport_dial_finish (attempt->transport, result, &error);

  /* An attempt that ended in the meantime has forgotten its tries. */
  if (route->owner == NULL || g_cancellable_is_cancelled (attempt->cancellable))
    {
      if (stream != NULL)
        g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
      try_free (attempt);
      return;
    }
  if (stream != NULL)
    {
      route_clear_timer (route); /* the next address only if this handshake fails */
      route->owner->funcs->connected (route->owner->links, route->person, g_steal_pointer (&stream), attempt->transport,
                                      attempt->address);
      try_free (attempt);
      return;
    }
  kith_debug ("dialling %s: %s", attempt->address, error->message);
  if (route->owner->funcs->refused != NULL)
    route->owner->funcs->refused (route->owner->links, route->person, attempt->transport, attempt->address,
                                  (guint)((kith_world_get_time_us (attempt->world) - attempt->since_us) / 1000), error);
  route->pending--;
  route_settle (route);
  try_free (attempt);
}

static void
route_try (Route *route, KithStreamTransport *transport, const char *address)
{
  Try *attempt = g_new0 (Try, 1);

  attempt->route = route_ref (route);
  attempt->world = kith_world_ref (route->owner->world);
  attempt->since_us = kith_world_get_time_us (attempt->world);
  attempt->transport = g_object_ref (transport);
  attempt->address = g_strdup (address);
  attempt->cancellable = g_object_ref (route->cancellable);
  attempt->own = g_cancellable_new ();
  attempt->chained = g_cancellable_connect (attempt->cancellable, G_CALLBACK (on_cancelled), attempt->own, NULL);
  attempt->deadline = kith_world_add_timer (attempt->world, TRY_MS, on_deadline, attempt, NULL);
  route->pending++;
  kith_stream_transport_dial_async (transport, address, attempt->own, on_dialled, attempt);
}

/* Begins an attempt, or goes on with the next address of one. */
static void
route_attempt (Route *route)
{
  KithDialler *self = route->owner;

  if (self->paused || route->linked)
    return;
  if (route->cancellable == NULL)
    {
      route->cancellable = g_cancellable_new ();
      route->next = 0;
      route->pending = 0;
    }
  while (route->next < route->addresses->len)
    {
      const char *address = g_ptr_array_index (route->addresses, route->next++);
      g_autofree char *scheme = g_strndup (address, strcspn (address, ":"));
      KithStreamTransport *transport = self->funcs->transport (self->links, scheme);

      if (transport == NULL)
        continue;
      if (route->next < route->addresses->len)
        route_set_timer (route, STAGGER_MS);
      route_try (route, transport, address);
      return;
    }
  route_settle (route);
}

KithDialler *
kith_dialler_new (KithWorld *world, const KithDiallerFuncs *funcs, gpointer links)
{
  KithDialler *self = g_new0 (KithDialler, 1);

  self->world = kith_world_ref (world);
  self->funcs = funcs;
  self->links = links;
  self->routes = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, route_detach);
  return self;
}

void
kith_dialler_free (KithDialler *self)
{
  g_hash_table_unref (self->routes);
  kith_world_unref (self->world);
  g_free (self);
}

static Route *
find (KithDialler *self, gint64 person)
{
  return g_hash_table_lookup (self->routes, &person);
}

/* In the order of the rows: the order of a hash table must not show outside. */
static int
compare_routes (gconstpointer a, gconstpointer b)
{
  const Route *left = a, *right = b;

  return left->person < right->person ? -1 : left->person > right->person;
}

static GList *
list_routes (KithDialler *self)
{
  return g_list_sort (g_hash_table_get_values (self->routes), compare_routes);
}

static void
route_begin_now (Route *route)
{
  route->back_off_ms = BACK_OFF_MIN_MS;
  if (route->linked || route->cancellable != NULL || route->owner->paused)
    return;
  route_clear_timer (route);
  route_attempt (route);
}

void
kith_dialler_set_paused (KithDialler *self, gboolean paused)
{
  g_autoptr (GList) routes = list_routes (self);

  if (self->paused == paused)
    return;
  self->paused = paused;
  for (GList *l = routes; l != NULL; l = l->next)
    if (paused)
      route_end_attempt (l->data);
    else
      route_begin_now (l->data);
}

void
kith_dialler_add (KithDialler *self, gint64 person, const char *const *addresses)
{
  Route *route = find (self, person);

  if (route == NULL)
    {
      route = g_new0 (Route, 1);
      g_atomic_ref_count_init (&route->ref);
      route->owner = self;
      route->person = person;
      route->addresses = g_ptr_array_new_with_free_func (g_free);
      route->back_off_ms = BACK_OFF_MIN_MS;
      g_hash_table_insert (self->routes, &route->person, route);
    }
  for (guint i = 0; addresses != NULL && addresses[i] != NULL; i++)
    if (route->addresses->len < KITH_ADDRESSES_MAX &&
        !g_ptr_array_find_with_equal_func (route->addresses, addresses[i], g_str_equal, NULL))
      g_ptr_array_add (route->addresses, g_strdup (addresses[i]));
  route_begin_now (route);
}

void
kith_dialler_remove (KithDialler *self, gint64 person)
{
  g_hash_table_remove (self->routes, &person);
}

void
kith_dialler_learn (KithDialler *self, gint64 person, const char *address)
{
  Route *route = find (self, person);
  guint index = 0;

  if (route == NULL)
    return;
  if (g_ptr_array_find_with_equal_func (route->addresses, address, g_str_equal, &index))
    {
      if (route->cancellable != NULL)
        return; /* an attempt counts its way through the list: leave the order alone */
      g_ptr_array_insert (route->addresses, 0, g_ptr_array_steal_index (route->addresses, index));
      return;
    }
  if (route->addresses->len >= KITH_ADDRESSES_MAX && route->cancellable != NULL)
    return;
  g_ptr_array_insert (route->addresses, route->cancellable != NULL ? -1 : 0, g_strdup (address));
  if (route->addresses->len > KITH_ADDRESSES_MAX)
    g_ptr_array_set_size (route->addresses, KITH_ADDRESSES_MAX);
  route_begin_now (route);
}

void
kith_dialler_linked (KithDialler *self, gint64 person)
{
  Route *route = find (self, person);

  if (route == NULL)
    return;
  route->linked = TRUE;
  route->back_off_ms = BACK_OFF_MIN_MS;
  route->failed_us = 0;
  route_end_attempt (route);
}

void
kith_dialler_unlinked (KithDialler *self, gint64 person)
{
  Route *route = find (self, person);

  if (route == NULL || !route->linked)
    return;
  route->linked = FALSE;
  route_schedule (route);
}

void
kith_dialler_failed (KithDialler *self, gint64 person)
{
  Route *route = find (self, person);

  if (route == NULL || route->cancellable == NULL || route->pending == 0)
    return;
  route->pending--;
  if (route->next < route->addresses->len)
    route_attempt (route);
  else
    route_settle (route);
}

void
kith_dialler_want (KithDialler *self, gint64 person)
{
  Route *route = find (self, person);
  gint64 now_us = kith_world_get_time_us (self->world);

  if (route == NULL || route->linked || (route->wanted_us != 0 && now_us - route->wanted_us < WANT_EVERY_MS * 1000))
    return;
  route->wanted_us = now_us;
  route_begin_now (route);
}

void
kith_dialler_network_changed (KithDialler *self)
{
  g_autoptr (GList) routes = list_routes (self);

  for (GList *l = routes; l != NULL; l = l->next)
    {
      Route *route = l->data;

      /* What was under way goes by addresses that may be gone. */
      if (!route->linked)
        route_end_attempt (route);
      route_begin_now (route);
    }
}

gboolean
kith_dialler_may_come (KithDialler *self, gint64 person)
{
  Route *route = find (self, person);
  gint64 now_us = kith_world_get_time_us (self->world);

  if (route == NULL || self->paused || route->linked || route->addresses->len == 0)
    return FALSE;
  return route->failed_us == 0 || now_us - route->failed_us > RECENT_FAILURE_MS * (gint64) 1000;
}
