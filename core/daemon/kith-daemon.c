/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wiring and the end; what happens in between is in kith-start.c. */
#define G_LOG_DOMAIN "kithd"
#include "kith-daemon.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

#include "kith-daemon-private.h"
#include "kith-key-ring.h"
#include "kith-log.h"

/* The whole stop has two seconds: open answers get a little, plugins one, the database the rest. */
#define DOOR_GRACE_MS 300
#define STOP_DEADLINE_MS 1500

void
kith_daemon_fail (KithDaemon *self, const GError *error)
{
  if (self->status == 0)
    fprintf (stderr, "kithd: %s\n", error->message);
  self->status = 1;
  kith_daemon_stop (self);
}

/* --- the end */

static void
end (KithDaemon *self)
{
  if (!g_main_loop_is_running (self->loop))
    return;
  g_clear_handle_id (&self->deadline, g_source_remove);
  kith_mark_closing (self->mark);
  kith_keys_close (self->keys);
  kith_store_close (self->store);
  g_main_loop_quit (self->loop);
}

static gboolean
on_deadline (gpointer data)
{
  KithDaemon *self = data;

  self->deadline = 0;
  kith_warning ("something did not stop in time; going without it");
  end (self);
  return G_SOURCE_REMOVE;
}

static void
part_stopped (KithDaemon *self)
{
  if (--self->stop_parts == 0)
    end (self);
}

static void
on_door_closed (GObject *door, GAsyncResult *result, gpointer data)
{
  kith_door_close_finish (KITH_DOOR (door), result, NULL);
  part_stopped (data);
}

static void
on_plugins_stopped (GObject *loader, GAsyncResult *result, gpointer data)
{
  kith_loader_deactivate_all_finish (KITH_LOADER (loader), result, NULL);
  part_stopped (data);
}

void
kith_daemon_stop (KithDaemon *self)
{
  if (self->stopping)
    return;
  self->stopping = TRUE;
  kith_notify ("STOPPING=1");
  kith_desktop_end (self);
  if (self->loader == NULL)
    {
      g_main_loop_quit (self->loop);
      return;
    }
  g_cancellable_cancel (self->starting);
  if (self->decision != NULL)
    kith_request_fail (g_steal_pointer (&self->decision),
                       g_error_new (KITH_ERROR, KITH_ERROR_CLOSED, "kithd is stopping"));
  kith_api_stop (self->api);
  kith_chat_stop (self->chat);
  self->stop_parts = 2;
  self->deadline = g_timeout_add (STOP_DEADLINE_MS, on_deadline, self);
  kith_door_close_async (self->door, DOOR_GRACE_MS, on_door_closed, self);
  kith_loader_deactivate_all_async (self->loader, NULL, on_plugins_stopped, self);
}

static gboolean
on_signal (gpointer data)
{
  kith_daemon_stop (data);
  return G_SOURCE_CONTINUE;
}

/* --- wiring */

static void
tell_event (KithEvent *event, gpointer data)
{
  KithDaemon *self = data;

  if (self->mark != NULL)
    kith_mark_moved (self->mark);
  kith_bus_tell_event (self->bus, event);
}

static GSettings *
open_plugin_settings (const char *schema_id, const char *plugin_id, gpointer data, GError **error)
{
  return kith_settings_open_plugin (((KithDaemon *) data)->settings, plugin_id, schema_id, error);
}

static void
on_status (GObject *chat, GParamSpec *spec, gpointer data)
{
  kith_loader_notify_status (((KithDaemon *) data)->loader);
}

static void
on_connection (KithChat *chat, const char *transport, gpointer data)
{
  kith_loader_notify_addresses (((KithDaemon *) data)->loader);
}

/* Servers and tests (--config) ask no desktop for a key unless the setting says so, and where no session bus answered
 * there is nobody to ask. */
static KithKeyStore *
make_key_store (KithDaemon *self)
{
  g_autofree char *wanted = g_settings_get_string (kith_settings_get_main (self->settings), "key-store");
  gboolean desktop = self->session_bus != NULL && kith_session_bus_get_connection (self->session_bus) != NULL;

  return kith_key_ring_new (self->home->key, wanted, desktop,
                            self->options->profile != NULL ? self->options->profile : "default");
}

static void
make_rooms (KithDaemon *self, const char *username)
{
  KithRooms rooms;

  self->world = kith_world_new ();
  self->bus = kith_bus_new (self->world);
  self->store = kith_store_new (self->world);
  self->keys = kith_keys_new (self->world);
  self->key_store = make_key_store (self);
  self->mark = kith_mark_new (self->world, self->store, self->key_store, self->home->key);
  self->chat = kith_chat_new (self->world, self->store, self->keys, self->bus, username);
  rooms = (KithRooms) { self->world, self->bus, self->store, self->keys, self->chat, self->door, NULL,
                        self->key_store };
  self->api = kith_api_new (&rooms);
  kith_catalog_add_house (kith_api_get_catalog (self->api), kith_admin_routes, self);
  kith_catalog_add_house (kith_api_get_catalog (self->api), kith_admin_key_routes, self);
  kith_catalog_add_house (kith_api_get_catalog (self->api), kith_admin_settings_routes, self);
  kith_catalog_add_house (kith_api_get_catalog (self->api), kith_admin_doctor_routes, self);
  kith_catalog_add_house (kith_api_get_catalog (self->api), kith_admin_command_routes, self);
  kith_catalog_add_house (kith_api_get_catalog (self->api), kith_open_routes, self);
  self->backend = kith_host_backend_new (self->api);
  self->loader = kith_loader_new (self->world, self->bus, &kith_host_backend_funcs, self->backend,
                                  kith_settings_get_main (self->settings), open_plugin_settings, self, NULL);
  kith_api_set_loader (self->api, self->loader);
  kith_store_set_tell_func (self->store, tell_event, self);
  g_signal_connect (self->chat, "notify::status", G_CALLBACK (on_status), self);
  g_signal_connect (self->chat, "connection", G_CALLBACK (on_connection), self);
}

