/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-head-check.h"

#include <string.h>

#define MOST_LENGTH_DIGITS 15

typedef struct
{
  const char *at;
  gsize n;
} KithSpan;

typedef struct
{
  gboolean http_1_0;
  guint n_length;
  guint n_transfer;
} KithFraming;

gsize
kith_head_measure (const char *data, gsize n)
{
  const char *at = data, *end = data + n;

  /* However its lines end: what is wrong with them is said later. */
  while ((at = memchr (at, '\n', (gsize) (end - at))) != NULL)
    {
      at++;
      if (at < end && *at == '\n')
        return (gsize) (at + 1 - data);
      if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
        return (gsize) (at + 2 - data);
    }
  return 0;
}

static gboolean
is_token (const KithSpan *s)
{
  for (gsize i = 0; i < s->n; i++)
    if (!g_ascii_isalnum (s->at[i]) && (s->at[i] == '\0' || strchr ("!#$%&'*+-.^_`|~", s->at[i]) == NULL))
      return FALSE;
  return s->n > 0;
}

static gboolean
is (const KithSpan *s, const char *wanted)
{
  return s->n == strlen (wanted) && g_ascii_strncasecmp (s->at, wanted, s->n) == 0;
}

/* "." or "..", also as %2e. */
static gboolean
is_dots (const char *at, gsize n)
{
  guint dots = 0;

  while (n > 0)
    {
      gsize step = at[0] == '.' ? 1 : n >= 3 && g_ascii_strncasecmp (at, "%2e", 3) == 0 ? 3 : 0;

      if (step == 0 || ++dots > 2)
        return FALSE;
      at += step;
      n -= step;
    }
  return dots > 0;
}

static gboolean
has_dot_segment (const KithSpan *target)
{
  const char *at = target->at, *end = target->at + target->n;

  while (at < end && *at != '?' && *at != '#')
    {
      const char *segment = at;

      while (at < end && *at != '/' && *at != '?' && *at != '#')
        at++;
      if (is_dots (segment, (gsize) (at - segment)))
        return TRUE;
      if (at < end && *at == '/')
        at++;
    }
  return FALSE;
}

static KithReason
check_request_line (const KithSpan *line, KithFraming *framing)
{
  const char *space = memchr (line->at, ' ', line->n);
  KithSpan method, target, version;

  if (space == NULL)
    return KITH_REASON_MALFORMED;
  method = (KithSpan) { line->at, (gsize) (space - line->at) };
  target.at = space + 1;
  space = memchr (target.at, ' ', (gsize) (line->at + line->n - target.at));
  if (space == NULL)
    return KITH_REASON_MALFORMED;
  target.n = (gsize) (space - target.at);
  version = (KithSpan) { space + 1, (gsize) (line->at + line->n - space - 1) };
  framing->http_1_0 = is (&version, "HTTP/1.0");
  if (!is_token (&method) || target.n == 0 || memchr (target.at, '\t', target.n) != NULL ||
      (!framing->http_1_0 && !is (&version, "HTTP/1.1")) || memcmp (version.at, "HTTP", 4) != 0)
    return KITH_REASON_MALFORMED;
  return has_dot_segment (&target) ? KITH_REASON_PATH : KITH_REASON_NONE;
}

static KithReason
check_length (const KithSpan *value, KithFraming *framing)
{
  if (value->n == 0 || value->n > MOST_LENGTH_DIGITS || framing->n_length++ > 0)
    return KITH_REASON_LENGTH;
  for (gsize i = 0; i < value->n; i++)
    if (!g_ascii_isdigit (value->at[i]))
      return KITH_REASON_LENGTH;
  return KITH_REASON_NONE;
}

static KithReason
check_header (const KithSpan *line, KithFraming *framing)
{
  const char *colon = memchr (line->at, ':', line->n);
  KithSpan name, value;

  if (colon == NULL)
    return KITH_REASON_MALFORMED;
  name = (KithSpan) { line->at, (gsize) (colon - line->at) };
  value = (KithSpan) { colon + 1, (gsize) (line->at + line->n - colon - 1) };
  while (value.n > 0 && (value.at[0] == ' ' || value.at[0] == '\t'))
    value = (KithSpan) { value.at + 1, value.n - 1 };
  while (value.n > 0 && (value.at[value.n - 1] == ' ' || value.at[value.n - 1] == '\t'))
    value.n--;
  if (!is_token (&name))
    return KITH_REASON_MALFORMED;
  if (is (&name, "Content-Length"))
    return check_length (&value, framing);
  if (is (&name, "Transfer-Encoding") && (framing->n_transfer++ > 0 || framing->http_1_0 || !is (&value, "chunked")))
    return KITH_REASON_TRANSFER;
  /* In HTTP/1.0 libsoup takes every header out that Connection names: Origin, say. */
  if (framing->http_1_0 && is (&name, "Connection") && !is (&value, "close") && !is (&value, "keep-alive"))
    return KITH_REASON_MALFORMED;
  return KITH_REASON_NONE;
}

/* The next line without its end; FALSE: it ends wrongly or holds what no line may hold. */
static gboolean
take_line (const char **at, const char *end, KithSpan *line)
{
  const char *feed = memchr (*at, '\n', (gsize) (end - *at));

  if (feed == NULL || feed == *at || feed[-1] != '\r')
    return FALSE;
  *line = (KithSpan) { *at, (gsize) (feed - 1 - *at) };
  *at = feed + 1;
  for (gsize i = 0; i < line->n; i++)
    if (((guchar) line->at[i] < 0x20 && line->at[i] != '\t') || line->at[i] == 0x7f)
      return FALSE;
  return TRUE;
}

KithReason
kith_head_check (const char *head, gsize n)
{
  const char *at = head, *end = head + n;
  KithFraming framing = { 0 };
  KithReason reason;
  KithSpan line;

  if (!take_line (&at, end, &line))
    return KITH_REASON_MALFORMED;
  reason = check_request_line (&line, &framing);
  while (reason == KITH_REASON_NONE && at < end)
    {
      if (!take_line (&at, end, &line))
        return KITH_REASON_MALFORMED;
      if (line.n == 0)
        break;
      reason = check_header (&line, &framing);
    }
  if (reason == KITH_REASON_NONE && framing.n_length > 0 && framing.n_transfer > 0)
    return KITH_REASON_TRANSFER;
  return reason;
}
