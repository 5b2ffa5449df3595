/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text on a terminal: what it takes, how it is padded and wrapped. Nothing here prints. */
#include "kith-cli.h"
#include <string.h>

#define MINUTE_S 60
#define HOUR_S (60 * MINUTE_S)
#define DAY_S (24 * HOUR_S)

static gint
measure (const char *text, const char *end)
{
  gint width = 0;

  for (const char *at = text; at < end; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

gint
kith_cli_width (const char *text)
{
  return measure (text, text + strlen (text));
}

char *
kith_cli_pad (const char *text, gint width)
{
  return g_strdup_printf ("%s%*s", text, MAX (width - kith_cli_width (text), 0), "");
}

char *
kith_cli_wrap (const char *text, gint start, const char *indent, gint columns)
{
  GString *out = g_string_new (NULL);
  gint indented = kith_cli_width (indent), column = start;

  for (const char *at = text; *at != '\0';)
    {
      const char *word = at + strspn (at, " ");
      const char *end = word + strcspn (word, " \n");
      gint gap = (gint) (word - at), width = measure (word, end);

      /* A word that is longer than a line stays whole: it may be an address. */
      if (columns > 0 && gap > 0 && end > word && column > indented && column + gap + width > columns)
        {
          g_string_append_printf (out, "\n%s%.*s", indent, (int) (end - word), word);
          column = indented + width;
        }
      else
        {
          g_string_append_len (out, at, end - at);
          column += gap + width;
        }
      at = end;
      if (*at == '\n')
        {
          g_string_append_c (out, *at++);
          column = 0;
        }
    }
  return g_string_free (out, FALSE);
}

char *
kith_cli_duration (gint64 seconds)
{
  long long s = MAX (seconds, 0);

  /* translators: units of time, as short as they are written: days, hours, minutes, seconds */
  if (s >= DAY_S)
    return g_strdup_printf (_("%lld d %lld h"), s / DAY_S, s / HOUR_S % 24);
  if (s >= HOUR_S)
    return g_strdup_printf (_("%lld h %lld min"), s / HOUR_S, s / MINUTE_S % 60);
  return g_strdup_printf (_("%lld min %lld s"), s / MINUTE_S, s % MINUTE_S);
}

const char *
kith_cli_say_presence (const char *state)
{
  static const char *const known[]
      = { N_("online"), N_("offline"), N_("away"), N_("busy"), N_("invisible"), NULL };

  return g_strv_contains (known, state) ? _(state) : state;
}

const char *
kith_cli_choose_pager (const char *wanted, gboolean has_less)
{
  if (wanted == NULL)
    return has_less ? "less -FRX" : NULL;
  return *wanted == '\0' || strcmp (wanted, "cat") == 0 ? NULL : wanted;
}
