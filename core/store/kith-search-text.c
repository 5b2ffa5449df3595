/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-search-text.h"

#include <string.h>

#define MARKER 0xe000          /* private use, so a letter to the tokenizer and in nobody's text */
#define PREFIX_LETTERS 3       /* the last word of a query may be the beginning of one from here on */

typedef enum
{
  PART_GAP,                    /* separates words */
  PART_LETTER,                 /* of a word */
  PART_MARK,                   /* belongs to what stands before it */
  PART_ALONE,                  /* a word of its own; its neighbours may be found together with it */
  PART_NOTHING,                /* says how something is drawn */
} Part;

static gboolean
is_unseparated (gunichar c)
{
  switch (g_unichar_get_script (c))
    {
    case G_UNICODE_SCRIPT_HAN:
    case G_UNICODE_SCRIPT_HIRAGANA:
    case G_UNICODE_SCRIPT_KATAKANA:
    case G_UNICODE_SCRIPT_BOPOMOFO:
    case G_UNICODE_SCRIPT_HANGUL:
    case G_UNICODE_SCRIPT_THAI:
    case G_UNICODE_SCRIPT_LAO:
    case G_UNICODE_SCRIPT_KHMER:
    case G_UNICODE_SCRIPT_MYANMAR:
    case G_UNICODE_SCRIPT_TIBETAN:
    case G_UNICODE_SCRIPT_YI:
      return TRUE;
    default:
      return FALSE;
    }
}

/* Above the basic plane every character stands alone: emoji, and scripts that are younger than the tokenizer. */
static Part
classify (gunichar c)
{
  if (c < 0x80)
    return g_ascii_isalnum (c) ? PART_LETTER : PART_GAP;
  if (c == 0x200d || (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0x1f3fb && c <= 0x1f3ff))
    return PART_NOTHING;
  switch (g_unichar_type (c))
    {
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
      return PART_MARK;
    case G_UNICODE_OTHER_SYMBOL:
      return PART_ALONE;
    case G_UNICODE_PRIVATE_USE:
      return PART_GAP;
    default:
      if (!g_unichar_isalnum (c))
        return PART_GAP;
      return c > 0xffff || is_unseparated (c) ? PART_ALONE : PART_LETTER;
    }
}

gboolean
kith_search_text_is_alone (gunichar c)
{
  return classify (c) == PART_ALONE;
}

static void
append_alone (GString *out, gunichar c)
{
  if (c > 0xffff || g_unichar_type (c) == G_UNICODE_OTHER_SYMBOL)
    {
      g_string_append_unichar (out, MARKER);
      g_string_append_printf (out, "%x", g_unichar_tolower (c));
    }
  else
    g_string_append_unichar (out, c);
}

/* Accents of letters, and what Hebrew and Arabic write only for learners. */
static gboolean
is_accent (gunichar c)
{
  return (c >= 0x300 && c <= 0x36f) || (c >= 0x591 && c <= 0x5c7) || (c >= 0x64b && c <= 0x65f) || c == 0x670;
}

/* The tokenizer takes the accents of Latin letters alone. */
static char *
normalize (const char *text)
{
  gboolean plain = TRUE;
  g_autofree char *apart = NULL;
  GString *bare;
  char *normal;

  /* Most of what is written needs nothing. */
  for (const char *p = text; plain && *p != '\0'; p++)
    plain = (guchar)*p < 0x80;
  if (plain || (apart = g_utf8_normalize (text, -1, G_NORMALIZE_ALL)) == NULL)
    return plain ? g_strdup (text) : NULL;
  bare = g_string_sized_new (strlen (apart));
  for (const char *p = apart; *p != '\0'; p = g_utf8_next_char (p))
    if (!is_accent (g_utf8_get_char (p)))
      g_string_append_unichar (bare, g_utf8_get_char (p));
  normal = g_utf8_normalize (bare->str, -1, G_NORMALIZE_ALL_COMPOSE);
  g_string_free (bare, TRUE);
  return normal;
}

void
kith_search_text_append (GString *out, const char *text)
{
  g_autofree char *normal = normalize (text);
  Part before = PART_GAP;

  for (const char *p = normal; p != NULL && *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      Part part = classify (c);

      if (part == PART_NOTHING)
        continue;
      if (part == PART_GAP || part == PART_ALONE || (part == PART_LETTER && before == PART_ALONE))
        g_string_append_c (out, ' ');
      if (part == PART_ALONE)
        append_alone (out, c);
      else if (part != PART_GAP)
        g_string_append_unichar (out, c);
      if (part != PART_MARK)
        before = part;
    }
}

/* --- queries */

typedef struct
{
  GString *out;
  Part before;
  guint words, letters;
} Quoting;

static void
end_word (Quoting *q)
{
  if (q->before == PART_GAP)
    return;
  g_string_append_c (q->out, '"');
  q->before = PART_GAP;
}

static void
begin_word (Quoting *q)
{
  g_string_append (q->out, q->words > 0 ? " AND \"" : "\"");
  q->words++;
  q->letters = 0;
}

static void
quote_one (Quoting *q, gunichar c, Part part)
{
  /* Letters and characters that stand alone are words of their own to each other. */
  if (part == PART_GAP || (part != q->before && part != PART_MARK && q->before != PART_GAP))
    end_word (q);
  if (part == PART_GAP || (part == PART_MARK && q->before == PART_GAP))
    return;
  if (q->before == PART_GAP)
    begin_word (q);
  else if (part == PART_ALONE)
    g_string_append_c (q->out, ' ');
  if (part == PART_ALONE)
    append_alone (q->out, c);
  else
    g_string_append_unichar (q->out, c);
  q->letters += part == PART_LETTER;
  if (part != PART_MARK)
    q->before = part;
}

guint
kith_search_text_quote (GString *out, const char *text)
{
  g_autofree char *normal = normalize (text);
  Quoting q = { out, PART_GAP, 0, 0 };

  for (const char *p = normal; p != NULL && *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      Part part = classify (c);

      if (part != PART_NOTHING)
        quote_one (&q, c, part);
    }
  /* Still being typed, perhaps. */
  if (q.before == PART_LETTER && q.letters >= PREFIX_LETTERS)
    {
      end_word (&q);
      g_string_append_c (out, '*');
    }
  end_word (&q);
  return q.words;
}
