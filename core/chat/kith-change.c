/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat-people-private.h"
#include "kith-journal.h"
#include "kith-json-writer.h"
#include "kith-outbox.h"
#include "kith-quarantine.h"

KithChange *
kith_change_new (
    KithChat *chat, const char *name, KithChangeFunc func, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  KithChange *change = g_new0 (KithChange, 1);

  change->chat = g_object_ref (chat);
  change->task = g_task_new (chat, c, cb, data);
  g_task_set_source_tag (change->task, kith_change_new);
  change->own_name = g_ref_string_acquire (chat->username);
  change->name = g_strdup (name);
  change->func = func;
  change->after = kith_after_new ();
  return change;
}

static void
change_free (gpointer data)
{
  KithChange *change = data;

  if (change->destroy != NULL)
    change->destroy (change->data);
  kith_person_row_clear (&change->row);
  kith_after_free (change->after);
  g_ref_string_release (change->own_name);
  g_object_unref (change->task);
  g_object_unref (change->chat);
  g_free (change->conflict);
  g_free (change->name);
  g_free (change);
}

void
kith_change_fail (KithChange *change, GError *error)
{
  g_task_return_error (change->task, error);
  change_free (change);
}

gboolean
kith_change_journal (KithChange *change, KithDb *db, const char *event, GError **error)
{
  g_auto (KithJsonWriter) writer = { NULL };
  g_autoptr (GBytes) data = NULL;

  kith_json_writer_init (&writer);
  kith_json_writer_begin_object (&writer);
  kith_json_writer_member_string (&writer, KITH_KEY_USERNAME, change->row.name);
  kith_json_writer_end_object (&writer);
  data = kith_json_writer_finish (&writer);
  return kith_db_journal (db, event, data, NULL, error) != 0;
}

static gboolean
run_change (KithDb *db, gpointer data, GError **error)
{
  KithChange *change = data;
  GError *failure = NULL;

  kith_after_reset (change->after);
  kith_person_row_clear (&change->row);
  change->identity_changed = change->gone = FALSE;
  change->absorbed = 0;
  g_clear_pointer (&change->conflict, g_free);
  if (change->name != NULL && !kith_table_people_get_name (db, change->name, &change->row, &failure))
    {
      if (failure == NULL)
        g_set_error (&failure, KITH_ERROR, KITH_ERROR_UNKNOWN, "nobody here is called \"%s\"", change->name);
      g_propagate_error (error, failure);
      return FALSE;
    }
  return change->func (change, db, error) && (change->gone || kith_table_people_save (db, &change->row, error));
}

static void
on_change (gpointer data, const GError *error)
{
  KithChange *change = data;
  KithChat *chat = change->chat;
  KithPerson *person = kith_people_find_id (chat->people, change->row.id);

  if (error != NULL)
    {
      g_task_return_error (change->task, g_error_copy (error));
      return;
    }
  /* The links know people by the object: under another key, or without a row, this one is nobody's friend any more. */
  if ((change->identity_changed || change->gone) && person != NULL)
    {
      person->row.state = KITH_PERSON_NONE;
      kith_links_person_changed (chat->links, person);
    }
  if (change->absorbed != 0)
    kith_people_forget (chat->people, change->absorbed);
  if (change->gone)
    kith_people_forget (chat->people, change->row.id);
  else
    kith_chat_people_update (chat, &change->row);
  kith_after_apply (change->after, chat);
  if (change->identity_changed || change->gone || change->row.state != KITH_PERSON_FRIEND)
    kith_quarantine_forget (chat->quarantine, change->row.id);
  if (change->identity_changed || change->gone || change->row.state != KITH_PERSON_FRIEND || change->row.blocked)
    kith_outbox_forget (chat->outbox, change->row.id);
  if (!change->gone)
    kith_outbox_hold (chat->outbox, change->row.id, change->row.has_changed_ik);
  if (change->kick)
    kith_outbox_kick (chat, change->row.id);
  if (change->conflict != NULL)
    g_task_return_new_error (change->task, KITH_ERROR, KITH_ERROR_CONFLICT, "%s", change->conflict);
  else if (change->answer_name)
    g_task_return_pointer (change->task, g_strdup (change->row.name), g_free);
  else
    g_task_return_boolean (change->task, TRUE);
}

void
kith_change_submit (KithChange *change)
{
  kith_store_submit (change->chat->store, KITH_LANE_FRONT, run_change, on_change, change, change_free);
}

gboolean
kith_chat_change_finish (KithChat *self, GAsyncResult *r, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (r, self), FALSE);
  return g_task_propagate_boolean (G_TASK (r), error);
}

/* --- the verbs */

static gboolean
require_friend (KithChange *change, GError **error)
{
  if (change->row.state == KITH_PERSON_FRIEND)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "\"%s\" is not a friend", change->name);
  return FALSE;
}

static gboolean
change_remove (KithChange *change, KithDb *db, GError **error)
{
  if (!require_friend (change, error) || !kith_outbox_drop (db, change->row.id, error))
    return FALSE;
  change->row.state = KITH_PERSON_NONE;
  change->row.verified = FALSE;
  for (int i = 0; i < 3; i++)
    change->row.allow[i] = -1;
  return kith_change_journal (change, db, KITH_EVENT_FRIEND_REMOVED, error);
}

void
kith_chat_remove_async (KithChat *self, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  kith_change_submit (kith_change_new (self, name, change_remove, c, cb, data));
}

static gboolean
change_blocked (KithChange *change, KithDb *db, GError **error)
{
  change->row.blocked = change->flag;
  if (!change->flag || change->row.state != KITH_PERSON_REQUEST)
    return TRUE;
  /* What a requester wrote goes with the block; the row stays, for it says who is blocked. */
  change->row.state = KITH_PERSON_NONE;
  return kith_requests_drop (db, change->row.id, error);
}

void
kith_chat_set_blocked_async (
    KithChat *self, const char *name, gboolean blocked, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  KithChange *change = kith_change_new (self, name, change_blocked, c, cb, data);

  change->flag = blocked;
  change->kick = !blocked;
  kith_change_submit (change);
}

static gboolean
change_verified (KithChange *change, KithDb *db, GError **error)
{
  change->row.verified = change->flag;
  return require_friend (change, error);
}

void
kith_chat_set_verified_async (
    KithChat *self, const char *name, gboolean verified, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  KithChange *change = kith_change_new (self, name, change_verified, c, cb, data);

  change->flag = verified;
  kith_change_submit (change);
}

static gboolean
change_allow (KithChange *change, KithDb *db, GError **error)
{
  for (int i = 0; i < 3; i++)
    if (change->allow[i] != KITH_SWITCH_KEEP)
      change->row.allow[i] = (gint8) change->allow[i];
  return require_friend (change, error);
}

void
kith_chat_set_allow_async (KithChat *self,
                           const char *name,
                           KithSwitch presence,
                           KithSwitch typing,
                           KithSwitch receipts,
                           GCancellable *c,
                           GAsyncReadyCallback cb,
                           gpointer data)
{
  KithChange *change = kith_change_new (self, name, change_allow, c, cb, data);

  change->allow[0] = presence;
  change->allow[1] = typing;
  change->allow[2] = receipts;
  kith_change_submit (change);
}
