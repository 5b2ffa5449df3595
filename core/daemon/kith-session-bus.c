/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#include <string.h>

#include "kith-bus-interfaces.h"
#include "kith-locale.h"
#include "kith-log.h"
#include "kith-session-bus-private.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"
#define DO_NOT_QUEUE 4
#define PRIMARY_OWNER 1
#define ALREADY_OWNER 4
/* Each costs a question to the bus; more at once is no use that anybody has for it. */
#define MOST_ASKED 64

/* --- errors as others see them: im.kith.Kith.Error.Invalid … */

static const GDBusErrorEntry errors[] = {
  { KITH_ERROR_FAILED, KITH_BUS_NAME ".Error.Failed" },
  { KITH_ERROR_INVALID, KITH_BUS_NAME ".Error.Invalid" },
  { KITH_ERROR_REFUSED, KITH_BUS_NAME ".Error.Refused" },
  { KITH_ERROR_UNKNOWN, KITH_BUS_NAME ".Error.Unknown" },
  { KITH_ERROR_CONFLICT, KITH_BUS_NAME ".Error.Conflict" },
  { KITH_ERROR_TOO_LARGE, KITH_BUS_NAME ".Error.TooLarge" },
  { KITH_ERROR_TOO_FAST, KITH_BUS_NAME ".Error.TooFast" },
  { KITH_ERROR_UNREACHABLE, KITH_BUS_NAME ".Error.Unreachable" },
  { KITH_ERROR_BUSY, KITH_BUS_NAME ".Error.Busy" },
  { KITH_ERROR_STORE, KITH_BUS_NAME ".Error.Store" },
  { KITH_ERROR_PROTOCOL, KITH_BUS_NAME ".Error.Protocol" },
  { KITH_ERROR_CLOSED, KITH_BUS_NAME ".Error.Closed" },
};

static void
register_errors (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain (g_quark_to_string (KITH_ERROR), &quark, errors, G_N_ELEMENTS (errors));
}

/* --- its life */

static KithSessionBus *
bus_ref (KithSessionBus *self)
{
  g_ref_count_inc (&self->ref);
  return self;
}

static void
bus_unref (KithSessionBus *self)
{
  if (!g_ref_count_dec (&self->ref))
    return;
  g_clear_object (&self->connection);
  g_object_unref (self->cancellable);
  g_object_unref (self->door);
  g_ptr_array_unref (self->waiting);
  g_free (self->name);
  g_free (self->path);
  g_free (self->autostart);
  g_free (self);
}

static void
settle (KithSessionBus *self, KithBusOutcome outcome, const GError *error)
{
  g_clear_handle_id (&self->deadline, g_source_remove);
  if (self->settled || self->funcs == NULL)
    return;
  self->settled = TRUE;
  self->funcs->settled (outcome, error, self->daemon);
}

/* --- who asks */

typedef struct
{
  KithSessionBus *bus;
  GDBusMethodInvocation *invocation;
} Asked;

static void
on_quit_told (GObject *connection, GAsyncResult *result, gpointer data)
{
  KithSessionBus *self = data;

  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (connection), result, NULL);
  if (self->funcs != NULL)
    self->funcs->quit (self->daemon);
  bus_unref (self);
}

static void
serve (KithSessionBus *self, GDBusMethodInvocation *invocation)
{
  const char *interface = g_dbus_method_invocation_get_interface_name (invocation);

  if (strcmp (interface, KITH_APPLICATION_INTERFACE) == 0)
    kith_bus_actions_call (self, invocation);
  else if (strcmp (interface, KITH_BUS_INTERFACE) != 0)
    kith_bus_status_call (self, invocation);
  else
    {
      /* Quit, the only method there is. */
      g_dbus_method_invocation_return_value (invocation, NULL);
      g_dbus_connection_flush (self->connection, NULL, on_quit_told, bus_ref (self));
    }
}

static void
on_user (GObject *connection, GAsyncResult *result, gpointer data)
{
  Asked *asked = data;
  KithSessionBus *self = asked->bus;
  GDBusMethodInvocation *invocation = asked->invocation;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (connection), result, NULL);
  const char *method = g_dbus_method_invocation_get_method_name (invocation);
  guint32 uid = (guint32) -1;

  self->n_asked--;
  if (answer != NULL)
    g_variant_get (answer, "(u)", &uid);
  if (self->funcs == NULL)
    g_dbus_method_invocation_return_error_literal (invocation, KITH_ERROR, KITH_ERROR_CLOSED, "kithd is stopping");
  else if (!kith_door_ask_uid (self->door, answer != NULL, (uid_t) uid, method))
    g_dbus_method_invocation_return_error_literal (invocation, KITH_ERROR, KITH_ERROR_REFUSED,
                                                   "kithd is there for its own user alone");
  else
    serve (self, invocation);
  bus_unref (self);
  g_free (asked);
}

