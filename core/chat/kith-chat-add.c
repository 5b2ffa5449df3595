/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-chat-people-private.h"
#include "kith-courier.h"
#include "kith-event-private.h"
#include "kith-invite.h"
#include "kith-journal.h"
#include "kith-json-writer.h"
#include "kith-log.h"
#include "kith-message.h"
#include "kith-mailbox-choice.h"
#include "kith-post.h"
#include "kith-table-waiting.h"
#include "kith-transport-private.h"
#include <string.h>

/* Becoming friends (content.md §3), and a changed identity key (§2). */
typedef struct
{
  char *username;
  guint8 ik[32];
  GStrv addresses;
  char *note;
  gboolean from_directory;
  GError *refusal; /* of the directories that were asked before */
  KithListing *listing;  /* of the directory */
  const char *office;    /* the transport to the mailboxes that it lists; interned, nullable */
  gint64 now_ms;
} Newcomer;

static void
newcomer_free (gpointer data)
{
  Newcomer *newcomer = data;

  g_free (newcomer->username);
  g_strfreev (newcomer->addresses);
  g_free (newcomer->note);
  g_clear_error (&newcomer->refusal);
  kith_listing_free (newcomer->listing);
  g_free (newcomer);
}

gboolean
kith_people_note_changed_key (KithDb *db, KithPersonRow *row, const guint8 *ik, GError **error)
{
  g_autofree char *fingerprint = kith_fingerprint (ik);
  g_auto (KithJsonWriter) writer = { NULL };
  g_autoptr (GBytes) data = NULL;
  gboolean told = row->has_changed_ik && memcmp (row->changed_ik, ik, 32) == 0;

  row->has_changed_ik = TRUE;
  memcpy (row->changed_ik, ik, 32);
  kith_json_writer_init (&writer);
  kith_json_writer_begin_object (&writer);
  kith_json_writer_member_string (&writer, KITH_KEY_USERNAME, row->name);
  kith_json_writer_member_string (&writer, KITH_KEY_FINGERPRINT, fingerprint);
  kith_json_writer_end_object (&writer);
  data = kith_json_writer_finish (&writer);
  return told || kith_db_journal (db, KITH_EVENT_IDENTITY_CHANGED, data, NULL, error) != 0;
}

/* The directory gives another key for a name that we know: say so, change nothing. */
static gboolean
note_changed_key (KithChange *change, KithDb *db, const Newcomer *newcomer, GError **error)
{
  g_autofree char *fingerprint = kith_fingerprint (newcomer->ik);

  change->conflict = g_strdup_printf (
      "the directory gives another identity key for \"%s\" (%s): compare it with them, then accept it",
      change->row.name, fingerprint);
  return kith_people_note_changed_key (db, &change->row, newcomer->ik, error);
}

static gboolean
keep_mailbox (KithChange *change, KithDb *db, const Newcomer *newcomer, GError **error)
{
  KithMailboxChoice choice = { newcomer->listing, newcomer->office, newcomer->now_ms, change->after };

  return newcomer->listing == NULL || newcomer->office == NULL
         || kith_mailbox_choose (&choice, db, &change->row, error);
}

static gboolean
keep_addresses (KithDb *db, const KithPersonRow *row, const Newcomer *newcomer, GError **error)
{
  for (guint i = 0; newcomer->addresses != NULL && newcomer->addresses[i] != NULL; i++)
    if (!kith_table_people_add_address (db, row->id, newcomer->addresses[i], newcomer->now_ms, 0, error))
      return FALSE;
  return TRUE;
}

