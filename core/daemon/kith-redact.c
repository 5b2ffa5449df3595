/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-redact.h"

#include <string.h>

#include "kith-log.h"

#define HEX_RUN 16              /* of a fingerprint; what is shorter is a number or a word */
#define SHOWN 4
#define AFTER_ADDRESS " \t\n,;\"'()"

/* What a username is made of, and a little more, so that an address is one word. */
static gboolean
is_word_char (char c)
{
  return g_ascii_isalnum (c) || c == '_' || c == '-' || c == '.' || c == '~';
}

/* --- paths */

static void
replace_folder (GString *text, const char *folder, const char *by)
{
  gsize n = folder == NULL ? 0 : strlen (folder), at = 0;
  const char *found;

  while (n > 1 && (found = strstr (text->str + at, folder)) != NULL)
    {
      at = (gsize) (found - text->str);
      /* Not /srv/annabel for /srv/ann. */
      if (is_word_char (found[n]))
        {
          at += n;
          continue;
        }
      g_string_erase (text, (gssize) at, (gssize) n);
      g_string_insert (text, (gssize) at, by);
      at += strlen (by);
    }
}

static void
replace_user (GString *text, const char *user)
{
  g_autofree char *part = user == NULL || *user == '\0' ? NULL : g_strconcat ("/", user, "/", NULL);

  if (part != NULL)
    g_string_replace (text, part, "/USER/", 0);
}

/* --- words */

static gboolean
is_hex (const char *word, gsize n)
{
  gsize hex = 0;

  while (hex < n && g_ascii_isxdigit (word[hex]))
    hex++;
  return hex == n;
}

/* 192.0.2.7, but neither 127.0.0.1, which is everybody's, nor a version. */
static gboolean
is_address (const char *word)
{
  g_auto (GStrv) parts = g_strsplit (word, ".", 5);

  for (guint i = 0; i < 4; i++)
    if (parts[i] == NULL || !g_ascii_isdigit (parts[i][0])
        || strspn (parts[i], "0123456789") != strlen (parts[i]) || strlen (parts[i]) > 3)
      return FALSE;
  return parts[4] == NULL && strcmp (parts[0], "127") != 0 && strcmp (word, "0.0.0.0") != 0;
}

static gboolean
append_name (const KithRedaction *redaction, const char *word, GString *out)
{
  if (redaction->self != NULL && g_ascii_strcasecmp (word, redaction->self) == 0)
    {
      g_string_append (out, "me");
      return TRUE;
    }
  for (guint i = 0; redaction->friends != NULL && redaction->friends[i] != NULL; i++)
    if (g_ascii_strcasecmp (word, redaction->friends[i]) == 0)
      {
        g_string_append_printf (out, "friend-%u", i + 1);
        return TRUE;
      }
  return FALSE;
}

static void
append_word (const KithRedaction *redaction, const char *start, gsize n, GString *out)
{
  g_autofree char *word = g_strndup (start, n);
  gsize bare = n;

  if (append_name (redaction, word, out))
    return;
  /* "alice." at the end of a sentence, or "alice-": a name is not looked for in the middle of another. */
  while (bare > 0 && (word[bare - 1] == '.' || word[bare - 1] == '-'))
    bare--;
  if (bare > 0 && bare < n)
    {
      append_word (redaction, start, bare, out);
      g_string_append_len (out, start + bare, (gssize) (n - bare));
    }
  else if (is_address (word))
    g_string_append (out, "ADDRESS");
  else if (n >= HEX_RUN && is_hex (word, n))
    g_string_append_printf (out, "%.*s…", SHOWN, word);
  else
    g_string_append (out, word);
}

/* "kith:…" is an invite, "tcp:host:port" an address: what follows the scheme is nobody's business, unless it is this
 * machine. The length of the scheme, 0: there is none. */
static gsize
scheme_length (const char *at)
{
  static const char *const schemes[] = { "kith:", "tcp:", "wss://", "ws://", "https://", "http://" };

  for (guint i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (g_str_has_prefix (at, schemes[i]))
      {
        const char *rest = at + strlen (schemes[i]);
        gboolean own = g_str_has_prefix (rest, "localhost") || g_str_has_prefix (rest, "127.0.0.1");

        return own || strcspn (rest, AFTER_ADDRESS) == 0 ? 0 : strlen (schemes[i]);
      }
  return 0;
}

char *
kith_redact (const KithRedaction *redaction, const char *text)
{
  g_autofree char *masked = kith_log_mask (text);
  g_autoptr (GString) paths = g_string_new (masked);
  GString *out = g_string_sized_new (paths->len);

  replace_folder (paths, redaction->data, "DATA");      /* first: it may lie in the home folder */
  replace_folder (paths, redaction->home, "~");
  replace_user (paths, redaction->user);
  for (const char *at = paths->str; *at != '\0';)
    {
      gsize scheme = scheme_length (at), n = 0;

      while (is_word_char (at[n]))
        n++;
      if (scheme > 0)
        {
          g_string_append_len (out, at, (gssize) scheme);
          g_string_append (out, "…");
          at += scheme;
          at += strcspn (at, AFTER_ADDRESS);
        }
      else if (n > 0)
        {
          append_word (redaction, at, n, out);
          at += n;
        }
      else
        g_string_append_c (out, *at++);
    }
  return g_string_free (out, FALSE);
}

gboolean
kith_redact_is_secret (const char *setting)
{
  static const char *const ends[] = { "token", "secret", "password", "passphrase", "-key", "username", "email" };
  const char *dot = strrchr (setting, '.');
  const char *key = dot == NULL ? setting : dot + 1;

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    if (g_str_has_suffix (key, ends[i]) && strcmp (key, "require-token") != 0)
      return TRUE;
  return strcmp (key, "key") == 0;
}
