/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-json-private.h"
#include "kith-json-writer.h"

static const char *
check (const char *text)
{
  return kith_json_check (text, strlen (text), 32, 65536);
}

static void
test_accepted (void)
{
  static const char *const rows[] = {
    "null", " true ", "\t\r\nfalse\n", "0", "-0", "12", "-1.5e-3", "1E+2", "9223372036854775807",
    "-9223372036854775808", "1e308", "\"\"", "\"\\u0041\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"", "[]", "{}",
    "[1,[2,[3]],{}]", "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}", "{\"\":1}", "{\"a\":1,\"A\":2}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonNode) node = kith_json_parse (rows[i], -1, &error);

      g_test_message ("%s", rows[i]);
      g_assert_cmpstr (check (rows[i]), ==, NULL);
      g_assert_no_error (error);
      g_assert_nonnull (node);
    }
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text;
    const char *why;
  } rows[] = {
    { "", "unexpected end" },
    { " ", "unexpected end" },
    { "nul", "unexpected character" },
    { "nulll", "something follows the document" },
    { "{} {}", "something follows the document" },
    { "\xef\xbb\xbf{}", "unexpected character" },
    { "'a'", "unexpected character" },
    { "/* c */ 1", "unexpected character" },
    { "NaN", "unexpected character" },
    { "Infinity", "unexpected character" },
    { "var x = 1", "unexpected character" },
    { "01", "something follows the document" },
    { "0x10", "something follows the document" },
    { "+1", "unexpected character" },
    { ".5", "unexpected character" },
    { "1.", "bad number" },
    { "1e", "bad number" },
    { "-", "bad number" },
    { "1e999", "number out of range" },
    { "9223372036854775808", "integer out of range" },
    { "\"a", "unterminated string" },
    { "\"a\\", "unterminated string" },
    { "\"\\x\"", "bad escape" },
    { "\"\\u12g4\"", "bad \\u escape" },
    { "\"\\u12", "bad \\u escape" },
    { "\"\\u0000\"", "\\u0000 in a string" },
    { "\"\\ud800\"", "lone surrogate" },
    { "\"\\ud800x\"", "lone surrogate" },
    { "\"\\ud800\\u0041\"", "lone surrogate" },
    { "\"\\udc00\"", "lone surrogate" },
    { "\"a\nb\"", "control character in a string" },
    { "\"\xc3\"", "not valid UTF-8" },
    { "\"\xed\xa0\x80\"", "not valid UTF-8" },
    { "[1,]", "unexpected character" },
    { "[,1]", "unexpected character" },
    { "[1 2]", "a comma or an end was expected" },
    { "[1}", "a comma or an end was expected" },
    { "]", "unexpected character" },
    { "{\"a\":1,}", "a key in double quotes was expected" },
    { "{a:1}", "a key in double quotes was expected" },
    { "{\"a\" 1}", "a colon was expected" },
    { "{\"a\":}", "unexpected character" },
    { "{\"a\":1", "unexpected end" },
    { "{\"a\":1,\"a\":2}", "duplicate key" },
    { "{\"a\":1,\"\\u0061\":2}", "duplicate key" },
    { "{\"x\":{\"k\":1,\"j\":{\"k\":1},\"k\":1}}", "duplicate key" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("row %" G_GSIZE_FORMAT, i);
      g_assert_cmpstr (check (rows[i].text), ==, rows[i].why);
      g_assert_null (kith_json_parse (rows[i].text, -1, &error));
      g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
    }
  g_assert_cmpstr (kith_json_check ("\"a\0b\"", 5, 32, 100), ==, "not valid UTF-8");
  g_assert_null (kith_json_parse (NULL, 0, NULL));
}

static void
test_bounds (void)
{
  g_autofree char *deep = g_strnfill (80000, '[');
  g_autoptr (GString) text = g_string_new ("{");

  g_assert_cmpstr (check (deep), ==, "nested too deep");
  deep[32] = '\0';
  g_assert_cmpstr (check (deep), ==, "unexpected end");
  g_assert_cmpstr (kith_json_check ("[1,2,3]", 7, 32, 3), ==, "too many values");
  g_assert_cmpstr (kith_json_check ("[1,2,3]", 7, 32, 4), ==, NULL);

  /* Many keys: sorted instead of compared one by one. The last one decides. */
  for (guint i = 0; i < 20000; i++)
    g_string_append_printf (text, "\"k%u\":%u,", i, i);
  g_string_append (text, "\"last\":{\"k7\":1}}");
  g_assert_cmpstr (check (text->str), ==, NULL);
  g_string_truncate (text, text->len - strlen ("\"last\":{\"k7\":1}}"));
  g_string_append (text, "\"\\u006b7\":1}");
  g_assert_cmpstr (check (text->str), ==, "duplicate key");
}

