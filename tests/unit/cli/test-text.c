/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kithctl makes of text before it prints it: columns, wrapping, durations, the pager, and the page before. */
#include "kith-cli.h"

static void
test_width (void)
{
  g_assert_cmpint (kith_cli_width (""), ==, 0);
  g_assert_cmpint (kith_cli_width ("alice"), ==, 5);
  g_assert_cmpint (kith_cli_width ("grüße"), ==, 5);
  g_assert_cmpint (kith_cli_width ("日本"), ==, 4);
  g_assert_cmpint (kith_cli_width ("🙂"), ==, 2);
  g_assert_cmpint (kith_cli_width ("e\xcc\x81"), ==, 1);          /* e and a combining acute */
  g_assert_cmpint (kith_cli_width ("\xe2\x81\xa8x\xe2\x81\xa9"), ==, 1);   /* isolates */
}

static void
check_pad (const char *text, gint width, const char *expected)
{
  g_autofree char *padded = kith_cli_pad (text, width);

  g_assert_cmpstr (padded, ==, expected);
}

static void
test_pad (void)
{
  check_pad ("a", 3, "a  ");
  check_pad ("日", 3, "日 ");
  check_pad ("äöü", 4, "äöü ");
  check_pad ("long", 2, "long");
  check_pad ("", 0, "");
  check_pad ("x", -5, "x");
}

static void
check_wrap (const char *text, gint start, gint columns, const char *expected)
{
  g_autofree char *wrapped = kith_cli_wrap (text, start, "  ", columns);

  g_assert_cmpstr (wrapped, ==, expected);
}

static void
test_wrap (void)
{
  check_wrap ("one two three", 0, 0, "one two three");
  check_wrap ("one two three", 0, 13, "one two three");
  check_wrap ("one two three", 0, 12, "one two\n  three");
  check_wrap ("one two three", 6, 12, "one\n  two three");
  check_wrap ("one  two", 0, 5, "one\n  two");
  check_wrap ("alpha verylongaddress b", 0, 8, "alpha\n  verylongaddress\n  b");
  check_wrap ("verylongaddress b", 0, 8, "verylongaddress\n  b");
  check_wrap ("日本 語 x", 0, 7, "日本 語\n  x");
  check_wrap ("first\n  second line here", 0, 14, "first\n  second line\n  here");
  check_wrap ("ends in blanks   ", 0, 40, "ends in blanks   ");
  check_wrap ("", 0, 10, "");
}

static void
check_duration (gint64 seconds, const char *expected)
{
  g_autofree char *text = kith_cli_duration (seconds);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_durations (void)
{
  check_duration (-1, "0 min 0 s");
  check_duration (0, "0 min 0 s");
  check_duration (59, "0 min 59 s");
  check_duration (3599, "59 min 59 s");
  check_duration (3600, "1 h 0 min");
  check_duration (86399, "23 h 59 min");
  check_duration (86400, "1 d 0 h");
  check_duration (90061, "1 d 1 h");
  check_duration (G_MAXINT64, "106751991167300 d 15 h");
}

static void
test_pager (void)
{
  g_assert_cmpstr (kith_cli_choose_pager (NULL, TRUE), ==, "less -FRX");
  g_assert_null (kith_cli_choose_pager (NULL, FALSE));
  g_assert_null (kith_cli_choose_pager ("", TRUE));
  g_assert_null (kith_cli_choose_pager ("cat", TRUE));
  g_assert_cmpstr (kith_cli_choose_pager ("more -d", FALSE), ==, "more -d");
}

static void
test_presence (void)
{
  g_assert_cmpstr (kith_cli_say_presence ("away"), ==, "away");
  g_assert_cmpstr (kith_cli_say_presence ("something new"), ==, "something new");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/text/width", test_width);
  g_test_add_func ("/cli/text/pad", test_pad);
  g_test_add_func ("/cli/text/wrap", test_wrap);
  g_test_add_func ("/cli/text/durations", test_durations);
  g_test_add_func ("/cli/text/pager", test_pager);
  g_test_add_func ("/cli/text/presence", test_presence);
  return g_test_run ();
}
