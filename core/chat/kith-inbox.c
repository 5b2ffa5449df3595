/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-inbox-private.h"
#include "kith-arrival.h"
#include "kith-event-private.h"
#include "kith-friend-private.h"
#include "kith-log.h"
#include "kith-outbox.h"
#include "kith-quarantine.h"

#include <string.h>

/* A message that cannot be read costs up to 2.5 ms: so many in a minute, then the link goes. */
#define FORGED_MAX 200
#define FORGED_WINDOW_US (60 * G_USEC_PER_SEC)

typedef struct
{
  gint64 since_us;
  guint count;
} Forged;

KithInbox *
kith_inbox_new (KithChat *chat)
{
  KithInbox *self = g_new0 (KithInbox, 1);

  self->chat = chat;
  self->unread = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->forged = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  kith_inbox_open_kinds (self);
  return self;
}

void
kith_inbox_free (KithInbox *self)
{
  if (self->idle != 0)
    kith_world_drop_timer (self->chat->world, self->idle);
  kith_inbox_close_kinds (self);
  g_array_unref (self->unread);
  g_hash_table_unref (self->forged);
  g_free (self);
}

/* --- unread counts: once a turn */

static gboolean
tell_unread (gpointer data)
{
  KithInbox *self = data;
  g_autoptr (GArray) unread = g_steal_pointer (&self->unread);

  self->unread = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->idle = 0;
  for (guint i = 0; i < unread->len; i++)
    {
      KithPerson *person = kith_people_find_id (self->chat->people, g_array_index (unread, gint64, i));

      if (person != NULL)
        kith_chat_tell_unread (self->chat, person);
    }
  return G_SOURCE_REMOVE;
}

void
kith_inbox_note_unread (KithInbox *self, gint64 person)
{
  for (guint i = 0; i < self->unread->len; i++)
    if (g_array_index (self->unread, gint64, i) == person)
      return;
  g_array_append_val (self->unread, person);
  if (self->idle == 0)
    self->idle = kith_world_add_idle (self->chat->world, tell_unread, self, NULL);
}

/* --- one envelope */

typedef struct
{
  KithArrival arrival;
  KithLink *link;
  guint32 n;
} Arrival;

static void
arrival_free (gpointer data)
{
  Arrival *arrival = data;

  kith_link_unref (arrival->link);
  kith_arrival_clear (&arrival->arrival);
  g_free (arrival);
}

static gboolean
run_arrival (KithDb *db, gpointer data, GError **error)
{
  return kith_arrival_run (&((Arrival *)data)->arrival, db, error);
}

/* TRUE: too many of that person's messages were forged. */
static gboolean
count_forged (KithInbox *self, gint64 person)
{
  Forged *forged = g_hash_table_lookup (self->forged, &person);
  gint64 now_us = kith_world_get_time_us (self->chat->world);

  if (forged == NULL)
    {
      forged = g_new0 (Forged, 1);
      g_hash_table_insert (self->forged, g_memdup2 (&person, sizeof person), forged);
    }
  if (now_us - forged->since_us > FORGED_WINDOW_US)
    {
      forged->since_us = now_us;
      forged->count = 0;
    }
  return ++forged->count > FORGED_MAX;
}

static void
note_unreadable (Arrival *arrival, KithPerson *person)
{
  gboolean costly
      = arrival->arrival.error_code == KITH_E2EE_E_AUTH || arrival->arrival.error_code == KITH_E2EE_E_TOO_FAR;

  kith_info_about ((&(KithLogAbout){ .peer = arrival->arrival.username }),
                   "a message could not be read (e2ee error %d)", arrival->arrival.error_code);
  if (costly && count_forged (arrival->arrival.chat->inbox, person != NULL ? person->row.id : 0))
    kith_link_close (arrival->link, KITH_LINK_OVERLOADED, "too many unreadable messages");
}

static void
on_arrival (gpointer data, const GError *error)
{
  Arrival *arrival = data;
  KithChat *chat = arrival->arrival.chat;
  KithPerson *person;

  if (error != NULL)
    {
      if (arrival->arrival.refused)
        kith_link_ack (arrival->link, arrival->n, KITH_ACK_REFUSED);
      else if (!chat->stopped)
        {
          kith_warning ("a message could not be stored: %s", error->message);
          kith_link_close (arrival->link, KITH_LINK_OVERLOADED, "cannot store");
        }
      return;
    }
  kith_link_ack (arrival->link, arrival->n, arrival->arrival.code);
  if (chat->stopped)
    return;
  kith_after_apply (arrival->arrival.after, chat);
  person = kith_people_find_ik (chat->people, arrival->arrival.ik);
  if (arrival->arrival.code == KITH_ACK_UNREADABLE)
    note_unreadable (arrival, person);
  else if (person != NULL)
    kith_outbox_sign (chat->outbox, person);
  if (arrival->arrival.missing && arrival->arrival.fresh && arrival->arrival.is_friend)
    kith_quarantine_look (chat->quarantine, arrival->arrival.person);
}

void
kith_inbox_take (KithInbox *self, KithLink *link, const KithLinkPeer *peer, guint32 n, GBytes *wire)
{
  KithChat *chat = self->chat;
  Arrival *arrival;

  if (chat->stopped || kith_store_is_full (chat->store))
    {
      kith_link_close (link, KITH_LINK_OVERLOADED, "too busy");
      return;
    }
  arrival = g_new0 (Arrival, 1);
  kith_arrival_init (&arrival->arrival, self, kith_link_get_transport (link));
  arrival->link = kith_link_ref (link);
  arrival->n = n;
  memcpy (arrival->arrival.ik, peer->ik, sizeof peer->ik);
  arrival->arrival.device = peer->device;
  arrival->arrival.username = g_strdup (peer->username);
  arrival->arrival.wire = g_bytes_ref (wire);
  arrival->arrival.direct = TRUE;
  arrival->arrival.missing = kith_quarantine_any (chat->quarantine);
  kith_store_submit_sized (chat->store, KITH_LANE_FRONT, g_bytes_get_size (wire), run_arrival, on_arrival, arrival,
                           arrival_free);
}
