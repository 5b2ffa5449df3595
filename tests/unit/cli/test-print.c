/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What peers wrote must not steer the terminal that shows it. */
#include "kith-cli.h"

static void
check (const char *text, const char *indent, const char *expected)
{
  g_autofree char *clean = kith_cli_clean (text, indent);

  g_assert_cmpstr (clean, ==, expected);
}

static void
test_clean (void)
{
  check ("plain grüße 🙂", NULL, "plain grüße 🙂");
  check ("two\nlines\tand a tab", "  ", "two\n  lines and a tab");
  check ("two\nlines", NULL, "two lines");
  check ("\033[31mred\033[0m \a\r", NULL, "\xef\xbf\xbd[31mred\xef\xbf\xbd[0m \xef\xbf\xbd\xef\xbf\xbd");
  check ("c1 \xc2\x9b" "31m", NULL, "c1 \xef\xbf\xbd" "31m");
  check ("bad \xff utf-8", NULL, "bad \xef\xbf\xbd utf-8");
  /* right-to-left override: kept, and kept in */
  check ("\xe2\x80\xae" "txet", NULL, "\xe2\x81\xa8\xe2\x80\xae" "txet\xe2\x81\xa9");
}

static void
test_colours (void)
{
  KithCli plain = { .colour = FALSE }, colourful = { .colour = TRUE };

  g_assert_cmpstr (kith_cli_colour (&plain, "31"), ==, "");
  g_assert_cmpstr (kith_cli_colour (&colourful, "31"), ==, "\033[31m");
  g_assert_cmpstr (kith_cli_colour (&colourful, "unknown"), ==, "");
}

static void
test_members (void)
{
  g_autoptr (JsonNode) node = json_from_string ("{\"s\":\"text\",\"n\":null,\"i\":7,\"b\":true,\"a\":[]}", NULL);
  JsonObject *object = json_node_get_object (node);

  g_assert_cmpstr (kith_cli_string (object, "s"), ==, "text");
  g_assert_cmpstr (kith_cli_string (object, "n"), ==, "");
  g_assert_cmpstr (kith_cli_string (object, "i"), ==, "");
  g_assert_cmpstr (kith_cli_string (object, "missing"), ==, "");
  g_assert_cmpint (kith_cli_int (object, "i"), ==, 7);
  g_assert_cmpint (kith_cli_int (object, "n"), ==, 0);
  g_assert_true (kith_cli_bool (object, "b"));
  g_assert_false (kith_cli_bool (object, "n"));
  g_assert_false (kith_cli_bool (object, "a"));
}

static void
test_times (void)
{
  g_autofree char *good = kith_cli_time ("2026-01-15T10:30:00Z");
  g_autofree char *bad = kith_cli_time ("yesterday");

  g_assert_true (g_str_has_prefix (good, "2026-01-1"));
  g_assert_cmpstr (bad, ==, "-");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/clean", test_clean);
  g_test_add_func ("/cli/colours", test_colours);
  g_test_add_func ("/cli/members", test_members);
  g_test_add_func ("/cli/times", test_times);
  return g_test_run ();
}
