/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-quarantine.h"
#include "kith-arrival.h"
#include "kith-event-private.h"
#include "kith-json-writer.h"
#include "kith-log.h"
#include "kith-outbox-private.h"

#include <string.h>

#define PAUSE_MS (2 * 1000)          /* what belongs together may come in another order */
#define AGAIN_MS (61 * 60 * 1000)    /* a new session is begun once an hour at most: e2ee.md §8.6 */
#define PLACES_MAX 50

/* Of one person of whom something is there. */
typedef struct
{
  KithQuarantine *owner;
  gint64 person;
  guint count;
  guint timer;
  gboolean busy, again;
  gboolean granted; /* a session may be begun to heal, and was not yet */
} Ward;

struct _KithQuarantine
{
  KithChat *chat;
  GHashTable *wards; /* gint64 person → Ward */
  gboolean stopped;
};

static void
ward_free (gpointer data)
{
  Ward *ward = data;

  if (ward->timer != 0)
    kith_world_drop_timer (ward->owner->chat->world, ward->timer);
  g_free (ward);
}

KithQuarantine *
kith_quarantine_new (KithChat *chat)
{
  KithQuarantine *self = g_new0 (KithQuarantine, 1);

  self->chat = chat;
  self->wards = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, ward_free);
  return self;
}

void
kith_quarantine_stop (KithQuarantine *self)
{
  self->stopped = TRUE;
  g_hash_table_remove_all (self->wards);
}

void
kith_quarantine_free (KithQuarantine *self)
{
  g_hash_table_unref (self->wards);
  g_free (self);
}

gboolean
kith_quarantine_any (KithQuarantine *self)
{
  return g_hash_table_size (self->wards) > 0;
}

guint
kith_quarantine_count (KithQuarantine *self, gint64 person)
{
  Ward *ward = g_hash_table_lookup (self->wards, &person);

  return ward != NULL ? ward->count : 0;
}

static Ward *
get_ward (KithQuarantine *self, gint64 person)
{
  Ward *ward = g_hash_table_lookup (self->wards, &person);

  if (ward == NULL)
    {
      ward = g_new0 (Ward, 1);
      ward->owner = self;
      ward->person = person;
      g_hash_table_insert (self->wards, &ward->person, ward);
    }
  return ward;
}

/* The latest-grade event `unreadable` {peer, count}. */
static void
tell (KithQuarantine *self, gint64 id, guint count)
{
  KithPerson *person = kith_people_find_id (self->chat->people, id);
  g_auto (KithJsonWriter) w = { NULL };
  g_autoptr (GBytes) data = NULL;
  g_autoptr (KithEvent) event = NULL;

  if (person == NULL)
    return;
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_PEER, person->row.name);
  kith_json_writer_member_int (&w, KITH_KEY_COUNT, count);
  kith_json_writer_end_object (&w);
  data = kith_json_writer_finish (&w);
  event = kith_event_new_trusted (KITH_EVENT_UNREADABLE, data);
  kith_bus_tell_event (self->chat->bus, event);
}

/* --- one round: first what is there is tried again, then what is left is asked for */

typedef struct
{
  KithArrival arrival;
  gint64 person, after;
  gboolean granted;
  /* found */
  gint64 tried;
  gboolean end, want_bundle;
  guint count;
} Round;

static void
round_free (gpointer data)
{
  Round *round = data;

  kith_arrival_clear (&round->arrival);
  g_free (round);
}

/* TRUE: row is filled; its sender is a friend. */
static gboolean
next_row (Round *round, KithDb *db, gboolean asked, KithPersonRow *person, KithQuarantineRow *row, GError **error)
{
  return kith_table_people_get (db, round->person, person, error) && person->state == KITH_PERSON_FRIEND
         && kith_table_quarantine_next (db, round->person, round->after, asked, row, error);
}

static gboolean
run_try (KithDb *db, gpointer data, GError **error)
{
  Round *round = data;
  KithArrival *arrival = &round->arrival;
  g_auto (KithPersonRow) person = { 0 };
  g_auto (KithQuarantineRow) row = { 0 };
  GError *failed = NULL;

  kith_after_reset (arrival->after);
  round->end = !next_row (round, db, TRUE, &person, &row, &failed);
  if (round->end)
    {
      round->count = (guint)kith_table_quarantine_count (db, round->person);
      return kith_chat_is_fine (error, failed);
    }
  memcpy (arrival->ik, person.ik, sizeof arrival->ik);
  arrival->device = row.device;
  arrival->transport = g_intern_string (row.transport);
  g_clear_pointer (&arrival->wire, g_bytes_unref);
  arrival->wire = g_bytes_ref (row.wire);
  if (!kith_arrival_run (arrival, db, error))
    return FALSE;
  if (arrival->code != KITH_ACK_UNREADABLE && !kith_table_quarantine_remove (db, row.id, error))
    return FALSE;
  round->tried = row.id;
  return TRUE;
}

