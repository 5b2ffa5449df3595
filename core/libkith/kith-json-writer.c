/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-json-writer.h"

#include <math.h>

void
kith_json_writer_init (KithJsonWriter *writer)
{
  writer->text = g_string_sized_new (384);
}

void
kith_json_writer_clear (KithJsonWriter *writer)
{
  if (writer->text != NULL)
    g_string_free (g_steal_pointer (&writer->text), TRUE);
}

GBytes *
kith_json_writer_finish (KithJsonWriter *writer)
{
  return g_string_free_to_bytes (g_steal_pointer (&writer->text));
}

char *
kith_json_writer_finish_string (KithJsonWriter *writer)
{
  return g_string_free (g_steal_pointer (&writer->text), FALSE);
}

/* What was written last says whether a comma is due, so no nesting needs to be remembered. */
static void
writer_separate (KithJsonWriter *writer)
{
  char last = writer->text->len > 0 ? writer->text->str[writer->text->len - 1] : '{';

  if (last != '{' && last != '[' && last != ':')
    g_string_append_c (writer->text, ',');
}

void
kith_json_writer_begin_object (KithJsonWriter *writer)
{
  writer_separate (writer);
  g_string_append_c (writer->text, '{');
}

void
kith_json_writer_end_object (KithJsonWriter *writer)
{
  g_string_append_c (writer->text, '}');
}

void
kith_json_writer_begin_array (KithJsonWriter *writer)
{
  writer_separate (writer);
  g_string_append_c (writer->text, '[');
}

void
kith_json_writer_end_array (KithJsonWriter *writer)
{
  g_string_append_c (writer->text, ']');
}

void
kith_json_writer_key (KithJsonWriter *writer, const char *key)
{
  kith_json_writer_string (writer, key);
  g_string_append_c (writer->text, ':');
}

static void
writer_escape (GString *text, guchar c)
{
  static const char hex[] = "0123456789abcdef";

  switch (c)
    {
    case '"':
      g_string_append_len (text, "\\\"", 2);
      break;
    case '\\':
      g_string_append_len (text, "\\\\", 2);
      break;
    case '\n':
      g_string_append_len (text, "\\n", 2);
      break;
    case '\r':
      g_string_append_len (text, "\\r", 2);
      break;
    case '\t':
      g_string_append_len (text, "\\t", 2);
      break;
    default:
      g_string_append_len (text, "\\u00", 4);
      g_string_append_c (text, hex[c >> 4]);
      g_string_append_c (text, hex[c & 15]);
      break;
    }
}

static void
writer_append_valid (GString *text, const char *value, gsize length)
{
  const char *run = value, *end = value + length;

  for (const char *p = value; p < end; p++)
    {
      guchar c = (guchar) *p;

      if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
        continue;
      g_string_append_len (text, run, p - run);
      writer_escape (text, c);
      run = p + 1;
    }
  g_string_append_len (text, run, end - run);
}

void
kith_json_writer_string_len (KithJsonWriter *writer, const char *value, gssize length)
{
  gsize n = length < 0 ? strlen (value) : (gsize) length;

  writer_separate (writer);
  g_string_append_c (writer->text, '"');
  if (g_utf8_validate_len (value, n, NULL))
    writer_append_valid (writer->text, value, n);
  else
    {
      g_autofree char *valid = g_utf8_make_valid (value, (gssize) n);

      writer_append_valid (writer->text, valid, strlen (valid));
    }
  g_string_append_c (writer->text, '"');
}

void
kith_json_writer_string (KithJsonWriter *writer, const char *value)
{
  kith_json_writer_string_len (writer, value, -1);
}

void
kith_json_writer_string_or_null (KithJsonWriter *writer, const char *value)
{
  if (value != NULL)
    kith_json_writer_string (writer, value);
  else
    kith_json_writer_null (writer);
}

void
kith_json_writer_int (KithJsonWriter *writer, gint64 value)
{
  char digits[24];

  g_snprintf (digits, sizeof digits, "%" G_GINT64_FORMAT, value);
  kith_json_writer_raw (writer, digits, -1);
}

