/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-chat-people-private.h"
#include "kith-invite.h"
#include "kith-json-writer.h"
#include "kith-log.h"
#include "kith-quarantine.h"
#include <string.h>

#define RESTORED_KEY "chat-restored"

const char *
kith_presence_word (KithPresence presence)
{
  static const char *const words[] = { "offline", "away", "busy", "online", "invisible" };

  return (guint) presence < G_N_ELEMENTS (words) ? words[presence] : "offline";
}

/* --- the mirror and the links follow the rows */

static KithAllow
effective_allow (KithChat *chat, const KithPersonRow *row)
{
  static const KithAllow bits[3] = { KITH_ALLOW_PRESENCE, KITH_ALLOW_TYPING, KITH_ALLOW_RECEIPTS };
  KithAllow allow = 0;

  for (int i = 0; i < 3; i++)
    if (row->allow[i] == -1 ? chat->allow[i] : row->allow[i] != 0)
      allow |= bits[i];
  return allow;
}

void
kith_chat_people_update (KithChat *chat, const KithPersonRow *row)
{
  KithPerson *person = kith_people_apply (chat->people, row);

  if (person->friend != NULL)
    kith_friend_set_allow (person->friend, effective_allow (chat, row));
  if (chat->links != NULL)
    kith_links_person_changed (chat->links, person);
  kith_chat_tell_people (chat);
}

void
kith_chat_people_settings (KithChat *chat)
{
  g_autoptr (GPtrArray) people = kith_people_list (chat->people);

  for (guint i = 0; i < people->len; i++)
    {
      KithPerson *person = g_ptr_array_index (people, i);

      if (person->friend != NULL)
        kith_friend_set_allow (person->friend, effective_allow (chat, &person->row));
    }
  if (chat->links != NULL)
    kith_links_set_username (chat->links, chat->username);
}

/* --- a restored identity is a new device: friends learn of it (content.md §4) */

typedef struct
{
  KithChat *chat;
  GArray *friends;      /* of gint64 */
} Announcement;

static void
announcement_free (gpointer data)
{
  Announcement *announcement = data;

  g_array_unref (announcement->friends);
  g_object_unref (announcement->chat);
  g_free (announcement);
}

static void
collect_friend (const KithPersonRow *row, gpointer data)
{
  if (row->state == KITH_PERSON_FRIEND && !row->blocked)
    g_array_append_val ((GArray *) data, row->id);
}

static gboolean
announce_device (KithDb *db, gpointer data, GError **error)
{
  Announcement *announcement = data;
  g_autoptr (GError) failure = NULL;
  g_autofree char *restored = kith_db_get_meta (db, RESTORED_KEY, &failure);

  g_array_set_size (announcement->friends, 0);
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  if (restored == NULL)
    return TRUE;
  if (!kith_table_people_each (db, collect_friend, announcement->friends, error))
    return FALSE;
  for (guint i = 0; i < announcement->friends->len; i++)
    if (!kith_outbox_dummy (announcement->chat, db, g_array_index (announcement->friends, gint64, i), error))
      return FALSE;
  return kith_db_set_meta (db, RESTORED_KEY, NULL, error);
}

static void
on_announced (gpointer data, const GError *error)
{
  Announcement *announcement = data;

  if (error != NULL)
    {
      kith_warning ("cannot tell friends about this device yet: %s", error->message);
      return;
    }
  for (guint i = 0; i < announcement->friends->len; i++)
    kith_outbox_kick (announcement->chat, g_array_index (announcement->friends, gint64, i));
}

void
kith_chat_people_open (KithChat *chat)
{
  g_autoptr (GPtrArray) people = kith_people_list (chat->people);
  Announcement *announcement = g_new0 (Announcement, 1);

  chat->links = kith_links_new (chat->world, chat->store, chat->keys, chat->bus, chat->people, &kith_chat_hooks, chat);
  if (chat->link_times_s[0] != 0)
    kith_links_set_times (chat->links, chat->link_times_s);
  kith_links_set_offline (chat->links, chat->status == KITH_PRESENCE_OFFLINE);
  kith_chat_people_settings (chat);
  for (guint i = 0; i < people->len; i++)
    kith_links_person_changed (chat->links, g_ptr_array_index (people, i));
  announcement->chat = g_object_ref (chat);
  announcement->friends = g_array_new (FALSE, FALSE, sizeof (gint64));
  kith_store_submit (chat->store, KITH_LANE_FRONT, announce_device, on_announced, announcement, announcement_free);
}

void
kith_chat_set_link_times (KithChat *self, guint ping_s, guint quiet_ping_s, guint dead_s)
{
  self->link_times_s[0] = ping_s;
  self->link_times_s[1] = quiet_ping_s;
  self->link_times_s[2] = dead_s;
  if (self->links != NULL)
    kith_links_set_times (self->links, self->link_times_s);
}

void
kith_chat_people_close (KithChat *chat)
{
  if (chat->links != NULL)
    kith_links_stop (chat->links);
}

/* --- reading */

GListModel *
kith_chat_get_friends (KithChat *self)
{
  return kith_people_get_friends (self->people);
}

KithFriend *
kith_chat_find_friend (KithChat *self, const char *name)
{
  KithPerson *person = kith_people_find_name (self->people, name);

  return person == NULL ? NULL : person->friend;
}

