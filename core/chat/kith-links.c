/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-links-private.h"
#include "kith-event-private.h"
#include "kith-invite.h"
#include "kith-json-writer.h"
#include "kith-log.h"
#include "kith-trace.h"
#include <sodium.h>
#include <string.h>

/* A transport, and what of it is connected. */
typedef struct
{
  KithLinks *owner;
  KithTransport *transport;
  gulong state_id, addresses_id;
} KithCarrier;

static void
carrier_free (gpointer data)
{
  KithCarrier *carrier = data;

  g_signal_handler_disconnect (carrier->transport, carrier->state_id);
  if (carrier->addresses_id != 0)
    g_signal_handler_disconnect (carrier->transport, carrier->addresses_id);
  if (KITH_IS_STREAM_TRANSPORT (carrier->transport))
    kith_stream_transport_set_accept_func (KITH_STREAM_TRANSPORT (carrier->transport), NULL, NULL, NULL);
  g_object_unref (carrier->transport);
  g_free (carrier);
}

/* --- streams become links */

void
kith_links_take_stream (KithLinks *self, KithStreamTransport *transport, GIOStream *stream, const char *from)
{
  const char *id = kith_transport_get_id (KITH_TRANSPORT (transport));
  g_autoptr (GError) error = NULL;
  KithLine *line = NULL;

  if (self->offline || self->stopped)
    {
      g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
      g_object_unref (stream);
      return;
    }
  line = kith_line_new (self, id, from);
  line->link = kith_link_accept (self->door, stream, id, from, &kith_line_funcs, line, &error);
  if (line->link != NULL)
    return;
  kith_info_about (&(KithLogAbout) { .transport = id }, "a connection was refused: %s", error->message);
  kith_line_forget (line);
}

static void
on_accepted (KithStreamTransport *transport, GIOStream *stream, const char *from, gpointer data)
{
  kith_links_take_stream (data, transport, stream, from);
}

static KithStreamTransport *
on_dialler_transport (gpointer data, const char *scheme)
{
  KithLinks *self = data;

  for (guint i = 0; i < self->carriers->len; i++)
    {
      KithCarrier *carrier = g_ptr_array_index (self->carriers, i);

      if (KITH_IS_STREAM_TRANSPORT (carrier->transport) &&
          g_strcmp0 (kith_stream_transport_get_scheme (KITH_STREAM_TRANSPORT (carrier->transport)), scheme) == 0)
        return KITH_STREAM_TRANSPORT (carrier->transport);
    }
  return NULL;
}