static void
test_scan (void)
{
  const char *const names[] = { "event", "data", "seq", "typing", "none" };
  const char *text = " {\"event\":\"ty\\u0070ing\",\"data\":{\"event\":1,\"x\":[1,{}]} "
                     ",\"s\\u0065q\":-42,\"typing\":true,"
                     "\"more\":null}\n";
  const char *why = NULL;
  char buffer[7];
  KithJsonSpan out[5];
  g_autofree char *event = NULL;
  gint64 seq;
  gboolean typing;

  g_assert_true (kith_json_scan (text, strlen (text), names, out, 5, &why));
  g_assert_null (why);
  event = kith_json_span_string (&out[0]);
  g_assert_cmpstr (event, ==, "typing");
  g_assert_true (kith_json_span_equals (&out[0], "typing"));
  g_assert_false (kith_json_span_equals (&out[0], "typin"));
  g_assert_false (kith_json_span_equals (&out[0], "typings"));
  g_assert_true (kith_json_span_copy (&out[0], buffer, 7));
  g_assert_cmpstr (buffer, ==, "typing");
  g_assert_false (kith_json_span_copy (&out[0], buffer, 6));
  g_assert_true (kith_json_span_is_object (&out[1]));
  g_assert_cmpmem (out[1].start, out[1].length, "{\"event\":1,\"x\":[1,{}]}", 22);
  g_assert_true (kith_json_span_integer (&out[2], &seq));
  g_assert_cmpint (seq, ==, -42);
  g_assert_false (kith_json_span_integer (&out[0], &seq));
  g_assert_true (kith_json_span_boolean (&out[3], &typing) && typing);
  g_assert_false (kith_json_span_boolean (&out[2], &typing));
  g_assert_null (out[4].start);
  g_assert_null (kith_json_span_string (&out[4]));

  g_assert_false (kith_json_scan ("[]", 2, names, out, 5, &why));
  g_assert_cmpstr (why, ==, "not an object");
  g_assert_false (kith_json_scan ("{\"event\":1,}", 12, names, out, 5, &why));
  g_assert_cmpstr (why, ==, "a key in double quotes was expected");
  g_assert_null (out[0].start);
}

static void
test_writer (void)
{
  g_auto (KithJsonWriter) w = { NULL };
  g_autoptr (GBytes) raw = g_bytes_new_static ("{\"x\":1}", 7);
  g_autofree char *text = NULL;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "s", "a\"\\\n\x01\x7f\xc3\xa9");
  kith_json_writer_member_string (&w, "bad", "x\xff");
  kith_json_writer_member_string_or_null (&w, "n", NULL);
  kith_json_writer_member_int (&w, "i", G_MININT64);
  kith_json_writer_member_bool (&w, "b", TRUE);
  kith_json_writer_member_raw (&w, "r", raw);
  kith_json_writer_member_base64 (&w, "k", "\x00\x01", 2);
  kith_json_writer_member_time_ms (&w, "t", G_GINT64_CONSTANT (1768473000000));
  kith_json_writer_member_time_ms (&w, "u", G_GINT64_CONSTANT (1768473000007));
  kith_json_writer_key (&w, "a");
  kith_json_writer_begin_array (&w);
  kith_json_writer_begin_array (&w);
  kith_json_writer_end_array (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_end_object (&w);
  kith_json_writer_double (&w, 0.5);
  kith_json_writer_double (&w, -1.0 / 0.0);
  kith_json_writer_string (&w, "");
  kith_json_writer_null (&w);
  kith_json_writer_end_array (&w);
  kith_json_writer_end_object (&w);
  text = kith_json_writer_finish_string (&w);
  g_assert_cmpstr (text, ==,
                   "{\"s\":\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\",\"bad\":\"x\xef\xbf\xbd\",\"n\":null,"
                   "\"i\":-9223372036854775808,\"b\":true,\"r\":{\"x\":1},\"k\":\"AAE=\","
                   "\"t\":\"2026-01-15T10:30:00Z\",\"u\":\"2026-01-15T10:30:00.007Z\","
                   "\"a\":[[],{},0.5,null,\"\",null]}");
  g_assert_cmpstr (check (text), ==, NULL);
}

/* What is printed reads back the same. */
static void
test_print (void)
{
  const char *text = "{\"a\":[1,-2.5,true,null,\"\\u00e9\\ud83d\\ude00\\n\"],\"b\":{}}";
  g_autoptr (JsonNode) node = kith_json_parse (text, -1, NULL);
  g_autoptr (GBytes) bytes = kith_json_print (node);
  g_autoptr (JsonNode) again
    = kith_json_parse (g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes), NULL);

  g_assert_true (json_node_equal (node, again));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/accepted", test_accepted);
  g_test_add_func ("/json/refused", test_refused);
  g_test_add_func ("/json/bounds", test_bounds);
  g_test_add_func ("/json/scan", test_scan);
  g_test_add_func ("/json/writer", test_writer);
  g_test_add_func ("/json/print", test_print);
  return g_test_run ();
}
