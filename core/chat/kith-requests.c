/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-requests.h"
#include "kith-event-private.h"
#include "kith-friend-private.h"
#include "kith-journal.h"
#include "kith-table-outbox.h"

#include <string.h>

/* --- a stranger writes */

static gboolean
add_person (KithApply *apply, GError **error)
{
  KithPersonRow *person = apply->person;

  person->state = KITH_PERSON_REQUEST;
  person->added_ms = apply->now_ms;
  if (person->id == 0)
    {
      memset (person->allow, -1, sizeof person->allow);
      return kith_table_people_add (apply->db, person, apply->own_name, error);
    }
  return kith_table_people_save (apply->db, person, error); /* somebody whom we removed */
}

static gboolean
journal_request (KithApply *apply, const KithSaid *said, GError **error)
{
  g_autofree char *fingerprint = kith_fingerprint (apply->person->ik);
  g_auto (KithJsonWriter) w = { NULL };
  g_autoptr (GBytes) data = NULL;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_USERNAME, apply->person->name);
  kith_json_writer_member_string (&w, KITH_KEY_FINGERPRINT, fingerprint);
  if (said->text != NULL && said->text[0] != '\0')
    kith_json_writer_member_string (&w, KITH_KEY_MESSAGE, said->text);
  kith_json_writer_end_object (&w);
  data = kith_json_writer_finish (&w);
  return kith_db_journal (apply->db, KITH_EVENT_FRIEND_REQUEST, data, NULL, error) != 0;
}

gboolean
kith_requests_keep (KithApply *apply, const KithSaid *said, GError **error)
{
  gboolean fresh = apply->person->state != KITH_PERSON_REQUEST;
  gboolean changed, full;

  if (fresh && !add_person (apply, error))
    return FALSE;
  if (fresh)
    kith_after_person (apply->after, apply->person);
  if (!kith_table_request_add (apply->db, apply->person->id, said->cid, said->bytes, apply->now_ms, apply->direct,
                               &changed, &full, error))
    return FALSE;
  if (full)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_BUSY, "%s has %d contents waiting already", apply->person->name,
                   KITH_REQUEST_ITEMS_MAX);
      return FALSE;
    }
  return !fresh || journal_request (apply, said, error);
}

/* --- they become a friend */

typedef struct
{
  GBytes *content;
  gint64 received_ms;
  gboolean direct;
} Item;

static void
item_clear (gpointer data)
{
  g_bytes_unref (((Item *)data)->content);
}

static gboolean
collect (GBytes *content, gint64 received_ms, gboolean direct, gpointer data)
{
  Item item = { g_bytes_ref (content), received_ms, direct };

  g_array_append_val ((GArray *)data, item);
  return TRUE;
}