static void
on_dialler_connected (gpointer data, gint64 id, GIOStream *stream, KithStreamTransport *transport, const char *address)
{
  KithLinks *self = data;
  KithPerson *person = kith_people_find_id (self->people, id);
  const char *transport_id = kith_transport_get_id (KITH_TRANSPORT (transport));
  g_autoptr (GError) error = NULL;
  KithLine *line = NULL;

  if (person == NULL || !kith_person_is_friend (person))
    {
      g_io_stream_close_async (stream, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
      g_object_unref (stream);
      return;
    }
  line = kith_line_new (self, transport_id, address);
  line->dialled_for = id;
  line->link
      = kith_link_dial (self->door, stream, transport_id, address, person->row.ik, &kith_line_funcs, line, &error);
  if (line->link != NULL)
    return;
  kith_warning_about (&(KithLogAbout) { .peer = person->row.name }, "cannot shake hands: %s", error->message);
  kith_line_forget (line);
  kith_dialler_failed (self->dialler, id);
}

static void
on_dialler_refused (
    gpointer data, gint64 id, KithStreamTransport *transport, const char *address, guint took_ms, const GError *error)
{
  KithLinks *self = data;

  kith_trace_person (self->world, self->store, id, KITH_TRACE_TRIED, kith_transport_get_id (KITH_TRANSPORT (transport)),
                     g_strdup_printf ("%s: refused after %u ms: %s", address, took_ms, error->message));
}

static const KithDiallerFuncs dialler_funcs
    = { .transport = on_dialler_transport, .connected = on_dialler_connected, .refused = on_dialler_refused };

/* --- construction */

KithLinks *
kith_links_new (KithWorld *world,
                KithStore *store,
                KithKeys *keys,
                KithBus *bus,
                KithPeople *people,
                const KithLinksHooks *hooks,
                gpointer chat)
{
  KithLinks *self = g_new0 (KithLinks, 1);
  guint8 *secret = sodium_malloc (32);

  self->box = g_rc_box_new0 (KithLinks *);
  *self->box = self;
  self->world = kith_world_ref (world);
  self->store = g_object_ref (store);
  self->keys = g_object_ref (keys);
  self->bus = g_object_ref (bus);
  self->people = people;
  self->hooks = hooks;
  self->chat = chat;
  kith_keys_copy_exchange_secret (keys, secret);
  self->door = kith_link_door_new (world, secret, kith_keys_get_identity (keys));
  sodium_free (secret);
  self->dialler = kith_dialler_new (world, &dialler_funcs, self);
  self->carriers = g_ptr_array_new_with_free_func (carrier_free);
  self->lines = g_ptr_array_new ();
  self->current = g_hash_table_new (g_int64_hash, g_int64_equal);
  return self;
}

void
kith_links_free (KithLinks *self)
{
  kith_links_stop (self);
  *self->box = NULL;
  g_rc_box_release (self->box);
  g_ptr_array_unref (self->carriers);
  while (self->lines->len > 0)
    {
      KithLine *line = g_ptr_array_index (self->lines, 0);

      if (line->link != NULL)
        kith_link_cut (line->link);
      kith_line_forget (line);
    }
  g_ptr_array_unref (self->lines);
  g_hash_table_unref (self->current);
  kith_dialler_free (self->dialler);
  kith_link_door_free (self->door);
  g_object_unref (self->store);
  g_object_unref (self->keys);
  g_object_unref (self->bus);
  kith_world_unref (self->world);
  g_free (self->username);
  g_free (self);
}

GStrv
kith_links_dup_addresses (KithLinks *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < self->carriers->len; i++)
    {
      KithCarrier *carrier = g_ptr_array_index (self->carriers, i);
      g_auto (GStrv) addresses = NULL;

      if (!KITH_IS_STREAM_TRANSPORT (carrier->transport))
        continue;
      addresses = kith_stream_transport_dup_addresses (KITH_STREAM_TRANSPORT (carrier->transport));
      g_strv_builder_addv (builder, (const char **) addresses);
    }
  return g_strv_builder_end (builder);
}

void
kith_links_update_hello (KithLinks *self)
{
  g_auto (GStrv) addresses = kith_links_dup_addresses (self);

  if (self->username == NULL)
    return;
  kith_link_door_set_hello (self->door, self->username, kith_keys_get_device (self->keys),
                            (const char *const *)addresses, NULL,
                            "kith/" G_STRINGIFY (KITH_MAJOR_VERSION) "." G_STRINGIFY (KITH_MINOR_VERSION));
}

void
kith_links_set_username (KithLinks *self, const char *username)
{
  g_free (self->username);
  self->username = g_strdup (username);
  kith_links_update_hello (self);
}

void
kith_links_set_times (KithLinks *self, const guint seconds[3])
{
  KithLinkLimits *limits = kith_link_door_get_limits (self->door);

  limits->ping_ms = seconds[0] * 1000;
  limits->quiet_ping_ms = MAX (seconds[0], seconds[1]) * 1000;
  limits->dead_ms = seconds[2] * 1000;
}

/* --- transports */

