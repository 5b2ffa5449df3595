/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* logind's PrepareForSleep on the system bus, and GNetworkMonitor, which asks NetworkManager there, or, where GLib goes
 * through portals, one on the session bus, and for as long as that takes. Whoever asks for it first waits, be it a
 * plugin on the main loop, and with it whoever asks for TLS or a proxy: so those two are asked here, before, whether
 * they answer, and GLib does without them when they do not. */
#define G_LOG_DOMAIN "kithd"
#include "kith-waking.h"

#include "kith-autostart.h"
#include "kith-log.h"

/* One change of network shows as a dozen routes and addresses. */
#define TOGETHER_MS 1000
#define DEADLINE_MS 3000

struct _KithWaking
{
  grefcount ref;
  KithWakingFunc func;         /* NULL: nobody wants to know any more */
  void (*settled) (gpointer data);   /* NULL: it was told */
  gpointer data;
  guint deadline;
  guint n_asked;               /* who is still to answer before the network monitor is looked for */
  gboolean looking;            /* for the network monitor */
  gboolean system_known;       /* it is there, or it is not */
  GCancellable *cancellable;
  GDBusConnection *system;
  guint sleep_signal;
  GNetworkMonitor *monitor;
  gulong changed;
  guint together;
  const char *again;           /* static: what happened meanwhile */
};

static KithWaking *
waking_ref (KithWaking *self)
{
  g_ref_count_inc (&self->ref);
  return self;
}

static void
waking_unref (gpointer data)
{
  KithWaking *self = data;

  if (!g_ref_count_dec (&self->ref))
    return;
  g_object_unref (self->cancellable);
  g_free (self);
}

static gboolean
on_together (gpointer data)
{
  KithWaking *self = data;
  const char *why = g_steal_pointer (&self->again);

  if (why == NULL)
    {
      self->together = 0;
      return G_SOURCE_REMOVE;
    }
  self->func (why, self->data);
  return G_SOURCE_CONTINUE;
}

static void
tell (KithWaking *self, const char *why)
{
  if (self->together != 0)
    {
      self->again = why;
      return;
    }
  self->together = g_timeout_add (TOGETHER_MS, on_together, self);
  self->func (why, self->data);
}

static void
settle (KithWaking *self)
{
  void (*settled) (gpointer data) = g_steal_pointer (&self->settled);

  g_clear_handle_id (&self->deadline, g_source_remove);
  if (settled != NULL && self->func != NULL)
    settled (self->data);
}

/* --- sleep */

static void
on_sleep (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
          GVariant *arguments, gpointer data)
{
  gboolean going = TRUE;

  if (g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(b)")))
    g_variant_get (arguments, "(b)", &going);
  if (!going)
    tell (data, "the computer woke up");
}

/* --- network */

static void
on_network_changed (GNetworkMonitor *monitor, gboolean available, gpointer data)
{
  tell (data, "the network changed");
}

/* Where NetworkManager or a portal is asked, the first call waits for it. */
static void
find_monitor (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, g_object_ref (g_network_monitor_get_default ()), g_object_unref);
}

static void
on_monitor (GObject *source, GAsyncResult *result, gpointer data)
{
  KithWaking *self = data;
  g_autoptr (GNetworkMonitor) monitor = g_task_propagate_pointer (G_TASK (result), NULL);

  if (monitor != NULL && self->func != NULL)
    {
      self->changed = g_signal_connect (monitor, "network-changed", G_CALLBACK (on_network_changed), self);
      self->monitor = g_steal_pointer (&monitor);
      kith_debug ("changes of the network are heard of from %s", G_OBJECT_TYPE_NAME (self->monitor));
    }
  settle (self);
  waking_unref (self);
}

static void
look_for_monitor (KithWaking *self)
{
  g_autoptr (GTask) task = NULL;

  if (self->looking || self->func == NULL)
    return;
  self->looking = TRUE;
  task = g_task_new (NULL, self->cancellable, on_monitor, waking_ref (self));
  g_task_set_return_on_cancel (task, TRUE);
  g_task_run_in_thread (task, find_monitor);
}

/* --- those that it asks */

