/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Desktop Notifications Specification 1.2. */
#include <glib/gi18n-lib.h>

#include "kith-notifier-private.h"

#define REASON_CLOSED_BY_CALL 3

static const char *const action_names[] = {
  [KITH_ACTION_OPEN] = "default",
  [KITH_ACTION_MARK_READ] = "mark-read",
  [KITH_ACTION_ACCEPT] = "accept-request",
  [KITH_ACTION_REFUSE] = "refuse-request",
};

/* --- what the server can do */

static void
on_capabilities (GObject *bus, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, &error);
  g_autofree const char **names = NULL;
  KithNotifier *self = data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  self->preparing = FALSE;
  self->known = TRUE;
  if (answer != NULL)
    {
      g_variant_get (answer, "(^a&s)", &names);
      self->can_act = g_strv_contains (names, "actions");
      self->can_body = g_strv_contains (names, "body");
      self->can_markup = g_strv_contains (names, "body-markup");
      self->can_sound = g_strv_contains (names, "sound");
    }
  self->funcs->ready (self->data);
}

static void
set_held (KithNotifier *self, gboolean held)
{
  if (self->held == held)
    return;
  self->held = held;
  if (!held)
    self->funcs->ready (self->data);
}

/* Only some servers have it; the others hold notifications back themselves. */
static void
on_inhibited (GObject *bus, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, &error);
  g_autoptr (GVariant) value = NULL;

  if (answer == NULL)
    return;
  g_variant_get (answer, "(v)", &value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    set_held (data, g_variant_get_boolean (value));
}

/* The bus starts a server that is not there yet. */
static void
server_prepare (KithNotifier *self)
{
  const KithNotifierWay *way = self->way;

  self->preparing = TRUE;
  g_dbus_connection_call (self->bus, way->name, way->path, way->interface, "GetCapabilities", NULL,
                          G_VARIANT_TYPE ("(as)"), G_DBUS_CALL_FLAGS_NONE, KITH_NOTIFY_DEADLINE_MS, self->cancellable,
                          on_capabilities, self);
}

static void
server_appeared (KithNotifier *self)
{
  const KithNotifierWay *way = self->way;

  if (!self->preparing)
    server_prepare (self);
  g_dbus_connection_call (self->bus, way->name, way->path, "org.freedesktop.DBus.Properties", "Get",
                          g_variant_new ("(ss)", way->interface, "Inhibited"), G_VARIANT_TYPE ("(v)"),
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, KITH_NOTIFY_DEADLINE_MS, self->cancellable, on_inhibited,
                          self);
}

/* --- what it says */

static void
on_properties (KithNotifier *self, GVariant *parameters)
{
  g_autoptr (GVariant) changed = NULL;
  gboolean held;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sa{sv}as)")))
    return;
  changed = g_variant_get_child_value (parameters, 1);
  if (g_variant_lookup (changed, "Inhibited", "b", &held))
    set_held (self, held);
}

static void
on_action (KithNotifier *self, guint32 number, const char *name)
{
  KithNoticeSlot *slot = kith_notifier_find (self, number);

  for (guint i = 0; slot != NULL && i < G_N_ELEMENTS (action_names); i++)
    if (g_str_equal (name, action_names[i]))
      {
        g_autofree char *id = g_strdup (slot->id);

        self->funcs->action (id, (KithNotifyAction) i, self->data);
        return;
      }
}

static void
on_closed (KithNotifier *self, guint32 number, guint32 reason)
{
  KithNoticeSlot *slot = kith_notifier_find (self, number);
  g_autofree char *id = NULL;

  if (slot == NULL)
    return;
  slot->number = 0;
  id = g_strdup (slot->id);
  if (reason != REASON_CLOSED_BY_CALL)
    self->funcs->closed (id, self->data);
}

