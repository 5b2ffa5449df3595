/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat-people-private.h"
#include "kith-post.h"
#include "kith-transport-private.h"

/* Our own status, and what transports and plugins ask of the links. */
typedef struct
{
  KithChat *chat;
  GTask *task;
  KithPresence status;
} StatusChange;

static void
status_change_free (gpointer data)
{
  StatusChange *change = data;

  g_object_unref (change->task);
  g_object_unref (change->chat);
  g_free (change);
}

static gboolean
write_status (KithDb *db, gpointer data, GError **error)
{
  StatusChange *change = data;

  return kith_db_set_meta (db, "chat-status", kith_presence_word (change->status), error);
}

static void
on_status_written (gpointer data, const GError *error)
{
  StatusChange *change = data;
  KithChat *chat = change->chat;

  if (error != NULL)
    {
      g_task_return_error (change->task, g_error_copy (error));
      return;
    }
  if (chat->status != change->status)
    {
      chat->status = change->status;
      /* First the word to those who are linked, then, for "offline", the links. */
      g_object_notify (G_OBJECT (chat), "status");
      if (chat->links != NULL)
        kith_links_set_offline (chat->links, change->status == KITH_PRESENCE_OFFLINE);
      kith_post_look (chat->post);
    }
  g_task_return_boolean (change->task, TRUE);
}

void
kith_chat_set_status_async (KithChat *self, KithPresence status, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  StatusChange *change = g_new0 (StatusChange, 1);

  change->chat = g_object_ref (self);
  change->task = g_task_new (self, c, cb, data);
  g_task_set_source_tag (change->task, kith_chat_set_status_async);
  change->status = status;
  kith_store_submit (self->store, KITH_LANE_FRONT, write_status, on_status_written, change, status_change_free);
}

KithPresence
kith_chat_get_status (KithChat *self)
{
  return self->status;
}

void
kith_chat_set_presence (KithChat *self, KithFriend *of, KithPresence presence)
{
  kith_friend_set_presence (of, presence);
}

gboolean
kith_chat_send_ephemeral (KithChat *self, KithFriend *to, const char *kind, JsonObject *data)
{
  KithPerson *person = kith_people_find_friend (self->people, to);

  if (self->links != NULL && person != NULL && kith_person_is_friend (person))
    return kith_links_send_ephemeral (self->links, person, kind, data);
  json_object_unref (data);
  return FALSE;
}

/* --- transports and directories */

static gboolean
require_links (KithChat *self, GError **error)
{
  if (self->links != NULL)
    return TRUE;
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_CLOSED,
                       "chat is not running: there is no store, or it is being stopped");
  return FALSE;
}

gboolean
kith_chat_add_transport (KithChat *self, KithTransport *transport, GError **error)
{
  if (!require_links (self, error) || !kith_links_add_transport (self->links, transport, error))
    return FALSE;
  if (KITH_IS_MAILBOX_TRANSPORT (transport))
    kith_post_add_transport (self->post, KITH_MAILBOX_TRANSPORT (transport));
  return TRUE;
}

void
kith_chat_drop_transport (KithChat *self, KithTransport *transport)
{
  if (KITH_IS_MAILBOX_TRANSPORT (transport))
    kith_post_drop_transport (self->post, KITH_MAILBOX_TRANSPORT (transport));
  if (self->links != NULL)
    kith_links_drop_transport (self->links, transport);
}

gboolean
kith_chat_add_directory (KithChat *self, KithDirectory *directory, GError **error)
{
  if (!require_links (self, error))
    return FALSE;
  g_ptr_array_add (self->directories, g_object_ref (directory));
  kith_post_look (self->post);
  return TRUE;
}

void
kith_chat_drop_directory (KithChat *self, KithDirectory *directory)
{
  g_ptr_array_remove (self->directories, directory);
}

void
kith_chat_get_traffic (KithChat *self, KithLinkCounts *counts, KithLinkTrafficFunc func, gpointer data)
{
  *counts = (KithLinkCounts){ 0 };
  if (self->links != NULL)
    kith_links_get_traffic (self->links, counts, func, data);
}

void
kith_chat_foreach_mail_traffic (KithChat *self, KithMailTrafficFunc func, gpointer data)
{
  if (self->post != NULL)
    kith_post_foreach_traffic (self->post, func, data);
}

gboolean
kith_chat_is_connected (KithChat *self, const char *transport)
{
  return self->links != NULL && kith_links_is_connected (self->links, transport);
}

GBytes *
kith_chat_print_connections (KithChat *self)
{
  return self->links == NULL ? g_bytes_new_static ("[]", 2) : kith_links_print (self->links);
}

void
kith_chat_offer_address (KithChat *self, KithFriend *of, const char *address, guint lease_s)
{
  KithPerson *person = kith_people_find_friend (self->people, of);

  if (self->links != NULL && person != NULL)
    kith_links_learn (self->links, person, address, lease_s);
}

GStrv
kith_chat_dup_addresses (KithChat *self)
{
  return self->links == NULL ? g_new0 (char *, 1) : kith_links_dup_addresses (self->links);
}

void
kith_chat_network_changed (KithChat *self)
{
  if (self->links != NULL)
    kith_links_network_changed (self->links);
  kith_post_wake (self->post);
}
