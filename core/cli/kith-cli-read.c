/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "read": the one thing that windows say in a frame. POST /admin/command answers when it is done. */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>

#define PAGE 500

/* Full; NULL: everything is read, or there is none. */
static char *
find_received (JsonNode *page)
{
  JsonArray *messages = json_object_get_array_member (json_node_get_object (page), "messages");

  for (guint i = json_array_get_length (messages); i > 0; i--)
    {
      JsonObject *message = json_array_get_object_element (messages, i - 1);

      if (strcmp (kith_cli_string (message, "direction"), "received") == 0)
        return g_strdup (kith_cli_string (message, "msg_id"));
    }
  return NULL;
}

/* Full; NULL: this page is the first of the conversation. */
char *
kith_cli_find_before (JsonNode *page)
{
  JsonObject *object = json_node_get_object (page);
  JsonArray *messages = json_object_get_array_member (object, "messages");

  if (!kith_cli_bool (object, "has_more") || json_array_get_length (messages) == 0)
    return NULL;
  return g_strdup (kith_cli_string (json_array_get_object_element (messages, 0), "msg_id"));
}

/* -1: there is no friend of this name. */
static gint64
count_unread (KithCli *cli, const char *name, int *status)
{
  g_autoptr (JsonNode) friends = kith_cli_ask (cli, "GET", NULL, status, "friends");
  JsonArray *array = friends == NULL ? NULL : json_node_get_array (friends);

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonObject *friend = json_array_get_object_element (array, i);

      if (strcmp (kith_cli_string (friend, "username"), name) == 0)
        return kith_cli_int (friend, "unread");
    }
  return -1;
}

/* The newest message that came from them, however many of ours came after it. Full; NULL with *status OK: none. */
static char *
find_newest (KithCli *cli, const char *name, int *status)
{
  g_autofree char *peer = kith_cli_escape (name);
  g_autofree char *before = NULL;
  char *id = NULL;

  if (count_unread (cli, name, status) == 0 || *status != KITH_CLI_OK)
    return NULL;
  do
    {
      g_autoptr (JsonNode) page
          = kith_cli_ask (cli, "GET", NULL, status, "messages?peer=%s&limit=%d%s%s", peer, PAGE,
                          before == NULL ? "" : "&before=", before == NULL ? "" : before);

      if (page == NULL)
        return NULL;
      id = find_received (page);
      g_free (before);
      before = kith_cli_find_before (page);
    }
  while (id == NULL && before != NULL);
  return id;
}

static int
mark (KithCli *cli, const char *peer, const char *id)
{
  JsonObject *body = json_object_new (), *data = json_object_new ();
  g_autoptr (JsonNode) answer = NULL;
  int status;

  json_object_set_string_member (data, "peer", peer);
  json_object_set_string_member (data, "msg_id", id);
  json_object_set_string_member (body, "event", "mark_read");
  json_object_set_object_member (body, "data", data);
  answer = kith_cli_ask (cli, "POST", body, &status, "admin/command");
  return status;
}

int
kith_cli_read (KithCli *cli, int argc, char **argv)
{
  int status = KITH_CLI_OK;
  g_autofree char *id = argc > 1 ? g_strdup (argv[1]) : find_newest (cli, argv[0], &status);

  if (status == KITH_CLI_OK && id != NULL)
    status = mark (cli, argv[0], id);
  if (status != KITH_CLI_OK)
    return status;
  if (cli->json)
    kith_cli_print_member (cli, "msg_id", id);
  else
    puts (id == NULL ? _("There is nothing to read.") : _("Read."));
  return KITH_CLI_OK;
}
