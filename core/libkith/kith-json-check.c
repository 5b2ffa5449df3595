/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-json-chars.h"

#include <errno.h>
#include <math.h>

/* One walk, without recursion: a stack of what is open, and the keys of all open objects one after the other. Both are
 * on the stack of the caller for ordinary documents. */
#define MAX_OPEN 128
#define LOCAL_KEYS 64
#define FEW_KEYS 16
#define MAX_NUMBER 64

typedef enum
{
  WANT_VALUE,
  WANT_VALUE_OR_END,
  WANT_KEY,
  WANT_KEY_OR_END,
  WANT_COLON,
  WANT_AFTER,
} Want;

typedef struct
{
  const char *p;
  const char *end;
  const char *why;
  guint max_depth;
  guint max_values;
  guint values;
  guint depth;
  Want want;
  char open[MAX_OPEN];
  guint first_key[MAX_OPEN]; /* where the keys of this object begin */

  KithJsonKey *keys;
  guint n_keys;
  guint room_keys;
  KithJsonKey local_keys[LOCAL_KEYS];

  KithJsonMemberFunc member;
  gpointer data;
  KithJsonKey top;       /* the last key of the top-level object */
  const char *top_value; /* where its value begins */
} Walk;

static gboolean
walk_fail (Walk *w, const char *why)
{
  w->why = why;
  return FALSE;
}

static gboolean
walk_hex4 (Walk *w, gunichar *c)
{
  if (w->end - w->p < 4 || !g_ascii_isxdigit (w->p[0]) || !g_ascii_isxdigit (w->p[1]) || !g_ascii_isxdigit (w->p[2])
      || !g_ascii_isxdigit (w->p[3]))
    return walk_fail (w, "bad \\u escape");
  *c = kith_json_hex4 (w->p);
  w->p += 4;
  return TRUE;
}

static gboolean
walk_escape (Walk *w)
{
  gunichar c, low;

  if (w->p >= w->end)
    return walk_fail (w, "unterminated string");
  if (*w->p != 'u')
    {
      if (strchr ("\"\\/bfnrt", *w->p) == NULL)
        return walk_fail (w, "bad escape");
      w->p++;
      return TRUE;
    }
  w->p++;
  if (!walk_hex4 (w, &c))
    return FALSE;
  if (c == 0)
    return walk_fail (w, "\\u0000 in a string");
  if (c < 0xd800 || c > 0xdfff)
    return TRUE;
  if (c > 0xdbff || w->end - w->p < 2 || w->p[0] != '\\' || w->p[1] != 'u')
    return walk_fail (w, "lone surrogate");
  w->p += 2;
  if (!walk_hex4 (w, &low))
    return FALSE;
  return low >= 0xdc00 && low <= 0xdfff ? TRUE : walk_fail (w, "lone surrogate");
}

/* w->p is at the opening quote; moves behind the closing one. */
static gboolean
walk_string (Walk *w, gboolean *escaped)
{
  *escaped = FALSE;
  for (w->p++; w->p < w->end; )
    {
      guchar c = (guchar) *w->p++;

      if (c == '"')
        return TRUE;
      if (c < 0x20)
        return walk_fail (w, "control character in a string");
      if (c != '\\')
        continue;
      *escaped = TRUE;
      if (!walk_escape (w))
        return FALSE;
    }
  return walk_fail (w, "unterminated string");
}

static gboolean
walk_digits (Walk *w)
{
  const char *start = w->p;

  while (w->p < w->end && g_ascii_isdigit (*w->p))
    w->p++;
  return w->p > start ? TRUE : walk_fail (w, "bad number");
}

static gboolean
walk_number_fits (Walk *w, const char *start, gboolean integer)
{
  gsize n = (gsize) (w->p - start);
  char copy[MAX_NUMBER + 1];
  double d;

  if (n > MAX_NUMBER)
    return walk_fail (w, "number too long");
  if (integer && n <= 18)
    return TRUE;
  memcpy (copy, start, n);
  copy[n] = '\0';
  errno = 0;
  if (integer)
    {
      (void) g_ascii_strtoll (copy, NULL, 10);
      return errno == ERANGE ? walk_fail (w, "integer out of range") : TRUE;
    }
  d = g_ascii_strtod (copy, NULL);
  return isfinite (d) ? TRUE : walk_fail (w, "number out of range");
}

static gboolean
walk_number (Walk *w)
{
  const char *start = w->p;
  gboolean integer = TRUE;

  if (*w->p == '-')
    w->p++;
  if (w->p < w->end && *w->p == '0')
    w->p++;
  else if (!walk_digits (w))
    return FALSE;
  if (w->p < w->end && *w->p == '.')
    {
      integer = FALSE;
      w->p++;
      if (!walk_digits (w))
        return FALSE;
    }
  if (w->p < w->end && (*w->p == 'e' || *w->p == 'E'))
    {
      integer = FALSE;
      w->p++;
      if (w->p < w->end && (*w->p == '+' || *w->p == '-'))
        w->p++;
      if (!walk_digits (w))
        return FALSE;
    }
  return walk_number_fits (w, start, integer);
}

static gboolean
walk_open (Walk *w, char c)
{
  if (w->depth >= w->max_depth)
    return walk_fail (w, "nested too deep");
  w->open[w->depth] = c;
  w->first_key[w->depth] = w->n_keys;
  w->depth++;
  w->p++;
  w->want = c == '{' ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
  return TRUE;
}

