/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>

static int
status (KithCli *cli, int argc, char **argv)
{
  int code;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &code, "status");
  g_autofree char *uptime = NULL;
  JsonObject *object;

  if (answer == NULL)
    return code;
  object = json_node_get_object (answer);
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  uptime = kith_cli_duration (kith_cli_int (object, "uptime_seconds"));
  kith_cli_print_pair (cli, _("status"), "%s", kith_cli_string (object, "status"));
  kith_cli_print_pair (cli, _("username"), "%s", kith_cli_string (object, "username"));
  kith_cli_print_pair (cli, _("fingerprint"), "%s", kith_cli_string (object, "node_id"));
  kith_cli_print_pair (cli, _("friends"), "%lld", (long long) kith_cli_int (object, "friends_count"));
  kith_cli_print_pair (cli, _("peer port"), "%lld", (long long) kith_cli_int (object, "peer_port"));
  kith_cli_print_pair (cli, _ ("mailbox"), "%s",
                       kith_cli_bool (object, "supabase_connected") ? _ ("connected") : _ ("not connected"));
  kith_cli_print_pair (cli, _("running for"), "%s", uptime);
  kith_cli_print_pair (cli, _("version"), "%s", kith_cli_string (object, "version"));
  return KITH_CLI_OK;
}

/* --- plugins */

static void
print_plugin (KithCli *cli, JsonObject *plugin)
{
  g_autofree char *state = kith_cli_dup_clean (plugin, "state");
  g_autofree char *id = kith_cli_dup_clean (plugin, "id");
  g_autofree char *version = kith_cli_dup_clean (plugin, "version");
  const char *error = kith_cli_string (plugin, "error");
  const char *colour = strcmp (state, "active") == 0 ? "32" : *error != '\0' ? "31" : "2";
  g_autofree char *why = kith_cli_clean (error, "    ");
  JsonNode *slow = json_object_get_member (plugin, "slow");

  printf ("%s%-14s%s %-8s %s%s%s\n", kith_cli_colour (cli, "1"), id, kith_cli_colour (cli, "0"), version,
          kith_cli_colour (cli, colour), state, kith_cli_colour (cli, "0"));
  if (*why != '\0')
    printf ("    %s\n", why);
  if (slow != NULL && JSON_NODE_HOLDS_OBJECT (slow))
    {
      g_autofree char *handler = kith_cli_dup_clean (json_node_get_object (slow), "handler");

      printf ("    ");
      printf (_("slow: %s kept the loop for %lld ms"), handler,
              (long long) kith_cli_int (json_node_get_object (slow), "ms"));
      putchar ('\n');
    }
}

static int
switch_plugin (KithCli *cli, const char *id, gboolean enabled)
{
  JsonObject *body = json_object_new ();
  g_autofree char *escaped = kith_cli_escape (id);
  g_autofree char *path = g_strconcat ("plugins/", escaped, NULL);

  json_object_set_boolean_member (body, "enabled", enabled);
  return kith_cli_do (cli, "PUT", body, path, enabled ? _("It is on.") : _("It is off."));
}

static int
plugins (KithCli *cli, int argc, char **argv)
{
  g_autoptr (JsonNode) answer = NULL;
  JsonArray *array;
  int code;

  if (argc == 2 && (strcmp (argv[0], "enable") == 0 || strcmp (argv[0], "disable") == 0))
    return switch_plugin (cli, argv[1], strcmp (argv[0], "enable") == 0);
  if (argc != 0)
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("kithctl plugins [enable ID | disable ID]"));
  answer = kith_cli_ask (cli, "GET", NULL, &code, "plugins");
  if (answer == NULL)
    return code;
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  array = json_node_get_array (answer);
  for (guint i = 0; i < json_array_get_length (array); i++)
    print_plugin (cli, json_array_get_object_element (array, i));
  return KITH_CLI_OK;
}

/* --- presence */

static int
presence (KithCli *cli, int argc, char **argv)
{
  JsonObject *body = NULL;
  g_autoptr (JsonNode) answer = NULL;
  int code;

  if (argc == 1)
    {
      body = json_object_new ();
      json_object_set_string_member (body, "status", argv[0]);
    }
  answer = kith_cli_ask (cli, argc == 1 ? "PUT" : "GET", body, &code, "presence");
  if (answer == NULL)
    return code;
  if (cli->json)
    kith_cli_print_json (answer);
  else
    {
      g_autofree char *state = kith_cli_dup_clean (json_node_get_object (answer), "status");

      puts (kith_cli_say_presence (state));
    }
  return KITH_CLI_OK;
}

static int
connection (KithCli *cli, int argc, char **argv)
{
  int code;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &code, "connection");
  JsonArray *array;

  if (answer == NULL)
    return code;
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  array = json_node_get_array (answer);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonObject *object = json_array_get_object_element (array, i);
      const char *why = kith_cli_string (object, "last_error");

      kith_cli_print_pair (cli, kith_cli_string (object, "transport"), "%s%s%s", kith_cli_string (object, "state"),
                           *why == '\0' ? "" : ": ", why);
    }
  return KITH_CLI_OK;
}

