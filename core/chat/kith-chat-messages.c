/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat-private.h"
#include "kith-journal.h"
#include "kith-message.h"
#include "kith-outbox.h"
#include "kith-table-trace.h"
#include "kith-table-upload.h"
#include "contents/kith-contents.h"

#include <string.h>

/* What is done to a message that is there: one job that finds it and its conversation, changes it, journals that and
 * queues what the peer gets. */
typedef struct _Act Act;
typedef gboolean (*ActFunc) (Act *act, KithDb *db, GError **error);

struct _Act
{
  KithChat *chat;
  GTask *task;
  GRefString *own_name;
  ActFunc func;
  guint8 id[KITH_ID_BYTES];
  char *text;    /* new text, or the emoji */
  gboolean flag; /* for everyone; removed; tell the peer */
  gint64 only;   /* this conversation; 0: any */
  gint64 now_ms;
  /* in the job */
  KithMessageRow row;
  KithPersonRow person;
  KithAfter *after;
  GBytes *result; /* of those that answer the message */
};

static void
act_reset (Act *act)
{
  kith_after_reset (act->after);
  kith_message_row_clear (&act->row);
  kith_person_row_clear (&act->person);
  g_clear_pointer (&act->result, g_bytes_unref);
}

static void
act_free (gpointer data)
{
  Act *act = data;

  act_reset (act);
  kith_after_free (act->after);
  g_ref_string_release (act->own_name);
  g_object_unref (act->task);
  g_object_unref (act->chat);
  g_free (act->text);
  g_free (act);
}

static gboolean
run_act (KithDb *db, gpointer data, GError **error)
{
  Act *act = data;
  GError *failed = NULL;
  char id[KITH_ID_TEXT];

  act_reset (act);
  if (!kith_table_message_get (db, act->id, &act->row, &failed) || (act->only != 0 && act->row.person != act->only)
      || !kith_table_people_get (db, act->row.person, &act->person, &failed))
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no message %s%s", kith_id_print (act->id, id),
                     act->only != 0 ? " in this conversation" : "");
      g_propagate_error (error, failed);
      return FALSE;
    }
  return act->func (act, db, error);
}

static void
on_act (gpointer data, const GError *error)
{
  Act *act = data;

  if (error != NULL)
    {
      g_task_return_error (act->task, g_error_copy (error));
      return;
    }
  kith_after_apply (act->after, act->chat);
  if (act->result != NULL)
    g_task_return_pointer (act->task, g_bytes_ref (act->result), (GDestroyNotify)g_bytes_unref);
  else
    g_task_return_boolean (act->task, TRUE);
}

/* NULL: the id is none, and the task has its answer. */
static Act *
act_new (KithChat *chat,
         const char *msg_id,
         ActFunc func,
         gpointer tag,
         GCancellable *c,
         GAsyncReadyCallback cb,
         gpointer data)
{
  GTask *task = g_task_new (chat, c, cb, data);
  Act *act;
  guint8 id[KITH_ID_BYTES];

  g_task_set_source_tag (task, tag);
  if (!kith_id_parse (msg_id, id))
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_INVALID, "msg_id must be the id of a message (a UUID)");
      g_object_unref (task);
      return NULL;
    }
  act = g_new0 (Act, 1);
  act->chat = g_object_ref (chat);
  act->task = task;
  act->own_name = g_ref_string_acquire (chat->username);
  act->func = func;
  memcpy (act->id, id, sizeof id);
  act->now_ms = kith_world_get_date_ms (chat->world);
  act->after = kith_after_new ();
  return act;
}

static void
submit (Act *act)
{
  kith_store_submit (act->chat->store, KITH_LANE_FRONT, run_act, on_act, act, act_free);
}

static void
fail (Act *act, GError *error)
{
  g_task_return_error (act->task, error);
  act_free (act);
}

/* --- what the functions share */

static gboolean
require_own (Act *act, const char *verb, GError **error)
{
  if (act->row.sent)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "only your own messages can be %s", verb);
  return FALSE;
}

static gboolean
require_there (Act *act, GError **error)
{
  if (!act->row.deleted)
    return TRUE;
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_CONFLICT, "this message was deleted");
  return FALSE;
}

static gboolean
require_friend (Act *act, GError **error)
{
  if (act->person.state == KITH_PERSON_FRIEND && !act->person.blocked)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "%s is %s: nothing can be sent to them", act->person.name,
               act->person.state == KITH_PERSON_FRIEND ? "blocked" : "no friend any more");
  return FALSE;
}