static gboolean
befriend (KithChange *change, KithDb *db, gboolean known, GError **error)
{
  const Newcomer *newcomer = change->data;
  KithPersonRow *row = &change->row;
  gboolean asked_us = known && row->state == KITH_PERSON_REQUEST;

  if (known && row->state == KITH_PERSON_FRIEND && newcomer->from_directory && row->has_changed_ik)
    {
      /* The directory speaks of the pinned key again: there is nothing to decide any more. */
      row->has_changed_ik = FALSE;
      change->kick = TRUE;
      change->conflict = g_strdup_printf ("\"%s\" is a friend already", row->name);
      return TRUE;
    }
  if (known && row->state == KITH_PERSON_FRIEND)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "\"%s\" is a friend already", row->name);
      return FALSE;
    }
  if (known && row->blocked)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "\"%s\" is blocked: unblock them first", row->name);
      return FALSE;
    }
  row->state = KITH_PERSON_FRIEND;
  row->added_ms = newcomer->now_ms;
  if (!known)
    {
      memcpy (row->ik, newcomer->ik, 32);
      row->username = g_strdup (newcomer->username);
      memset (row->allow, -1, sizeof row->allow);
      if (!kith_table_people_add (db, row, change->own_name, error))
        return FALSE;
    }
  change->kick = TRUE;
  if (!keep_addresses (db, row, newcomer, error) || !keep_mailbox (change, db, newcomer, error)
      || !kith_table_people_save (db, row, error) || !kith_change_journal (change, db, KITH_EVENT_FRIEND_ADDED, error))
    return FALSE;
  /* Whoever asked us knows us already; the others need a hello, so that they find us in their /requests. */
  if (asked_us)
    return kith_requests_settle (change->chat, db, change->own_name, row, change->after, error);
  return kith_outbox_hello (change->chat, db, row->id, change->own_name, newcomer->note, error);
}

static gboolean
change_add (KithChange *change, KithDb *db, GError **error)
{
  const Newcomer *newcomer = change->data;
  GError *failure = NULL;
  gboolean known = kith_table_people_get_ik (db, newcomer->ik, &change->row, &failure);

  if (!known && failure == NULL && newcomer->from_directory &&
      kith_table_people_get_name (db, newcomer->username, &change->row, &failure))
    {
      if (change->row.state == KITH_PERSON_FRIEND)
        return note_changed_key (change, db, newcomer, error);
      kith_person_row_clear (&change->row);
    }
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  return befriend (change, db, known, error);
}

static void
add_newcomer (KithChange *change)
{
  Newcomer *newcomer = change->data;

  if (memcmp (newcomer->ik, kith_keys_get_identity (change->chat->keys), 32) == 0)
    kith_change_fail (change, g_error_new_literal (KITH_ERROR, KITH_ERROR_CONFLICT, "this is your own identity"));
  else
    kith_change_submit (change);
}

/* --- by name: ask the directories, one after another */

static void ask_directory (KithChange *change, guint index);

static GError *
already (const char *username)
{
  return g_error_new (KITH_ERROR, KITH_ERROR_CONFLICT, "\"%s\" is a friend already", username);
}

static void
on_listing (GObject *source, GAsyncResult *result, gpointer data)
{
  KithChange *change = data;
  Newcomer *newcomer = change->data;
  GError *error = NULL;
  KithListing *listing = kith_directory_lookup_finish (KITH_DIRECTORY (source), result, &error);
  guint index = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (change->task), "directory"));
  gsize n = 0;
  const guint8 *ik = listing == NULL ? NULL : g_bytes_get_data (listing->identity_key, &n);
  guint8 exchange[32];

  if (listing == NULL)
    {
      /* One that cannot be asked (no server is set) says nothing of the name; one that does not know it does. */
      if (newcomer->refusal == NULL || g_error_matches (error, KITH_ERROR, KITH_ERROR_UNKNOWN))
        g_clear_error (&newcomer->refusal);
      if (newcomer->refusal == NULL)
        newcomer->refusal = g_steal_pointer (&error);
      g_clear_error (&error);
      if (index + 1 < change->chat->directories->len)
        {
          ask_directory (change, index + 1);
          return;
        }
      error = g_steal_pointer (&newcomer->refusal);
      if (kith_chat_find_friend (change->chat, newcomer->username) != NULL)
        {
          g_clear_error (&error);
          error = already (newcomer->username);
        }
      kith_change_fail (change, error);
      return;
    }
  if (n != 32 || kith_e2ee_exchange_key (ik, exchange) != KITH_E2EE_OK
      || g_strcmp0 (listing->username, newcomer->username) != 0)
    {
      kith_listing_free (listing);
      kith_change_fail (change, g_error_new (KITH_ERROR, KITH_ERROR_PROTOCOL,
                                             "the directory gives no valid entry for \"%s\"", newcomer->username));
      return;
    }
  memcpy (newcomer->ik, ik, 32);
  newcomer->from_directory = TRUE;
  newcomer->listing = listing;
  newcomer->office = kith_post_find_office (change->chat->post, KITH_DIRECTORY (source));
  add_newcomer (change);
}