gboolean
kith_chat_get_device (KithChat *self, KithFriend *friend, guint8 ik[32], guint32 *device)
{
  KithPerson *person = kith_people_find_friend (self->people, friend);

  if (person == NULL)
    return FALSE;
  memcpy (ik, person->row.ik, sizeof person->row.ik);
  *device = person->row.device;
  return TRUE;
}

guint
kith_chat_count_friends (KithChat *self)
{
  return g_list_model_get_n_items (kith_people_get_friends (self->people));
}

guint64
kith_chat_count_unread (KithChat *self)
{
  g_autoptr (GPtrArray) people = kith_people_list (self->people);
  guint64 n = 0;

  for (guint i = 0; i < people->len; i++)
    {
      const KithPersonRow *row = &((KithPerson *) people->pdata[i])->row;

      if (row->state == KITH_PERSON_FRIEND && !row->blocked)
        n += row->unread;
    }
  return n;
}

static void
write_time_or_null (KithJsonWriter *writer, const char *key, gint64 unix_ms)
{
  if (unix_ms > 0)
    kith_json_writer_member_time_ms (writer, key, unix_ms);
  else
    kith_json_writer_member_null (writer, key);
}

static void
write_friend (KithChat *chat, KithJsonWriter *writer, const KithPerson *person)
{
  const KithPersonRow *row = &person->row;
  KithPresence presence = kith_friend_get_presence (person->friend);
  guint8 exchange[32] = { 0 };

  kith_e2ee_exchange_key (row->ik, exchange);
  kith_json_writer_begin_object (writer);
  kith_json_writer_member_string (writer, KITH_KEY_USERNAME, row->name);
  kith_json_writer_member_base64 (writer, KITH_KEY_PUBLIC_KEY, exchange, sizeof exchange);
  kith_json_writer_member_base64 (writer, KITH_KEY_SIGNING_KEY, row->ik, sizeof row->ik);
  kith_json_writer_member_bool (writer, KITH_KEY_ONLINE,
                                presence != KITH_PRESENCE_OFFLINE && presence != KITH_PRESENCE_INVISIBLE);
  write_time_or_null (writer, "last_seen", row->last_seen_ms);
  kith_json_writer_member_string_or_null (writer, "last_ip", row->last_ip);
  write_time_or_null (writer, "added_at", row->added_ms);
  kith_json_writer_member_string (writer, KITH_KEY_STATUS, kith_presence_word (presence));
  kith_json_writer_member_int (writer, KITH_KEY_UNREAD, row->unread);
  kith_json_writer_member_int (writer, KITH_KEY_UNREADABLE, kith_quarantine_count (chat->quarantine, row->id));
  kith_json_writer_member_string (writer, KITH_KEY_FINGERPRINT, kith_friend_get_fingerprint (person->friend));
  kith_json_writer_member_bool (writer, KITH_KEY_VERIFIED, row->verified);
  kith_json_writer_member_bool (writer, KITH_KEY_BLOCKED, row->blocked);
  if (row->has_changed_ik)
    {
      g_autofree char *changed = kith_fingerprint (row->changed_ik);

      kith_json_writer_member_string (writer, KITH_KEY_CHANGED_FINGERPRINT, changed);
    }
  kith_json_writer_end_object (writer);
}

GBytes *
kith_chat_print_friends (KithChat *self)
{
  g_autoptr (GPtrArray) people = kith_people_list (self->people);
  g_auto (KithJsonWriter) writer = { NULL };

  kith_json_writer_init (&writer);
  kith_json_writer_begin_array (&writer);
  for (guint i = 0; i < people->len; i++)
    {
      KithPerson *person = g_ptr_array_index (people, i);

      if (person->friend != NULL)
        write_friend (self, &writer, person);
    }
  kith_json_writer_end_array (&writer);
  return kith_json_writer_finish (&writer);
}

GBytes *
kith_chat_print_friend (KithChat *self, const char *name)
{
  KithPerson *person = kith_people_find_name (self->people, name);
  g_auto (KithJsonWriter) writer = { NULL };

  if (person == NULL || person->friend == NULL)
    return NULL;
  kith_json_writer_init (&writer);
  write_friend (self, &writer, person);
  return kith_json_writer_finish (&writer);
}

char *
kith_chat_make_invite (KithChat *self)
{
  g_auto (GStrv) addresses = kith_chat_dup_addresses (self);

  return kith_invite_print (self->username, kith_keys_get_identity (self->keys), (const char *const *) addresses);
}

static void
on_safety_number (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  char *number = kith_keys_safety_number_finish (KITH_KEYS (source), result, &error);

  if (number == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, number, g_free);
}

void
kith_chat_safety_number_async (KithChat *self, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, c, cb, data);
  KithPerson *person = kith_people_find_name (self->people, name);

  g_task_set_source_tag (task, kith_chat_safety_number_async);
  if (person == NULL || person->friend == NULL)
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "\"%s\" is not a friend", name);
      return;
    }
  kith_keys_safety_number_async (self->keys, person->row.ik, c, on_safety_number, g_steal_pointer (&task));
}

char *
kith_chat_safety_number_finish (KithChat *self, GAsyncResult *r, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (r, self), NULL);
  return g_task_propagate_pointer (G_TASK (r), error);
}