/* Takes the content. */
static gboolean
queue (Act *act, KithDb *db, const char *kind, const guint8 *cid, gint64 message, GBytes *content, GError **error)
{
  g_autoptr (GBytes) owned = content;
  KithOutboxRow row = { .kind = (char *)kind, .message = message, .content = owned, .created_ms = act->now_ms };

  memcpy (row.cid, cid, KITH_ID_BYTES);
  return kith_outbox_put (act->chat->outbox, db, &act->person, &row, act->after, error);
}

/* Takes the data. */
static gboolean
tell (Act *act, KithDb *db, const char *event, GBytes *data, GError **error)
{
  g_autoptr (GBytes) owned = data;
  char id[KITH_ID_TEXT];

  return kith_db_journal (db, event, owned, kith_id_print (act->row.id, id), error) != 0;
}

static void
print_result (Act *act, KithDb *db)
{
  KithMessageView view = { db, act->own_name, act->person.name, act->person.read_to, 0 };

  view.peer_read = kith_table_conversation_peer_read (db, act->person.id);
  act->result = kith_message_print (&act->row, &view);
}

static gboolean
set_read (Act *act, KithDb *db, gint64 read_to, gint64 unread, GError **error)
{
  if (!kith_table_people_set_read (db, act->person.id, read_to, unread, error))
    return FALSE;
  kith_after_unread (act->after, act->person.id, read_to, unread);
  return TRUE;
}

/* --- PATCH /messages/:id */

static gboolean
run_edit (Act *act, KithDb *db, GError **error)
{
  KithMessageRow *row = &act->row;
  guint8 cid[KITH_ID_BYTES];

  if (!require_own (act, "edited", error) || !require_there (act, error) || !require_friend (act, error))
    return FALSE;
  if (!kith_message_set_text (db, row, act->text, error))
    return FALSE;
  row->rev++;
  row->edited_ms = act->now_ms;
  kith_id_make (act->chat->world, cid);
  if (!kith_table_message_save (db, row, error)
      || !kith_table_edit_add (db, row->row, row->rev, TRUE, act->now_ms, error)
      || !queue (act, db, KITH_CONTENT_EDIT, cid, row->row,
                 kith_content_print_edit (cid, act->now_ms, row->id, row->rev, row->text), error))
    return FALSE;
  print_result (act, db);
  return tell (act, db, KITH_EVENT_MESSAGE_EDITED,
               kith_message_print_edit (row->id, act->person.name, row->text, act->now_ms), error);
}

void
kith_chat_edit_async (
    KithChat *self, const char *msg_id, const char *text, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Act *act = act_new (self, msg_id, run_edit, kith_chat_edit_async, c, cb, data);
  GError *error = NULL;

  if (act == NULL)
    return;
  if (text == NULL || !g_utf8_validate (text, -1, NULL))
    g_set_error (&error, KITH_ERROR, KITH_ERROR_INVALID, "text %s", text == NULL ? "is missing" : "is not valid UTF-8");
  else
    kith_text_check (KITH_KEY_TEXT, text, KITH_TEXT_MAX, &error);
  if (error != NULL)
    {
      fail (act, error);
      return;
    }
  act->text = g_strdup (text);
  submit (act);
}

/* --- DELETE /messages/:id */

static gboolean
run_delete (Act *act, KithDb *db, GError **error)
{
  KithMessageRow *row = &act->row;
  KithPersonRow *person = &act->person;
  guint8 cid[KITH_ID_BYTES];

  if (act->flag && (!require_own (act, "deleted for everyone", error) || !require_friend (act, error)))
    return FALSE;
  if (act->flag)
    {
      kith_id_make (act->chat->world, cid);
      if (!kith_table_outbox_drop_message (db, row->row, error)
          || !queue (act, db, KITH_CONTENT_DELETE, cid, 0, kith_content_print_delete (cid, act->now_ms, row->id),
                     error))
        return FALSE;
    }
  if (row->deleted)
    return TRUE;
  if (!row->sent && row->pos > person->read_to && person->unread > 0
      && !set_read (act, db, person->read_to, person->unread - 1, error))
    return FALSE;
  return kith_message_wipe (db, row, error)
         && tell (act, db, KITH_EVENT_MESSAGE_DELETED, kith_message_print_sign (row->id, person->name, NULL), error);
}

void
kith_chat_delete_async (
    KithChat *self, const char *msg_id, gboolean for_everyone, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Act *act = act_new (self, msg_id, run_delete, kith_chat_delete_async, c, cb, data);

  if (act == NULL)
    return;
  act->flag = for_everyone;
  submit (act);
}

/* --- PUT and DELETE /messages/:id/reactions/:emoji */