static void
on_state_changed (KithTransport *transport, KithCarrier *carrier)
{
  KithLinks *self = carrier->owner;
  g_auto (KithJsonWriter) writer = { NULL };
  g_autoptr (KithEvent) event = NULL;
  g_autoptr (GBytes) data = NULL;

  kith_json_writer_init (&writer);
  kith_json_writer_begin_object (&writer);
  kith_json_writer_member_string (&writer, KITH_KEY_TRANSPORT, kith_transport_get_id (transport));
  kith_json_writer_member_string (&writer, KITH_KEY_STATE,
                                  kith_transport_state_to_string (kith_transport_get_state (transport)));
  kith_json_writer_end_object (&writer);
  data = kith_json_writer_finish (&writer);
  event = kith_event_new_trusted (KITH_EVENT_CONNECTION, data);
  kith_bus_tell_event (self->bus, event);
  if (self->hooks->connection != NULL)
    self->hooks->connection (self->chat, transport);
}

static void
on_addresses_changed (KithStreamTransport *transport, KithCarrier *carrier)
{
  kith_links_update_hello (carrier->owner);
  if (carrier->owner->hooks->addresses != NULL)
    carrier->owner->hooks->addresses (carrier->owner->chat);
}

gboolean
kith_links_add_transport (KithLinks *self, KithTransport *transport, GError **error)
{
  KithCarrier *carrier = NULL;

  for (guint i = 0; i < self->carriers->len; i++)
    {
      carrier = g_ptr_array_index (self->carriers, i);
      if (g_str_equal (kith_transport_get_id (carrier->transport), kith_transport_get_id (transport)))
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "there is a transport \"%s\" already",
                       kith_transport_get_id (transport));
          return FALSE;
        }
    }
  carrier = g_new0 (KithCarrier, 1);
  carrier->owner = self;
  carrier->transport = g_object_ref (transport);
  carrier->state_id = g_signal_connect (transport, "state-changed", G_CALLBACK (on_state_changed), carrier);
  g_ptr_array_add (self->carriers, carrier);
  if (KITH_IS_STREAM_TRANSPORT (transport))
    {
      carrier->addresses_id
          = g_signal_connect (transport, "addresses-changed", G_CALLBACK (on_addresses_changed), carrier);
      kith_stream_transport_set_accept_func (KITH_STREAM_TRANSPORT (transport), on_accepted, self, NULL);
      on_addresses_changed (KITH_STREAM_TRANSPORT (transport), carrier);
      kith_dialler_network_changed (self->dialler);
    }
  on_state_changed (transport, carrier);
  return TRUE;
}

void
kith_links_drop_transport (KithLinks *self, KithTransport *transport)
{
  const char *id = g_intern_string (kith_transport_get_id (transport));

  for (guint i = 0; i < self->carriers->len; i++)
    if (((KithCarrier *) g_ptr_array_index (self->carriers, i))->transport == transport)
      {
        g_ptr_array_remove_index (self->carriers, i);
        break;
      }
  /* What it carried ends with it. */
  for (guint i = self->lines->len; i > 0; i--)
    {
      KithLine *line = g_ptr_array_index (self->lines, i - 1);

      if (line->peer.transport == id && line->link != NULL)
        kith_link_close (line->link, KITH_LINK_GOING_AWAY, "transport switched off");
    }
  kith_links_update_hello (self);
  if (self->hooks->addresses != NULL)
    self->hooks->addresses (self->chat);
}

gboolean
kith_links_is_connected (KithLinks *self, const char *transport)
{
  for (guint i = 0; i < self->carriers->len; i++)
    {
      KithTransport *one = ((KithCarrier *) g_ptr_array_index (self->carriers, i))->transport;

      if (g_str_equal (kith_transport_get_id (one), transport))
        return kith_transport_get_state (one) == KITH_TRANSPORT_CONNECTED;
    }
  return FALSE;
}

