/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <kith/kith.h>

/* A friend's sign holds for 5 s; our own "true" is passed on at most once a second per friend. */
#define EXPIRE_MS 5000
#define PACE_US G_USEC_PER_SEC

#define KITH_TYPE_TYPING_PLUGIN (kith_typing_plugin_get_type ())
G_DECLARE_FINAL_TYPE (KithTypingPlugin, kith_typing_plugin, KITH, TYPING_PLUGIN, KithPlugin)

/* What passes between us and one friend. */
typedef struct
{
  KithTypingPlugin *plugin;
  KithFriend *friend;
  GArray *clients;     /* of guint64: windows in which we are typing to them */
  gint64 told_us;      /* when they last heard "true" */
  gboolean typing;     /* they are typing to us … */
  gint64 expires_us;   /* … until then */
  guint timer;
} Chatter;

struct _KithTypingPlugin
{
  KithPlugin parent_instance;

  GPtrArray *chatters; /* in the order in which they first said something */
};

G_DEFINE_FINAL_TYPE (KithTypingPlugin, kith_typing_plugin, KITH_TYPE_PLUGIN)

static const KithField event_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, KITH_FIELD_REQUIRED, 0, "who", NULL, NULL, NULL },
  { KITH_KEY_TYPING, KITH_FIELD_BOOLEAN, KITH_FIELD_REQUIRED, 0, "whether they are typing", NULL, NULL, NULL },
  { 0 },
};

static const KithEventSpec event_spec = {
  KITH_EVENT_TYPING, KITH_KEEP_NONE, NULL, event_fields, "A friend is typing, or has stopped", { NULL },
};

static const KithField command_fields[] = {
  { KITH_KEY_TO, KITH_FIELD_USERNAME, KITH_FIELD_REQUIRED, 0, "the friend", NULL, NULL, NULL },
  { KITH_KEY_TYPING, KITH_FIELD_BOOLEAN, KITH_FIELD_REQUIRED, 0, "whether the user is typing", NULL, NULL, NULL },
  { 0 },
};

static const KithEventSpec command_spec = {
  KITH_COMMAND_TYPING, KITH_KEEP_NONE, NULL, command_fields, "Tells a friend that the user is typing, or has stopped",
  { NULL },
};

static KithHost *
get_host (KithTypingPlugin *self)
{
  return kith_plugin_get_host (KITH_PLUGIN (self));
}

static void
chatter_free (gpointer data)
{
  Chatter *chatter = data;
  KithHost *host = get_host (chatter->plugin);

  if (host != NULL)
    kith_host_drop_timer (host, chatter->timer);
  g_array_unref (chatter->clients);
  g_object_unref (chatter->friend);
  g_free (chatter);
}

static Chatter *
find_chatter (KithTypingPlugin *self, KithFriend *friend, gboolean make)
{
  Chatter *chatter;

  for (guint i = 0; i < self->chatters->len; i++)
    {
      chatter = g_ptr_array_index (self->chatters, i);
      if (chatter->friend == friend)
        return chatter;
    }
  if (!make)
    return NULL;
  chatter = g_new0 (Chatter, 1);
  chatter->plugin = self;
  chatter->friend = g_object_ref (friend);
  chatter->clients = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_ptr_array_add (self->chatters, chatter);
  return chatter;
}

static void
tell_windows (Chatter *chatter, gboolean typing)
{
  JsonObject *data = json_object_new ();

  json_object_set_string_member (data, KITH_KEY_USERNAME, kith_friend_get_username (chatter->friend));
  json_object_set_boolean_member (data, KITH_KEY_TYPING, typing);
  kith_host_publish (get_host (chatter->plugin), kith_event_new (KITH_EVENT_TYPING, data));
}

static void
stop_typing (Chatter *chatter)
{
  if (!chatter->typing)
    return;
  chatter->typing = FALSE;
  tell_windows (chatter, FALSE);
}

/* Signs come often; so the timer is not set anew for each, but looks again when it was too early. */
static gboolean
on_expiry (gpointer data)
{
  Chatter *chatter = data;
  KithHost *host = get_host (chatter->plugin);
  gint64 left_us = chatter->expires_us - kith_host_get_time_us (host);

  chatter->timer = 0;
  if (!chatter->typing)
    return G_SOURCE_REMOVE;
  if (left_us > 0)
    chatter->timer = kith_host_add_timer (host, (guint) (left_us / 1000 + 1), on_expiry, chatter, NULL);
  else
    stop_typing (chatter);
  return G_SOURCE_REMOVE;
}

static void
on_ephemeral (KithBus *bus, KithFriend *from, JsonObject *data, KithTypingPlugin *self)
{
  KithHost *host = get_host (self);
  JsonNode *member = json_object_get_member (data, KITH_KEY_TYPING);
  Chatter *chatter;

  if (member == NULL || json_node_get_value_type (member) != G_TYPE_BOOLEAN)
    return;
  chatter = find_chatter (self, from, TRUE);
  chatter->typing = json_node_get_boolean (member);
  tell_windows (chatter, chatter->typing);
  if (!chatter->typing)
    return;
  chatter->expires_us = kith_host_get_time_us (host) + EXPIRE_MS * 1000;
  if (chatter->timer == 0)
    chatter->timer = kith_host_add_timer (host, EXPIRE_MS, on_expiry, chatter, NULL);
}