static gboolean
run_react (Act *act, KithDb *db, GError **error)
{
  KithMessageRow *row = &act->row;
  guint8 cid[KITH_ID_BYTES];
  gboolean was_removed, changed;
  gint64 rev = kith_table_reaction_rev (db, row->row, TRUE, act->text, &was_removed) + 1;

  if (!require_there (act, error) || !require_friend (act, error))
    return FALSE;
  if (was_removed == act->flag)
    return TRUE;
  if (!kith_table_reaction_set (db, row->row, TRUE, act->text, rev, act->flag, &changed, error))
    return FALSE;
  if (!changed)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "emoji: at most %d different ones on a message",
                   KITH_REACTIONS_MAX);
      return FALSE;
    }
  if (!row->reacted)
    {
      row->reacted = TRUE;
      if (!kith_table_message_save (db, row, error))
        return FALSE;
    }
  kith_id_make (act->chat->world, cid);
  return queue (act, db, KITH_CONTENT_REACTION, cid, row->row,
                kith_content_print_reaction (cid, act->now_ms, row->id, rev, act->text, act->flag), error)
         && tell (act, db, KITH_EVENT_REACTION,
                  kith_message_print_reaction (row->id, act->person.name, act->own_name, act->text, act->flag), error);
}

void
kith_chat_react_async (KithChat *self,
                       const char *msg_id,
                       const char *emoji,
                       gboolean removed,
                       GCancellable *c,
                       GAsyncReadyCallback cb,
                       gpointer data)
{
  Act *act = act_new (self, msg_id, run_react, kith_chat_react_async, c, cb, data);
  GError *error = NULL;

  if (act == NULL)
    return;
  if (!kith_emoji_check (emoji, &error))
    {
      fail (act, error);
      return;
    }
  act->text = g_strdup (emoji);
  act->flag = removed;
  submit (act);
}

/* --- POST /messages/:id/resend */

static gboolean
run_resend (Act *act, KithDb *db, GError **error)
{
  KithMessageRow *row = &act->row;
  g_auto (KithOutboxRow) waiting = { 0 };
  GError *failed = NULL;

  if (!require_own (act, "sent again", error) || !require_there (act, error) || !require_friend (act, error))
    return FALSE;
  if (!row->failed)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_CONFLICT,
                           "this message has not failed: there is nothing to send again");
      return FALSE;
    }
  row->failed = FALSE;
  if (!kith_table_message_save (db, row, error)
      || !kith_table_trace_add (db, row->person, row->row, act->now_ms, KITH_TRACE_RESENT, NULL, NULL, error))
    return FALSE;
  if (!kith_table_outbox_get_cid (db, row->person, row->id, &waiting, &failed))
    {
      if (failed == NULL)
        queue (act, db, KITH_CONTENT_MESSAGE, row->id, row->row, kith_content_print_message (row), &failed);
    }
  else if (!kith_table_upload_again (db, waiting.id, error))
    return FALSE; /* in other bytes: should they have it after all, they say so */
  if (failed != NULL)
    {
      g_propagate_error (error, failed);
      return FALSE;
    }
  kith_after_flush (act->after, row->person);
  print_result (act, db);
  return TRUE;
}

void
kith_chat_resend_async (KithChat *self, const char *msg_id, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Act *act = act_new (self, msg_id, run_resend, kith_chat_resend_async, c, cb, data);

  if (act != NULL)
    submit (act);
}

/* --- mark_read */

static gboolean
run_mark_read (Act *act, KithDb *db, GError **error)
{
  KithPersonRow *person = &act->person;
  gint64 pos = act->row.pos;
  guint8 id[KITH_ID_BYTES];
  gint64 received;

  /* Only forward. */
  if (pos <= person->read_to)
    return TRUE;
  if (!set_read (act, db, pos, kith_table_message_unread (db, person->id, pos), error))
    return FALSE;
  received = kith_table_message_last_received (db, person->id, pos, id);
  if (!act->flag || received <= person->read_to || person->state != KITH_PERSON_FRIEND)
    return TRUE;
  kith_after_flush (act->after, person->id);
  return kith_table_conversation_set_tell_read (db, person->id, received, error);
}

void
kith_chat_mark_read_async (KithChat *self,
                           KithFriend *peer,
                           const char *msg_id,
                           gboolean tell_peer,
                           GCancellable *c,
                           GAsyncReadyCallback cb,
                           gpointer data)
{
  KithPerson *person = kith_people_find_friend (self->people, peer);
  Act *act = act_new (self, msg_id, run_mark_read, kith_chat_mark_read_async, c, cb, data);

  if (act == NULL)
    return;
  if (person == NULL)
    {
      fail (act, g_error_new_literal (KITH_ERROR, KITH_ERROR_UNKNOWN, "peer: this person is no friend any more"));
      return;
    }
  act->only = person->row.id;
  act->flag = tell_peer;
  submit (act);
}
