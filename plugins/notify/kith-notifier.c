/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-notifier-private.h"

/* --- slots: counted, because a call may come back when the notifier has gone */

static void
slot_clear (gpointer data)
{
  g_free (((KithNoticeSlot *) data)->id);
}

static void
slot_release (gpointer data)
{
  g_rc_box_release_full (data, slot_clear);
}

static void
slot_forget (gpointer data)
{
  ((KithNoticeSlot *) data)->notifier = NULL;
  slot_release (data);
}

KithNoticeSlot *
kith_notifier_lookup (KithNotifier *self, const char *id)
{
  return g_hash_table_lookup (self->slots, id);
}

KithNoticeSlot *
kith_notifier_find (KithNotifier *self, guint32 number)
{
  GHashTableIter iter;
  KithNoticeSlot *slot;

  g_hash_table_iter_init (&iter, self->slots);
  while (number != 0 && g_hash_table_iter_next (&iter, NULL, (gpointer *) &slot))
    if (slot->number == number)
      return slot;
  return NULL;
}

static KithNoticeSlot *
take_slot (KithNotifier *self, const char *id)
{
  KithNoticeSlot *slot = kith_notifier_lookup (self, id);

  if (slot != NULL)
    return slot;
  slot = g_rc_box_new0 (KithNoticeSlot);
  slot->notifier = self;
  slot->id = g_strdup (id);
  g_hash_table_insert (self->slots, slot->id, slot);
  return slot;
}

/* --- what is missing is said once, and again after it had been there */

void
kith_notifier_say (KithNotifier *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (self->told)
    return;
  self->told = TRUE;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_message ("%s", text);
}

/* --- the bus */

static void
on_signal (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
           GVariant *parameters, gpointer data)
{
  KithNotifier *self = data;

  self->way->signal (self, signal, parameters);
}

static void
on_appeared (GDBusConnection *bus, const char *name, const char *owner, gpointer data)
{
  KithNotifier *self = data;

  self->way->appeared (self);
}

/* A new one knows nothing of the old one's notifications, unless they stay. */
static void
on_vanished (GDBusConnection *bus, const char *name, gpointer data)
{
  KithNotifier *self = data;
  GHashTableIter iter;
  KithNoticeSlot *slot;

  g_hash_table_iter_init (&iter, self->slots);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &slot))
    {
      if (slot->number != 0 && !self->way->stays)
        self->funcs->closed (slot->id, self->data);
      slot->number = 0;
    }
  self->held = FALSE;
  self->known = FALSE;
}

/* A bus that never answers outlives the notifier, which then is not there any more. */
static void
on_bus (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree KithNotifier **joining = data;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, NULL);
  KithNotifier *self = *joining;

  if (self == NULL)
    return;
  self->joining = NULL;
  if (self->connected) /* the deadline has passed */
    return;
  self->connected = TRUE;
  kith_host_drop_timer (self->host, self->connecting);
  self->connecting = 0;
  if (bus != NULL && !g_dbus_connection_is_closed (bus))
    {
      /* A session that ends tells the daemon in other ways. */
      g_dbus_connection_set_exit_on_close (bus, FALSE);
      self->bus = g_steal_pointer (&bus);
      self->subscription =
        g_dbus_connection_signal_subscribe (self->bus, self->way->name, self->way->interface, NULL, self->way->path,
                                            NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, self, NULL);
      self->properties =
        g_dbus_connection_signal_subscribe (self->bus, self->way->name, "org.freedesktop.DBus.Properties",
                                            "PropertiesChanged", self->way->path, self->way->interface,
                                            G_DBUS_SIGNAL_FLAGS_NONE, on_signal, self, NULL);
      self->watch = g_bus_watch_name_on_connection (self->bus, self->way->name, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                    on_appeared, on_vanished, self, NULL);
    }
  self->funcs->ready (self->data);
}

static gboolean
on_connect_deadline (gpointer data)
{
  KithNotifier *self = data;

  self->connecting = 0;
  self->connected = TRUE;
  g_cancellable_cancel (self->cancellable);
  self->funcs->ready (self->data);
  return G_SOURCE_REMOVE;
}

KithNotifier *
kith_notifier_new (KithHost *host, const KithNotifierFuncs *funcs, gpointer data)
{
  KithNotifier *self = g_new0 (KithNotifier, 1);
  /* The same rule as GLib's: a sandbox, or who wants to try the portal outside of one. */
  gboolean portal = g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS)
                    || g_strcmp0 (g_getenv ("GTK_USE_PORTAL"), "1") == 0;

  self->host = host;
  self->funcs = funcs;
  self->data = data;
  self->way = portal ? &kith_notifier_portal : &kith_notifier_server;
  self->can_body = TRUE;
  self->slots = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, slot_forget);
  self->cancellable = g_cancellable_new ();
  self->connecting = kith_host_add_timer (host, KITH_NOTIFY_DEADLINE_MS, on_connect_deadline, self, NULL);
  self->joining = g_new (KithNotifier *, 1);
  *self->joining = self;
  g_bus_get (G_BUS_TYPE_SESSION, self->cancellable, on_bus, self->joining);
  return self;
}

