/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-log.h"

/* A run of base64 or hex at least this long may be a key. */
#define LONG_RUN 40

gboolean
kith_log_wanted (GLogLevelFlags level, const char *domain)
{
  return !g_log_writer_default_would_drop (level, domain);
}

static const char *
priority_of (GLogLevelFlags level)
{
  switch ((guint) (level & G_LOG_LEVEL_MASK))
    {
    case G_LOG_LEVEL_ERROR:
      return "3";
    case G_LOG_LEVEL_CRITICAL:
    case G_LOG_LEVEL_WARNING:
      return "4";
    case G_LOG_LEVEL_MESSAGE:
      return "5";
    case G_LOG_LEVEL_INFO:
      return "6";
    default:
      return "7";
    }
}

static void
add_field (GLogField *fields, gsize *n, const char *key, const char *value)
{
  if (value != NULL)
    fields[(*n)++] = (GLogField) { key, value, -1 };
}

void
kith_log_full (const char *domain, GLogLevelFlags level, const char *file, int line, const char *func,
               const KithLogAbout *about, const char *format, ...)
{
  g_autofree char *message = NULL;
  char line_text[16];
  GLogField fields[12];
  gsize n = 0;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_snprintf (line_text, sizeof line_text, "%d", line);
  add_field (fields, &n, "PRIORITY", priority_of (level));
  add_field (fields, &n, "CODE_FILE", file);
  add_field (fields, &n, "CODE_LINE", line_text);
  add_field (fields, &n, "CODE_FUNC", func);
  add_field (fields, &n, "GLIB_DOMAIN", domain);
  if (about != NULL)
    {
      add_field (fields, &n, "KITH_PEER", about->peer);
      add_field (fields, &n, "KITH_MESSAGE_ID", about->message);
      add_field (fields, &n, "KITH_PLUGIN", about->plugin);
      add_field (fields, &n, "KITH_TRANSPORT", about->transport);
    }
  add_field (fields, &n, "MESSAGE", message);
  g_log_structured_array (level, fields, n);
}

static gboolean
is_run_char (char c)
{
  return g_ascii_isalnum (c) || c == '+' || c == '-' || c == '_' || c == '=';
}

/* Base64 mixes cases and digits; hex of 32 bytes has 64 digits. Ids and fingerprints are shorter, words less mixed. */
static gboolean
run_is_secret (const char *run, gsize n)
{
  gsize upper = 0, lower = 0, digits = 0, hex = 0;

  if (n < LONG_RUN)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      upper += g_ascii_isupper (run[i]);
      lower += g_ascii_islower (run[i]);
      digits += g_ascii_isdigit (run[i]);
      hex += g_ascii_isxdigit (run[i]);
    }
  return (hex == n && n >= 64) || (upper > 0 && lower > 0 && digits > 0);
}

/* A slash belongs to base64, but in a path it parts names. */
static gsize
run_length (const char *p, gboolean path)
{
  gsize n = 0;

  while (is_run_char (p[n]) || (p[n] == '/' && !path))
    n++;
  return n;
}

/* The length of a name of something secret at @p, with what separates it from its value; 0 = none. */
static gsize
secret_name (const char *p)
{
  static const char *const names[] = { "token", "passphrase", "password", "secret", "seed",
                                      "text",  "note",       "Bearer",   "bearer" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      gsize n = strlen (names[i]), start;

      if (strncmp (p, names[i], n) != 0)
        continue;
      if (g_ascii_toupper (names[i][0]) == 'B' && p[n] == ' ')
        return n + 1;
      if (p[n] == '"')
        n++;
      while (p[n] == ' ')
        n++;
      start = n;
      if (p[n] == ':' || p[n] == '=')
        n++;
      if (n == start)
        continue;
      while (p[n] == ' ')
        n++;
      return n;
    }
  return 0;
}

static gsize
value_length (const char *p)
{
  gsize n = 0;

  if (*p != '"')
    return strcspn (p, " \t\n,;&)]}");
  for (n = 1; p[n] != '\0' && p[n] != '"'; n++)
    if (p[n] == '\\' && p[n + 1] != '\0')
      n++;
  return p[n] == '"' ? n + 1 : n;
}

char *
kith_log_mask (const char *text)
{
  GString *out = g_string_sized_new (strlen (text));
  char before = ' ';

  for (const char *p = text; *p != '\0';)
    {
      gboolean fresh = !g_ascii_isalnum (before) && before != '_';
      gsize name = fresh ? secret_name (p) : 0;
      gsize n;

      if (name > 0)
        {
          g_string_append_len (out, p, (gssize) name);
          p += name;
          n = value_length (p);
          if (n > 0)
            g_string_append (out, "…");
          p += n;
          before = ' ';
          continue;
        }
      n = fresh ? run_length (p, before == '/' || before == '.' || before == '~' || *p == '/') : 0;
      if (n > 0 && run_is_secret (p, n))
        {
          g_string_append_len (out, p, 4);
          g_string_append (out, "…");
          p += n;
          before = 'x';
          continue;
        }
      before = *p;
      g_string_append_c (out, *p++);
    }
  return g_string_free (out, FALSE);
}

GLogWriterOutput
kith_log_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  g_autofree GLogField *masked = g_memdup2 (fields, sizeof *fields * n_fields);
  g_autofree char *message = NULL;

  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_autofree char *plain = fields[i].length < 0 ? g_strdup (fields[i].value)
                                                      : g_strndup (fields[i].value, (gsize) fields[i].length);

        g_free (message);
        message = kith_log_mask (plain);
        masked[i].value = message;
        masked[i].length = -1;
      }
  return g_log_writer_default (level, masked, n_fields, user_data);
}
