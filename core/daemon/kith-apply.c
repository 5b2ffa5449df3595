/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each setting does, at the start and live. */
#define G_LOG_DOMAIN "kithd"
#include <string.h>

#include "kith-daemon-private.h"
#include "kith-log.h"
#include "kith-token.h"

static void
apply_limits (KithDaemon *self, GSettings *main)
{
  guint budget = g_settings_get_uint (main, "window-budget-kib") * 1024;
  KithDoorLimits limits;

  kith_door_get_limits (self->door, &limits);
  limits.max_connections = g_settings_get_uint (main, "max-connections");
  limits.max_websockets = g_settings_get_uint (main, "max-websockets");
  limits.frame_rate = g_settings_get_uint (main, "frames-per-second");
  limits.frame_burst = g_settings_get_uint (main, "frames-burst");
  limits.client_budget_bytes = budget;
  kith_door_set_limits (self->door, &limits);
  g_object_set (kith_api_get_windows (self->api), "budget", budget, NULL);
}

static void
apply_origins (KithDaemon *self, GSettings *main)
{
  g_auto (GStrv) origins = g_settings_get_strv (main, "allowed-origins");

  kith_door_set_origins (self->door, (const char *const *) origins);
}

gboolean
kith_daemon_apply_token (KithDaemon *self, gboolean anew, char **token, GError **error)
{
  gboolean required = g_settings_get_boolean (kith_settings_get_main (self->settings), "require-token");
  g_autofree char *text = NULL;

  if (required || anew || token != NULL)
    text = kith_token_obtain (self->world, self->home->token, anew, error);
  /* Without one, nobody on TCP is let in: never the other way round. */
  kith_door_set_token (self->door, required, text, text != NULL ? strlen (text) : 0);
  if ((required || token != NULL) && text == NULL)
    return FALSE;
  if (token != NULL)
    *token = g_steal_pointer (&text);
  return TRUE;
}

static void
apply_sharing (KithDaemon *self, GSettings *main)
{
  g_object_set (self->chat, "allow-presence", g_settings_get_boolean (main, "allow-presence"), "allow-typing",
                g_settings_get_boolean (main, "allow-typing"), "allow-receipts",
                g_settings_get_boolean (main, "allow-receipts"), NULL);
}

static void
apply_link_times (KithDaemon *self, GSettings *main)
{
  kith_chat_set_link_times (self->chat, g_settings_get_uint (main, "ping-interval"),
                            g_settings_get_uint (main, "ping-interval-quiet"),
                            g_settings_get_uint (main, "ping-timeout"));
}

static gboolean
apply_port (KithDaemon *self, GSettings *main, const char *key, KithWay way, GError **error)
{
  guint16 port;

  g_settings_get (main, key, "q", &port);
  /* Held for us already; from then on it is answered when we are ready. */
  if (kith_door_get_port (self->door, way) == 0 && kith_sockets_have (self->sockets, way))
    return TRUE;
  return kith_door_get_port (self->door, way) == port || kith_door_listen_tcp (self->door, way, port, error);
}

static void
apply_peer_port (KithDaemon *self, GSettings *main)
{
  guint16 port;

  g_settings_get (main, "peer-port", "q", &port);
  kith_api_set_peer_port (self->api, port);
}

static void
sort_sockets (KithDaemon *self, GSettings *main)
{
  guint16 api_port, events_port;

  g_settings_get (main, "api-port", "q", &api_port);
  g_settings_get (main, "events-port", "q", &events_port);
  kith_sockets_sort (self->sockets, api_port, events_port);
}

gboolean
kith_daemon_apply_all (KithDaemon *self, GError **error)
{
  GSettings *main = kith_settings_get_main (self->settings);

  if (self->sockets != NULL)
    sort_sockets (self, main);
  apply_limits (self, main);
  apply_origins (self, main);
  apply_sharing (self, main);
  apply_peer_port (self, main);
  apply_link_times (self, main);
  kith_store_set_journal_limit (self->store, g_settings_get_uint (main, "journal-length"));
  return kith_daemon_apply_token (self, FALSE, NULL, error) && apply_port (self, main, "api-port", KITH_WAY_API, error)
         && apply_port (self, main, "events-port", KITH_WAY_EVENTS, error);
}

/* --- live */

static void
on_changed (KithSettings *settings, const char *key, KithDaemon *self)
{
  GSettings *main = kith_settings_get_main (settings);
  g_autoptr (GError) error = NULL;

  if (self->stopping)
    return;
  if (strcmp (key, "api-port") == 0)
    apply_port (self, main, key, KITH_WAY_API, &error);
  else if (strcmp (key, "events-port") == 0)
    apply_port (self, main, key, KITH_WAY_EVENTS, &error);
  else if (strcmp (key, "peer-port") == 0)
    apply_peer_port (self, main);
  else if (strcmp (key, "allowed-origins") == 0)
    apply_origins (self, main);
  else if (strcmp (key, "require-token") == 0)
    kith_daemon_apply_token (self, FALSE, NULL, &error);
  else if (strcmp (key, "journal-length") == 0)
    kith_store_set_journal_limit (self->store, g_settings_get_uint (main, key));
  else if (g_str_has_prefix (key, "allow-"))
    apply_sharing (self, main);
  else if (g_str_has_prefix (key, "ping-"))
    apply_link_times (self, main);
  else if (strcmp (key, "username") == 0)
    {
      g_autofree char *username = kith_settings_dup_username (settings, &error);

      if (username != NULL)
        g_object_set (self->chat, "username", username, NULL);
    }
  else
    apply_limits (self, main);
  if (error != NULL)
    kith_warning ("the new value of %s is not used: %s", key, error->message);
}

void
kith_daemon_follow (KithDaemon *self)
{
  g_signal_connect (self->settings, "changed", G_CALLBACK (on_changed), self);
}