void
kith_notifier_free (KithNotifier *self)
{
  if (self->joining != NULL)
    *self->joining = NULL;
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  kith_host_drop_timer (self->host, self->connecting);
  if (self->bus != NULL)
    {
      g_dbus_connection_signal_unsubscribe (self->bus, self->subscription);
      g_dbus_connection_signal_unsubscribe (self->bus, self->properties);
    }
  g_clear_handle_id (&self->watch, g_bus_unwatch_name);
  g_clear_object (&self->bus);
  g_hash_table_unref (self->slots);
  g_free (self);
}

gboolean
kith_notifier_is_held (KithNotifier *self)
{
  return self->held;
}

gboolean
kith_notifier_can_show (KithNotifier *self, const char *id)
{
  KithNoticeSlot *slot = kith_notifier_lookup (self, id);

  if (!self->connected)
    return FALSE;
  if (self->bus == NULL || g_dbus_connection_is_closed (self->bus))
    {
      kith_notifier_say (self, "There is no session bus, so no notifications are shown; on a server, switch the "
                               "plugin off: kithctl plugins disable notify");
      return FALSE;
    }
  if (self->way->prepare != NULL && !self->known)
    {
      if (!self->preparing)
        self->way->prepare (self);
      return FALSE;
    }
  return slot == NULL || !slot->busy;
}

/* --- showing and taking away */

static void
send_withdrawal (KithNoticeSlot *slot)
{
  KithNotifier *self = slot->notifier;
  GVariant *arguments = NULL;
  const char *method = self->way->withdraw (self, slot, &arguments);

  slot->number = 0;
  /* Nobody waits for the answer. */
  if (method != NULL && self->bus != NULL)
    g_dbus_connection_call (self->bus, self->way->name, self->way->path, self->way->interface, method, arguments, NULL,
                            G_DBUS_CALL_FLAGS_NO_AUTO_START, KITH_NOTIFY_DEADLINE_MS, NULL, NULL, NULL);
}

static gboolean
is_missing (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE)
         || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT);
}

static void
say_why (KithNotifier *self, const GError *error)
{
  if (is_missing (error))
    kith_notifier_say (self, "%s", self->way->missing);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
           || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
           || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT))
    kith_notifier_say (self, "%s did not answer within %u s, so a notification is not shown", self->way->name,
                       KITH_NOTIFY_DEADLINE_MS / 1000);
  else
    kith_notifier_say (self, "A notification is not shown: %s", error->message);
}

static void
on_shown (GObject *source, GAsyncResult *result, gpointer data)
{
  KithNoticeSlot *slot = data;
  KithNotifier *self = slot->notifier;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (self != NULL)
    {
      slot->busy = FALSE;
      if (answer != NULL)
        {
          self->told = FALSE;
          self->way->shown (slot, answer);
        }
      else
        say_why (self, error);
      if (slot->withdrawn)
        send_withdrawal (slot);
      else if (error != NULL)
        self->funcs->failed (slot->id, self->data);
      slot->withdrawn = FALSE;
      if (error == NULL)
        self->funcs->ready (self->data);
    }
  slot_release (slot);
}

void
kith_notifier_show (KithNotifier *self, const KithNotice *notice)
{
  KithNoticeSlot *slot = take_slot (self, notice->id);
  GVariant *arguments = NULL;
  const char *method = self->way->show (self, slot, notice, &arguments);

  slot->busy = TRUE;
  slot->withdrawn = FALSE;
  g_dbus_connection_call (self->bus, self->way->name, self->way->path, self->way->interface, method, arguments, NULL,
                          G_DBUS_CALL_FLAGS_NONE, KITH_NOTIFY_DEADLINE_MS, NULL, on_shown, g_rc_box_acquire (slot));
}

void
kith_notifier_withdraw (KithNotifier *self, const char *id)
{
  KithNoticeSlot *slot = kith_notifier_lookup (self, id);

  /* What an earlier life has put up. */
  if (slot == NULL && self->way->stays && self->bus != NULL)
    slot = take_slot (self, id);
  if (slot != NULL && slot->busy)
    slot->withdrawn = TRUE;
  else if (slot != NULL)
    {
      send_withdrawal (slot);
      g_hash_table_remove (self->slots, id);
    }
}

static void
on_flushed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;

  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  g_task_return_boolean (task, TRUE);
}

void
kith_notifier_leave (KithNotifier *self, GTask *task)
{
  GHashTableIter iter;
  KithNoticeSlot *slot;
  gboolean said = FALSE;

  g_hash_table_iter_init (&iter, self->slots);
  while (!self->way->stays && g_hash_table_iter_next (&iter, NULL, (gpointer *) &slot))
    {
      said |= slot->number != 0;
      send_withdrawal (slot);
    }
  /* GDBus writes in a thread of its own, for which nobody waits at the end. If the bus stands still, the loader's
   * deadline holds. */
  if (said && self->bus != NULL && !g_dbus_connection_is_closed (self->bus))
    g_dbus_connection_flush (self->bus, NULL, on_flushed, task);
  else
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
    }
}
