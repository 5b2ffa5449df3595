/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-post-private.h"
#include "kith-inbox.h"
#include "kith-log.h"

#define PREKEY_PAUSE_MS (60 * 1000)
#define PREKEY_USED_MS (2 * 1000)

static void on_bundle_changed (KithKeys *keys, KithPost *self);

KithOffice *
kith_office_ref (KithOffice *office)
{
  return g_rc_box_acquire (office);
}

static void
office_clear (gpointer data)
{
  KithOffice *office = data;

  g_clear_pointer (&office->bundle, g_bytes_unref);
  g_clear_pointer (&office->put_bundle, g_bytes_unref);
  g_clear_pointer (&office->put_prekeys, g_ptr_array_unref);
  g_object_unref (office->cancellable);
  g_object_unref (office->transport);
}

void
kith_office_unref (KithOffice *office)
{
  g_rc_box_release_full (office, office_clear);
}

static void
drop_timer (KithPost *self, guint *timer)
{
  if (*timer != 0)
    kith_world_drop_timer (self->chat->world, *timer);
  *timer = 0;
}

static void
office_leave (gpointer data)
{
  KithOffice *office = data;

  drop_timer (office->owner, &office->timer);
  drop_timer (office->owner, &office->publish_timer);
  kith_mailbox_transport_set_receive_func (office->transport, NULL, NULL, NULL);
  office->owner = NULL;
  g_cancellable_cancel (office->cancellable);
  kith_office_unref (office);
}

void
kith_post_sign_free (gpointer data)
{
  KithPostSign *sign = data;

  g_bytes_unref (sign->wire);
  g_clear_pointer (&sign->sealed, g_bytes_unref);
  g_free (sign->parcel);
  g_free (sign);
}

void
kith_post_drop_sign (KithRoute *route, KithPostSign *sign)
{
  if (g_queue_remove (&route->signs, sign))
    kith_post_sign_free (sign);
}

static void
route_free (gpointer data)
{
  KithRoute *route = data;

  drop_timer (route->owner, &route->timer);
  g_queue_clear_full (&route->signs, kith_post_sign_free);
  g_free (route);
}

static void
collect (KithPost *self)
{
  for (guint i = 0; i < self->offices->len && self->chat->status != KITH_PRESENCE_OFFLINE; i++)
    kith_mailbox_transport_collect (((KithOffice *)g_ptr_array_index (self->offices, i))->transport);
}

/* Whoever opens a window wants to see what is new. */
static void
on_client_opened (KithBus *bus, guint64 client, KithPost *self)
{
  collect (self);
}

KithPost *
kith_post_new (KithChat *chat)
{
  KithPost *self = g_new0 (KithPost, 1);

  self->chat = chat;
  self->offices = g_ptr_array_new_with_free_func (office_leave);
  self->traffic = g_array_new (FALSE, FALSE, sizeof (KithMailTraffic));
  self->routes = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, route_free);
  g_queue_init (&self->wanted);
  self->bundle_id = g_signal_connect (chat->keys, "bundle-changed", G_CALLBACK (on_bundle_changed), self);
  self->client_id = g_signal_connect (chat->bus, "client::opened", G_CALLBACK (on_client_opened), self);
  return self;
}

void
kith_post_stop (KithPost *self)
{
  if (self->stopped)
    return;
  self->stopped = TRUE;
  drop_timer (self, &self->prekey_timer);
  g_signal_handler_disconnect (self->chat->keys, self->bundle_id);
  g_signal_handler_disconnect (self->chat->bus, self->client_id);
  g_ptr_array_set_size (self->offices, 0);
}

void
kith_post_free (KithPost *self)
{
  kith_post_stop (self);
  g_queue_clear (&self->wanted);
  g_hash_table_unref (self->routes);
  g_ptr_array_unref (self->offices);
  g_array_unref (self->traffic);
  g_free (self);
}

/* --- transports */

gboolean
kith_post_is_open (KithPost *self)
{
  return !self->stopped && self->offices->len > 0;
}

KithOffice *
kith_post_get_office (KithPost *self)
{
  if (self->stopped || self->chat->stopped || self->chat->status == KITH_PRESENCE_OFFLINE)
    return NULL;
  for (guint i = 0; i < self->offices->len; i++)
    {
      KithOffice *office = g_ptr_array_index (self->offices, i);

      if (kith_transport_get_state (KITH_TRANSPORT (office->transport)) == KITH_TRANSPORT_CONNECTED)
        return office;
    }
  return NULL;
}

KithDirectory *
kith_office_get_directory (KithOffice *office)
{
  if (KITH_IS_DIRECTORY (office->transport))
    return KITH_DIRECTORY (office->transport);
  if (office->owner == NULL || office->owner->chat->directories->len == 0)
    return NULL;
  return g_ptr_array_index (office->owner->chat->directories, 0);
}