/* Edits, reactions and deletions first: they wait for their messages, which are then told once, as they are. */
static gboolean
apply_items (KithApply *apply, GArray *items, gboolean messages, GError **error)
{
  for (guint i = 0; i < items->len; i++)
    {
      Item *item = &g_array_index (items, Item, i);
      g_auto (KithSaid) said = { NULL };
      const char *why;

      if (!kith_said_parse (&said, item->content, &why) || (said.type == &kith_content_message) != messages)
        continue;
      apply->direct = item->direct;
      if (!kith_contents_apply (apply, &said, error))
        return FALSE;
      /* What came through a mailbox has its receipt already. */
      if (item->direct && said.type != &kith_content_delivered && said.type != &kith_content_read
          && !kith_table_receipt_add (apply->db, apply->person->id, said.cid, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
kith_requests_settle (
    KithChat *chat, KithDb *db, GRefString *own_name, const KithPersonRow *person, KithAfter *after, GError **error)
{
  g_autoptr (GArray) items = g_array_new (FALSE, FALSE, sizeof (Item));
  g_auto (KithPersonRow) row = { 0 };
  KithApply apply = { .db = db, .after = after, .own_name = own_name, .person = &row, .direct = TRUE };

  g_array_set_clear_func (items, item_clear);
  kith_person_row_copy (&row, person);
  apply.now_ms = kith_world_get_date_ms (chat->world);
  if (!kith_table_request_each (db, row.id, collect, items, error))
    return FALSE;
  if (items->len == 0)
    return TRUE;
  kith_after_flush (after, row.id);
  return apply_items (&apply, items, FALSE, error) && apply_items (&apply, items, TRUE, error)
         && kith_table_request_drop (db, row.id, error);
}

gboolean
kith_requests_drop (KithDb *db, gint64 person, GError **error)
{
  return kith_table_request_drop (db, person, error);
}

/* --- what the user does: accept, refuse */

typedef struct
{
  KithChat *chat;
  GTask *task;
  GRefString *own_name;
  char *name;
  gboolean accept;
  KithAfter *after;
  gint64 person; /* found */
  gboolean gone;
} Decision;

static void
decision_free (gpointer data)
{
  Decision *decision = data;

  kith_after_free (decision->after);
  g_ref_string_release (decision->own_name);
  g_object_unref (decision->task);
  g_object_unref (decision->chat);
  g_free (decision->name);
  g_free (decision);
}

static gboolean
journal_friend (KithDb *db, const char *name, GError **error)
{
  g_auto (KithJsonWriter) w = { NULL };
  g_autoptr (GBytes) data = NULL;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_USERNAME, name);
  kith_json_writer_end_object (&w);
  data = kith_json_writer_finish (&w);
  return kith_db_journal (db, KITH_EVENT_FRIEND_ADDED, data, NULL, error) != 0;
}

static gboolean
run_accept (Decision *decision, KithDb *db, KithPersonRow *person, GError **error)
{
  person->state = KITH_PERSON_FRIEND;
  person->added_ms = kith_world_get_date_ms (decision->chat->world);
  kith_after_person (decision->after, person);
  return kith_table_people_save (db, person, error) && journal_friend (db, person->name, error)
         && kith_requests_settle (decision->chat, db, decision->own_name, person, decision->after, error);
}

/* A requester of whom nothing is left goes altogether. */
static gboolean
run_refuse (Decision *decision, KithDb *db, KithPersonRow *person, GError **error)
{
  if (!kith_table_request_drop (db, person->id, error))
    return FALSE;
  decision->gone = kith_table_message_count (db, person->id) == 0;
  if (decision->gone)
    return kith_table_people_remove (db, person->id, error);
  person->state = KITH_PERSON_NONE;
  kith_after_person (decision->after, person);
  return kith_table_people_save (db, person, error);
}

static gboolean
run_decision (KithDb *db, gpointer data, GError **error)
{
  Decision *decision = data;
  g_auto (KithPersonRow) person = { 0 };
  GError *failed = NULL;

  kith_after_reset (decision->after);
  decision->gone = FALSE;
  if (!kith_table_people_get_name (db, decision->name, &person, &failed) || person.state != KITH_PERSON_REQUEST)
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no request of \"%s\"", decision->name);
      g_propagate_error (error, failed);
      return FALSE;
    }
  decision->person = person.id;
  return decision->accept ? run_accept (decision, db, &person, error) : run_refuse (decision, db, &person, error);
}

static void
forget (KithChat *chat, gint64 id)
{
  KithPerson *person = kith_people_find_id (chat->people, id);

  if (person == NULL)
    return;
  person->row.state = KITH_PERSON_NONE;
  if (chat->links != NULL)
    kith_links_person_changed (chat->links, person);
  kith_people_forget (chat->people, id);
}

static void
on_decision (gpointer data, const GError *error)
{
  Decision *decision = data;
  KithChat *chat = decision->chat;

  if (error != NULL)
    {
      g_task_return_error (decision->task, g_error_copy (error));
      return;
    }
  kith_after_apply (decision->after, chat);
  if (decision->gone)
    forget (chat, decision->person);
  g_task_return_boolean (decision->task, TRUE);
}

static void
decide (KithChat *chat, const char *name, gboolean accept, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Decision *decision = g_new0 (Decision, 1);

  decision->chat = g_object_ref (chat);
  decision->task = g_task_new (chat, c, cb, data);
  g_task_set_source_tag (decision->task, decide);
  decision->own_name = g_ref_string_acquire (chat->username);
  decision->name = g_strdup (name);
  decision->accept = accept;
  decision->after = kith_after_new ();
  kith_store_submit (chat->store, KITH_LANE_FRONT, run_decision, on_decision, decision, decision_free);
}

void
kith_chat_accept_request_async (
    KithChat *self, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  decide (self, name, TRUE, c, cb, data);
}

void
kith_chat_refuse_request_async (
    KithChat *self, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  decide (self, name, FALSE, c, cb, data);
}

/* --- GET /requests */

typedef struct
{
  GTask *task;
  KithDb *db;
  KithJsonWriter w;
  GError *failed;
  /* of one requester */
  gint64 received_ms;
  gint64 n_messages;
  char *note, *message;
} Listing;

static gboolean
look_at_item (GBytes *content, gint64 received_ms, gboolean direct, gpointer data)
{
  Listing *listing = data;
  g_auto (KithSaid) said = { NULL };
  const char *why;

  if (listing->received_ms == 0)
    listing->received_ms = received_ms;
  if (!kith_said_parse (&said, content, &why) || said.text == NULL || said.text[0] == '\0')
    return TRUE;
  listing->n_messages += said.type == &kith_content_message;
  if (said.type == &kith_content_hello && listing->note == NULL)
    listing->note = g_steal_pointer (&said.text);
  else if (said.type == &kith_content_message && listing->message == NULL)
    listing->message = g_steal_pointer (&said.text);
  return TRUE;
}

static void
list_person (const KithPersonRow *row, gpointer data)
{
  Listing *listing = data;
  KithJsonWriter *w = &listing->w;
  g_autofree char *fingerprint = NULL;

  if (row->state != KITH_PERSON_REQUEST || row->blocked || listing->failed != NULL)
    return;
  listing->received_ms = listing->n_messages = 0;
  if (!kith_table_request_each (listing->db, row->id, look_at_item, listing, &listing->failed))
    return;
  fingerprint = kith_fingerprint (row->ik);
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, KITH_KEY_USERNAME, row->name);
  kith_json_writer_member_string (w, KITH_KEY_FINGERPRINT, fingerprint);
  if (listing->note != NULL)
    kith_json_writer_member_string (w, KITH_KEY_NOTE, listing->note);
  if (listing->message != NULL)
    kith_json_writer_member_string (w, KITH_KEY_MESSAGE, listing->message);
  kith_json_writer_member_int (w, KITH_KEY_COUNT, listing->n_messages);
  kith_json_writer_member_time_ms (w, KITH_KEY_RECEIVED_AT,
                                   listing->received_ms != 0 ? listing->received_ms : row->added_ms);
  kith_json_writer_end_object (w);
  g_clear_pointer (&listing->note, g_free);
  g_clear_pointer (&listing->message, g_free);
}