/* Its places, 50 at most, are marked as asked for. *request NULL: nothing is left to ask for. */
static gboolean
collect (Round *round, KithDb *db, gboolean mark, GBytes **request, GError **error)
{
  KithE2eePlace places[PLACES_MAX];
  guint n = 0;
  gint64 after = 0;

  *request = NULL;
  while (n < PLACES_MAX)
    {
      g_auto (KithQuarantineRow) row = { 0 };
      KithE2eeHeader header;
      GError *failed = NULL;

      if (!kith_table_quarantine_next (db, round->person, after, FALSE, &row, &failed))
        {
          if (!kith_chat_is_fine (error, failed))
            return FALSE;
          break;
        }
      after = row.id;
      if (!kith_e2ee_code_heals (row.code)
          || kith_e2ee_peek (g_bytes_get_data (row.wire, NULL), g_bytes_get_size (row.wire), &header) != KITH_E2EE_OK)
        continue;
      places[n++] = header.place;
      if (mark && !kith_table_quarantine_set_asked (db, row.id, round->arrival.now_ms, error))
        return FALSE;
    }
  if (n > 0)
    *request = kith_courier_write_retry (places, n);
  return TRUE;
}

/* May it be asked for now? By a new session, once an hour, else on the one that stands. */
static gboolean
may_ask (Round *round, KithDb *db, const KithPersonRow *person, gboolean *may, GError **error)
{
  KithKeys *keys = round->arrival.chat->keys;
  gboolean has = FALSE;

  *may = round->granted;
  if (round->granted)
    return TRUE;
  if (!kith_courier_may_heal (keys, db, person->ik, person->device, &round->want_bundle, error))
    return FALSE;
  if (round->want_bundle)
    return TRUE;
  if (!kith_courier_has_session (keys, db, person->ik, person->device, &has, error))
    return FALSE;
  return !has || kith_courier_may_retry (keys, db, person->ik, person->device, KITH_COURIER_RETRY_ASK, may, error);
}

static gboolean
run_ask (KithDb *db, gpointer data, GError **error)
{
  Round *round = data;
  g_auto (KithPersonRow) person = { 0 };
  g_autoptr (GBytes) request = NULL;
  GError *failed = NULL;
  gboolean may = FALSE;

  kith_after_reset (round->arrival.after);
  round->want_bundle = round->end = FALSE;
  if (!kith_table_people_get (db, round->person, &person, &failed) || person.state != KITH_PERSON_FRIEND
      || person.blocked || person.has_changed_ik)
    {
      round->end = TRUE;
      return kith_chat_is_fine (error, failed);
    }
  if (!collect (round, db, FALSE, &request, error))
    return FALSE;
  round->end = request == NULL;
  if (round->end)
    return TRUE;
  if (!may_ask (round, db, &person, &may, error))
    return FALSE;
  if (!may)
    return TRUE;
  g_clear_pointer (&request, g_bytes_unref);
  round->end = TRUE;
  if (!collect (round, db, TRUE, &request, error))
    return FALSE;
  kith_after_flush (round->arrival.after, person.id);
  return request == NULL || kith_outbox_retry (round->arrival.chat, db, person.id, request, error);
}

static void start (Ward *ward, gint64 after, KithJobFunc run, KithDoneFunc done);

static gboolean on_timer (gpointer data);

static void
wait (Ward *ward, guint ms)
{
  if (ward->timer == 0)
    ward->timer = kith_world_add_timer (ward->owner->chat->world, ms, on_timer, ward, NULL);
}

static Ward *
find_ward (Round *round)
{
  KithQuarantine *self = round->arrival.chat->quarantine;

  return self->stopped ? NULL : g_hash_table_lookup (self->wards, &round->person);
}

static void
on_asked (gpointer data, const GError *error)
{
  Round *round = data;
  Ward *ward = find_ward (round);
  KithChat *chat = round->arrival.chat;

  if (error == NULL && !chat->stopped)
    kith_after_apply (round->arrival.after, chat);
  if (ward == NULL)
    return;
  ward->busy = FALSE;
  if (error != NULL)
    kith_warning ("what could not be read cannot be asked for: %s", error->message);
  ward->granted = error == NULL && round->want_bundle;
  if (ward->granted)
    kith_box_want_bundle (kith_outbox_get_box (chat->outbox, ward->person));
  if (ward->again)
    wait (ward, PAUSE_MS);
  else if (error != NULL || !round->end)
    wait (ward, AGAIN_MS);
  ward->again = FALSE;
}