static void
on_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *method,
         GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
  KithSessionBus *self = data;
  Asked *asked;

  if (self->n_asked >= MOST_ASKED)
    {
      g_dbus_method_invocation_return_error_literal (invocation, KITH_ERROR, KITH_ERROR_BUSY,
                                                     "kithd is asked too much at once: try again in a moment");
      return;
    }
  self->n_asked++;
  asked = g_new0 (Asked, 1);
  asked->bus = bus_ref (self);
  asked->invocation = invocation;
  g_dbus_connection_call (connection, DBUS_NAME, DBUS_PATH, DBUS_NAME, "GetConnectionUnixUser",
                          g_variant_new ("(s)", sender), G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE,
                          KITH_BUS_DEADLINE_MS, self->cancellable, on_user, asked);
}

/* Without get_property: reading a property comes to on_call(), too, for who asks is asked about first. */
static const GDBusInterfaceVTable vtable = { on_call, NULL, NULL, { NULL } };

/* --- one instance */

static void
withdraw (KithSessionBus *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->ids); i++)
    if (self->ids[i] != 0)
      g_dbus_connection_unregister_object (self->connection, self->ids[i]);
  memset (self->ids, 0, sizeof self->ids);
  if (self->name_lost != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->name_lost);
  self->name_lost = 0;
}

static void
on_activated (GObject *connection, GAsyncResult *result, gpointer data)
{
  KithSessionBus *self = data;
  g_autoptr (GError) why = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (connection), result, &why);

  if (answer != NULL)
    settle (self, KITH_BUS_HANDED_OVER, NULL);
  else
    {
      g_dbus_error_strip_remote_error (why);
      error = g_error_new (KITH_ERROR, KITH_ERROR_CONFLICT,
                           _("another kithd has the name %s on the session bus, but does not answer (%s): end it, or"
                             " give --profile"), self->name, why->message);
      settle (self, KITH_BUS_OCCUPIED, error);
    }
  bus_unref (self);
}

static void
hand_over (KithSessionBus *self)
{
  withdraw (self);
  if (self->settled)
    {
      kith_warning ("another kithd took the name %s on the session bus meanwhile: this one has no place there",
                    self->name);
      return;
    }
  g_clear_handle_id (&self->deadline, g_source_remove);
  g_dbus_connection_call (self->connection, self->name, self->path, KITH_APPLICATION_INTERFACE, "Activate",
                          g_variant_new ("(a{sv})", NULL), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START,
                          2 * KITH_BUS_DEADLINE_MS, self->cancellable, on_activated, bus_ref (self));
}

static void
on_name (GObject *connection, GAsyncResult *result, gpointer data)
{
  KithSessionBus *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (connection), result, &error);
  guint32 what = PRIMARY_OWNER;

  if (answer != NULL)
    g_variant_get (answer, "(u)", &what);
  if (self->funcs == NULL)
    ;
  else if (answer != NULL && what != PRIMARY_OWNER && what != ALREADY_OWNER)
    hand_over (self);
  else
    {
      if (answer == NULL)
        kith_warning ("the session bus does not give us the name %s: %s", self->name, error->message);
      if (self->settled)
        self->funcs->late (self->daemon);
      else
        settle (self, KITH_BUS_ALONE, NULL);
    }
  bus_unref (self);
}