GBytes *
kith_links_print (KithLinks *self)
{
  g_auto (KithJsonWriter) writer = { NULL };

  kith_json_writer_init (&writer);
  kith_json_writer_begin_array (&writer);
  for (guint i = 0; i < self->carriers->len; i++)
    {
      KithTransport *transport = ((KithCarrier *) g_ptr_array_index (self->carriers, i))->transport;
      const GError *error = kith_transport_get_error (transport);

      kith_json_writer_begin_object (&writer);
      kith_json_writer_member_string (&writer, KITH_KEY_TRANSPORT, kith_transport_get_id (transport));
      kith_json_writer_member_string (&writer, KITH_KEY_STATE,
                                      kith_transport_state_to_string (kith_transport_get_state (transport)));
      kith_json_writer_member_time_ms (&writer, KITH_KEY_SINCE, kith_transport_get_since_ms (transport));
      if (error != NULL)
        kith_json_writer_member_string (&writer, KITH_KEY_LAST_ERROR, error->message);
      kith_json_writer_end_object (&writer);
    }
  kith_json_writer_end_array (&writer);
  return kith_json_writer_finish (&writer);
}

void
kith_links_get_traffic (KithLinks *self, KithLinkCounts *counts, KithLinkTrafficFunc func, gpointer data)
{
  kith_link_door_get_counts (self->door, counts);
  kith_link_door_foreach_traffic (self->door, func, data);
}

/* --- who is linked */

KithLink *
kith_links_find (KithLinks *self, KithPerson *person)
{
  KithLine *line = g_hash_table_lookup (self->current, &person->row.id);

  return line != NULL && kith_link_is_open (line->link) ? line->link : NULL;
}

const KithLinkPeer *
kith_links_get_peer (KithLinks *self, KithLink *link)
{
  KithLine *line = kith_link_get_data (link);

  return &line->peer;
}

gboolean
kith_links_send_ephemeral (KithLinks *self, KithPerson *person, const char *kind, JsonObject *data)
{
  g_autoptr (JsonObject) object = data;
  KithLink *link = kith_links_find (self, person);

  return link != NULL && kith_link_send_ephemeral (link, kind, object);
}

void
kith_links_want (KithLinks *self, KithPerson *person)
{
  kith_dialler_want (self->dialler, person->row.id);
}

gboolean
kith_links_may_come (KithLinks *self, KithPerson *person)
{
  return kith_dialler_may_come (self->dialler, person->row.id);
}

/* --- addresses */

typedef struct
{
  KithLinks **links;         /* a box of the links' own: empty when they are gone before the answer */
  gint64 person, now_ms, until_ms;
  char *address;             /* to be kept; NULL when they are to be read */
  GPtrArray *addresses;
} Whereabouts;

static void
whereabouts_free (gpointer data)
{
  Whereabouts *where = data;

  g_clear_pointer (&where->addresses, g_ptr_array_unref);
  g_clear_pointer (&where->links, g_rc_box_release);
  g_free (where->address);
  g_free (where);
}

static gboolean
keep_address (KithDb *db, gpointer data, GError **error)
{
  Whereabouts *where = data;
  g_auto (KithPersonRow) row = { 0 };
  GError *failure = NULL;

  if (!kith_table_people_get (db, where->person, &row, &failure))
    {
      if (failure != NULL)
        g_propagate_error (error, failure);
      return failure == NULL; /* removed in the meantime: nothing to keep */
    }
  return kith_table_people_add_address (db, where->person, where->address, where->now_ms, where->until_ms, error);
}

void
kith_links_learn (KithLinks *self, KithPerson *person, const char *address, guint lease_s)
{
  Whereabouts *where = NULL;

  if (!kith_address_is_valid (address))
    return;
  kith_dialler_learn (self->dialler, person->row.id, address);
  where = g_new0 (Whereabouts, 1);
  where->person = person->row.id;
  where->address = g_strdup (address);
  where->now_ms = kith_world_get_date_ms (self->world);
  where->until_ms = lease_s == 0 ? 0 : where->now_ms + lease_s * (gint64) 1000;
  kith_store_submit (self->store, KITH_LANE_FRONT, keep_address, NULL, where, whereabouts_free);
}

static gboolean
read_addresses (KithDb *db, gpointer data, GError **error)
{
  Whereabouts *where = data;

  g_ptr_array_set_size (where->addresses, 0);
  return kith_table_people_get_addresses (db, where->person, where->now_ms, where->addresses, error);
}

