/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-person.h"

#define KITH_TYPE_PRESENCE_PLUGIN (kith_presence_plugin_get_type ())
G_DECLARE_FINAL_TYPE (KithPresencePlugin, kith_presence_plugin, KITH, PRESENCE_PLUGIN, KithPlugin)

struct _KithPresencePlugin
{
  KithPlugin parent_instance;

  GPtrArray *people; /* of KithPerson, in the order in which they were first heard of */
};

G_DEFINE_FINAL_TYPE (KithPresencePlugin, kith_presence_plugin, KITH_TYPE_PLUGIN)

#define STATUS_FIELD(flags)                                                                                           \
  { KITH_KEY_STATUS, KITH_FIELD_STRING, flags, 0, "online, away, busy or offline", NULL, status_values, NULL }

static const char *const status_values[]
  = { KITH_STATUS_ONLINE, KITH_STATUS_AWAY, KITH_STATUS_BUSY, KITH_STATUS_OFFLINE, NULL };

static const KithField name_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, KITH_FIELD_STATE_KEY, 0, "the friend", NULL, NULL, NULL },
  { 0 },
};

static const KithField presence_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, KITH_FIELD_STATE_KEY, 0, "the friend", NULL, NULL, NULL },
  STATUS_FIELD (KITH_FIELD_REQUIRED),
  { 0 },
};

/* Online and offline are one state: the newer of the two is what holds. */
static const KithEventSpec online_spec = {
  KITH_EVENT_FRIEND_ONLINE, KITH_KEEP_LATEST, "friend", name_fields, "A friend came online", { NULL },
};

static const KithEventSpec offline_spec = {
  KITH_EVENT_FRIEND_OFFLINE, KITH_KEEP_LATEST, "friend", name_fields, "A friend went offline", { NULL },
};

static const KithEventSpec presence_spec = {
  KITH_EVENT_PRESENCE, KITH_KEEP_LATEST, NULL, presence_fields, "A friend's status changed", { NULL },
};

static KithPerson *
find_person (KithPresencePlugin *self, KithFriend *friend)
{
  KithPerson *person;

  for (guint i = 0; i < self->people->len; i++)
    {
      person = g_ptr_array_index (self->people, i);
      if (person->friend == friend)
        return person;
    }
  person = kith_person_new (kith_plugin_get_host (KITH_PLUGIN (self)), friend);
  g_ptr_array_add (self->people, person);
  return person;
}

static void
on_link_up (KithBus *bus, KithFriend *friend, const char *transport, KithPresencePlugin *self)
{
  kith_person_link_up (find_person (self, friend));
}

static void
on_link_down (KithBus *bus, KithFriend *friend, const char *transport, KithPresencePlugin *self)
{
  kith_person_link_down (find_person (self, friend));
}

static void
on_ephemeral (KithBus *bus, KithFriend *from, JsonObject *data, KithPresencePlugin *self)
{
  JsonNode *member = json_object_get_member (data, KITH_KEY_STATUS);
  KithPresence says;

  if (member != NULL && json_node_get_value_type (member) == G_TYPE_STRING
      && kith_presence_from_status (json_node_get_string (member), &says))
    kith_person_said (find_person (self, from), says);
}

static void
on_evidence (KithBus *bus, KithFriend *about, KithPresence says, guint lease_ms, KithPresencePlugin *self)
{
  GSignalInvocationHint *hint = g_signal_get_invocation_hint (bus);

  kith_person_give_evidence (find_person (self, about), g_quark_to_string (hint->detail), says, lease_ms);
}

static void
on_status (KithPresencePlugin *self)
{
  for (guint i = 0; i < self->people->len; i++)
    kith_person_tell_status (g_ptr_array_index (self->people, i), FALSE);
}

/* Who is no friend any more has no presence; new friends are met when something is heard of them. */
static void
on_friends_changed (GListModel *friends, guint position, guint removed, guint added, KithPresencePlugin *self)
{
  for (guint i = self->people->len; removed > 0 && i > 0; i--)
    {
      KithPerson *person = g_ptr_array_index (self->people, i - 1);
      gboolean there = FALSE;

      for (guint k = 0; !there && k < g_list_model_get_n_items (friends); k++)
        {
          g_autoptr (KithFriend) one = g_list_model_get_item (friends, k);

          there = one == person->friend;
        }
      if (!there)
        g_ptr_array_remove_index (self->people, i - 1);
    }
}

/* When it is switched on later, links are up already. */
static void
meet_linked_friends (KithPresencePlugin *self, GListModel *friends)
{
  for (guint i = 0; i < g_list_model_get_n_items (friends); i++)
    {
      g_autoptr (KithFriend) friend = g_list_model_get_item (friends, i);

      if (kith_friend_get_linked (friend))
        kith_person_link_up (find_person (self, friend));
    }
}

static gboolean
kith_presence_plugin_activate (KithPlugin *plugin, KithHost *host, GError **error)
{
  KithPresencePlugin *self = KITH_PRESENCE_PLUGIN (plugin);
  KithBus *bus = kith_host_get_bus (host);
  GListModel *friends = kith_host_get_friends (host);

  if (!kith_host_add_event (host, &online_spec, error) || !kith_host_add_event (host, &offline_spec, error)
      || !kith_host_add_event (host, &presence_spec, error)
      || !kith_host_add_ephemeral (host, KITH_EPHEMERAL_PRESENCE, error))
    return FALSE;
  g_signal_connect (bus, "link::up", G_CALLBACK (on_link_up), self);
  g_signal_connect (bus, "link::down", G_CALLBACK (on_link_down), self);
  g_signal_connect (bus, "ephemeral::" KITH_EPHEMERAL_PRESENCE, G_CALLBACK (on_ephemeral), self);
  g_signal_connect (bus, "evidence", G_CALLBACK (on_evidence), self);
  g_signal_connect_object (host, "notify::status", G_CALLBACK (on_status), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (friends, "items-changed", G_CALLBACK (on_friends_changed), self, 0);
  meet_linked_friends (self, friends);
  return TRUE;
}

/* Nobody knows anything of anybody afterwards. */
static void
kith_presence_plugin_deactivate (KithPlugin *plugin)
{
  KithPresencePlugin *self = KITH_PRESENCE_PLUGIN (plugin);

  for (guint i = 0; i < self->people->len; i++)
    kith_person_forget (g_ptr_array_index (self->people, i));
  g_ptr_array_set_size (self->people, 0);
}

static void
kith_presence_plugin_dispose (GObject *object)
{
  g_clear_pointer (&KITH_PRESENCE_PLUGIN (object)->people, g_ptr_array_unref);
  G_OBJECT_CLASS (kith_presence_plugin_parent_class)->dispose (object);
}

static void
kith_presence_plugin_class_init (KithPresencePluginClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_presence_plugin_dispose;
  KITH_PLUGIN_CLASS (class)->activate = kith_presence_plugin_activate;
  KITH_PLUGIN_CLASS (class)->deactivate = kith_presence_plugin_deactivate;
}

static void
kith_presence_plugin_init (KithPresencePlugin *self)
{
  self->people = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_person_free);
}

KITH_DEFINE_PLUGIN (kith_presence_plugin, "presence")