/* The shortest text that reads back the same; with a point or an exponent, so that it stays no whole number. */
void
kith_json_writer_double (KithJsonWriter *writer, double value)
{
  static const char *const formats[] = { "%.15g", "%.16g", "%.17g" };
  char digits[G_ASCII_DTOSTR_BUF_SIZE + 2];

  if (!isfinite (value))
    {
      /* JSON knows no infinity. */
      kith_json_writer_null (writer);
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_ascii_formatd (digits, G_ASCII_DTOSTR_BUF_SIZE, formats[i], value);
      if (memcmp (&(double) { g_ascii_strtod (digits, NULL) }, &value, sizeof value) == 0)
        break;
    }
  if (strpbrk (digits, ".e") == NULL)
    g_strlcat (digits, ".0", sizeof digits);
  kith_json_writer_raw (writer, digits, -1);
}

void
kith_json_writer_bool (KithJsonWriter *writer, gboolean value)
{
  kith_json_writer_raw (writer, value ? "true" : "false", -1);
}

void
kith_json_writer_null (KithJsonWriter *writer)
{
  kith_json_writer_raw (writer, "null", 4);
}

void
kith_json_writer_raw (KithJsonWriter *writer, const char *json, gssize length)
{
  writer_separate (writer);
  g_string_append_len (writer->text, json, length);
}

void
kith_json_writer_raw_bytes (KithJsonWriter *writer, GBytes *json)
{
  gsize n;
  const char *text = g_bytes_get_data (json, &n);

  kith_json_writer_raw (writer, text, (gssize) n);
}

void
kith_json_writer_base64 (KithJsonWriter *writer, const void *data, gsize n)
{
  g_autofree char *text = g_base64_encode (data, n);

  kith_json_writer_string (writer, text);
}

char *
kith_format_time_ms (gint64 unix_ms)
{
  gint64 seconds = unix_ms / 1000;
  gint ms = (gint) (unix_ms % 1000);
  g_autoptr (GDateTime) time = NULL;
  g_autofree char *text = NULL;

  if (ms < 0)
    {
      ms += 1000;
      seconds--;
    }
  time = g_date_time_new_from_unix_utc (seconds);
  if (time == NULL)
    return g_strdup ("1970-01-01T00:00:00Z");
  text = g_date_time_format (time, "%Y-%m-%dT%H:%M:%S");
  return ms == 0 ? g_strdup_printf ("%sZ", text) : g_strdup_printf ("%s.%03dZ", text, ms);
}

void
kith_json_writer_time_ms (KithJsonWriter *writer, gint64 unix_ms)
{
  g_autofree char *text = kith_format_time_ms (unix_ms);

  kith_json_writer_string (writer, text);
}

void
kith_json_writer_member_string (KithJsonWriter *writer, const char *key, const char *value)
{
  kith_json_writer_key (writer, key);
  kith_json_writer_string (writer, value);
}

void
kith_json_writer_member_string_or_null (KithJsonWriter *writer, const char *key, const char *value)
{
  kith_json_writer_key (writer, key);
  kith_json_writer_string_or_null (writer, value);
}

void
kith_json_writer_member_int (KithJsonWriter *writer, const char *key, gint64 value)
{
  kith_json_writer_key (writer, key);
  kith_json_writer_int (writer, value);
}

void
kith_json_writer_member_bool (KithJsonWriter *writer, const char *key, gboolean value)
{
  kith_json_writer_key (writer, key);
  kith_json_writer_bool (writer, value);
}

void
kith_json_writer_member_null (KithJsonWriter *writer, const char *key)
{
  kith_json_writer_key (writer, key);
  kith_json_writer_null (writer);
}

void
kith_json_writer_member_raw (KithJsonWriter *writer, const char *key, GBytes *json)
{
  kith_json_writer_key (writer, key);
  kith_json_writer_raw_bytes (writer, json);
}

void
kith_json_writer_member_base64 (KithJsonWriter *writer, const char *key, const void *data, gsize n)
{
  kith_json_writer_key (writer, key);
  kith_json_writer_base64 (writer, data, n);
}

void
kith_json_writer_member_time_ms (KithJsonWriter *writer, const char *key, gint64 unix_ms)
{
  kith_json_writer_key (writer, key);
  kith_json_writer_time_ms (writer, unix_ms);
}
