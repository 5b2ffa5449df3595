/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What changes one message, and what a friend may see. */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>

static int
edit (KithCli *cli, int argc, char **argv)
{
  g_autofree char *id = kith_cli_escape (argv[0]);
  g_autofree char *path = g_strconcat ("messages/", id, NULL);
  g_autofree char *text = g_strjoinv (" ", argv + 1);
  JsonObject *body = json_object_new ();

  json_object_set_string_member (body, "text", text);
  return kith_cli_do (cli, "PATCH", body, path, _("Changed."));
}

static int
delete_message (KithCli *cli, int argc, char **argv)
{
  g_autofree char *id = kith_cli_escape (argv[0]);
  g_autofree char *path = g_strconcat ("messages/", id, cli->everyone ? "?for=everyone" : "", NULL);

  return kith_cli_do (cli, "DELETE", NULL, path, cli->everyone ? _("Deleted for everyone.") : _("Deleted here."));
}

static int
resend (KithCli *cli, int argc, char **argv)
{
  g_autofree char *id = kith_cli_escape (argv[0]);
  g_autofree char *path = g_strconcat ("messages/", id, "/resend", NULL);

  return kith_cli_do (cli, "POST", NULL, path, _("It is tried again."));
}

static int
change_reaction (KithCli *cli, const char *method, char **argv, const char *done)
{
  g_autofree char *id = kith_cli_escape (argv[0]);
  g_autofree char *emoji = kith_cli_escape (argv[1]);
  g_autofree char *path = g_strconcat ("messages/", id, "/reactions/", emoji, NULL);

  return kith_cli_do (cli, method, NULL, path, done);
}

static int
react (KithCli *cli, int argc, char **argv)
{
  return change_reaction (cli, "PUT", argv, _("Added."));
}

static int
unreact (KithCli *cli, int argc, char **argv)
{
  return change_reaction (cli, "DELETE", argv, _("Taken back."));
}

/* --- who may see what */

static const char *
say_allowed (JsonObject *friend, const char *member)
{
  JsonNode *node = json_object_get_member (friend, member);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node))
    return _("as for everybody");
  return json_node_get_boolean (node) ? _("yes") : _("no");
}

static void
print_allowed (KithCli *cli, JsonObject *friend)
{
  static const char *const members[] = { "presence", "typing", "receipts" };
  JsonNode *allow = json_object_get_member (friend, "allow");

  if (allow != NULL && JSON_NODE_HOLDS_OBJECT (allow))
    for (guint i = 0; i < G_N_ELEMENTS (members); i++)
      kith_cli_print_pair (cli, members[i], "%s", say_allowed (json_node_get_object (allow), members[i]));
  else
    puts (_("Changed."));
}

static int
allow (KithCli *cli, int argc, char **argv)
{
  static const char *const members[] = { "presence", "typing", "receipts", NULL };
  static const char *const values[] = { "yes", "no", "default", NULL };
  g_autofree char *name = kith_cli_escape (argv[0]);
  g_autoptr (JsonNode) answer = NULL;
  JsonObject *body;
  int status;

  if (!g_strv_contains (members, argv[1]) || !g_strv_contains (values, argv[2]))
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("use it as: kithctl %s %s"), "allow",
                          "NAME presence|typing|receipts yes|no|default");
  body = json_object_new ();
  if (strcmp (argv[2], "default") == 0)
    json_object_set_null_member (body, argv[1]);
  else
    json_object_set_boolean_member (body, argv[1], strcmp (argv[2], "yes") == 0);
  answer = kith_cli_ask (cli, "PATCH", body, &status, "friends/%s", name);
  if (answer == NULL)
    return status;
  if (cli->json)
    kith_cli_print_json (answer);
  else
    print_allowed (cli, json_node_get_object (answer));
  return KITH_CLI_OK;
}

/* --- identities */

static int
identity (KithCli *cli, int argc, char **argv)
{
  static const char *const members[] = { "username", "fingerprint", "public_key", "signing_key", "invite" };
  int status;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &status, "identity");

  if (answer == NULL)
    return status;
  if (cli->json)
    kith_cli_print_json (answer);
  else
    for (guint i = 0; i < G_N_ELEMENTS (members); i++)
      kith_cli_print_pair (cli, members[i], "%s", kith_cli_string (json_node_get_object (answer), members[i]));
  return KITH_CLI_OK;
}

static int
accept_identity (KithCli *cli, int argc, char **argv)
{
  g_autofree char *name = kith_cli_escape (argv[0]);
  g_autofree char *path = g_strdup_printf ("friends/%s/identity", name);
  JsonObject *body = json_object_new ();

  json_object_set_string_member (body, g_str_has_prefix (argv[1], "kith:") ? "invite" : "fingerprint", argv[1]);
  return kith_cli_do (cli, "PUT", body, path, _("The new identity is accepted. Compare the safety number again."));
}

const KithCliCommand kith_cli_change[] = {
  { "edit", "ID TEXT…", N_("Change an own message, here and there"), 2, -1, edit },
  { "delete", "ID", N_("Delete a message here, or for everyone"), 1, 1, delete_message },
  { "resend", "ID", N_("Try a failed message again"), 1, 1, resend },
  { "react", "ID EMOJI", N_("React to a message"), 2, 2, react },
  { "unreact", "ID EMOJI", N_("Take a reaction back"), 2, 2, unreact },
  { "read", "NAME [ID]", N_("Mark a conversation as read, up to a message"), 1, 2, kith_cli_read },
  { "allow", "NAME presence|typing|receipts yes|no|default", N_("Say what a friend may see of you"), 3, 3, allow },
  { "identity", "", N_("Show your own identity"), 0, 0, identity },
  { "accept-identity", "NAME FINGERPRINT|INVITE", N_("Accept a friend's changed identity"), 2, 2, accept_identity },
  { NULL },
};
