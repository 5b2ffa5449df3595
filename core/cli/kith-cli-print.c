/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>

#define ISOLATE "\xe2\x81\xa8"            /* U+2068, first strong isolate */
#define POP_ISOLATE "\xe2\x81\xa9"        /* U+2069 */
#define TEXT_INDENT "    "
#define PAIR_WIDTH 18
#define PAIR_INDENT "                   "   /* PAIR_WIDTH and a blank */
#define REPLACEMENT "\xef\xbf\xbd"

static gboolean
turns_direction (gunichar c)
{
  return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

char *
kith_cli_clean (const char *text, const char *indent)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *clean = g_string_new (NULL);
  gboolean turns = FALSE;

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      turns = turns || turns_direction (c);
      if (c == '\n' && indent != NULL)
        g_string_append_printf (clean, "\n%s", indent);
      else if (c == '\n' || c == '\t')
        g_string_append_c (clean, ' ');
      else if (g_unichar_iscntrl (c))
        g_string_append (clean, REPLACEMENT);
      else
        g_string_append_unichar (clean, c);
    }
  if (turns)
    {
      g_string_prepend (clean, ISOLATE);
      g_string_append (clean, POP_ISOLATE);
    }
  return g_string_free (clean, FALSE);
}

void
kith_cli_print_json (JsonNode *node)
{
  g_autofree char *text = json_to_string (node, FALSE);

  puts (text);
}

const char *
kith_cli_colour (KithCli *cli, const char *sgr)
{
  static const struct { const char *sgr, *sequence;
  } known[] = {
    { "0", "\033[0m" },   { "1", "\033[1m" },   { "2", "\033[2m" },   { "31", "\033[31m" },
    { "32", "\033[32m" }, { "33", "\033[33m" }, { "36", "\033[36m" },
  };

  for (guint i = 0; cli->colour && i < G_N_ELEMENTS (known); i++)
    if (strcmp (known[i].sgr, sgr) == 0)
      return known[i].sequence;
  return "";
}

void
kith_cli_print_pair (KithCli *cli, const char *name, const char *format, ...)
{
  g_autofree char *label = kith_cli_clean (name, NULL);
  g_autofree char *padded = kith_cli_pad (label, PAIR_WIDTH);
  g_autofree char *text = NULL, *clean = NULL, *wrapped = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  clean = kith_cli_clean (text, PAIR_INDENT);
  wrapped = kith_cli_wrap (clean, kith_cli_width (padded) + 1, PAIR_INDENT, cli->columns);
  printf ("%s%s%s %s\n", kith_cli_colour (cli, "2"), padded, kith_cli_colour (cli, "0"), wrapped);
}

void
kith_cli_print_member (KithCli *cli, const char *name, const char *value)
{
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (JsonNode) root = json_node_init_object (json_node_alloc (), object);

  if (value == NULL)
    json_object_set_null_member (object, name);
  else
    json_object_set_string_member (object, name, value);
  kith_cli_print_json (root);
}

char *
kith_cli_time (const char *iso)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_iso8601 (iso, NULL);
  g_autoptr (GDateTime) local = utc == NULL ? NULL : g_date_time_to_local (utc);

  return local == NULL ? g_strdup ("-") : g_date_time_format (local, "%Y-%m-%d %H:%M:%S");
}

const char *
kith_cli_string (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return "";
  return json_node_get_string (node);
}

char *
kith_cli_dup_clean (JsonObject *object, const char *member)
{
  return kith_cli_clean (kith_cli_string (object, member), NULL);
}

void
kith_cli_print_line (JsonObject *object, const char *member)
{
  g_autofree char *line = kith_cli_dup_clean (object, member);

  puts (line);
}

gboolean
kith_cli_bool (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_boolean (node);
}

gint64
kith_cli_int (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node == NULL || !JSON_NODE_HOLDS_VALUE (node) ? 0 : json_node_get_int (node);
}

static const char *
message_mark (JsonObject *message)
{
  if (json_object_has_member (message, "failed") && kith_cli_bool (message, "failed"))
    return _(" (failed)");
  if (strcmp (kith_cli_string (message, "direction"), "sent") == 0 && !kith_cli_bool (message, "delivered"))
    return _(" (waits)");
  if (*kith_cli_string (message, "edited_at") != '\0')
    return _(" (edited)");
  return "";
}

void
kith_cli_print_message (KithCli *cli, JsonObject *message)
{
  g_autofree char *when = kith_cli_time (kith_cli_string (message, "timestamp"));
  g_autofree char *from = kith_cli_clean (kith_cli_string (message, "from"), NULL);
  g_autofree char *text = kith_cli_clean (kith_cli_string (message, "text"), TEXT_INDENT);
  g_autofree char *wrapped = kith_cli_wrap (kith_cli_bool (message, "deleted") ? _("(deleted)") : text,
                                            kith_cli_width (when) + kith_cli_width (from) + 3, TEXT_INDENT,
                                            cli->columns);
  gboolean sent = strcmp (kith_cli_string (message, "direction"), "sent") == 0;
  const char *dim = kith_cli_colour (cli, "2"), *back = kith_cli_colour (cli, "0");

  if (*kith_cli_string (message, "gap") != '\0')
    printf ("%s%s%s\n", dim, _("… something that they sent before this has not come"), back);
  printf ("%s%s%s %s%s%s: %s%s%s%s\n", dim, when, back, kith_cli_colour (cli, sent ? "36" : "1"), from, back, wrapped,
          dim, message_mark (message), back);
}
