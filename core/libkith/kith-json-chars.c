/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-json-chars.h"

gunichar
kith_json_hex4 (const char *p)
{
  return (gunichar) (g_ascii_xdigit_value (p[0]) << 12 | g_ascii_xdigit_value (p[1]) << 8
                     | g_ascii_xdigit_value (p[2]) << 4 | g_ascii_xdigit_value (p[3]));
}

gunichar
kith_json_next_char (const char **p)
{
  static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
  const char *s = *p;
  const char *found;
  gunichar c, low;

  if (*s != '\\')
    {
      c = g_utf8_get_char (s);
      *p = g_utf8_next_char (s);
      return c;
    }
  if (s[1] != 'u')
    {
      *p = s + 2;
      found = strchr (from, s[1]);
      return (guchar) (found != NULL ? to[found - from] : s[1]);
    }
  c = kith_json_hex4 (s + 2);
  *p = s + 6;
  if (c < 0xd800 || c > 0xdbff)
    return c;
  low = kith_json_hex4 (s + 8);
  *p = s + 12;
  return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

int
kith_json_compare_raw (const char *a, gsize a_length, const char *b, gsize b_length)
{
  const char *a_end = a + a_length, *b_end = b + b_length;

  while (a < a_end && b < b_end)
    {
      gunichar one = kith_json_next_char (&a), other = kith_json_next_char (&b);

      if (one != other)
        return one < other ? -1 : 1;
    }
  return (a < a_end) - (b < b_end);
}

int
kith_json_key_compare (gconstpointer a, gconstpointer b)
{
  const KithJsonKey *one = a, *other = b;

  if (one->hash != other->hash)
    return one->hash < other->hash ? -1 : 1;
  if (!one->escaped && !other->escaped)
    {
      if (one->length != other->length)
        return one->length < other->length ? -1 : 1;
      return memcmp (one->raw, other->raw, one->length);
    }
  return kith_json_compare_raw (one->raw, one->length, other->raw, other->length);
}

void
kith_json_key_init (KithJsonKey *key, const char *raw, gsize length, gboolean escaped)
{
  const char *end = raw + length;
  guint32 hash = 2166136261u;

  key->raw = raw;
  key->length = length;
  key->escaped = escaped;
  for (; !escaped && raw < end; raw++)
    hash = (hash ^ (guint8) *raw) * 16777619u;
  while (raw < end)
    {
      char utf8[6];
      int n = g_unichar_to_utf8 (kith_json_next_char (&raw), utf8);

      for (int i = 0; i < n; i++)
        hash = (hash ^ (guint8) utf8[i]) * 16777619u;
    }
  key->hash = hash;
}