const char *
kith_post_find_office (KithPost *self, KithDirectory *directory)
{
  for (guint i = 0; i < self->offices->len; i++)
    if (kith_office_get_directory (g_ptr_array_index (self->offices, i)) == directory)
      return ((KithOffice *)g_ptr_array_index (self->offices, i))->id;
  return NULL;
}

KithMailTraffic *
kith_post_find_traffic (KithPost *self, const char *transport)
{
  KithMailTraffic new = { .transport = transport };

  for (guint i = 0; i < self->traffic->len; i++)
    if (g_array_index (self->traffic, KithMailTraffic, i).transport == transport)
      return &g_array_index (self->traffic, KithMailTraffic, i);
  g_array_append_val (self->traffic, new);
  return &g_array_index (self->traffic, KithMailTraffic, self->traffic->len - 1);
}

void
kith_post_foreach_traffic (KithPost *self, KithMailTrafficFunc func, gpointer data)
{
  for (guint i = 0; i < self->traffic->len; i++)
    func (&g_array_index (self->traffic, KithMailTraffic, i), data);
}

static void
on_parcel (KithMailboxTransport *transport, KithParcel *parcel, GTask *task, gpointer data)
{
  KithPost *self = data;
  KithMailTraffic *traffic
      = kith_post_find_traffic (self, g_intern_string (kith_transport_get_id (KITH_TRANSPORT (transport))));

  traffic->parcels_in++;
  traffic->bytes_in += g_bytes_get_size (kith_parcel_get_sealed (parcel));
  kith_inbox_take_parcel (self->chat->inbox, transport, parcel, task);
}

void
kith_post_add_transport (KithPost *self, KithMailboxTransport *transport)
{
  KithOffice *office = g_rc_box_new0 (KithOffice);

  office->owner = self;
  office->transport = g_object_ref (transport);
  office->id = g_intern_string (kith_transport_get_id (KITH_TRANSPORT (transport)));
  office->cancellable = g_cancellable_new ();
  g_ptr_array_add (self->offices, office);
  kith_mailbox_transport_set_receive_func (transport, on_parcel, self, NULL);
  kith_post_look (self);
}

/* Its answers go nowhere any more: who waits for one asks the next transport. */
static void
forget_questions (KithPost *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->routes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((KithRoute *)value)->looking = ((KithRoute *)value)->claiming = FALSE;
}

void
kith_post_drop_transport (KithPost *self, KithMailboxTransport *transport)
{
  for (guint i = 0; i < self->offices->len; i++)
    if (((KithOffice *)g_ptr_array_index (self->offices, i))->transport == transport)
      {
        g_ptr_array_remove_index (self->offices, i);
        break;
      }
  forget_questions (self);
  kith_post_look (self);
}

/* --- who waits for something */

typedef struct
{
  KithChat *chat;
  GArray *people; /* of gint64 */
} Waiting;

static void
waiting_free (gpointer data)
{
  Waiting *waiting = data;

  g_array_unref (waiting->people);
  g_object_unref (waiting->chat);
  g_free (waiting);
}

static void
add_person (gint64 person, gpointer data)
{
  g_array_append_val ((GArray *)data, person);
}

static gboolean
run_waiting (KithDb *db, gpointer data, GError **error)
{
  Waiting *waiting = data;

  g_array_set_size (waiting->people, 0);
  return kith_table_outbox_people (db, add_person, waiting->people, error);
}

static void
on_waiting (gpointer data, const GError *error)
{
  Waiting *waiting = data;

  if (waiting->chat->stopped)
    return;
  if (error != NULL)
    {
      kith_warning ("cannot see what waits for mailboxes: %s", error->message);
      return;
    }
  for (guint i = 0; i < waiting->people->len; i++)
    kith_box_consider (kith_outbox_get_box (waiting->chat->outbox, g_array_index (waiting->people, gint64, i)));
}

static void
clear_pauses (KithPost *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->routes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      KithRoute *route = value;

      route->later = FALSE;
      route->look_failures = route->claim_failures = 0;
      route->look_after_us = route->claim_after_us = 0;
      drop_timer (self, &route->timer);
      kith_route_ask (route);
    }
}

void
kith_post_look (KithPost *self)
{
  KithOffice *office = kith_post_get_office (self);
  Waiting *waiting;

  if (office == NULL || !self->chat->started)
    return;
  office->failures = 0;
  office->down = FALSE;
  drop_timer (self, &office->timer);
  clear_pauses (self);
  waiting = g_new0 (Waiting, 1);
  waiting->chat = g_object_ref (self->chat);
  waiting->people = g_array_new (FALSE, FALSE, sizeof (gint64));
  kith_store_read (self->chat->store, run_waiting, on_waiting, waiting, waiting_free);
  kith_office_publish (office);
  kith_post_pump (self);
}

