/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_TEXT_BYTES (40 * 1024)     /* 10,000 code points; the daemon says what is wrong with more */

/* From standard input, without the last newline. */
static char *
read_text (void)
{
  GString *text = g_string_new (NULL);
  char chunk[4096];
  gssize n;

  while ((n = read (STDIN_FILENO, chunk, sizeof chunk)) > 0 && text->len <= MAX_TEXT_BYTES)
    g_string_append_len (text, chunk, n);
  if (text->len > 0 && text->str[text->len - 1] == '\n')
    g_string_truncate (text, text->len - 1);
  return g_string_free (text, FALSE);
}

static int
send_message (KithCli *cli, int argc, char **argv)
{
  gboolean from_input = argc == 1 || (argc == 2 && strcmp (argv[1], "-") == 0);
  g_autofree char *text = from_input ? read_text () : g_strjoinv (" ", argv + 1);
  JsonObject *body;
  g_autoptr (JsonNode) answer = NULL;
  int status;

  if (!g_utf8_validate (text, -1, NULL))
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("the text is not UTF-8"));
  body = json_object_new ();
  json_object_set_string_member (body, "to", argv[0]);
  json_object_set_string_member (body, "text", text);
  if (cli->reply_to != NULL)
    json_object_set_string_member (body, "reply_to", cli->reply_to);
  answer = kith_cli_ask (cli, "POST", body, &status, "messages");
  if (answer == NULL)
    return status;
  if (cli->json)
    kith_cli_print_json (answer);
  else
    puts (kith_cli_bool (json_node_get_object (answer), "delivered")
              ? _ ("Delivered.")
              : _ ("Queued: it goes out as soon as they can be reached."));
  return KITH_CLI_OK;
}

static int
history (KithCli *cli, int argc, char **argv)
{
  g_autofree char *peer = kith_cli_escape (argv[0]);
  g_autofree char *before = cli->before == NULL ? NULL : kith_cli_escape (cli->before);
  int status;
  g_autoptr (JsonNode) answer
      = kith_cli_ask (cli, "GET", NULL, &status, "messages?peer=%s&limit=%d%s%s", peer, cli->limit,
                      before == NULL ? "" : "&before=", before == NULL ? "" : before);
  JsonArray *messages;

  if (answer == NULL)
    return status;
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  messages = json_object_get_array_member (json_node_get_object (answer), "messages");
  kith_cli_page_begin (cli);
  if (kith_cli_bool (json_node_get_object (answer), "has_more") && json_array_get_length (messages) > 0)
    printf (_("… older ones: kithctl history %s --before %s\n"), argv[0],
            kith_cli_string (json_array_get_object_element (messages, 0), "msg_id"));
  for (guint i = 0; i < json_array_get_length (messages); i++)
    kith_cli_print_message (cli, json_array_get_object_element (messages, i));
  kith_cli_page_end (cli);
  return KITH_CLI_OK;
}

const KithCliCommand kith_cli_messages[] = {
  { "send", "NAME [TEXT…]", N_("Send a message; without a text, what comes from standard input"), 1, -1, send_message },
  { "history", "NAME", N_("Show a conversation"), 1, 1, history },
  { "tail", "", N_("Show every event as it happens"), 0, 0, kith_cli_tail },
  { NULL },
};
