/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-inbox-private.h"
#include "kith-courier.h"
#include "kith-event-private.h"
#include "kith-friend-private.h"
#include "kith-log.h"
#include "kith-outbox.h"
#include "kith-requests.h"
#include "kith-retry.h"

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
  KithChat *chat;
  KithLink *link;
  guint32 n;
  guint8 ik[32];
  guint32 device;
  char *username;
  GBytes *wire;
  GRefString *own_name;
  GHashTable *kinds;
  gint64 now_ms;
  const char *transport; /* interned */
  /* what came of it */
  KithAfter *after;
  KithAck code;
  KithE2eeCode error_code;
  gboolean refused; /* the job failed because of a limit, not of the store */
} Arrival;

static void
arrival_free (gpointer data)
{
  Arrival *arrival = data;

  kith_after_free (arrival->after);
  g_hash_table_unref (arrival->kinds);
  g_ref_string_release (arrival->own_name);
  g_bytes_unref (arrival->wire);
  kith_link_unref (arrival->link);
  g_object_unref (arrival->chat);
  g_free (arrival->username);
  g_free (arrival);
}

static gboolean
see_device (Arrival *arrival, KithDb *db, KithPersonRow *person, const KithOpened *opened, GError **error)
{
  gboolean newer = FALSE;

  if (!opened->new_session)
    return TRUE;
  if (!kith_table_people_see_device (db, person->id, opened->peer_device, arrival->now_ms, &newer, error))
    return FALSE;
  if (newer)
    {
      person->device = opened->peer_device;
      kith_after_person (arrival->after, person);
      kith_after_renew (arrival->after, person->id);
    }
  /* There is a session now: what waits plain for one can go. */
  kith_after_flush (arrival->after, person->id);
  return TRUE;
}

static gboolean
keep_request (Arrival *arrival, KithApply *apply, const KithSaid *said, const KithOpened *opened, GError **error)
{
  KithPersonRow *person = apply->person;
  gboolean newer = FALSE;

  if (person->id == 0)
    {
      memcpy (person->ik, arrival->ik, 32);
      /* One without a proper name is called by their fingerprint. */
      person->username = kith_name_is_username (arrival->username != NULL ? arrival->username : "", FALSE)
                             ? g_strdup (arrival->username)
                             : kith_fingerprint (arrival->ik);
    }
  arrival->code = KITH_ACK_REQUEST;
  if (!kith_requests_keep (apply, said, error)
      || !kith_table_people_see_device (apply->db, person->id, opened->peer_device, arrival->now_ms, &newer, error))
    return FALSE;
  if (newer)
    {
      person->device = opened->peer_device;
      kith_after_person (arrival->after, person);
    }
  return TRUE;
}

static gboolean
apply_opened (Arrival *arrival, KithDb *db, KithPersonRow *person, const KithOpened *opened, GError **error)
{
  KithApply apply = { .db = db,
                      .after = arrival->after,
                      .own_name = arrival->own_name,
                      .person = person,
                      .kinds = arrival->kinds,
                      .now_ms = arrival->now_ms,
                      .direct = TRUE,
                      .transport = arrival->transport };
  g_auto (KithSaid) said = { NULL };
  const char *why = NULL;
  gboolean friend = person->state == KITH_PERSON_FRIEND;

  if (friend && !see_device (arrival, db, person, opened, error))
    return FALSE;
  if (friend && opened->kind == KITH_COURIER_CONTROL)
    return kith_retry_obey (arrival->chat, db, person, opened, arrival->after, error);
  if (opened->kind != KITH_COURIER_JSON)
    return TRUE;
  if (!kith_said_parse (&said, opened->content, &why))
    {
      /* Committed as seen, dropped, acknowledged: else it would come again for ever. */
      kith_info_about ((&(KithLogAbout){ .peer = person->name }), "a content was dropped: %s", why);
      return TRUE;
    }
  return friend ? kith_contents_apply (&apply, &said, error) : keep_request (arrival, &apply, &said, opened, error);
}

