/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-arrival.h"
#include "kith-event-private.h"
#include "kith-friend-private.h"
#include "kith-inbox-private.h"
#include "kith-log.h"
#include "kith-requests.h"
#include "kith-retry.h"
#include "kith-table-mail.h"

#include <string.h>

void
kith_arrival_init (KithArrival *arrival, KithInbox *inbox, const char *transport)
{
  KithChat *chat = inbox->chat;

  arrival->chat = g_object_ref (chat);
  arrival->own_name = g_ref_string_acquire (chat->username);
  arrival->kinds = kith_inbox_ref_kinds (inbox);
  arrival->now_ms = kith_world_get_date_ms (chat->world);
  arrival->transport = g_intern_string (transport);
  arrival->after = kith_after_new ();
}

void
kith_arrival_clear (KithArrival *arrival)
{
  kith_after_free (arrival->after);
  g_hash_table_unref (arrival->kinds);
  g_ref_string_release (arrival->own_name);
  g_clear_pointer (&arrival->wire, g_bytes_unref);
  g_free (arrival->username);
  g_object_unref (arrival->chat);
}

static gboolean
see_device (KithArrival *arrival, KithDb *db, KithPersonRow *person, const KithOpened *opened, GError **error)
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

/* From HELLO, or, in a parcel, from the hello. One without a proper name is called by their fingerprint. */
static char *
choose_name (KithArrival *arrival, const KithSaid *said)
{
  const char *name = arrival->username != NULL ? arrival->username : said->username;

  return kith_name_is_username (name != NULL ? name : "", FALSE) ? g_strdup (name) : kith_fingerprint (arrival->ik);
}

static gboolean
keep_request (KithArrival *arrival, KithApply *apply, const KithSaid *said, const KithOpened *opened, GError **error)
{
  KithPersonRow *person = apply->person;
  gboolean newer = FALSE;

  if (person->id == 0)
    {
      memcpy (person->ik, arrival->ik, 32);
      person->username = choose_name (arrival, said);
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
apply_opened (KithArrival *arrival, KithDb *db, KithPersonRow *person, const KithOpened *opened, GError **error)
{
  KithApply apply = { .db = db,
                      .after = arrival->after,
                      .own_name = arrival->own_name,
                      .person = person,
                      .kinds = arrival->kinds,
                      .now_ms = arrival->now_ms,
                      .direct = arrival->direct,
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

static void
reset (KithArrival *arrival)
{
  kith_after_reset (arrival->after);
  arrival->code = KITH_ACK_STORED;
  arrival->error_code = KITH_E2EE_OK;
  arrival->person = 0;
  arrival->is_friend = arrival->blocked = arrival->fresh = arrival->new_session = arrival->refused = FALSE;
}

static gboolean
run_opened (KithArrival *arrival, KithDb *db, KithPersonRow *person, const KithOpened *opened, GError **error)
{
  gboolean ok = apply_opened (arrival, db, person, opened, error);

  arrival->person = person->id;
  arrival->fresh = ok;
  arrival->new_session = opened->new_session;
  arrival->refused = !ok && error != NULL && g_error_matches (*error, KITH_ERROR, KITH_ERROR_BUSY);
  if (ok && arrival->is_friend && arrival->missing)
    return kith_table_quarantine_answered (db, person->id, error);
  return ok;
}

gboolean
kith_arrival_run (KithArrival *arrival, KithDb *db, GError **error)
{
  g_auto (KithPersonRow) person = { 0 };
  g_auto (KithOpened) opened = { 0 };
  g_autoptr (GError) failed = NULL;

  reset (arrival);
  if (!kith_table_people_get_ik (db, arrival->ik, &person, &failed) && failed != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  arrival->person = person.id;
  arrival->blocked = person.blocked;
  arrival->is_friend = person.state == KITH_PERSON_FRIEND && !person.blocked;
  if (person.blocked)
    return TRUE;
  if (is_refused (db, &person))
    {
      arrival->code = KITH_ACK_REFUSED;
      return TRUE;
    }
  if (kith_courier_decrypt (arrival->chat->keys, db, arrival->ik, arrival->device, arrival->wire, &opened,
                            &arrival->error_code, &failed))
    return run_opened (arrival, db, &person, &opened, error);
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
