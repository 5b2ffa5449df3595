/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "read": the one thing that is said as an event. The daemon works through what it got before it closes, so an answer
 * other than its goodbye is an error. */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>

#define PATIENCE_S 10

typedef struct
{
  KithCli *cli;
  GMainLoop *loop;
  SoupWebsocketConnection *socket;
  const char *peer, *id;
  int status;
} Reading;

static void
on_message (SoupWebsocketConnection *socket, gint type, GBytes *message, gpointer data)
{
  Reading *self = data;
  g_autoptr (JsonParser) parser = json_parser_new ();
  gsize n;
  const char *text = g_bytes_get_data (message, &n);
  JsonObject *frame;
  JsonNode *why;

  if (type != SOUP_WEBSOCKET_DATA_TEXT || !json_parser_load_from_data (parser, text, (gssize) n, NULL)
      || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    return;
  frame = json_node_get_object (json_parser_get_root (parser));
  why = json_object_get_member (frame, "data");
  if (strcmp (kith_cli_string (frame, "event"), "error") == 0 && why != NULL && JSON_NODE_HOLDS_OBJECT (why))
    self->status = kith_cli_fail (self->cli, KITH_CLI_ERROR, "%s",
                                  kith_cli_string (json_node_get_object (why), "message"));
}

static void
on_closed (SoupWebsocketConnection *socket, gpointer data)
{
  g_main_loop_quit (((Reading *) data)->loop);
}

static void
on_connected (GObject *session, GAsyncResult *result, gpointer data)
{
  Reading *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;
  JsonObject *frame, *members;

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
  members = json_object_new ();
  json_object_set_string_member (members, "peer", self->peer);
  json_object_set_string_member (members, "msg_id", self->id);
  frame = json_object_new ();
  json_object_set_string_member (frame, "event", "mark_read");
  json_object_set_object_member (frame, "data", members);
  root = json_node_init_object (json_node_alloc (), frame);
  json_object_unref (frame);
  text = json_to_string (root, FALSE);
  soup_websocket_connection_send_text (self->socket, text);
  soup_websocket_connection_close (self->socket, SOUP_WEBSOCKET_CLOSE_NORMAL, NULL);
}

static gboolean
on_patience (gpointer data)
{
  Reading *self = data;

  self->status = kith_cli_fail (self->cli, KITH_CLI_ERROR, _("kithd does not answer"));
  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

static int
mark (KithCli *cli, const char *peer, const char *id)
{
  Reading self = { .cli = cli, .peer = peer, .id = id };
  g_autofree char *uri = g_strdup_printf ("ws://localhost/events?since=%" G_GINT64_FORMAT, G_MAXINT64);
  g_autoptr (SoupMessage) message = soup_message_new ("GET", uri);
  guint timer = g_timeout_add_seconds (PATIENCE_S, on_patience, &self);

  self.loop = g_main_loop_new (NULL, FALSE);
  soup_session_websocket_connect_async (kith_cli_get_session (cli), message, NULL, NULL, G_PRIORITY_DEFAULT, NULL,
                                        on_connected, &self);
  g_main_loop_run (self.loop);
  g_source_remove (timer);
  if (self.socket != NULL)
    g_signal_handlers_disconnect_by_data (self.socket, &self);
  g_clear_object (&self.socket);
  g_main_loop_unref (self.loop);
  return self.status;
}

int
kith_cli_read (KithCli *cli, int argc, char **argv)
{
  g_autofree char *peer = kith_cli_escape (argv[0]);
  g_autoptr (JsonNode) answer = NULL;
  const char *id = argc > 1 ? argv[1] : NULL;
  JsonArray *messages;
  int status;

  answer = kith_cli_ask (cli, "GET", NULL, &status, "messages?peer=%s&limit=500", peer);
  if (answer == NULL)
    return status;
  messages = json_object_get_array_member (json_node_get_object (answer), "messages");
  for (guint i = json_array_get_length (messages); id == NULL && i > 0; i--)
    if (strcmp (kith_cli_string (json_array_get_object_element (messages, i - 1), "direction"), "received") == 0)
      id = kith_cli_string (json_array_get_object_element (messages, i - 1), "msg_id");
  status = id == NULL ? KITH_CLI_OK : mark (cli, argv[0], id);
  if (status == KITH_CLI_OK)
    puts (cli->json ? "null" : id == NULL ? _("There is nothing to read.") : _("Read."));
  return status;
}
