/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct
{
  KithCli *cli;
  GMainLoop *loop;
  SoupWebsocketConnection *socket;
  int status;
} Tail;

/* The members of an event, one after the other: readable for any event, those of plugins too. */
static void
print_members (JsonObject *data)
{
  g_autoptr (GList) names = json_object_get_members (data);

  for (GList *name = names; name != NULL; name = name->next)
    {
      JsonNode *node = json_object_get_member (data, name->data);
      g_autofree char *plain = JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
                                 ? g_strdup (json_node_get_string (node)) : json_to_string (node, FALSE);
      g_autofree char *key = kith_cli_clean (name->data, NULL);
      g_autofree char *value = kith_cli_clean (plain, NULL);

      printf (" %s=%s", key, value);
    }
}

static void
print_event (Tail *self, JsonObject *frame)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *when = g_date_time_format (now, "%H:%M:%S");
  g_autofree char *name = kith_cli_clean (kith_cli_string (frame, "event"), NULL);
  JsonNode *data = json_object_get_member (frame, "data");
  gboolean is_object = data != NULL && JSON_NODE_HOLDS_OBJECT (data);

  if (is_object && strcmp (name, "new_message") == 0)
    {
      kith_cli_print_message (self->cli, json_node_get_object (data));
      return;
    }
  printf ("%s%s%s %s%s%s", kith_cli_colour (self->cli, "2"), when, kith_cli_colour (self->cli, "0"),
          kith_cli_colour (self->cli, "33"), name, kith_cli_colour (self->cli, "0"));
  if (is_object)
    print_members (json_node_get_object (data));
  putchar ('\n');
}

static void
on_message (SoupWebsocketConnection *socket, gint type, GBytes *message, gpointer data)
{
  Tail *self = data;
  gsize n;
  const char *text = g_bytes_get_data (message, &n);
  g_autoptr (JsonParser) parser = json_parser_new ();

  if (type != SOUP_WEBSOCKET_DATA_TEXT)
    return;
  if (self->cli->json)
    printf ("%.*s\n", (int) n, text);
  else if (json_parser_load_from_data (parser, text, (gssize)n, NULL)
           && JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    print_event (self, json_node_get_object (json_parser_get_root (parser)));
  if (fflush (stdout) != 0)            /* who read us has gone */
    g_main_loop_quit (self->loop);
}

static void
on_closed (SoupWebsocketConnection *socket, gpointer data)
{
  Tail *self = data;
  const char *why = soup_websocket_connection_get_close_data (socket);

  if (g_main_loop_is_running (self->loop))
    self->status = kith_cli_fail (self->cli, KITH_CLI_ERROR, _ ("kithd closed the connection (%u%s%s)"),
                                  soup_websocket_connection_get_close_code (socket),
                                  why == NULL || *why == '\0' ? "" : ": ", why == NULL ? "" : why);
  g_main_loop_quit (self->loop);
}

static void
on_connected (GObject *session, GAsyncResult *result, gpointer data)
{
  Tail *self = data;
  g_autoptr (GError) error = NULL;

  self->socket = soup_session_websocket_connect_finish (SOUP_SESSION (session), result, &error);
  if (self->socket == NULL)
    {
      self->status = kith_cli_fail_error (self->cli, error);
      g_main_loop_quit (self->loop);
      return;
    }
  soup_websocket_connection_set_max_incoming_payload_size (self->socket, 16 * 1024 * 1024);
  g_signal_connect (self->socket, "message", G_CALLBACK (on_message), self);
  g_signal_connect (self->socket, "closed", G_CALLBACK (on_closed), self);
}

static gboolean
on_signal (gpointer data)
{
  Tail *self = data;

  g_main_loop_quit (self->loop);
  return G_SOURCE_REMOVE;
}

static char *
make_uri (KithCli *cli)
{
  g_autofree char *since = cli->since == NULL ? NULL : kith_cli_escape (cli->since);
  g_autofree char *epoch = cli->epoch == NULL ? NULL : kith_cli_escape (cli->epoch);

  return g_strconcat ("ws://localhost/events", since == NULL ? "" : "?since=", since == NULL ? "" : since,
                      since == NULL || epoch == NULL ? "" : "&epoch=", since == NULL || epoch == NULL ? "" : epoch,
                      NULL);
}

int
kith_cli_tail (KithCli *cli, int argc, char **argv)
{
  Tail self = { .cli = cli };
  g_autofree char *uri = make_uri (cli);
  SoupSession *session = kith_cli_get_session (cli);
  g_autoptr (SoupMessage) message = soup_message_new ("GET", uri);
  guint signals[2] = { g_unix_signal_add (SIGINT, on_signal, &self), g_unix_signal_add (SIGTERM, on_signal, &self) };

  self.loop = g_main_loop_new (NULL, FALSE);
  soup_session_set_timeout (session, 0);       /* quiet is not dead */
  soup_session_websocket_connect_async (session, message, NULL, NULL, G_PRIORITY_DEFAULT, NULL, on_connected, &self);
  g_main_loop_run (self.loop);
  if (self.socket != NULL)
    {
      g_signal_handlers_disconnect_by_data (self.socket, &self);
      g_object_unref (self.socket);
    }
  for (guint i = 0; i < 2; i++)
    if (g_main_context_find_source_by_id (NULL, signals[i]) != NULL)
      g_source_remove (signals[i]);
  g_main_loop_unref (self.loop);
  return self.status;
}