static void
on_link_down (KithBus *bus, KithFriend *friend, const char *transport, KithTypingPlugin *self)
{
  Chatter *chatter = find_chatter (self, friend, FALSE);

  if (chatter != NULL && !kith_friend_get_linked (friend))
    stop_typing (chatter);
}

/* Who is invisible, or does not show it to this friend, types unseen. */
static void
tell_friend (Chatter *chatter, gboolean typing)
{
  KithHost *host = get_host (chatter->plugin);
  gint64 now_us = kith_host_get_time_us (host);
  JsonObject *data;

  if (kith_friend_get_blocked (chatter->friend) || !kith_friend_allows (chatter->friend, KITH_ALLOW_TYPING)
      || kith_host_get_status (host) == KITH_PRESENCE_INVISIBLE)
    return;
  if (typing && chatter->told_us != 0 && now_us - chatter->told_us < PACE_US)
    return;
  data = json_object_new ();
  json_object_set_boolean_member (data, KITH_KEY_TYPING, typing);
  if (kith_host_send_ephemeral (host, chatter->friend, KITH_EPHEMERAL_TYPING, data))
    chatter->told_us = typing ? now_us : 0;
}

static gboolean
set_client (Chatter *chatter, guint64 client, gboolean typing)
{
  for (guint i = 0; i < chatter->clients->len; i++)
    if (g_array_index (chatter->clients, guint64, i) == client)
      {
        if (!typing)
          g_array_remove_index (chatter->clients, i);
        return TRUE;
      }
  if (typing)
    g_array_append_val (chatter->clients, client);
  return FALSE;
}

static void
on_command (KithRequest *request, gpointer user_data)
{
  KithTypingPlugin *self = user_data;
  JsonObject *body = kith_request_get_body (request);
  const char *to = json_object_get_string_member (body, KITH_KEY_TO);
  gboolean typing = json_object_get_boolean_member (body, KITH_KEY_TYPING);
  KithFriend *friend = kith_host_find_friend (get_host (self), to);
  Chatter *chatter;

  if (friend == NULL)
    {
      kith_request_fail (request,
                         g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN, "\"to\": there is no friend \"%s\"", to));
      return;
    }
  chatter = find_chatter (self, friend, TRUE);
  if (kith_request_get_client (request) != 0)
    set_client (chatter, kith_request_get_client (request), typing);
  tell_friend (chatter, typing);
  kith_request_answer (request, 200, NULL);
}

static void
on_client_closed (KithBus *bus, guint64 client, KithTypingPlugin *self)
{
  for (guint i = 0; i < self->chatters->len; i++)
    {
      Chatter *chatter = g_ptr_array_index (self->chatters, i);

      if (set_client (chatter, client, FALSE))
        tell_friend (chatter, FALSE);
    }
}

static gboolean
kith_typing_plugin_activate (KithPlugin *plugin, KithHost *host, GError **error)
{
  KithTypingPlugin *self = KITH_TYPING_PLUGIN (plugin);
  KithBus *bus = kith_host_get_bus (host);

  g_signal_connect (bus, "ephemeral::" KITH_EPHEMERAL_TYPING, G_CALLBACK (on_ephemeral), self);
  g_signal_connect (bus, "link::down", G_CALLBACK (on_link_down), self);
  g_signal_connect (bus, "client::closed", G_CALLBACK (on_client_closed), self);
  return kith_host_add_event (host, &event_spec, error)
         && kith_host_add_ephemeral (host, KITH_EPHEMERAL_TYPING, error)
         && kith_host_add_command (host, &command_spec, on_command, self, NULL, error);
}

/* Nobody would say it afterwards. */
static void
kith_typing_plugin_deactivate (KithPlugin *plugin)
{
  KithTypingPlugin *self = KITH_TYPING_PLUGIN (plugin);

  for (guint i = 0; i < self->chatters->len; i++)
    {
      Chatter *chatter = g_ptr_array_index (self->chatters, i);

      stop_typing (chatter);
      if (chatter->clients->len > 0)
        tell_friend (chatter, FALSE);
    }
  g_ptr_array_set_size (self->chatters, 0);
}

static void
kith_typing_plugin_dispose (GObject *object)
{
  g_clear_pointer (&KITH_TYPING_PLUGIN (object)->chatters, g_ptr_array_unref);
  G_OBJECT_CLASS (kith_typing_plugin_parent_class)->dispose (object);
}

static void
kith_typing_plugin_class_init (KithTypingPluginClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_typing_plugin_dispose;
  KITH_PLUGIN_CLASS (class)->activate = kith_typing_plugin_activate;
  KITH_PLUGIN_CLASS (class)->deactivate = kith_typing_plugin_deactivate;
}

static void
kith_typing_plugin_init (KithTypingPlugin *self)
{
  self->chatters = g_ptr_array_new_with_free_func (chatter_free);
}

KITH_DEFINE_PLUGIN (kith_typing_plugin, "typing")
