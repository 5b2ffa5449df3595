/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-post-private.h"
#include "kith-chat-people-private.h"
#include "kith-log.h"
#include "kith-mailbox-choice.h"

#include <string.h>

/* A question to the directory about one person. */
typedef struct
{
  KithChat *chat; /* in jobs: it may end before a directory answers */
  KithOffice *office;
  gint64 person;
  char *username;
  KithListing *listing;
  gint64 now_ms;
  guint32 device; /* of the mailbox from which a bundle was claimed */
  char *mailbox;
  /* what came of it */
  KithAfter *after;
  gboolean found, changed_key;
  char *why;
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  kith_listing_free (question->listing);
  kith_after_free (question->after);
  kith_office_unref (question->office);
  g_clear_object (&question->chat);
  g_free (question->username);
  g_free (question->mailbox);
  g_free (question->why);
  g_free (question);
}

static Question *
question_new (KithOffice *office, gint64 person)
{
  Question *question = g_new0 (Question, 1);

  question->office = kith_office_ref (office);
  question->person = person;
  question->now_ms = kith_world_get_date_ms (office->owner->chat->world);
  question->after = kith_after_new ();
  return question;
}

/* NULL: nobody waits for the answer any more. */
static KithRoute *
find_route (Question *question)
{
  KithPost *self = question->office->owner;

  return self == NULL || self->stopped ? NULL : kith_post_find_route (self, question->person);
}

static gboolean
on_route_timer (gpointer data)
{
  KithRoute *route = data;

  route->timer = 0;
  kith_route_ask (route);
  return G_SOURCE_REMOVE;
}

/* For the one thing that is to be asked next: what comes after it is seen then. */
static void
wait_until (KithRoute *route, gint64 when_us)
{
  KithWorld *world = route->owner->chat->world;
  gint64 left_us = when_us - kith_world_get_time_us (world);

  if (route->timer != 0)
    kith_world_drop_timer (world, route->timer);
  route->timer = kith_world_add_timer (world, (guint)(MAX (left_us, 0) / 1000) + 1, on_route_timer, route, NULL);
}

static gint64
pause_from_now (KithRoute *route, guint failures)
{
  KithPost *self = route->owner;

  return kith_world_get_time_us (self->chat->world)
         + kith_post_pause_ms (self, failures, KITH_POST_ASK_S, KITH_POST_ASK_MAX_S) * G_GINT64_CONSTANT (1000);
}

/* --- where their mailbox is */

static gboolean
run_listing (KithDb *db, gpointer data, GError **error)
{
  Question *question = data;
  g_auto (KithPersonRow) person = { 0 };
  g_auto (KithMailboxRow) mailbox = { 0 };
  KithMailboxChoice choice = { question->listing, question->office->id, question->now_ms, question->after };
  GError *failed = NULL;

  kith_after_reset (question->after);
  question->found = question->changed_key = FALSE;
  g_clear_pointer (&question->why, g_free);
  if (!kith_table_people_get (db, question->person, &person, &failed) || person.state != KITH_PERSON_FRIEND)
    return kith_chat_is_fine (error, failed);
  if (memcmp (g_bytes_get_data (question->listing->identity_key, NULL), person.ik, 32) == 0)
    {
      if (!kith_mailbox_choose (&choice, db, &person, error)
          || !kith_table_mailbox_get (db, person.id, question->office->id, &mailbox, error))
        return FALSE;
      question->found = mailbox.uuid != NULL && mailbox.device == person.device;
      return TRUE;
    }
  /* Somebody else's name, until this directory has called our friend so. */
  if (!kith_table_mailbox_get (db, person.id, question->office->id, &mailbox, &failed))
    {
      question->why = g_strdup ("the directory knows another person by that name");
      return kith_chat_is_fine (error, failed);
    }
  question->changed_key = TRUE;
  if (!kith_people_note_changed_key (db, &person, g_bytes_get_data (question->listing->identity_key, NULL), error)
      || !kith_table_people_save (db, &person, error))
    return FALSE;
  kith_after_person (question->after, &person);
  return TRUE;
}

static void
on_looked (gpointer data, const GError *error)
{
  Question *question = data;
  KithRoute *route;

  if (error == NULL && !question->chat->stopped)
    kith_after_apply (question->after, question->chat);
  route = find_route (question);
  if (question->changed_key && error == NULL && !question->chat->stopped)
    kith_outbox_hold (question->chat->outbox, question->person, TRUE);
  if (route == NULL)
    return;
  route->looking = route->later = FALSE;
  if (question->found && error == NULL)
    route->look_failures = 0;
  if (error != NULL || question->why != NULL)
    kith_info ("no mailbox: %s", error != NULL ? error->message : question->why);
  kith_route_ask (route);
  kith_post_pump (route->owner);
}

static void
on_listing (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data;
  g_autoptr (GError) error = NULL;
  KithRoute *route;

  question->listing = kith_directory_lookup_finish (KITH_DIRECTORY (source), result, &error);
  route = find_route (question);
  if (route == NULL || question->listing == NULL
      || g_strcmp0 (question->listing->username, question->username) != 0
      || g_bytes_get_size (question->listing->identity_key) != 32)
    {
      if (route != NULL)
        {
          route->looking = FALSE;
          route->look_wanted = route->wanted;
          kith_info ("no mailbox: %s", error != NULL ? error->message : "the directory gives no valid entry");
          kith_route_ask (route);
        }
      question_free (question);
      return;
    }
  question->chat = g_object_ref (route->owner->chat);
  kith_store_submit (question->chat->store, KITH_LANE_FRONT, run_listing, on_looked, question, question_free);
}