static gboolean
run_listing (KithDb *db, gpointer data, GError **error)
{
  Listing *listing = data;

  listing->db = db;
  kith_json_writer_clear (&listing->w);
  kith_json_writer_init (&listing->w);
  kith_json_writer_begin_array (&listing->w);
  if (!kith_table_people_each (db, list_person, listing, error))
    return FALSE;
  kith_json_writer_end_array (&listing->w);
  if (listing->failed == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&listing->failed));
  return FALSE;
}

static void
on_listing (gpointer data, const GError *error)
{
  Listing *listing = data;

  if (error != NULL)
    g_task_return_error (listing->task, g_error_copy (error));
  else
    g_task_return_pointer (listing->task, kith_json_writer_finish (&listing->w), (GDestroyNotify)g_bytes_unref);
}

static void
listing_free (gpointer data)
{
  Listing *listing = data;

  kith_json_writer_clear (&listing->w);
  g_clear_error (&listing->failed);
  g_free (listing->note);
  g_free (listing->message);
  g_object_unref (listing->task);
  g_free (listing);
}

void
kith_chat_list_requests_async (KithChat *self, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Listing *listing = g_new0 (Listing, 1);

  listing->task = g_task_new (self, c, cb, data);
  g_task_set_source_tag (listing->task, kith_chat_list_requests_async);
  kith_store_read (self->store, run_listing, on_listing, listing, listing_free);
}