static void
one_is_known (KithWaking *self)
{
  if (--self->n_asked == 0)
    look_for_monitor (self);
}

/* That there is nobody is an answer, too. */
static void
on_ping (GObject *bus, GAsyncResult *result, gpointer data)
{
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (bus), result, NULL);

  one_is_known (data);
  waking_unref (data);
}

static void
ping (KithWaking *self, GDBusConnection *bus, const char *name, const char *path, GDBusCallFlags flags)
{
  g_dbus_connection_call (bus, name, path, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, flags, 2 * DEADLINE_MS,
                          self->cancellable, on_ping, waking_ref (self));
}

static void
on_session_bus (GObject *source, GAsyncResult *result, gpointer data)
{
  KithWaking *self = data;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, NULL);

  if (bus != NULL)
    g_dbus_connection_set_exit_on_close (bus, FALSE);
  if (bus != NULL && self->func != NULL)
    ping (self, bus, "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", G_DBUS_CALL_FLAGS_NONE);
  else
    one_is_known (self);
  waking_unref (self);
}

static void
on_system_bus (GObject *source, GAsyncResult *result, gpointer data)
{
  KithWaking *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, &error);

  self->system_known = TRUE;
  if (bus != NULL)
    g_dbus_connection_set_exit_on_close (bus, FALSE);
  if (self->func == NULL)
    ;
  else if (bus == NULL && !self->looking)
    kith_info ("there is no system bus: that the computer woke up shows only by links that died (%s)", error->message);
  else if (bus != NULL)
    {
      self->system = g_object_ref (bus);
      self->sleep_signal = g_dbus_connection_signal_subscribe (
        bus, "org.freedesktop.login1", "org.freedesktop.login1.Manager", "PrepareForSleep", "/org/freedesktop/login1",
        NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_sleep, self, NULL);
    }
  if (bus != NULL && self->func != NULL)
    ping (self, bus, "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager",
          G_DBUS_CALL_FLAGS_NO_AUTO_START);
  else
    one_is_known (self);
  waking_unref (self);
}

static gboolean
on_deadline (gpointer data)
{
  KithWaking *self = data;

  self->deadline = 0;
  if (self->looking)
    kith_warning ("nobody tells the network's state in time (NetworkManager, a portal): what asks for it may wait");
  else
    {
      kith_warning ("%s: nobody tells of a metered network",
                    self->system_known ? "who knows the network (NetworkManager, a portal) does not answer"
                                       : "the system bus does not answer, so nobody tells when the computer wakes up");
      g_setenv ("GIO_USE_NETWORK_MONITOR", "netlink", TRUE);
      if (kith_autostart_is_wanted ())
        g_setenv ("GIO_USE_PROXY_RESOLVER", "dummy", TRUE);
      look_for_monitor (self);
    }
  settle (self);
  return G_SOURCE_REMOVE;
}

/* --- */

KithWaking *
kith_waking_new (KithWakingFunc func, void (*settled) (gpointer data), gpointer data)
{
  KithWaking *self = g_new0 (KithWaking, 1);

  g_ref_count_init (&self->ref);
  self->func = func;
  self->settled = settled;
  self->data = data;
  self->deadline = g_timeout_add (DEADLINE_MS, on_deadline, self);
  self->cancellable = g_cancellable_new ();
  self->n_asked = 1;
  g_bus_get (G_BUS_TYPE_SYSTEM, self->cancellable, on_system_bus, waking_ref (self));
  if (!kith_autostart_is_wanted ())
    return self;
  self->n_asked++;
  g_bus_get (G_BUS_TYPE_SESSION, self->cancellable, on_session_bus, waking_ref (self));
  return self;
}

void
kith_waking_free (KithWaking *self)
{
  self->func = NULL;
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->deadline, g_source_remove);
  g_clear_handle_id (&self->together, g_source_remove);
  if (self->sleep_signal != 0)
    g_dbus_connection_signal_unsubscribe (self->system, self->sleep_signal);
  g_clear_object (&self->system);
  g_clear_signal_handler (&self->changed, self->monitor);
  g_clear_object (&self->monitor);
  waking_unref (self);
}