/* Anybody may ask, but only so many at once; beyond that nothing is even decrypted, so that no prekey is spent. */
static gboolean
is_refused (KithDb *db, const KithPersonRow *person)
{
  return person->state == KITH_PERSON_NONE && kith_table_request_people (db) >= KITH_REQUESTS_MAX;
}

static gboolean
run_arrival (KithDb *db, gpointer data, GError **error)
{
  Arrival *arrival = data;
  g_auto (KithPersonRow) person = { 0 };
  g_auto (KithOpened) opened = { 0 };
  g_autoptr (GError) failed = NULL;
  gboolean ok;

  kith_after_reset (arrival->after);
  arrival->code = KITH_ACK_STORED;
  arrival->error_code = KITH_E2EE_OK;
  arrival->refused = FALSE;
  if (!kith_table_people_get_ik (db, arrival->ik, &person, &failed) && failed != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  if (person.blocked)
    return TRUE;
  if (is_refused (db, &person))
    {
      arrival->code = KITH_ACK_REFUSED;
      return TRUE;
    }
  if (kith_courier_decrypt (arrival->chat->keys, db, arrival->ik, arrival->device, arrival->wire, &opened,
                            &arrival->error_code, &failed))
    {
      ok = apply_opened (arrival, db, &person, &opened, error);
      arrival->refused = !ok && error != NULL && g_error_matches (*error, KITH_ERROR, KITH_ERROR_BUSY);
      return ok;
    }
  if (arrival->error_code == KITH_E2EE_FAILED)
    {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  if (arrival->error_code != KITH_E2EE_E_DUPLICATE)
    arrival->code = KITH_ACK_UNREADABLE;
  else if (person.state == KITH_PERSON_REQUEST)
    arrival->code = KITH_ACK_REQUEST;
  return TRUE;
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
  gboolean costly = arrival->error_code == KITH_E2EE_E_AUTH || arrival->error_code == KITH_E2EE_E_TOO_FAR;

  kith_info_about ((&(KithLogAbout){ .peer = arrival->username }), "a message could not be read (e2ee error %d)",
                   arrival->error_code);
  if (costly && count_forged (arrival->chat->inbox, person != NULL ? person->row.id : 0))
    kith_link_close (arrival->link, KITH_LINK_OVERLOADED, "too many unreadable messages");
}

static void
on_arrival (gpointer data, const GError *error)
{
  Arrival *arrival = data;
  KithChat *chat = arrival->chat;
  KithPerson *person;

  if (error != NULL)
    {
      if (arrival->refused)
        kith_link_ack (arrival->link, arrival->n, KITH_ACK_REFUSED);
      else if (!chat->stopped)
        {
          kith_warning ("a message could not be stored: %s", error->message);
          kith_link_close (arrival->link, KITH_LINK_OVERLOADED, "cannot store");
        }
      return;
    }
  kith_link_ack (arrival->link, arrival->n, arrival->code);
  if (chat->stopped)
    return;
  kith_after_apply (arrival->after, chat);
  person = kith_people_find_ik (chat->people, arrival->ik);
  if (arrival->code == KITH_ACK_UNREADABLE)
    note_unreadable (arrival, person);
  else if (person != NULL)
    kith_outbox_sign (chat->outbox, person);
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
  arrival->chat = g_object_ref (chat);
  arrival->link = kith_link_ref (link);
  arrival->n = n;
  memcpy (arrival->ik, peer->ik, sizeof arrival->ik);
  arrival->device = peer->device;
  arrival->username = g_strdup (peer->username);
  arrival->wire = g_bytes_ref (wire);
  arrival->own_name = g_ref_string_acquire (chat->username);
  arrival->kinds = kith_inbox_ref_kinds (self);
  arrival->now_ms = kith_world_get_date_ms (chat->world);
  arrival->transport = g_intern_string (kith_link_get_transport (link));
  arrival->after = kith_after_new ();
  kith_store_submit_sized (chat->store, KITH_LANE_FRONT, g_bytes_get_size (wire), run_arrival, on_arrival, arrival,
                           arrival_free);
}