/* On a disk that cannot be written there is no place for a socket, and the user shall be told in /status all the
 * same. */
static gboolean
listen_unix (KithDaemon *self, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autofree char *folder = g_path_get_dirname (self->home->socket);

  if (kith_sockets_have (self->sockets, KITH_WAY_UNIX))
    return TRUE;
  if (kith_door_listen_unix (self->door, self->home->socket, &problem))
    return TRUE;
  if (g_access (folder, W_OK) != 0 && errno == EROFS)
    {
      kith_warning ("%s is on a read-only disk: there is no socket for kithctl until kithd is started again", folder);
      return TRUE;
    }
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

/* What must be known before anything else, and takes no time. */
static gboolean
prepare_settings (KithDaemon *self, GError **error)
{
  if (!kith_process_harden (error))
    return FALSE;
  self->settings = kith_settings_new (self->options->profile, self->options->config, error);
  if (self->settings == NULL)
    return FALSE;
  if (g_settings_get_boolean (kith_settings_get_main (self->settings), "debug-log"))
    g_setenv ("G_MESSAGES_DEBUG", "all", FALSE);
  return TRUE;
}

static gboolean
prepare_rooms (KithDaemon *self, GError **error)
{
  g_autofree char *username = kith_settings_dup_username (self->settings, error);

  if (username == NULL)
    return FALSE;
  self->home = kith_home_new (self->options->profile, self->options->data, error);
  if (self->home == NULL)
    return FALSE;
  make_rooms (self, username);
  if (!kith_daemon_apply_all (self, error) || !listen_unix (self, error))
    return FALSE;
  kith_loader_discover (self->loader);
  kith_daemon_follow_plugins (self);
  kith_daemon_follow (self);
  return TRUE;
}

void
kith_daemon_prepare (KithDaemon *self)
{
  g_autoptr (GError) error = NULL;

  if (prepare_rooms (self, &error))
    {
      kith_desktop_prepared (self);
      kith_daemon_open (self, KITH_STORE_OPEN_CREATE);
      return;
    }
  fprintf (stderr, "kithd: %s\n", error->message);
  self->status = 1;
  kith_desktop_end (self);
  g_main_loop_quit (self->loop);
}

static void
daemon_clear (KithDaemon *self)
{
  kith_desktop_end (self);
  g_clear_pointer (&self->autostart_state, g_free);
  g_clear_pointer (&self->sockets, kith_sockets_free);
  if (self->loader != NULL)
    g_signal_handlers_disconnect_by_data (self->loader, self);
  g_clear_object (&self->loader);
  g_clear_object (&self->api);
  g_clear_pointer (&self->backend, kith_host_backend_free);
  g_clear_object (&self->door);
  if (self->chat != NULL)
    g_signal_handlers_disconnect_by_data (self->chat, self);
  g_clear_object (&self->chat);
  g_clear_object (&self->keys);
  g_clear_pointer (&self->mark, kith_mark_free);
  g_clear_object (&self->store);
  g_clear_pointer (&self->key_store, kith_key_store_free);
  g_clear_object (&self->bus);
  if (self->settings != NULL)
    g_signal_handlers_disconnect_by_data (self->settings, self);
  g_clear_object (&self->settings);
  g_clear_pointer (&self->world, kith_world_unref);
  g_clear_pointer (&self->home, kith_home_free);
  g_clear_object (&self->starting);
  g_clear_pointer (&self->loop, g_main_loop_unref);
}

int
kith_daemon_run (const KithOptions *options)
{
  KithDaemon self = { .options = options };
  g_autoptr (GError) error = NULL;
  guint term, interrupt;

  self.sockets = kith_sockets_take ();
  if (!prepare_settings (&self, &error))
    {
      fprintf (stderr, "kithd: %s\n", error->message);
      daemon_clear (&self);
      return 1;
    }
  self.loop = g_main_loop_new (NULL, FALSE);
  self.starting = g_cancellable_new ();
  self.door = kith_door_new ();
  term = g_unix_signal_add (SIGTERM, on_signal, &self);
  interrupt = g_unix_signal_add (SIGINT, on_signal, &self);
  kith_desktop_begin (&self);
  g_main_loop_run (self.loop);
  g_source_remove (term);
  g_source_remove (interrupt);
  /* What was answered while closing. */
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  daemon_clear (&self);
  return self.status;
}
