/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include "kith-home.h"
#include <gio/gunixsocketaddress.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_S 60

int
kith_cli_fail (KithCli *cli, int status, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  if (cli->json)
    {
      g_autoptr (JsonBuilder) builder = json_builder_new ();
      g_autoptr (JsonNode) root = NULL;
      g_autofree char *json = NULL;

      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "error");
      json_builder_add_string_value (builder, text);
      json_builder_end_object (builder);
      root = json_builder_get_root (builder);
      json = json_to_string (root, FALSE);
      fprintf (stderr, "%s\n", json);
    }
  else
    {
      g_autofree char *clean = kith_cli_clean (text, "  ");

      fprintf (stderr, "kithctl: %s\n", clean);
    }
  return status;
}

const char *
kith_cli_get_socket (KithCli *cli)
{
  if (cli->socket == NULL && cli->data != NULL)
    cli->socket = g_build_filename (cli->data, "api.sock", NULL);
  else if (cli->socket == NULL)
    cli->socket = kith_home_dup_socket (cli->profile);
  return cli->socket;
}

SoupSession *
kith_cli_get_session (KithCli *cli)
{
  g_autoptr (GSocketAddress) address = NULL;

  if (cli->session == NULL)
    {
      address = g_unix_socket_address_new (kith_cli_get_socket (cli));
      cli->session = g_object_new (SOUP_TYPE_SESSION, "remote-connectable", address, "timeout", TIMEOUT_S, NULL);
    }
  return cli->session;
}

static gboolean
is_nobody (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY);
}

int
kith_cli_fail_error (KithCli *cli, const GError *error)
{
  if (is_nobody (error))
    return kith_cli_fail (cli, KITH_CLI_NO_DAEMON,
                          _ ("kithd is not running: nobody answers at %s. Start it, or give the --profile, or the "
                             "--config and --data, with which it runs."),
                          kith_cli_get_socket (cli));
  return kith_cli_fail (cli, KITH_CLI_ERROR, _("talking to kithd: %s"), error->message);
}

char *
kith_cli_escape (const char *segment)
{
  return g_uri_escape_string (segment, NULL, FALSE);
}

static JsonNode *
parse (GBytes *bytes)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);

  if (n == 0 || !json_parser_load_from_data (parser, text, (gssize) n, NULL))
    return NULL;
  return json_parser_steal_root (parser);
}

static int
refuse (KithCli *cli, SoupMessage *message, JsonNode *answer)
{
  const char *why = "";

  if (answer != NULL && JSON_NODE_HOLDS_OBJECT (answer))
    why = kith_cli_string (json_node_get_object (answer), "error");
  if (*why != '\0')
    return kith_cli_fail (cli, KITH_CLI_ERROR, "%s", why);
  return kith_cli_fail (cli, KITH_CLI_ERROR, _ ("kithd answered %u %s"), soup_message_get_status (message),
                        soup_message_get_reason_phrase (message));
}

static SoupMessage *
make_message (const char *method, const char *path, JsonObject *body)
{
  g_autofree char *uri = g_strconcat ("http://localhost/", path, NULL);
  SoupMessage *message = soup_message_new (method, uri);
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GBytes) bytes = NULL;
  char *text;

  if (body == NULL)
    return message;
  root = json_node_init_object (json_node_alloc (), body);
  text = json_to_string (root, FALSE);
  bytes = g_bytes_new_take (text, strlen (text));
  soup_message_set_request_body_from_bytes (message, "application/json", bytes);
  return message;
}

JsonNode *
kith_cli_ask (KithCli *cli, const char *method, JsonObject *body, int *status, const char *format, ...)
{
  g_autoptr (JsonObject) owned = body;
  g_autofree char *path = NULL;
  g_autoptr (SoupMessage) message = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = NULL;
  va_list arguments;

  va_start (arguments, format);
  path = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  message = make_message (method, path, body);
  bytes = soup_session_send_and_read (kith_cli_get_session (cli), message, NULL, &error);
  if (bytes == NULL)
    {
      *status = kith_cli_fail_error (cli, error);
      return NULL;
    }
  answer = parse (bytes);
  *status = SOUP_STATUS_IS_SUCCESSFUL (soup_message_get_status (message)) ? KITH_CLI_OK : refuse (cli, message, answer);
  if (*status != KITH_CLI_OK)
    return NULL;
  return answer != NULL ? g_steal_pointer (&answer) : json_node_init_null (json_node_alloc ());
}

GBytes *
kith_cli_fetch (KithCli *cli, SoupMessage **message, int *status, const char *format, ...)
{
  g_autofree char *path = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = NULL;
  va_list arguments;

  va_start (arguments, format);
  path = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  *message = make_message ("GET", path, NULL);
  bytes = soup_session_send_and_read (kith_cli_get_session (cli), *message, NULL, &error);
  *status = bytes == NULL ? kith_cli_fail_error (cli, error) : KITH_CLI_OK;
  if (bytes == NULL || SOUP_STATUS_IS_SUCCESSFUL (soup_message_get_status (*message)))
    return g_steal_pointer (&bytes);
  answer = parse (bytes);
  *status = refuse (cli, *message, answer);
  return NULL;
}

int
kith_cli_do (KithCli *cli, const char *method, JsonObject *body, const char *path, const char *done)
{
  int status;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, method, body, &status, "%s", path);

  if (answer == NULL)
    return status;
  if (cli->json)
    kith_cli_print_json (answer);
  else if (done != NULL)
    puts (done);
  return KITH_CLI_OK;
}