/* --- settings */

static void
print_setting (KithCli *cli, JsonObject *setting)
{
  const char *value = kith_cli_string (setting, "value");
  gboolean is_default = strcmp (value, kith_cli_string (setting, "default")) == 0;
  g_autofree char *clean = kith_cli_clean (value, NULL);
  g_autofree char *name = kith_cli_dup_clean (setting, "name");

  printf ("%s%-32s%s %s%s%s\n", is_default ? "" : kith_cli_colour (cli, "1"), name,
          kith_cli_colour (cli, "0"), kith_cli_colour (cli, is_default ? "2" : "0"), clean, kith_cli_colour (cli, "0"));
}

static int
list_settings (KithCli *cli)
{
  int code;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &code, "admin/settings");
  JsonArray *array;

  if (answer == NULL)
    return code;
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  array = json_node_get_array (answer);
  for (guint i = 0; i < json_array_get_length (array); i++)
    print_setting (cli, json_array_get_object_element (array, i));
  return KITH_CLI_OK;
}

static int
ask_setting (KithCli *cli, const char *method, const char *name, const char *value)
{
  g_autofree char *escaped = kith_cli_escape (name);
  JsonObject *body = value == NULL ? NULL : json_object_new ();
  g_autoptr (JsonNode) answer = NULL;
  int code;

  if (value != NULL)
    json_object_set_string_member (body, "value", value);
  answer = kith_cli_ask (cli, method, body, &code, "admin/settings/%s", escaped);
  if (answer == NULL)
    return code;
  if (cli->json)
    kith_cli_print_json (answer);
  else if (strcmp (method, "GET") == 0)
    kith_cli_print_line (json_node_get_object (answer), "value");
  else
    print_setting (cli, json_node_get_object (answer));
  return KITH_CLI_OK;
}

static int
config (KithCli *cli, int argc, char **argv)
{
  if (argc == 0 || (argc == 1 && strcmp (argv[0], "list") == 0))
    return list_settings (cli);
  if (argc == 2 && strcmp (argv[0], "get") == 0)
    return ask_setting (cli, "GET", argv[1], NULL);
  if (argc == 3 && strcmp (argv[0], "set") == 0)
    return ask_setting (cli, "PUT", argv[1], argv[2]);
  if (argc == 2 && strcmp (argv[0], "reset") == 0)
    return ask_setting (cli, "DELETE", argv[1], NULL);
  return kith_cli_fail (cli, KITH_CLI_USAGE, _("kithctl config [list | get NAME | set NAME VALUE | reset NAME]"));
}

/* --- token, store */

static int
token (KithCli *cli, int argc, char **argv)
{
  int code;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, cli->anew ? "POST" : "GET", NULL, &code, "admin/token");

  if (answer == NULL)
    return code;
  if (cli->json)
    kith_cli_print_json (answer);
  else
    kith_cli_print_line (json_node_get_object (answer), "token");
  return KITH_CLI_OK;
}

static int
store (KithCli *cli, int argc, char **argv)
{
  JsonObject *body = NULL;
  g_autoptr (JsonNode) answer = NULL;
  JsonObject *object;
  int code;

  if (argc > 0)
    {
      body = json_object_new ();
      json_object_set_string_member (body, "action", argv[0]);
      if (argc > 1)
        json_object_set_string_member (body, "copy", argv[1]);
    }
  answer = kith_cli_ask (cli, argc > 0 ? "POST" : "GET", body, &code, "admin/store");
  if (answer == NULL)
    return code;
  object = json_node_get_object (answer);
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  kith_cli_print_pair (cli, _("database"), "%s", kith_cli_string (object, "state"));
  if (*kith_cli_string (object, "message") != '\0')
    kith_cli_print_pair (cli, "", "%s", kith_cli_string (object, "message"));
  if (json_object_has_member (object, "copies"))
    {
      JsonArray *copies = json_object_get_array_member (object, "copies");

      for (guint i = 0; i < json_array_get_length (copies); i++)
        kith_cli_print_pair (cli, i == 0 ? _("copies") : "", "%s", json_array_get_string_element (copies, i));
    }
  return KITH_CLI_OK;
}

const KithCliCommand kith_cli_daemon[] = {
  { "status", "", N_("Show how the daemon is"), 0, 0, status },
  { "connection", "", N_("Show how each transport is"), 0, 0, connection },
  { "presence", "[online|away|busy|invisible|offline]", N_("Show or set your own status"), 0, 1, presence },
  { "plugins", "[enable ID | disable ID]", N_("List the plugins, or switch one on or off"), 0, 2, plugins },
  { "config", "[list | get NAME | set NAME VALUE | reset NAME]", N_("Show and change settings"), 0, 3, config },
  { "token", "", N_("Show the API's token"), 0, 0, token },
  { "doctor", "", N_("Say what is the matter, in a report that may be shown to others"), 0, 0, kith_cli_doctor },
  { "store", "[retry | anew | restore COPY]", N_("Show the database, or decide about a damaged one"), 0, 2, store },
  { NULL },
};
