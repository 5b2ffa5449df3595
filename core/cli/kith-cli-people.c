/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 20
#define STATE_WIDTH 9

static int
invite (KithCli *cli, int argc, char **argv)
{
  int status;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &status, "identity");

  if (answer == NULL)
    return status;
  if (cli->json)
    kith_cli_print_json (answer);
  else
    kith_cli_print_line (json_node_get_object (answer), "invite");
  return KITH_CLI_OK;
}

static int
add (KithCli *cli, int argc, char **argv)
{
  JsonObject *body = json_object_new ();
  g_autoptr (JsonNode) answer = NULL;
  g_autofree char *name = NULL;
  int status;

  json_object_set_string_member (body, g_str_has_prefix (argv[0], "kith:") ? "invite" : "username", argv[0]);
  if (cli->note != NULL)
    json_object_set_string_member (body, "note", cli->note);
  answer = kith_cli_ask (cli, "POST", body, &status, "friends");
  if (answer == NULL)
    return status;
  name = kith_cli_clean (kith_cli_string (json_node_get_object (answer), "username"), NULL);
  if (cli->json)
    kith_cli_print_json (answer);
  else
    printf (_("%s is a friend now. Compare the safety number: kithctl verify %s\n"), name, name);
  return KITH_CLI_OK;
}

static int
change (KithCli *cli, const char *method, const char *before, const char *name, const char *after, const char *done)
{
  g_autofree char *escaped = kith_cli_escape (name);
  g_autofree char *path = g_strconcat (before, escaped, after, NULL);
  g_autofree char *clean = kith_cli_clean (name, NULL);
  g_autoptr (GString) text = g_string_new (done);

  g_string_replace (text, "%s", clean, 1);
  return kith_cli_do (cli, method, NULL, path, text->str);
}

static int
remove_friend (KithCli *cli, int argc, char **argv)
{
  return change (cli, "DELETE", "friends/", argv[0], "", _("%s is no friend any more; the conversation stays."));
}

static int
block (KithCli *cli, int argc, char **argv)
{
  return change (cli, "PUT", "friends/", argv[0], "/blocked", _("%s is blocked."));
}

static int
unblock (KithCli *cli, int argc, char **argv)
{
  return change (cli, "DELETE", "friends/", argv[0], "/blocked", _("%s is not blocked any more."));
}

static int
accept_request (KithCli *cli, int argc, char **argv)
{
  return change (cli, "POST", "requests/", argv[0], "/accept", _("%s is a friend now."));
}

static int
refuse (KithCli *cli, int argc, char **argv)
{
  return change (cli, "DELETE", "requests/", argv[0], "", _("The request of %s is dropped."));
}

static void
print_friend (KithCli *cli, JsonObject *friend)
{
  g_autofree char *name = kith_cli_clean (kith_cli_string (friend, "username"), NULL);
  g_autofree char *told = kith_cli_dup_clean (friend, "status");
  const char *state = told;
  gboolean online = kith_cli_bool (friend, "online");
  g_autofree char *seen = kith_cli_time (kith_cli_string (friend, "last_seen"));
  g_autofree char *padded = kith_cli_pad (name, NAME_WIDTH);
  g_autofree char *shown = NULL;
  gulong unread = (gulong) MAX (kith_cli_int (friend, "unread"), 0);

  if (*state == '\0')
    state = online ? "online" : "offline";
  shown = kith_cli_pad (kith_cli_say_presence (state), STATE_WIDTH);
  printf ("%s%s%s %s%s%s", kith_cli_colour (cli, "1"), padded, kith_cli_colour (cli, "0"),
          kith_cli_colour (cli, online ? "32" : "2"), shown, kith_cli_colour (cli, "0"));
  if (!online && strcmp (seen, "-") != 0)
    printf (_(" last seen %s"), seen);
  if (unread > 0)
    printf (ngettext (" %lu unread message", " %lu unread messages", unread), unread);
  if (kith_cli_bool (friend, "verified"))
    printf ("%s", _(" verified"));
  if (kith_cli_bool (friend, "blocked"))
    printf ("%s", _(" blocked"));
  putchar ('\n');
}

