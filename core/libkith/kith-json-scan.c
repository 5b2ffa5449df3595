/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-json-chars.h"

typedef struct
{
  const char *const *names;
  KithJsonSpan *out;
  gsize n_names;
} Wanted;

static void
scan_member (const KithJsonKey *key, const KithJsonSpan *value, gpointer data)
{
  Wanted *wanted = data;

  for (gsize i = 0; i < wanted->n_names; i++)
    {
      gsize length = strlen (wanted->names[i]);

      if (key->escaped ? kith_json_compare_raw (key->raw, key->length, wanted->names[i], length) == 0
                       : key->length == length && memcmp (key->raw, wanted->names[i], length) == 0)
        wanted->out[i] = *value;
    }
}

gboolean
kith_json_scan (const char *text, gsize n, const char *const *names, KithJsonSpan *out, gsize n_names, const char **why)
{
  Wanted wanted = { names, out, n_names };
  const char *reason, *p = text;

  for (gsize i = 0; i < n_names; i++)
    out[i] = (KithJsonSpan) { NULL, 0 };
  reason = kith_json_walk (text, n, KITH_JSON_MAX_DEPTH, KITH_JSON_MAX_VALUES, scan_member, &wanted);
  /* A document that was accepted has something that is no blank. */
  while (reason == NULL && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    p++;
  if (reason == NULL && *p != '{')
    reason = "not an object";
  for (gsize i = 0; reason != NULL && i < n_names; i++)
    out[i] = (KithJsonSpan) { NULL, 0 };
  if (why != NULL)
    *why = reason;
  return reason == NULL;
}

/* The raw text between the quotes. */
static gboolean
span_string (const KithJsonSpan *span, const char **start, const char **end)
{
  if (span->start == NULL || *span->start != '"')
    return FALSE;
  *start = span->start + 1;
  *end = span->start + span->length - 1;
  return TRUE;
}

char *
kith_json_span_string (const KithJsonSpan *span)
{
  const char *p, *end;
  char *text, *to;

  if (!span_string (span, &p, &end))
    return NULL;
  /* Decoding never makes it longer. */
  text = to = g_malloc ((gsize) (end - p) + 1);
  while (p < end)
    if (*p == '\\')
      to += g_unichar_to_utf8 (kith_json_next_char (&p), to);
    else
      *to++ = *p++;
  *to = '\0';
  return text;
}

gboolean
kith_json_span_copy (const KithJsonSpan *span, char *buffer, gsize size)
{
  const char *p, *end;
  gsize used = 0;

  if (!span_string (span, &p, &end) || size == 0)
    return FALSE;
  while (p < end)
    {
      char utf8[6];
      int n = 1;

      if (*p == '\\')
        n = g_unichar_to_utf8 (kith_json_next_char (&p), utf8);
      else
        utf8[0] = *p++;
      if (used + (gsize) n >= size)
        return FALSE;
      memcpy (buffer + used, utf8, (gsize) n);
      used += (gsize) n;
    }
  buffer[used] = '\0';
  return TRUE;
}

gboolean
kith_json_span_equals (const KithJsonSpan *span, const char *string)
{
  const char *p, *end, *s = string, *s_end = string + strlen (string);

  if (!span_string (span, &p, &end))
    return FALSE;
  while (p < end && s < s_end)
    if (*p != '\\')
      {
        if (*p++ != *s++)
          return FALSE;
      }
    else
      {
        if (kith_json_next_char (&p) != g_utf8_get_char (s))
          return FALSE;
        s = g_utf8_next_char (s);
      }
  return p == end && s == s_end;
}

gboolean
kith_json_span_boolean (const KithJsonSpan *span, gboolean *out)
{
  if (span->start == NULL || (*span->start != 't' && *span->start != 'f'))
    return FALSE;
  *out = *span->start == 't';
  return TRUE;
}

gboolean
kith_json_span_integer (const KithJsonSpan *span, gint64 *out)
{
  char copy[32];

  if (span->start == NULL || span->length >= sizeof copy || (*span->start != '-' && !g_ascii_isdigit (*span->start)))
    return FALSE;
  memcpy (copy, span->start, span->length);
  copy[span->length] = '\0';
  if (strpbrk (copy, ".eE") != NULL)
    return FALSE;
  *out = g_ascii_strtoll (copy, NULL, 10);
  return TRUE;
}

gboolean
kith_json_span_is_object (const KithJsonSpan *span)
{
  return span->start != NULL && *span->start == '{';
}

gboolean
kith_json_span_is_null (const KithJsonSpan *span)
{
  return span->start != NULL && *span->start == 'n';
}
