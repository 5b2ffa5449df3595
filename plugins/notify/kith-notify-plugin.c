/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-notice-board.h"

#define KITH_TYPE_NOTIFY_PLUGIN (kith_notify_plugin_get_type ())
G_DECLARE_FINAL_TYPE (KithNotifyPlugin, kith_notify_plugin, KITH, NOTIFY_PLUGIN, KithPlugin)

typedef struct
{
  guint64 client;
  char *username;
} Front;

struct _KithNotifyPlugin
{
  KithPlugin parent_instance;

  KithNoticeBoard *board;
  GArray *fronts;      /* of Front: what each window has in front */
};

G_DEFINE_FINAL_TYPE (KithNotifyPlugin, kith_notify_plugin, KITH_TYPE_PLUGIN)

static const KithField front_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, KITH_FIELD_NULLABLE, 0,
    "whose conversation the user has before their eyes in this window; null: none", NULL, NULL, NULL },
  { 0 },
};

static const KithEventSpec front_spec = {
  KITH_COMMAND_CONVERSATION_IN_FRONT, KITH_KEEP_NONE, NULL, front_fields,
  "Says which conversation is in front in this window, until it says another or goes: no notifications are shown of it",
  { NULL },
};

/* --- what is in front */

static void
front_clear (gpointer data)
{
  g_free (((Front *) data)->username);
}

static gboolean
is_in_front (KithNotifyPlugin *self, const char *username)
{
  for (guint i = 0; i < self->fronts->len; i++)
    if (g_str_equal (g_array_index (self->fronts, Front, i).username, username))
      return TRUE;
  return FALSE;
}

static void
forget_front (KithNotifyPlugin *self, guint64 client)
{
  for (guint i = 0; i < self->fronts->len; i++)
    if (g_array_index (self->fronts, Front, i).client == client)
      {
        g_array_remove_index_fast (self->fronts, i);
        return;
      }
}

static void
on_front (KithRequest *request, gpointer user_data)
{
  KithNotifyPlugin *self = user_data;
  KithHost *host = kith_plugin_get_host (KITH_PLUGIN (self));
  guint64 client = kith_request_get_client (request);
  const char *username =
    json_object_get_string_member_with_default (kith_request_get_body (request), KITH_KEY_USERNAME, NULL);
  Front front = { client, NULL };

  if (username != NULL && kith_host_find_friend (host, username) == NULL)
    {
      kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN,
                                               "\"username\": there is no friend \"%s\"", username));
      return;
    }
  forget_front (self, client);
  if (username != NULL)
    {
      front.username = g_strdup (username);
      g_array_append_val (self->fronts, front);
      kith_notice_board_drop_chat (self->board, username);
    }
  kith_request_answer (request, 200, NULL);
}

static void
on_client_closed (KithBus *bus, guint64 client, KithNotifyPlugin *self)
{
  forget_front (self, client);
}

/* --- what happens */

static const char *
get_text (KithEvent *event, const char *key)
{
  return json_object_get_string_member_with_default (kith_event_get_data (event), key, NULL);
}

static void
on_new_message (KithBus *bus, KithEvent *event, KithNotifyPlugin *self)
{
  JsonObject *data = kith_event_get_data (event);
  const char *from = get_text (event, KITH_KEY_FROM);
  KithFriend *friend = kith_host_find_friend (kith_plugin_get_host (KITH_PLUGIN (self)), from);

  if (g_strcmp0 (get_text (event, KITH_KEY_DIRECTION), KITH_DIRECTION_RECEIVED) != 0 || friend == NULL
      || kith_friend_get_blocked (friend) || is_in_front (self, from)
      || json_object_get_boolean_member_with_default (data, KITH_KEY_READ, FALSE)
      || json_object_get_boolean_member_with_default (data, KITH_KEY_DELETED, FALSE))
    return;
  kith_notice_board_add_message (self->board, from, get_text (event, KITH_KEY_MSG_ID),
                                 get_text (event, KITH_KEY_TEXT));
}

static void
on_changed_message (KithBus *bus, KithEvent *event, KithNotifyPlugin *self)
{
  kith_notice_board_change_text (self->board, get_text (event, KITH_KEY_PEER), get_text (event, KITH_KEY_MSG_ID),
                                 get_text (event, KITH_KEY_TEXT));
}

static void
on_unread (KithBus *bus, KithEvent *event, KithNotifyPlugin *self)
{
  gint64 count = json_object_get_int_member (kith_event_get_data (event), KITH_KEY_COUNT);

  kith_notice_board_set_unread (self->board, get_text (event, KITH_KEY_PEER), (guint) CLAMP (count, 0, G_MAXINT));
}

