/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-event-private.h"

static gboolean
is_lower_or_digit (char c)
{
  return g_ascii_islower (c) || g_ascii_isdigit (c);
}

gboolean
kith_name_is_plugin_id (const char *id)
{
  gsize n = 0;

  if (id == NULL || !g_ascii_islower (id[0]))
    return FALSE;
  for (; id[n] != '\0'; n++)
    if (n == 32 || (!is_lower_or_digit (id[n]) && id[n] != '-'))
      return FALSE;
  return TRUE;
}

gboolean
kith_name_is_event (const char *name)
{
  gsize n = 0;

  if (name == NULL || !g_ascii_islower (name[0]))
    return FALSE;
  for (; name[n] != '\0'; n++)
    if (n == 64 || (!is_lower_or_digit (name[n]) && strchr ("._-", name[n]) == NULL))
      return FALSE;
  return TRUE;
}

gboolean
kith_name_is_username (const char *name, gboolean local)
{
  gsize n = 0, hex = 0;

  if (name == NULL || !is_lower_or_digit (name[0]))
    return FALSE;
  for (; name[n] != '\0' && name[n] != '~'; n++)
    if (n == 32 || (!is_lower_or_digit (name[n]) && strchr ("._-", name[n]) == NULL))
      return FALSE;
  if (name[n] == '\0')
    return TRUE;
  if (!local)
    return FALSE;
  for (name += n + 1; name[hex] != '\0'; hex++)
    if (hex == 32 || !(g_ascii_isdigit (name[hex]) || (name[hex] >= 'a' && name[hex] <= 'f')))
      return FALSE;
  return hex >= 4;
}

gboolean
kith_name_is_uuid (const char *text)
{
  static const char form[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";

  if (text == NULL || strlen (text) != sizeof form - 1)
    return FALSE;
  for (gsize i = 0; form[i] != '\0'; i++)
    {
      gboolean hex = g_ascii_isdigit (text[i]) || (text[i] >= 'a' && text[i] <= 'f');

      if (form[i] == 'x' && !hex)
        return FALSE;
      if (form[i] == 'y' && strchr ("89ab", text[i]) == NULL)
        return FALSE;
      if (strchr ("-4", form[i]) != NULL && text[i] != form[i])
        return FALSE;
    }
  return TRUE;
}