static void
look (KithRoute *route, KithOffice *office, KithDirectory *directory)
{
  KithPerson *person = kith_people_find_id (office->owner->chat->people, route->person);
  Question *question;

  route->look_wanted = FALSE;
  if (person == NULL || !kith_person_is_friend (person))
    return;
  question = question_new (office, route->person);
  question->username = g_strdup (person->row.username);
  route->looking = TRUE;
  route->look_after_us = pause_from_now (route, route->look_failures++);
  kith_directory_lookup_async (directory, question->username, office->cancellable, on_listing, question);
}

void
kith_route_look (KithRoute *route)
{
  if (route->looking)
    return;
  route->look_wanted = TRUE;
  kith_route_ask (route);
}

/* --- a key bundle */

static void
on_bundle (GObject *source, GAsyncResult *result, gpointer data)
{
  Question *question = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bundle = kith_directory_claim_finish (KITH_DIRECTORY (source), result, &error);
  KithRoute *route = find_route (question);
  KithE2eeBundle parsed;

  if (route != NULL)
    {
      route->claiming = FALSE;
      if (bundle == NULL)
        kith_info ("no key bundle: %s", error->message);
      else if (kith_e2ee_bundle_parse (g_bytes_get_data (bundle, NULL), g_bytes_get_size (bundle), &parsed)
                   != KITH_E2EE_OK
               || parsed.device != question->device)
        {
          kith_warning ("the directory gives a key bundle that is not of the device that was asked for");
          g_clear_pointer (&bundle, g_bytes_unref);
        }
      if (bundle != NULL)
        kith_box_flush (kith_outbox_get_box (route->owner->chat->outbox, question->person), bundle);
      else
        kith_route_ask (route);
    }
  question_free (question);
}

static gboolean
run_claim (KithDb *db, gpointer data, GError **error)
{
  Question *question = data;
  g_auto (KithMailboxRow) mailbox = { 0 };
  g_auto (KithPersonRow) person = { 0 };
  GError *failed = NULL;

  g_clear_pointer (&question->mailbox, g_free);
  if (kith_table_people_get (db, question->person, &person, &failed)
      && kith_table_mailbox_get (db, question->person, question->office->id, &mailbox, &failed)
      && mailbox.device == person.device)
    {
      question->mailbox = g_steal_pointer (&mailbox.uuid);
      question->device = mailbox.device;
    }
  return kith_chat_is_fine (error, failed);
}

static void
on_claim (gpointer data, const GError *error)
{
  Question *question = data;
  KithRoute *route = find_route (question);
  KithDirectory *directory;
  Question *next;

  if (route == NULL)
    return;
  directory = kith_office_get_directory (question->office);
  if (error != NULL || question->mailbox == NULL || directory == NULL)
    {
      /* First where it is; what waits asks for the bundle then. */
      route->claiming = FALSE;
      route->claim_after_us = 0;
      kith_route_look (route);
      return;
    }
  next = question_new (question->office, question->person);
  next->device = question->device;
  route->claim_failures++;
  kith_directory_claim_async (directory, question->mailbox, question->office->cancellable, on_bundle, next);
}

static void
claim (KithRoute *route, KithOffice *office)
{
  Question *question = question_new (office, route->person);

  question->chat = g_object_ref (route->owner->chat);
  route->claiming = TRUE;
  route->claim_after_us = pause_from_now (route, route->claim_failures);
  kith_store_read (question->chat->store, run_claim, on_claim, question, question_free);
}

void
kith_post_claim (KithPost *self, gint64 person)
{
  KithRoute *route = kith_post_get_route (self, person);

  route->claim_wanted = TRUE;
  kith_route_ask (route);
}

void
kith_post_claimed (KithPost *self, gint64 person, gboolean good)
{
  KithRoute *route = kith_post_find_route (self, person);

  if (route == NULL)
    return;
  if (good)
    {
      route->claim_wanted = FALSE;
      route->claim_failures = 0;
      route->claim_after_us = 0;
    }
  else
    kith_route_ask (route);
}

/* --- both */

void
kith_route_ask (KithRoute *route)
{
  KithOffice *office = kith_post_get_office (route->owner);
  KithDirectory *directory = office != NULL ? kith_office_get_directory (office) : NULL;
  gint64 now_us = kith_world_get_time_us (route->owner->chat->world);

  /* Without one: when there is one again, everything that waits is looked at anew. */
  if (directory == NULL)
    {
      route->look_wanted = FALSE;
      return;
    }
  if (route->look_wanted && !route->looking)
    {
      if (now_us >= route->look_after_us)
        look (route, office, directory);
      else
        wait_until (route, route->look_after_us);
    }
  if (route->claim_wanted && !route->claiming && !route->looking && !route->look_wanted)
    {
      if (now_us >= route->claim_after_us)
        claim (route, office);
      else
        wait_until (route, route->claim_after_us);
    }
}