static void
print_request (KithCli *cli, JsonObject *request)
{
  g_autofree char *name = kith_cli_clean (kith_cli_string (request, "username"), NULL);
  const char *note = kith_cli_string (request, "note");
  g_autofree char *text = kith_cli_clean (*note != '\0' ? note : kith_cli_string (request, "message"), "    ");
  g_autofree char *when = kith_cli_time (kith_cli_string (request, "received_at"));

  g_autofree char *padded = kith_cli_pad (name, NAME_WIDTH);
  g_autofree char *fingerprint = kith_cli_dup_clean (request, "fingerprint");

  printf ("%s%s%s %s %s\n    %s\n", kith_cli_colour (cli, "1"), padded, kith_cli_colour (cli, "0"), when,
          fingerprint, text);
}

static int
list (KithCli *cli, const char *path, void (*print) (KithCli *, JsonObject *), const char *nobody)
{
  int status;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &status, "%s", path);
  JsonArray *array;

  if (answer == NULL)
    return status;
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  array = json_node_get_array (answer);
  for (guint i = 0; i < json_array_get_length (array); i++)
    print (cli, json_array_get_object_element (array, i));
  if (json_array_get_length (array) == 0)
    puts (nobody);
  return KITH_CLI_OK;
}

static int
friends (KithCli *cli, int argc, char **argv)
{
  return list (cli, "friends", print_friend,
               _ ("Nobody yet. Give your invite to somebody (kithctl invite), and add theirs (kithctl add)."));
}

static int
requests (KithCli *cli, int argc, char **argv)
{
  return list (cli, "requests", print_request, _("Nobody waits."));
}

static int
verify (KithCli *cli, int argc, char **argv)
{
  g_autofree char *escaped = kith_cli_escape (argv[0]);
  g_autofree char *name = kith_cli_clean (argv[0], NULL);
  g_autofree char *path = g_strdup_printf ("friends/%s/verified", escaped);
  int status;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &status, "friends/%s/safety-number", escaped);

  if (answer == NULL)
    return status;
  if (cli->json && !cli->yes)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  if (!cli->json)
    {
      g_autofree char *number = kith_cli_dup_clean (json_node_get_object (answer), "safety_number");

      printf (_("The safety number with %s:"), name);
      printf ("\n\n    %s\n\n", number);
      printf (_("Compare it with what %s sees, face to face or on the phone.\n"), name);
      fflush (stdout);
    }
  if (!kith_cli_confirm (cli, _("Are the two the same? [y/N]")))
    {
      puts (_("Nothing was marked."));
      return KITH_CLI_OK;
    }
  return kith_cli_do (cli, "PUT", NULL, path, _("Marked as verified."));
}

const KithCliCommand kith_cli_people[] = {
  { "invite", "", N_("Print the invite to give to a friend"), 0, 0, invite },
  { "add", "INVITE|USERNAME", N_("Add a friend"), 1, 1, add },
  { "remove", "NAME", N_("Remove a friend; the conversation stays"), 1, 1, remove_friend },
  { "friends", "", N_("List the friends"), 0, 0, friends },
  { "requests", "", N_("List who wants to be a friend"), 0, 0, requests },
  { "accept", "NAME", N_("Accept a request"), 1, 1, accept_request },
  { "refuse", "NAME", N_("Drop a request"), 1, 1, refuse },
  { "block", "NAME", N_("Block a friend or who wants to be one"), 1, 1, block },
  { "unblock", "NAME", N_("Unblock somebody"), 1, 1, unblock },
  { "verify", "NAME", N_("Show the safety number, and mark it as compared"), 1, 1, verify },
  { NULL },
};