void
kith_post_wake (KithPost *self)
{
  collect (self);
  kith_post_look (self);
}

/* --- pauses */

guint
kith_post_pause_ms (KithPost *self, guint failures, guint first_s, guint most_s)
{
  guint s = MIN (most_s, first_s << MIN (failures, 16));

  return s * 500 + kith_world_random_uniform (self->chat->world, s * 500 + 1);
}

static gboolean
on_office_timer (gpointer data)
{
  KithOffice *office = data;
  GHashTableIter iter;
  gpointer value;

  office->timer = 0;
  office->down = FALSE;
  g_hash_table_iter_init (&iter, office->owner->routes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((KithRoute *)value)->later = FALSE;
  kith_post_pump (office->owner);
  return G_SOURCE_REMOVE;
}

void
kith_office_failed (KithOffice *office, gboolean down)
{
  KithPost *self = office->owner;

  office->down = office->down || down;
  if (office->timer != 0)
    return;
  office->failures++;
  office->timer = kith_world_add_timer (
      self->chat->world, kith_post_pause_ms (self, office->failures, 1, KITH_POST_BACKOFF_MAX_S), on_office_timer,
      office, NULL);
}

/* --- routes */

KithRoute *
kith_post_find_route (KithPost *self, gint64 person)
{
  return g_hash_table_lookup (self->routes, &person);
}

KithRoute *
kith_post_get_route (KithPost *self, gint64 person)
{
  KithRoute *route = kith_post_find_route (self, person);

  if (route == NULL)
    {
      route = g_new0 (KithRoute, 1);
      route->owner = self;
      route->person = person;
      g_queue_init (&route->signs);
      g_hash_table_insert (self->routes, &route->person, route);
    }
  return route;
}

void
kith_post_want (KithPost *self, gint64 person)
{
  KithRoute *route;

  if (!kith_post_is_open (self))
    return;
  route = kith_post_get_route (self, person);
  route->asked++;
  if (!route->wanted)
    g_queue_push_tail (&self->wanted, route);
  route->wanted = TRUE;
  kith_post_pump (self);
}

void
kith_post_withdraw (KithPost *self, gint64 person)
{
  KithRoute *route = kith_post_find_route (self, person);

  if (route == NULL)
    return;
  g_queue_remove (&self->wanted, route);
  route->wanted = route->claim_wanted = route->later = FALSE;
  route->asked++;
  /* Whoever could not be found may have come to the directory with this link. */
  route->look_wanted = FALSE;
  route->look_failures = 0;
  route->look_after_us = 0;
  drop_timer (self, &route->timer);
  g_queue_clear_full (&route->signs, kith_post_sign_free);
  g_queue_init (&route->signs);
}

void
kith_post_forget (KithPost *self, gint64 person)
{
  kith_post_withdraw (self, person);
  g_hash_table_remove (self->routes, &person);
}

void
kith_post_sign (KithPost *self, gint64 person, KithParcelKind kind, gint64 value, GBytes *wire)
{
  KithPostSign *sign = g_new0 (KithPostSign, 1);

  sign->kind = kind;
  sign->value = value;
  sign->wire = g_bytes_ref (wire);
  g_queue_push_tail (&kith_post_get_route (self, person)->signs, sign);
  kith_post_want (self, person);
}

void
kith_post_pump (KithPost *self)
{
  KithOffice *office = kith_post_get_office (self);

  if (office != NULL && self->chat->started && !office->down)
    kith_office_pump (office);
}

/* --- prekeys */

static void
publish (KithPost *self)
{
  KithOffice *office = kith_post_get_office (self);

  if (office != NULL && self->chat->started)
    kith_office_publish (office);
}

static gboolean
on_prekey_timer (gpointer data)
{
  KithPost *self = data;

  self->prekey_timer = 0;
  publish (self);
  return G_SOURCE_REMOVE;
}

static void
on_bundle_changed (KithKeys *keys, KithPost *self)
{
  if (self->prekey_timer == 0)
    self->prekey_timer = kith_world_add_timer (self->chat->world, PREKEY_USED_MS, on_prekey_timer, self, NULL);
}

void
kith_post_prekey_used (KithPost *self)
{
  if (self->stopped)
    return;
  for (guint i = 0; i < self->offices->len; i++)
    {
      KithOffice *office = g_ptr_array_index (self->offices, i);

      office->left -= MIN (office->left, 1);
    }
  if (self->prekey_timer == 0)
    self->prekey_timer = kith_world_add_timer (self->chat->world, PREKEY_PAUSE_MS, on_prekey_timer, self, NULL);
}