static void
ask_directory (KithChange *change, guint index)
{
  Newcomer *newcomer = change->data;

  if (index >= change->chat->directories->len)
    {
      kith_change_fail (change,
                        g_error_new (KITH_ERROR, KITH_ERROR_UNREACHABLE,
                                     "no directory is connected to look \"%s\" up: add them by their invite (kith:…)",
                                     newcomer->username));
      return;
    }
  g_object_set_data (G_OBJECT (change->task), "directory", GUINT_TO_POINTER (index));
  kith_directory_lookup_async (g_ptr_array_index (change->chat->directories, index), newcomer->username,
                               g_task_get_cancellable (change->task), on_listing, change);
}

/* As strictly as the other side: a hello that is not valid is dropped there. */
static gboolean
check_note (const char *note, GError **error)
{
  return note == NULL || *note == '\0' || kith_text_check (KITH_KEY_NOTE, note, KITH_NOTE_MAX, error);
}

void
kith_chat_add_async (KithChat *self,
                     const char *username,
                     const char *invite,
                     const char *note,
                     GCancellable *c,
                     GAsyncReadyCallback cb,
                     gpointer data)
{
  KithChange *change = kith_change_new (self, NULL, change_add, c, cb, data);
  Newcomer *newcomer = g_new0 (Newcomer, 1);
  g_autoptr (KithInvite) parsed = NULL;
  GError *error = NULL;

  change->data = newcomer;
  change->destroy = newcomer_free;
  change->answer_name = TRUE;
  newcomer->now_ms = kith_world_get_date_ms (self->world);
  newcomer->note = g_strdup (note);
  if ((username == NULL) == (invite == NULL))
    g_set_error_literal (&error, KITH_ERROR, KITH_ERROR_INVALID, "either username or invite is needed, and not both");
  else if (check_note (note, &error) && invite != NULL)
    parsed = kith_invite_parse (invite, &error);
  else if (error == NULL && !kith_name_is_username (username, FALSE))
    g_set_error_literal (&error, KITH_ERROR, KITH_ERROR_INVALID,
                         "username: 1 to 32 of a-z 0-9 . _ -, first a letter or digit");
  else if (error == NULL && self->directories->len == 0 && kith_chat_find_friend (self, username) != NULL)
    error = already (username); /* with a directory: does it still know them under the key that we know? */
  if (error != NULL)
    {
      kith_change_fail (change, error);
      return;
    }
  if (parsed == NULL)
    {
      newcomer->username = g_strdup (username);
      ask_directory (change, 0);
      return;
    }
  newcomer->username = g_steal_pointer (&parsed->username);
  newcomer->addresses = g_steal_pointer (&parsed->addresses);
  memcpy (newcomer->ik, parsed->ik, 32);
  add_newcomer (change);
}

char *
kith_chat_add_finish (KithChat *self, GAsyncResult *r, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (r, self), NULL);
  return g_task_propagate_pointer (G_TASK (r), error);
}

/* --- the user accepts another identity key */

typedef struct
{
  char *fingerprint;      /* of the key that the directory gave; or */
  KithInvite *invite;     /* the key itself */
  KithKeys *keys;
} Acceptance;

static void
acceptance_free (gpointer data)
{
  Acceptance *acceptance = data;

  g_clear_pointer (&acceptance->invite, kith_invite_free);
  g_free (acceptance->fingerprint);
  g_object_unref (acceptance->keys);
  g_free (acceptance);
}

