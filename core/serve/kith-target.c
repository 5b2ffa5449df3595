/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-target.h"

#include <string.h>

/* NULL: a broken escape, or one for a byte in forbidden or for NUL. */
static char *
decode (const char *raw, gsize n, gboolean plus_is_space, const char *forbidden)
{
  g_autofree char *text = g_malloc (n + 1);
  gsize at = 0;

  for (gsize i = 0; i < n; i++)
    {
      int high, low, byte;

      if (raw[i] != '%')
        {
          text[at++] = plus_is_space && raw[i] == '+' ? ' ' : raw[i];
          continue;
        }
      high = n - i > 2 ? g_ascii_xdigit_value (raw[i + 1]) : -1;
      low = n - i > 2 ? g_ascii_xdigit_value (raw[i + 2]) : -1;
      byte = high * 16 + low;
      if (high < 0 || low < 0 || byte == 0 || strchr (forbidden, byte) != NULL)
        return NULL;
      text[at++] = (char) byte;
      i += 2;
    }
  text[at] = '\0';
  return g_utf8_validate (text, (gssize) at, NULL) ? g_steal_pointer (&text) : NULL;
}

static gboolean
has_bad_segment (const char *path)
{
  while (*path == '/')
    {
      const char *segment = ++path;

      path += strcspn (path, "/");
      if (path == segment && *path == '/')
        return TRUE;
      if ((path - segment == 1 && segment[0] == '.') || (path - segment == 2 && memcmp (segment, "..", 2) == 0))
        return TRUE;
    }
  return FALSE;
}

char *
kith_target_parse_path (const char *raw)
{
  g_autofree char *path = NULL;

  if (raw[0] != '/')
    return NULL;
  path = decode (raw, strlen (raw), FALSE, "/");
  if (path == NULL || has_bad_segment (path))
    return NULL;
  for (const char *p = path; *p != '\0'; p = g_utf8_next_char (p))
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      return NULL;
  return g_steal_pointer (&path);
}

GHashTable *
kith_target_parse_query (const char *raw)
{
  g_autoptr(GHashTable) query = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  while (raw != NULL && *raw != '\0')
    {
      gsize n = strcspn (raw, "&"), n_name = strcspn (raw, "&=");
      g_autofree char *name = decode (raw, n_name, TRUE, "");
      g_autofree char *value = n_name < n ? decode (raw + n_name + 1, n - n_name - 1, TRUE, "") : g_strdup ("");

      if (name == NULL || value == NULL || g_hash_table_contains (query, name))
        return NULL;
      if (n > 0)
        g_hash_table_insert (query, g_steal_pointer (&name), g_steal_pointer (&value));
      raw += n;
      if (*raw == '&')
        raw++;
    }
  return g_steal_pointer (&query);
}
