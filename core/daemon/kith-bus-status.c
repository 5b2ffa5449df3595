/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the daemon is, as properties with their signal of change. */
#define G_LOG_DOMAIN "kithd"
#include <string.h>

#include "kith-session-bus-private.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"

static const char *const names[KITH_BUS_N_PROPERTIES] = { "Status", "UnreadTotal", "SupabaseConnected", "Health",
                                                          "Autostart", "Version" };

/* What is the matter, in a sentence; "ok". */
static const char *
get_health (KithSessionBus *self)
{
  const char *trouble;
  KithStore *store;

  if (self->api == NULL || !self->ready)
    return "starting";
  store = kith_api_get_rooms (self->api)->store;
  trouble = kith_store_get_message (store);
  if (trouble == NULL)
    trouble = kith_api_get_trouble (self->api);
  if (trouble == NULL && kith_store_is_disk_full (store))
    return "the disk is full: nothing is stored until there is room";
  return trouble != NULL ? trouble : "ok";
}

/* Floating; NULL: there is no such property. */
static GVariant *
get_property (KithSessionBus *self, const char *name)
{
  KithChat *chat = self->api != NULL ? kith_api_get_rooms (self->api)->chat : NULL;

  if (strcmp (name, "Status") == 0)
    return g_variant_new_string (kith_presence_to_status (chat != NULL && self->ready ? kith_chat_get_status (chat)
                                                                                      : KITH_PRESENCE_OFFLINE));
  if (strcmp (name, "UnreadTotal") == 0)
    return g_variant_new_uint32 (chat != NULL ? (guint32) MIN (kith_chat_count_unread (chat), G_MAXUINT32) : 0);
  if (strcmp (name, "SupabaseConnected") == 0)
    return g_variant_new_boolean (chat != NULL && kith_chat_is_connected (chat, "supabase"));
  if (strcmp (name, "Health") == 0)
    return g_variant_new_string (get_health (self));
  if (strcmp (name, "Autostart") == 0)
    return g_variant_new_string (self->autostart);
  return strcmp (name, "Version") == 0 ? g_variant_new_string (KITH_DAEMON_VERSION) : NULL;
}

static GVariant *
get_all (KithSessionBus *self)
{
  GVariantBuilder all;

  g_variant_builder_init (&all, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_variant_builder_add (&all, "{sv}", names[i], get_property (self, names[i]));
  return g_variant_builder_end (&all);
}

/* GDBus has seen to it that the interface and the property are ours, and that the property is not written. */
void
kith_bus_status_call (KithSessionBus *self, GDBusMethodInvocation *invocation)
{
  const char *method = g_dbus_method_invocation_get_method_name (invocation);
  const char *interface, *name;
  GVariant *value = NULL;

  if (strcmp (method, "GetAll") == 0)
    {
      g_dbus_method_invocation_return_value (invocation, g_variant_new ("(@a{sv})", get_all (self)));
      return;
    }
  if (strcmp (method, "Get") == 0)
    {
      g_variant_get (g_dbus_method_invocation_get_parameters (invocation), "(&s&s)", &interface, &name);
      value = get_property (self, name);
    }
  if (value != NULL)
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(v)", value));
  else
    g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD,
                                           "there is no method “%s”", method);
}

/* --- changes */

static gboolean
on_look (gpointer data)
{
  KithSessionBus *self = data;
  GVariantBuilder changed;
  gboolean any = FALSE;

  self->looking = 0;
  g_variant_builder_init (&changed, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (get_property (self, names[i]));

      if (self->shown[i] != NULL && g_variant_equal (self->shown[i], value))
        continue;
      /* The first look is what everybody finds who asks: no change. */
      if (self->shown[i] != NULL)
        {
          g_variant_builder_add (&changed, "{sv}", names[i], value);
          any = TRUE;
        }
      g_clear_pointer (&self->shown[i], g_variant_unref);
      self->shown[i] = g_steal_pointer (&value);
    }
  if (any)
    g_dbus_connection_emit_signal (self->connection, NULL, self->path, PROPERTIES, "PropertiesChanged",
                                   g_variant_new ("(sa{sv}as)", KITH_BUS_INTERFACE, &changed, NULL), NULL);
  else
    g_variant_builder_clear (&changed);
  return G_SOURCE_REMOVE;
}

void
kith_session_bus_look (KithSessionBus *self)
{
  if (self->looking == 0 && self->connection != NULL && self->funcs != NULL)
    self->looking = g_idle_add (on_look, self);
}

void
kith_session_bus_set_autostart (KithSessionBus *self, const char *state)
{
  g_free (self->autostart);
  self->autostart = g_strdup (state);
  kith_session_bus_look (self);
}

static void
on_event (KithBus *bus, KithEvent *event, KithSessionBus *self)
{
  kith_session_bus_look (self);
}

static void
on_notify (GObject *room, GParamSpec *spec, KithSessionBus *self)
{
  kith_session_bus_look (self);
}

static void
on_connection (KithChat *chat, const char *transport, KithSessionBus *self)
{
  kith_session_bus_look (self);
}

static void
on_people (KithChat *chat, KithSessionBus *self)
{
  kith_session_bus_look (self);
}

void
kith_bus_status_follow (KithSessionBus *self)
{
  const KithRooms *rooms = kith_api_get_rooms (self->api);

  on_look (self);
  g_signal_connect (rooms->bus, "event::" KITH_EVENT_UNREAD, G_CALLBACK (on_event), self);
  g_signal_connect (rooms->chat, "notify::status", G_CALLBACK (on_notify), self);
  g_signal_connect (rooms->store, "notify::disk-full", G_CALLBACK (on_notify), self);
  g_signal_connect (rooms->chat, "connection", G_CALLBACK (on_connection), self);
  g_signal_connect (rooms->chat, "people", G_CALLBACK (on_people), self);
}

void
kith_bus_status_stop (KithSessionBus *self)
{
  g_clear_handle_id (&self->looking, g_source_remove);
  if (self->api != NULL)
    {
      const KithRooms *rooms = kith_api_get_rooms (self->api);

      g_signal_handlers_disconnect_by_data (rooms->bus, self);
      g_signal_handlers_disconnect_by_data (rooms->chat, self);
      g_signal_handlers_disconnect_by_data (rooms->store, self);
    }
  for (guint i = 0; i < G_N_ELEMENTS (self->shown); i++)
    g_clear_pointer (&self->shown[i], g_variant_unref);
}