static void
on_name_lost (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
              const char *signal, GVariant *arguments, gpointer data)
{
  KithSessionBus *self = data;
  const char *name = NULL;

  if (g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(s)")))
    g_variant_get (arguments, "(&s)", &name);
  if (g_strcmp0 (name, self->name) == 0)
    kith_warning ("the session bus took the name %s from us", self->name);
}

static void
on_closed (GDBusConnection *connection, gboolean by_peer, const GError *error, gpointer data)
{
  KithSessionBus *self = data;

  if (self->funcs != NULL)
    self->funcs->closed (self->daemon);
}

static gboolean
export (KithSessionBus *self, GError **error)
{
  GDBusInterfaceInfo *infos[] = { (GDBusInterfaceInfo *) &im_kith_kith1_interface,
                                  (GDBusInterfaceInfo *) &org_freedesktop_application_interface };

  for (guint i = 0; i < G_N_ELEMENTS (infos); i++)
    {
      self->ids[i] = g_dbus_connection_register_object (self->connection, self->path, infos[i], &vtable, self, NULL,
                                                        error);
      if (self->ids[i] == 0)
        return FALSE;
    }
  return TRUE;
}

/* First the objects, then the name: who starts us by a call has it answered. */
static void
take_name (KithSessionBus *self)
{
  g_autoptr (GError) error = NULL;

  if (!export (self, &error))
    {
      kith_warning ("nothing can be offered on the session bus: %s", error->message);
      settle (self, KITH_BUS_ALONE, NULL);
      return;
    }
  self->name_lost = g_dbus_connection_signal_subscribe (self->connection, DBUS_NAME, DBUS_NAME, "NameLost", DBUS_PATH,
                                                        NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_name_lost, self, NULL);
  g_dbus_connection_call (self->connection, DBUS_NAME, DBUS_PATH, DBUS_NAME, "RequestName",
                          g_variant_new ("(su)", self->name, (guint32) DO_NOT_QUEUE), G_VARIANT_TYPE ("(u)"),
                          G_DBUS_CALL_FLAGS_NONE, KITH_BUS_DEADLINE_MS, self->cancellable, on_name, bus_ref (self));
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  KithSessionBus *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_bus_get_finish (result, &error);

  /* Its end is ours only after a clean stop. */
  if (connection != NULL)
    g_dbus_connection_set_exit_on_close (connection, FALSE);
  if (self->funcs == NULL)
    ;
  else if (connection == NULL)
    {
      if (!self->settled)
        kith_warning (
            "there is no session bus, so nothing looks after one kithd at a time, and the desktop cannot start"
            " or reach it; it runs on without. Start it within a session, or with --config (%s)",
            error->message);
      settle (self, KITH_BUS_ALONE, NULL);
    }
  else
    {
      self->connection = g_steal_pointer (&connection);
      self->closed = g_signal_connect (self->connection, "closed", G_CALLBACK (on_closed), self);
      if (self->api != NULL)
        kith_bus_status_follow (self);
      take_name (self);
    }
  bus_unref (self);
}

static gboolean
on_deadline (gpointer data)
{
  KithSessionBus *self = data;

  self->deadline = 0;
  kith_warning ("the session bus does not answer; kithd runs on without it. See what is the matter with %s",
                g_getenv ("DBUS_SESSION_BUS_ADDRESS") != NULL ? "DBUS_SESSION_BUS_ADDRESS" : "$XDG_RUNTIME_DIR/bus");
  settle (self, KITH_BUS_ALONE, NULL);
  return G_SOURCE_REMOVE;
}

KithSessionBus *
kith_session_bus_new (const char *profile, KithDoor *door, const KithSessionBusFuncs *funcs, gpointer daemon)
{
  KithSessionBus *self = g_new0 (KithSessionBus, 1);
  gboolean usual = strcmp (profile, "default") == 0;

  register_errors ();
  g_ref_count_init (&self->ref);
  self->funcs = funcs;
  self->daemon = daemon;
  self->door = g_object_ref (door);
  self->name = usual ? g_strdup (KITH_BUS_NAME) : g_strconcat (KITH_BUS_NAME ".Profile.", profile, NULL);
  self->path = g_strconcat ("/", self->name, NULL);
  g_strdelimit (self->path, ".", '/');
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  self->autostart = g_strdup ("off");
  self->cancellable = g_cancellable_new ();
  self->deadline = g_timeout_add (KITH_BUS_DEADLINE_MS, on_deadline, self);
  g_bus_get (G_BUS_TYPE_SESSION, self->cancellable, on_connected, bus_ref (self));
  return self;
}

void
kith_session_bus_free (KithSessionBus *self)
{
  self->funcs = NULL;
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->deadline, g_source_remove);
  for (guint i = 0; i < self->waiting->len; i++)
    g_dbus_method_invocation_return_error_literal (g_object_ref (self->waiting->pdata[i]), KITH_ERROR,
                                                   KITH_ERROR_CLOSED, "kithd is stopping");
  kith_bus_status_stop (self);
  if (self->connection != NULL)
    {
      withdraw (self);
      g_clear_signal_handler (&self->closed, self->connection);
      if (self->settled)
        g_dbus_connection_call (self->connection, DBUS_NAME, DBUS_PATH, DBUS_NAME, "ReleaseName",
                                g_variant_new ("(s)", self->name), NULL, G_DBUS_CALL_FLAGS_NONE, KITH_BUS_DEADLINE_MS,
                                NULL, NULL, NULL);
    }
  bus_unref (self);
}

GDBusConnection *
kith_session_bus_get_connection (KithSessionBus *self)
{
  return self->connection;
}

void
kith_session_bus_set_api (KithSessionBus *self, KithApi *api)
{
  self->api = api;
  if (self->connection != NULL)
    kith_bus_status_follow (self);
}

void
kith_session_bus_ready (KithSessionBus *self)
{
  self->ready = TRUE;
  kith_session_bus_look (self);
  kith_bus_actions_resume (self);
}