static void
on_tried (gpointer data, const GError *error)
{
  Round *round = data;
  Ward *ward = find_ward (round);
  guint before;

  if (error == NULL && !round->arrival.chat->stopped)
    kith_after_apply (round->arrival.after, round->arrival.chat);
  if (ward == NULL)
    return;
  ward->busy = FALSE;
  if (error != NULL)
    {
      kith_warning ("what could not be read is not tried again now: %s", error->message);
      wait (ward, AGAIN_MS);
      return;
    }
  if (!round->end)
    {
      start (ward, round->tried, run_try, on_tried);
      return;
    }
  before = ward->count;
  ward->count = round->count;
  if (before != round->count)
    tell (ward->owner, ward->person, round->count);
  if (round->count == 0 || ward->person == 0)
    {
      if (round->count == 0 && !ward->again)
        g_hash_table_remove (ward->owner->wards, &round->person);
      else if (ward->again)
        wait (ward, PAUSE_MS);
      return;
    }
  start (ward, 0, run_ask, on_asked);
}

static void
start (Ward *ward, gint64 after, KithJobFunc run, KithDoneFunc done)
{
  Round *round = g_new0 (Round, 1);
  KithChat *chat = ward->owner->chat;

  kith_arrival_init (&round->arrival, chat->inbox, "");
  round->person = ward->person;
  round->after = after;
  round->granted = ward->granted;
  ward->busy = TRUE;
  kith_store_submit (chat->store, KITH_LANE_FRONT, run, done, round, round_free);
}

static gboolean
on_timer (gpointer data)
{
  Ward *ward = data;

  ward->timer = 0;
  if (ward->busy)
    {
      ward->again = TRUE;
      return G_SOURCE_REMOVE;
    }
  ward->again = FALSE;
  start (ward, 0, run_try, on_tried);
  return G_SOURCE_REMOVE;
}

/* --- what happens */

static void
begin_soon (Ward *ward)
{
  if (ward->timer != 0)
    kith_world_drop_timer (ward->owner->chat->world, ward->timer);
  ward->timer = 0;
  wait (ward, PAUSE_MS);
}

void
kith_quarantine_note (KithQuarantine *self, gint64 person)
{
  Ward *ward;

  if (self->stopped)
    return;
  ward = get_ward (self, person);
  tell (self, person, ++ward->count);
  begin_soon (ward);
}

void
kith_quarantine_look (KithQuarantine *self, gint64 person)
{
  Ward *ward = self->stopped ? NULL : g_hash_table_lookup (self->wards, &person);

  if (ward != NULL)
    begin_soon (ward);
}

void
kith_quarantine_forget (KithQuarantine *self, gint64 person)
{
  gboolean any = kith_quarantine_count (self, person) > 0;

  if (g_hash_table_remove (self->wards, &person) && any)
    tell (self, person, 0);
}

void
kith_quarantine_healed (KithQuarantine *self, gint64 person)
{
  Ward *ward = self->stopped ? NULL : g_hash_table_lookup (self->wards, &person);

  if (ward == NULL || !ward->granted)
    return;
  if (ward->busy)
    ward->again = TRUE;
  else
    start (ward, 0, run_ask, on_asked);
}

/* --- start */

typedef struct
{
  KithChat *chat;
  GArray *people; /* of gint64 */
} Found;

static void
found_free (gpointer data)
{
  Found *found = data;

  g_array_unref (found->people);
  g_object_unref (found->chat);
  g_free (found);
}

static void
add_person (gint64 person, gint64 count, gpointer data)
{
  g_array_append_val ((GArray *)data, person);
}

static gboolean
run_found (KithDb *db, gpointer data, GError **error)
{
  Found *found = data;

  g_array_set_size (found->people, 0);
  return kith_table_quarantine_people (db, add_person, found->people, error);
}

static void
on_found (gpointer data, const GError *error)
{
  Found *found = data;
  KithQuarantine *self = found->chat->quarantine;

  if (error != NULL)
    kith_warning ("cannot see what could not be read: %s", error->message);
  for (guint i = 0; error == NULL && !self->stopped && i < found->people->len; i++)
    begin_soon (get_ward (self, g_array_index (found->people, gint64, i)));
}

void
kith_quarantine_start (KithQuarantine *self)
{
  Found *found = g_new0 (Found, 1);

  found->chat = g_object_ref (self->chat);
  found->people = g_array_new (FALSE, FALSE, sizeof (gint64));
  kith_store_read (self->chat->store, run_found, on_found, found, found_free);
}
