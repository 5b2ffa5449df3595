/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /signal: who comes in, who is who, who goes. spec/signaling.md. */
#include "kith-signal-private.h"

#include <sodium.h>

#define AUTH_MS 10000

static void
client_free (gpointer data)
{
  KithSignalClient *client = data;

  if (client->timer != 0)
    kith_world_drop_timer (client->signal->world, client->timer);
  g_hash_table_unref (client->watched);
  g_free (client->key);
  g_free (client);
}

static gboolean
on_auth_time (gpointer data)
{
  KithSignalClient *client = data;

  client->timer = 0;
  kith_signal_say (client, (const char *const[]) { "type", "auth_failure", "reason", "no answer in 10 s", NULL });
  kith_socket_close (client->socket, 4401, "not authenticated");
  return G_SOURCE_REMOVE;
}

static void
on_message (KithSocket *socket, const char *text, gsize n, gpointer data)
{
  kith_signal_take (data, text, n);
}

static void
on_binary (KithSocket *socket, gsize n, gpointer data)
{
  kith_signal_say (data, (const char *const[]) { "type", "error", "error", "bad_message", NULL });
}

static void
on_written (KithSocket *socket, gsize n, gpointer data)
{
}

static void
on_closed (KithSocket *socket, guint code, gpointer data)
{
  KithSignalClient *client = data;

  if (client->key == NULL || g_hash_table_lookup (client->signal->by_key, client->key) != client)
    return;
  kith_signal_tell_all (client, "offline");
  g_hash_table_remove (client->signal->by_key, client->key);
}

void
kith_signal_connect (KithSignal *self, KithExchange *exchange)
{
  static const KithSocketFuncs funcs = { on_message, on_binary, on_written, on_closed };
  KithSignalClient *client = g_new0 (KithSignalClient, 1);
  char challenge[sodium_base64_ENCODED_LEN (KITH_SIGNAL_CHALLENGE, sodium_base64_VARIANT_ORIGINAL)];
  g_autofree char *text = NULL;

  client->signal = self;
  client->status = "offline";
  client->watched = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  client->tokens = 100;
  client->at_us = kith_world_get_time_us (self->world);
  kith_world_fill_random (self->world, client->challenge, sizeof client->challenge);
  client->socket = kith_exchange_upgrade (exchange, &funcs, client, client_free);
  if (client->socket == NULL)
    return;
  client->timer = kith_world_add_timer (self->world, AUTH_MS, on_auth_time, client, NULL);
  sodium_bin2base64 (challenge, sizeof challenge, client->challenge, sizeof client->challenge,
                     sodium_base64_VARIANT_ORIGINAL);
  text = g_strdup_printf ("{\"type\":\"auth_challenge\",\"challenge\":\"%s\",\"v\":2}", challenge);
  kith_socket_send_text (client->socket, text, -1);
}

KithSignal *
kith_signal_new (KithWorld *world, const char *const *hosts, gboolean open)
{
  KithSignal *self = g_new0 (KithSignal, 1);

  self->world = world;
  self->hosts = g_strdupv ((char **) hosts);
  self->open = open;
  self->by_key = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

void
kith_signal_free (KithSignal *self)
{
  g_hash_table_unref (self->by_key);
  g_strfreev (self->hosts);
  g_free (self);
}