/* Few keys were compared as they came; many are compared now, sorted: n log n whatever the hashes are. */
static gboolean
walk_close (Walk *w)
{
  guint first, n;

  w->depth--;
  w->p++;
  w->want = WANT_AFTER;
  first = w->first_key[w->depth];
  n = w->n_keys - first;
  w->n_keys = first;
  if (n <= FEW_KEYS)
    return TRUE;
  qsort (w->keys + first, n, sizeof (KithJsonKey), kith_json_key_compare);
  for (guint i = first + 1; i < first + n; i++)
    if (kith_json_key_compare (&w->keys[i - 1], &w->keys[i]) == 0)
      return walk_fail (w, "duplicate key");
  return TRUE;
}

static gboolean
walk_add_key (Walk *w, const KithJsonKey *key)
{
  guint first = w->first_key[w->depth - 1];

  if (w->n_keys - first < FEW_KEYS)
    for (guint i = first; i < w->n_keys; i++)
      if (w->keys[i].hash == key->hash && kith_json_key_compare (&w->keys[i], key) == 0)
        return walk_fail (w, "duplicate key");
  if (w->n_keys == w->room_keys)
    {
      KithJsonKey *more = g_new (KithJsonKey, w->room_keys * 2);

      memcpy (more, w->keys, sizeof (KithJsonKey) * w->n_keys);
      if (w->keys != w->local_keys)
        g_free (w->keys);
      w->keys = more;
      w->room_keys *= 2;
    }
  w->keys[w->n_keys++] = *key;
  if (w->depth == 1)
    w->top = *key;
  return TRUE;
}

static gboolean
walk_key (Walk *w)
{
  const char *raw = w->p + 1;
  KithJsonKey key;

  if (*w->p != '"')
    return walk_fail (w, "a key in double quotes was expected");
  if (!walk_string (w, &key.escaped))
    return FALSE;
  kith_json_key_init (&key, raw, (gsize) (w->p - 1 - raw), key.escaped);
  w->want = WANT_COLON;
  return walk_add_key (w, &key);
}

static gboolean
walk_word (Walk *w, const char *word, gsize n)
{
  if ((gsize) (w->end - w->p) < n || memcmp (w->p, word, n) != 0)
    return walk_fail (w, "unexpected character");
  w->p += n;
  return TRUE;
}

static gboolean
walk_value (Walk *w)
{
  gboolean escaped, good;
  char c = *w->p;

  if (++w->values > w->max_values)
    return walk_fail (w, "too many values");
  if (w->depth == 1)
    w->top_value = w->p;
  if (c == '{' || c == '[')
    return walk_open (w, c);
  if (c == '"')
    good = walk_string (w, &escaped);
  else if (c == '-' || g_ascii_isdigit (c))
    good = walk_number (w);
  else if (c == 't')
    good = walk_word (w, "true", 4);
  else if (c == 'f')
    good = walk_word (w, "false", 5);
  else
    good = walk_word (w, "null", 4);
  w->want = WANT_AFTER;
  return good;
}

static void
walk_tell_member (Walk *w)
{
  KithJsonSpan value = { w->top_value, (gsize) (w->p - w->top_value) };

  if (w->member != NULL && w->depth == 1 && w->open[0] == '{')
    w->member (&w->top, &value, w->data);
}

static gboolean
walk_after (Walk *w)
{
  char open = w->open[w->depth - 1];

  if (*w->p == (open == '{' ? '}' : ']'))
    return walk_close (w);
  if (*w->p != ',')
    return walk_fail (w, "a comma or an end was expected");
  w->p++;
  w->want = open == '{' ? WANT_KEY : WANT_VALUE;
  return TRUE;
}

static gboolean
walk_step (Walk *w)
{
  gboolean good = FALSE;

  switch (w->want)
    {
    case WANT_VALUE_OR_END:
      good = *w->p == ']' ? walk_close (w) : walk_value (w);
      break;
    case WANT_VALUE:
      good = walk_value (w);
      break;
    case WANT_KEY_OR_END:
      good = *w->p == '}' ? walk_close (w) : walk_key (w);
      break;
    case WANT_KEY:
      good = walk_key (w);
      break;
    case WANT_COLON:
      good = *w->p == ':' ? TRUE : walk_fail (w, "a colon was expected");
      w->p++;
      w->want = WANT_VALUE;
      return good;
    case WANT_AFTER:
      good = walk_after (w);
      break;
    }
  /* A value that has just ended inside the top-level object is a member's. */
  if (good && w->want == WANT_AFTER)
    walk_tell_member (w);
  return good;
}

static const char *
walk_run (Walk *w)
{
  while (TRUE)
    {
      while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
        w->p++;
      if (w->want == WANT_AFTER && w->depth == 0)
        return w->p == w->end ? NULL : "something follows the document";
      if (w->p >= w->end)
        return "unexpected end";
      if (!walk_step (w))
        return w->why;
    }
}

const char *
kith_json_walk (const char *text, gsize n, guint max_depth, guint max_values, KithJsonMemberFunc member, gpointer data)
{
  Walk w;
  const char *why;

  /* With a length, this refuses NUL bytes too. */
  if (!g_utf8_validate_len (text, n, NULL))
    return "not valid UTF-8";
  w.p = text;
  w.end = text + n;
  w.why = NULL;
  w.max_depth = MIN (max_depth, MAX_OPEN);
  w.max_values = max_values;
  w.values = 0;
  w.depth = 0;
  w.want = WANT_VALUE;
  w.keys = w.local_keys;
  w.n_keys = 0;
  w.room_keys = LOCAL_KEYS;
  w.member = member;
  w.data = data;
  w.top_value = text;
  why = walk_run (&w);
  if (w.keys != w.local_keys)
    g_free (w.keys);
  return why;
}

const char *
kith_json_check (const char *text, gsize n, guint max_depth, guint max_values)
{
  return kith_json_walk (text, n, max_depth, max_values, NULL, NULL);
}