static void
server_signal (KithNotifier *self, const char *signal, GVariant *parameters)
{
  guint32 number, reason;
  const char *text;

  if (g_str_equal (signal, "PropertiesChanged"))
    on_properties (self, parameters);
  else if (g_str_equal (signal, "ActionInvoked") && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(us)")))
    {
      g_variant_get (parameters, "(u&s)", &number, &text);
      on_action (self, number, text);
    }
  else if (g_str_equal (signal, "NotificationClosed") && g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(uu)")))
    {
      g_variant_get (parameters, "(uu)", &number, &reason);
      on_closed (self, number, reason);
    }
}

/* --- what it is told */

static void
add_actions (KithNotifier *self, const KithNotice *notice, GVariantBuilder *actions)
{
  if (!self->can_act || notice->username == NULL)
    return;
  g_variant_builder_add (actions, "s", action_names[KITH_ACTION_OPEN]);
  g_variant_builder_add (actions, "s", _("Open"));
  if (notice->request)
    {
      g_variant_builder_add (actions, "s", action_names[KITH_ACTION_ACCEPT]);
      g_variant_builder_add (actions, "s", _("Accept"));
      g_variant_builder_add (actions, "s", action_names[KITH_ACTION_REFUSE]);
      g_variant_builder_add (actions, "s", _("Refuse"));
    }
  else if (notice->msg_id != NULL)
    {
      g_variant_builder_add (actions, "s", action_names[KITH_ACTION_MARK_READ]);
      g_variant_builder_add (actions, "s", _("Mark as Read"));
    }
}

static const char *
server_show (KithNotifier *self, KithNoticeSlot *slot, const KithNotice *notice, GVariant **arguments)
{
  g_autofree char *escaped = self->can_markup ? g_markup_escape_text (notice->body, -1) : NULL;
  g_autofree char *title = self->can_body ? NULL : g_strconcat (notice->title, ": ", notice->body, NULL);
  GVariantBuilder actions = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("as"));
  GVariantBuilder hints = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{sv}"));

  add_actions (self, notice, &actions);
  g_variant_builder_add (&hints, "{sv}", "desktop-entry", g_variant_new_string ("im.kith.Kith"));
  g_variant_builder_add (&hints, "{sv}", "category", g_variant_new_string ("im.received"));
  g_variant_builder_add (&hints, "{sv}", "urgency", g_variant_new_byte (1));
  if (notice->quiet)
    g_variant_builder_add (&hints, "{sv}", "suppress-sound", g_variant_new_boolean (TRUE));
  else if (self->can_sound)
    g_variant_builder_add (&hints, "{sv}", "sound-name", g_variant_new_string ("message-new-instant"));
  *arguments = g_variant_new ("(susssasa{sv}i)", "kith", slot->number, "im.kith.Kith",
                              title != NULL ? title : notice->title,
                              title != NULL ? "" : escaped != NULL ? escaped : notice->body, &actions, &hints, -1);
  return "Notify";
}

static void
server_shown (KithNoticeSlot *slot, GVariant *answer)
{
  if (g_variant_is_of_type (answer, G_VARIANT_TYPE ("(u)")))
    g_variant_get (answer, "(u)", &slot->number);
}

static const char *
server_withdraw (KithNotifier *self, KithNoticeSlot *slot, GVariant **arguments)
{
  if (slot->number == 0)
    return NULL;
  *arguments = g_variant_new ("(u)", slot->number);
  return "CloseNotification";
}

const KithNotifierWay kith_notifier_server = {
  .name = "org.freedesktop.Notifications",
  .path = "/org/freedesktop/Notifications",
  .interface = "org.freedesktop.Notifications",
  .missing = "There is no notification server on the session bus (org.freedesktop.Notifications), so no notifications "
             "are shown: start one, such as dunst or mako, or use a desktop that brings one",
  .appeared = server_appeared,
  .prepare = server_prepare,
  .signal = server_signal,
  .show = server_show,
  .withdraw = server_withdraw,
  .shown = server_shown,
};
