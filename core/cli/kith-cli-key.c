/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key of the message store; and what the daemon says about itself for programs. */
#include "kith-cli.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static void
print_key (KithCli *cli, JsonObject *key)
{
  kith_cli_print_pair (cli, _("kept by"), "%s", kith_cli_string (key, "kept_by"));
  kith_cli_print_pair (cli, _("setting"), "%s", kith_cli_string (key, "setting"));
  kith_cli_print_pair (cli, _("unlocked"), "%s", kith_cli_bool (key, "unlocked") ? _("yes") : _("no"));
  kith_cli_print_pair (cli, _("key file"), "%s", kith_cli_string (key, "path"));
}

static int
show_key (KithCli *cli, JsonNode *answer, int status, const char *done)
{
  g_autoptr (JsonNode) owned = answer;

  if (answer == NULL)
    return status;
  if (cli->json)
    kith_cli_print_json (answer);
  else if (done != NULL)
    puts (done);
  else
    print_key (cli, json_node_get_object (answer));
  return KITH_CLI_OK;
}

/* body: full; the passphrase is asked for and wiped here. */
static int
post_passphrase (KithCli *cli, const char *path, JsonObject *body, gboolean is_new, const char *done)
{
  g_autoptr (GError) error = NULL;
  char *passphrase = kith_cli_read_passphrase (cli, is_new, &error);
  JsonNode *answer;
  int status = KITH_CLI_OK;

  if (passphrase == NULL)
    {
      json_object_unref (body);
      return kith_cli_fail (cli, KITH_CLI_USAGE, "%s", error->message);
    }
  json_object_set_string_member (body, "passphrase", passphrase);
  sodium_memzero (passphrase, strlen (passphrase));
  g_free (passphrase);
  answer = kith_cli_ask (cli, "POST", body, &status, "%s", path);
  return show_key (cli, answer, status, done);
}

static int
move_key (KithCli *cli, const char *to)
{
  JsonObject *body = json_object_new ();
  JsonNode *answer;
  int status;

  json_object_set_string_member (body, "to", to);
  if (strcmp (to, "passphrase") == 0)
    return post_passphrase (cli, "admin/key/move", body, TRUE, NULL);
  answer = kith_cli_ask (cli, "POST", body, &status, "admin/key/move");
  return show_key (cli, answer, status, NULL);
}

/* Only who keeps it by a passphrase is asked for one. */
static int
unlock (KithCli *cli)
{
  int status;
  JsonNode *answer;
  g_autoptr (JsonNode) now = kith_cli_ask (cli, "GET", NULL, &status, "admin/key");
  JsonObject *key;

  if (now == NULL)
    return status;
  key = json_node_get_object (now);
  if (kith_cli_bool (key, "unlocked"))
    return show_key (cli, g_steal_pointer (&now), status, _("It is unlocked already."));
  if (cli->passphrase_fd >= 0 || strcmp (kith_cli_string (key, "kept_by"), "passphrase") == 0
      || strcmp (kith_cli_string (key, "setting"), "passphrase") == 0)
    return post_passphrase (cli, "admin/key/unlock", json_object_new (), FALSE, _("It is unlocked."));
  answer = kith_cli_ask (cli, "POST", json_object_new (), &status, "admin/key/unlock");
  return show_key (cli, answer, status, _("It is unlocked."));
}

static int
key (KithCli *cli, int argc, char **argv)
{
  JsonNode *answer;
  int status;

  if (argc == 2 && strcmp (argv[0], "move") == 0)
    return move_key (cli, argv[1]);
  if (argc == 1 && strcmp (argv[0], "passphrase") == 0)
    return post_passphrase (cli, "admin/key/passphrase", json_object_new (), TRUE, NULL);
  if (argc == 1 && strcmp (argv[0], "unlock") == 0)
    return unlock (cli);
  if (argc > 1 || (argc == 1 && strcmp (argv[0], "status") != 0))
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("use it as: kithctl %s %s"), "key",
                          "[status | move KEEPER | passphrase | unlock]");
  answer = kith_cli_ask (cli, "GET", NULL, &status, "admin/key");
  return show_key (cli, answer, status, NULL);
}

/* --- what the daemon says about itself */

static int
metrics (KithCli *cli, int argc, char **argv)
{
  g_autoptr (SoupMessage) message = NULL;
  int status;
  g_autoptr (GBytes) text = kith_cli_fetch (cli, &message, &status, "metrics");

  if (text == NULL)
    return status;
  if (cli->json)
    {
      g_autofree char *copy = g_strndup (g_bytes_get_data (text, NULL), g_bytes_get_size (text));
      g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), copy);

      kith_cli_print_json (node);
    }
  else
    fwrite (g_bytes_get_data (text, NULL), 1, g_bytes_get_size (text), stdout);
  return KITH_CLI_OK;
}

static int
catalog (KithCli *cli, int argc, char **argv)
{
  int status;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &status, "events/catalog");

  if (answer == NULL)
    return status;
  kith_cli_print_json (answer);
  return KITH_CLI_OK;
}

const KithCliCommand kith_cli_key[] = {
  { "key", "[status | move KEEPER | passphrase | unlock]", N_ ("Show, move or unlock the key of the message store"), 0,
    2, key },
  { "metrics", "", N_("Print the daemon's figures"), 0, 0, metrics },
  { "catalog", "", N_("Print every event and its members"), 0, 0, catalog },
  { "completion", "bash|zsh|fish|names", N_("Print the completion for a shell"), 1, 1, kith_cli_completion },
  { NULL },
};
