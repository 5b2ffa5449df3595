/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-e2ee-vectors [SESSIONS.json MALICIOUS.json]: everything that the vectors say, TAP on stdout, exit status 1 if
 * any of it fails. */
#include <sodium.h>
#include <stdio.h>

#include "vectors.h"

static JsonObject *
load (JsonParser *parser, const char *path)
{
  g_autoptr (GError) error = NULL;

  if (!json_parser_load_from_mapped_file (parser, path, &error)
      || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    {
      fprintf (stderr, "test-e2ee-vectors: cannot read %s: %s\n", path,
               error != NULL ? error->message : "no JSON object");
      return NULL;
    }
  return json_node_get_object (json_parser_get_root (parser));
}

static void
run_all (Score *score, const char *group, JsonArray *list, guint *n_messages)
{
  guint again = 0;

  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonObject *scenario = json_array_get_object_element (list, i);
      g_autofree char *reason = run_events (scenario, FALSE, n_messages);
      g_autofree char *bare = reason == NULL ? run_events (scenario, TRUE, &again) : NULL;

      score_tell (score, group, member_text (scenario, "name"), reason != NULL ? reason : bare);
    }
}

static void
run_sessions (Score *score, JsonObject *root)
{
  JsonArray *scenarios = json_object_get_array_member (root, "scenarios");
  guint n = 0;
  g_autofree char *reason = NULL;

  test_primitives (score, json_object_get_object_member (root, "primitives"));
  run_all (score, "scenario", scenarios, &n);
  if (n != (guint)member_int (root, "messages"))
    reason = g_strdup_printf ("%u messages of %u", n, (guint)member_int (root, "messages"));
  score_tell (score, "all", "messages replayed", reason);
  printf ("# %u scenarios, %u messages\n", json_array_get_length (scenarios), n);
}

static void
run_malicious (Score *score, JsonObject *root)
{
  JsonArray *messages = json_object_get_array_member (root, "message_cases");
  JsonArray *bundles = json_object_get_array_member (root, "bundle_cases");
  JsonArray *seals = json_object_get_array_member (root, "seal_cases");
  guint n = 0;

  run_all (score, "malicious", messages, &n);
  test_bundles (score, json_object_get_object_member (root, "bundle_accounts"), bundles);
  test_seals (score, seals);
  printf ("# %u message cases, %u bundle cases, %u seal cases\n", json_array_get_length (messages),
          json_array_get_length (bundles), json_array_get_length (seals));
}

int
main (int argc, char **argv)
{
  const char *folder = g_getenv ("KITH_E2EE_VECTORS") != NULL ? g_getenv ("KITH_E2EE_VECTORS") : KITH_VECTORS;
  g_autofree char *sessions = argc > 1 ? g_strdup (argv[1]) : g_build_filename (folder, "e2ee-sessions.json", NULL);
  g_autofree char *malicious = argc > 2 ? g_strdup (argv[2]) : g_build_filename (folder, "e2ee-malicious.json", NULL);
  g_autoptr (JsonParser) one = json_parser_new (), two = json_parser_new ();
  Score score = { 0 };
  JsonObject *root;

  if (sodium_init () < 0)
    return 2;
  root = load (one, sessions);
  if (root == NULL)
    return 2;
  run_sessions (&score, root);
  if (argc != 2)
    {
      root = load (two, malicious);
      if (root == NULL)
        return 2;
      run_malicious (&score, root);
    }
  printf ("1..%u\n# %u passed, %u failed\n", score.n, score.n - score.failed, score.failed);
  return score.failed > 0 ? 1 : 0;
}
