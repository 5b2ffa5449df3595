/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#include "kith-autostart.h"

#include <string.h>

#include "kith-locale.h"
#include "kith-log.h"

#define PORTAL "org.freedesktop.portal.Desktop"
#define PORTAL_PATH "/org/freedesktop/portal/desktop"
/* The call itself; and then a person may be asked, who may be elsewhere. */
#define CALL_DEADLINE_MS 5000
#define ANSWER_DEADLINE_S 120

struct _KithAutostart
{
  grefcount ref;
  KithAutostartFunc func;      /* NULL: it was let go */
  gpointer data;
  GDBusConnection *bus;
  GSettings *main;
  gulong changed;
  GCancellable *cancellable;
  guint n_asked;
  gboolean wanted;             /* what was asked for last */
  gboolean asking, again;
  guint response, deadline;
};

gboolean
kith_autostart_is_wanted (void)
{
  /* As GLib decides whether to go through portals. */
  return g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS) || g_strcmp0 (g_getenv ("GTK_USE_PORTAL"), "1") == 0;
}

static void
autostart_unref (gpointer data)
{
  KithAutostart *self = data;

  if (!g_ref_count_dec (&self->ref))
    return;
  g_object_unref (self->bus);
  g_object_unref (self->main);
  g_object_unref (self->cancellable);
  g_free (self);
}

static KithAutostart *
autostart_ref (KithAutostart *self)
{
  g_ref_count_inc (&self->ref);
  return self;
}

static void ask (KithAutostart *self);

/* One answer, of whatever kind. */
static void
settle (KithAutostart *self, const char *state)
{
  if (self->response != 0)
    g_dbus_connection_signal_unsubscribe (self->bus, self->response);
  self->response = 0;
  g_clear_handle_id (&self->deadline, g_source_remove);
  self->asking = FALSE;
  if (self->func == NULL)
    return;
  self->func (state, self->data);
  if (!self->again)
    return;
  self->again = FALSE;
  ask (self);
}

static void
fail (KithAutostart *self, const char *why)
{
  g_autofree char *state = g_strconcat ("failed: ", why, NULL);

  kith_warning ("the desktop does not arrange that kithd starts after login: %s", why);
  settle (self, state);
}

static void
on_response (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
             GVariant *arguments, gpointer data)
{
  KithAutostart *self = data;
  g_autoptr (GVariant) results = NULL;
  guint32 response = 2;
  gboolean on = FALSE;

  if (g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(ua{sv})")))
    {
      g_variant_get (arguments, "(u@a{sv})", &response, &results);
      g_variant_lookup (results, "autostart", "b", &on);
    }
  if (response == 0 && on == self->wanted)
    settle (self, on ? "on" : "off");
  else if (response > 1)
    fail (self, "its portal ended the question");
  else if (!self->wanted)
    settle (self, "off");
  else
    {
      kith_warning ("the desktop refused to start kithd after login: allow it to run in the background in the desktop's"
                    " settings for applications, then switch “autostart” off and on again");
      settle (self, "refused: allow kith to run in the background in the desktop's settings for applications");
    }
}

static gboolean
on_deadline (gpointer data)
{
  KithAutostart *self = data;

  self->deadline = 0;
  fail (self, "nobody answered its question; switch “autostart” off and on to be asked again");
  return G_SOURCE_REMOVE;
}

static void
on_called (GObject *bus, GAsyncResult *result, gpointer data)
{
  KithAutostart *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) handle = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, &error);

  if (handle == NULL && self->func != NULL && self->asking)
    {
      g_dbus_error_strip_remote_error (error);
      fail (self, error->message);
    }
  autostart_unref (self);
}

static GVariant *
make_options (KithAutostart *self, const char *token)
{
  static const char *const command[] = { "kithd", NULL };
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "handle_token", g_variant_new_string (token));
  g_variant_builder_add (&options, "{sv}", "reason",
                         g_variant_new_string (_("Messages of friends arrive while no window is open.")));
  g_variant_builder_add (&options, "{sv}", "autostart", g_variant_new_boolean (self->wanted));
  g_variant_builder_add (&options, "{sv}", "commandline", g_variant_new_strv (command, -1));
  g_variant_builder_add (&options, "{sv}", "dbus-activatable", g_variant_new_boolean (FALSE));
  return g_variant_builder_end (&options);
}

/* The answer comes as a signal, perhaps before the call returns: listen first, then ask. */
static void
ask (KithAutostart *self)
{
  g_autofree char *token = g_strdup_printf ("kith_autostart_%u", ++self->n_asked);
  g_autofree char *sender = g_strdup (g_dbus_connection_get_unique_name (self->bus) + 1);
  g_autofree char *path = NULL;

  if (self->asking)
    {
      self->again = TRUE;
      return;
    }
  self->asking = TRUE;
  self->wanted = g_settings_get_boolean (self->main, "autostart");
  g_strdelimit (sender, ".", '_');
  path = g_strdup_printf (PORTAL_PATH "/request/%s/%s", sender, token);
  self->response = g_dbus_connection_signal_subscribe (self->bus, PORTAL, "org.freedesktop.portal.Request", "Response",
                                                       path, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_response, self, NULL);
  self->deadline = g_timeout_add_seconds (ANSWER_DEADLINE_S, on_deadline, self);
  self->func ("asked", self->data);
  g_dbus_connection_call (self->bus, PORTAL, PORTAL_PATH, "org.freedesktop.portal.Background", "RequestBackground",
                          g_variant_new ("(s@a{sv})", "", make_options (self, token)), G_VARIANT_TYPE ("(o)"),
                          G_DBUS_CALL_FLAGS_NONE, CALL_DEADLINE_MS, self->cancellable, on_called,
                          autostart_ref (self));
}

static void
on_changed (GSettings *main, const char *key, KithAutostart *self)
{
  ask (self);
}

KithAutostart *
kith_autostart_new (GDBusConnection *bus, GSettings *main, KithAutostartFunc func, gpointer data)
{
  KithAutostart *self = g_new0 (KithAutostart, 1);

  g_ref_count_init (&self->ref);
  self->bus = g_object_ref (bus);
  self->main = g_object_ref (main);
  self->func = func;
  self->data = data;
  self->cancellable = g_cancellable_new ();
  self->changed = g_signal_connect (main, "changed::autostart", G_CALLBACK (on_changed), self);
  /* The desktop keeps the answer; asking again at each start shows when it was taken back. */
  if (g_settings_get_boolean (main, "autostart"))
    ask (self);
  return self;
}

void
kith_autostart_free (KithAutostart *self)
{
  self->func = NULL;
  self->again = FALSE;
  g_clear_signal_handler (&self->changed, self->main);
  g_cancellable_cancel (self->cancellable);
  settle (self, NULL);
  autostart_unref (self);
}
