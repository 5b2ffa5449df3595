/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is the matter, and a report to show to somebody who can help: the daemon has taken out of it what is private. */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 18

static void
print_heading (KithCli *cli, const char *heading)
{
  printf ("\n%s%s%s\n", kith_cli_colour (cli, "1"), heading, kith_cli_colour (cli, "0"));
}

static void
each (JsonObject *report, const char *member, void (*print) (KithCli *, JsonObject *), KithCli *cli)
{
  JsonNode *node = json_object_get_member (report, member);
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    print (cli, json_array_get_object_element (array, i));
}

static void
print_check (KithCli *cli, JsonObject *check)
{
  gboolean ok = kith_cli_bool (check, "ok");
  g_autofree char *text = kith_cli_clean (kith_cli_string (check, "message"), "    ");
  g_autofree char *clean = kith_cli_dup_clean (check, "name");
  g_autofree char *name = kith_cli_pad (clean, NAME_WIDTH);
  g_autofree char *verdict = kith_cli_pad (ok ? _("ok") : _("BAD"), 4);

  printf ("%s%s%s %s %s\n", kith_cli_colour (cli, ok ? "32" : "31"), verdict, kith_cli_colour (cli, "0"), name, text);
}

static void
print_setting (KithCli *cli, JsonObject *setting)
{
  kith_cli_print_pair (cli, kith_cli_string (setting, "name"), "%s", kith_cli_string (setting, "value"));
}

static void
print_plugin (KithCli *cli, JsonObject *plugin)
{
  const char *error = kith_cli_string (plugin, "error");

  kith_cli_print_pair (cli, kith_cli_string (plugin, "id"), "%s %s%s%s", kith_cli_string (plugin, "version"),
                       kith_cli_string (plugin, "state"), *error == '\0' ? "" : ": ", error);
}

static void
print_transport (KithCli *cli, JsonObject *transport)
{
  const char *error = kith_cli_string (transport, "last_error");

  kith_cli_print_pair (cli, kith_cli_string (transport, "transport"), "%s%s%s", kith_cli_string (transport, "state"),
                       *error == '\0' ? "" : ": ", error);
}

static void
print_queue (KithCli *cli, JsonObject *queue)
{
  kith_cli_print_pair (cli, kith_cli_string (queue, "name"), "%lld", (long long) kith_cli_int (queue, "length"));
}

static void
print_error (KithCli *cli, JsonObject *error)
{
  g_autofree char *when = kith_cli_time (kith_cli_string (error, "at"));

  kith_cli_print_pair (cli, when, "%s: %s", kith_cli_string (error, "room"), kith_cli_string (error, "message"));
}

/* An object whose members are one value each. */
static void
print_members (KithCli *cli, JsonObject *report, const char *member)
{
  JsonNode *node = json_object_get_member (report, member);
  g_autoptr (GList) names = NULL;

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return;
  names = json_object_get_members (json_node_get_object (node));
  for (GList *name = names; name != NULL; name = name->next)
    {
      JsonNode *value = json_object_get_member (json_node_get_object (node), name->data);
      g_autofree char *text = JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) == G_TYPE_STRING
                                  ? g_strdup (json_node_get_string (value)) : json_to_string (value, FALSE);

      kith_cli_print_pair (cli, name->data, "%s", text);
    }
}

static void
print_report (KithCli *cli, JsonObject *report)
{
  each (report, "checks", print_check, cli);
  print_heading (cli, _("Versions"));
  kith_cli_print_pair (cli, "kithctl", "%s", KITH_CLI_VERSION);
  print_members (cli, report, "versions");
  print_heading (cli, _("Changed settings"));
  each (report, "settings", print_setting, cli);
  print_heading (cli, _("Plugins"));
  each (report, "plugins", print_plugin, cli);
  print_heading (cli, _("Transports and ports"));
  each (report, "transports", print_transport, cli);
  print_members (cli, report, "ports");
  print_heading (cli, _("Database"));
  kith_cli_print_pair (cli, _("key store"), "%s", kith_cli_string (report, "key_store"));
  each (report, "queues", print_queue, cli);
  print_heading (cli, _("Last warnings"));
  each (report, "errors", print_error, cli);
}

static gboolean
is_well (JsonObject *report)
{
  JsonArray *checks = json_object_get_array_member (report, "checks");
  gboolean well = TRUE;

  for (guint i = 0; i < json_array_get_length (checks); i++)
    well = well && kith_cli_bool (json_array_get_object_element (checks, i), "ok");
  return well;
}

int
kith_cli_doctor (KithCli *cli, int argc, char **argv)
{
  int code;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &code, "admin/doctor");

  if (answer == NULL)
    return code;
  if (cli->json)
    kith_cli_print_json (answer);
  else
    print_report (cli, json_node_get_object (answer));
  return is_well (json_node_get_object (answer)) ? KITH_CLI_OK : KITH_CLI_ERROR;
}