static void
on_addresses_read (gpointer data, const GError *error)
{
  Whereabouts *where = data;
  KithLinks *self = *where->links;
  KithPerson *person = self == NULL ? NULL : kith_people_find_id (self->people, where->person);

  if (error != NULL || person == NULL || !kith_person_is_friend (person))
    return;
  g_ptr_array_add (where->addresses, NULL);
  kith_dialler_add (self->dialler, where->person, (const char *const *) where->addresses->pdata);
}

/* --- what becomes of links when people change */

static void
end_lines_of (KithLinks *self, KithPerson *person)
{
  for (guint i = self->lines->len; i > 0; i--)
    {
      KithLine *line = g_ptr_array_index (self->lines, i - 1);

      /* A requester's line knows no person yet: who is blocked is told by the key. */
      if (line->link == NULL
          || (line->peer.person != person && !(person->row.blocked && memcmp (line->peer.ik, person->row.ik, 32) == 0)))
        continue;
      kith_line_leave (line);
      /* Blocked: not a word. Removed, or its identity is another one now: good-bye. */
      if (person->row.blocked)
        kith_link_cut (line->link);
      else
        kith_link_close (line->link, KITH_LINK_GOING_AWAY, "no longer a friend");
      if (person->row.blocked)
        kith_line_forget (line);
      else
        line->peer.person = NULL;
    }
}

static void
promote_lines_of (KithLinks *self, KithPerson *person)
{
  for (guint i = self->lines->len; i > 0; i--)
    {
      KithLine *line = g_ptr_array_index (self->lines, i - 1);

      if (line->link == NULL || kith_link_get_hello (line->link) == NULL
          || memcmp (line->peer.ik, person->row.ik, 32) != 0)
        continue;
      line->peer.person = person;
      if (kith_link_get_verdict (line->link) == KITH_LINK_FRIEND)
        continue;
      kith_link_set_verdict (line->link, KITH_LINK_FRIEND);
      if (kith_link_is_open (line->link))
        kith_line_funcs.opened (line->link, line);
    }
}

void
kith_links_person_changed (KithLinks *self, KithPerson *person)
{
  Whereabouts *where = NULL;

  if (!kith_person_is_friend (person))
    {
      kith_dialler_remove (self->dialler, person->row.id);
      end_lines_of (self, person);
      return;
    }
  promote_lines_of (self, person);
  where = g_new0 (Whereabouts, 1);
  where->links = g_rc_box_acquire (self->box);
  where->person = person->row.id;
  where->now_ms = kith_world_get_date_ms (self->world);
  where->addresses = g_ptr_array_new_with_free_func (g_free);
  kith_store_read (self->store, read_addresses, on_addresses_read, where, whereabouts_free);
}

static void
close_all (KithLinks *self, const char *why)
{
  for (guint i = self->lines->len; i > 0; i--)
    {
      KithLine *line = g_ptr_array_index (self->lines, i - 1);

      if (line->link != NULL)
        kith_link_close (line->link, KITH_LINK_GOING_AWAY, why);
    }
}

void
kith_links_set_offline (KithLinks *self, gboolean offline)
{
  if (self->offline == offline)
    return;
  self->offline = offline;
  kith_dialler_set_paused (self->dialler, offline || self->stopped);
  if (offline)
    close_all (self, "offline");
}

void
kith_links_stop (KithLinks *self)
{
  if (self->stopped)
    return;
  self->stopped = TRUE;
  kith_dialler_set_paused (self->dialler, TRUE);
  close_all (self, "going away");
}

void
kith_links_network_changed (KithLinks *self)
{
  if (self->stopped)
    return;
  for (guint i = 0; i < self->lines->len; i++)
    {
      KithLine *line = g_ptr_array_index (self->lines, i);

      if (line->link != NULL)
        kith_link_probe (line->link);
    }
  kith_dialler_network_changed (self->dialler);
}