static gboolean
choose_key (KithChange *change, guint8 *ik, GError **error)
{
  const Acceptance *acceptance = change->data;
  g_autofree char *pinned = kith_fingerprint (change->row.ik);
  g_autofree char *fingerprint = change->row.has_changed_ik ? kith_fingerprint (change->row.changed_ik) : NULL;

  if (acceptance->invite != NULL)
    {
      memcpy (ik, acceptance->invite->ik, 32);
      if (g_str_equal (acceptance->invite->username, change->row.username))
        return TRUE;
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "invite: it is of \"%s\", not of \"%s\"",
                   acceptance->invite->username, change->row.username);
      return FALSE;
    }
  if (fingerprint != NULL && g_strcmp0 (pinned, acceptance->fingerprint) == 0)
    {
      memcpy (ik, change->row.ik, 32);
      return TRUE;
    }
  if (fingerprint == NULL || g_strcmp0 (fingerprint, acceptance->fingerprint) != 0)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_CONFLICT,
                           "fingerprint: it is not the one of the new identity key");
      return FALSE;
    }
  memcpy (ik, change->row.changed_ik, 32);
  return TRUE;
}

static gboolean
change_identity (KithChange *change, KithDb *db, GError **error)
{
  const Acceptance *acceptance = change->data;
  g_auto (KithPersonRow) other = { 0 };
  g_autoptr (GError) failure = NULL;
  guint8 old[32], ik[32];

  if (change->row.state != KITH_PERSON_FRIEND)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "\"%s\" is not a friend", change->name);
      return FALSE;
    }
  if (!choose_key (change, ik, error))
    return FALSE;
  if (change->row.has_changed_ik && memcmp (ik, change->row.ik, 32) == 0)
    {
      change->row.has_changed_ik = FALSE; /* the user stays with the key that we know */
      return TRUE;
    }
  if (kith_table_people_get_ik (db, ik, &other, &failure)
      && !(other.state == KITH_PERSON_REQUEST && !other.blocked))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "this identity key belongs to \"%s\"", other.name);
      return FALSE;
    }
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  change->absorbed = other.id; /* the new identity has asked us already, under a name of its own */
  memcpy (old, change->row.ik, 32);
  memcpy (change->row.ik, ik, 32);
  change->row.device = 0;
  change->row.verified = FALSE;
  change->row.has_changed_ik = FALSE;
  change->identity_changed = TRUE;
  /* Nothing that was meant for the old key goes to the new one by itself (e2ee.md §8.6). */
  if (other.id != 0
      && (!kith_table_request_move (db, other.id, change->row.id, error)
          || !kith_table_people_remove (db, other.id, error)))
    return FALSE;
  return kith_outbox_give_up (db, &change->row, "it was meant for another identity key", error)
         && kith_courier_forget (acceptance->keys, db, old, 0, error)
         && kith_table_people_set_ik (db, change->row.id, ik, error)
         && (other.id == 0
             || kith_requests_settle (change->chat, db, change->own_name, &change->row, change->after, error))
         && kith_outbox_hello (change->chat, db, change->row.id, change->own_name, NULL, error);
}

void
kith_chat_accept_identity_async (KithChat *self,
                                 const char *name,
                                 const char *fingerprint,
                                 const char *invite,
                                 GCancellable *c,
                                 GAsyncReadyCallback cb,
                                 gpointer data)
{
  KithChange *change = kith_change_new (self, name, change_identity, c, cb, data);
  Acceptance *acceptance = g_new0 (Acceptance, 1);
  GError *error = NULL;

  change->data = acceptance;
  change->destroy = acceptance_free;
  change->kick = TRUE;
  acceptance->keys = g_object_ref (self->keys);
  acceptance->fingerprint = g_strdup (fingerprint);
  if ((fingerprint == NULL) == (invite == NULL))
    g_set_error_literal (&error, KITH_ERROR, KITH_ERROR_INVALID, "either fingerprint or invite is needed");
  else if (invite != NULL)
    acceptance->invite = kith_invite_parse (invite, &error);
  if (error != NULL)
    kith_change_fail (change, error);
  else
    kith_change_submit (change);
}