static void
on_request (KithBus *bus, KithEvent *event, KithNotifyPlugin *self)
{
  kith_notice_board_add_request (self->board, get_text (event, KITH_KEY_USERNAME), get_text (event, KITH_KEY_MESSAGE));
}

static void
on_friend_added (KithBus *bus, KithEvent *event, KithNotifyPlugin *self)
{
  kith_notice_board_drop_request (self->board, get_text (event, KITH_KEY_USERNAME));
}

static void
on_friend_removed (KithBus *bus, KithEvent *event, KithNotifyPlugin *self)
{
  kith_notice_board_drop_chat (self->board, get_text (event, KITH_KEY_USERNAME));
}

static void
on_changed (GObject *object, gpointer detail, KithNotifyPlugin *self)
{
  kith_notice_board_refresh (self->board);
}

/* --- the plugin */

static gboolean
kith_notify_plugin_activate (KithPlugin *plugin, KithHost *host, GError **error)
{
  KithNotifyPlugin *self = KITH_NOTIFY_PLUGIN (plugin);
  KithBus *bus = kith_host_get_bus (host);

  if (!kith_host_add_command (host, &front_spec, on_front, self, NULL, error))
    return FALSE;
  self->board = kith_notice_board_new (host);
  g_signal_connect (bus, "client::closed", G_CALLBACK (on_client_closed), self);
  g_signal_connect (bus, "event::" KITH_EVENT_NEW_MESSAGE, G_CALLBACK (on_new_message), self);
  g_signal_connect (bus, "event::" KITH_EVENT_MESSAGE_EDITED, G_CALLBACK (on_changed_message), self);
  g_signal_connect (bus, "event::" KITH_EVENT_MESSAGE_DELETED, G_CALLBACK (on_changed_message), self);
  g_signal_connect (bus, "event::" KITH_EVENT_UNREAD, G_CALLBACK (on_unread), self);
  g_signal_connect (bus, "event::" KITH_EVENT_FRIEND_REQUEST, G_CALLBACK (on_request), self);
  g_signal_connect (bus, "event::" KITH_EVENT_FRIEND_ADDED, G_CALLBACK (on_friend_added), self);
  g_signal_connect (bus, "event::" KITH_EVENT_FRIEND_REMOVED, G_CALLBACK (on_friend_removed), self);
  g_signal_connect (host, "notify::status", G_CALLBACK (on_changed), self);
  g_signal_connect_object (kith_host_get_settings (host), "changed", G_CALLBACK (on_changed), self, 0);
  return TRUE;
}

static void
on_cleared (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  KithNotifyPlugin *self = g_task_get_source_object (task);

  g_clear_pointer (&self->board, kith_notice_board_free);
  g_task_return_boolean (task, TRUE);
}

static void
kith_notify_plugin_deactivate_async (KithPlugin *plugin, GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  KithNotifyPlugin *self = KITH_NOTIFY_PLUGIN (plugin);
  GTask *task = g_task_new (plugin, cancellable, callback, user_data);

  g_signal_handlers_disconnect_by_data (kith_host_get_bus (kith_plugin_get_host (plugin)), self);
  g_signal_handlers_disconnect_by_data (kith_plugin_get_host (plugin), self);
  g_signal_handlers_disconnect_by_data (kith_host_get_settings (kith_plugin_get_host (plugin)), self);
  kith_notice_board_clear (self->board, g_task_new (NULL, NULL, on_cleared, task));
}

static void
kith_notify_plugin_dispose (GObject *object)
{
  KithNotifyPlugin *self = KITH_NOTIFY_PLUGIN (object);

  g_clear_pointer (&self->board, kith_notice_board_free);
  g_clear_pointer (&self->fronts, g_array_unref);
  G_OBJECT_CLASS (kith_notify_plugin_parent_class)->dispose (object);
}

static void
kith_notify_plugin_class_init (KithNotifyPluginClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_notify_plugin_dispose;
  KITH_PLUGIN_CLASS (class)->activate = kith_notify_plugin_activate;
  KITH_PLUGIN_CLASS (class)->deactivate_async = kith_notify_plugin_deactivate_async;
}

static void
kith_notify_plugin_init (KithNotifyPlugin *self)
{
  self->fronts = g_array_new (FALSE, FALSE, sizeof (Front));
  g_array_set_clear_func (self->fronts, front_clear);
}

KITH_DEFINE_PLUGIN (kith_notify_plugin, "notify")
