/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was said, as a whole: search, trace, export, import. */
#include "kith-cli.h"
#include <gio/gunixoutputstream.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_WIDTH 30
#define IMPORT_LINES 100                     /* in one request; the daemon takes all of them or none */
#define IMPORT_BYTES (128 * 1024)
#define LINE_BYTES_MAX (200 * 1024)          /* a request has 256 KiB at most */

/* --- a bar, on a terminal */

typedef struct
{
  gboolean shown;
  gint64 drawn_us;
} Progress;

static void
progress_draw (Progress *progress, guint64 done, guint64 total)
{
  gint64 now_us = g_get_monotonic_time ();
  int filled = total == 0 ? PROGRESS_WIDTH : (int) (done * PROGRESS_WIDTH / total);

  if (!isatty (STDERR_FILENO) || (done < total && progress->shown && now_us - progress->drawn_us < 100000))
    return;
  progress->shown = TRUE;
  progress->drawn_us = now_us;
  fprintf (stderr, "\r[%.*s%*s] %3d%%  %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " ", filled,
           "##############################", PROGRESS_WIDTH - filled, "",
           total == 0 ? 100 : (int) (done * 100 / total), done, total);
}

static void
progress_end (Progress *progress)
{
  if (progress->shown)
    fputc ('\n', stderr);
}

/* --- search */

static void
print_found (KithCli *cli, JsonObject *message)
{
  g_autofree char *when = kith_cli_time (kith_cli_string (message, "timestamp"));
  g_autofree char *from = kith_cli_clean (kith_cli_string (message, "from"), NULL);
  g_autofree char *to = kith_cli_clean (kith_cli_string (message, "to"), NULL);
  g_autofree char *snippet = kith_cli_clean (kith_cli_string (message, "snippet"), "    ");
  g_autofree char *id = kith_cli_dup_clean (message, "msg_id");

  printf ("%s%s%s %s → %s: %s %s(%s)%s\n", kith_cli_colour (cli, "2"), when, kith_cli_colour (cli, "0"), from, to,
          snippet,
          kith_cli_colour (cli, "2"), id, kith_cli_colour (cli, "0"));
}

static int
search (KithCli *cli, int argc, char **argv)
{
  g_autofree char *words = g_strjoinv (" ", argv);
  g_autofree char *text = kith_cli_escape (words);
  g_autofree char *peer = cli->peer == NULL ? NULL : kith_cli_escape (cli->peer);
  g_autofree char *before = cli->before == NULL ? NULL : kith_cli_escape (cli->before);
  int status;
  g_autoptr (JsonNode) answer
      = kith_cli_ask (cli, "GET", NULL, &status, "messages/search?q=%s&limit=%d%s%s%s%s", text, cli->limit,
                      peer == NULL ? "" : "&peer=", peer == NULL ? "" : peer, before == NULL ? "" : "&before=",
                      before == NULL ? "" : before);
  JsonArray *messages;

  if (answer == NULL)
    return status;
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  messages = json_object_get_array_member (json_node_get_object (answer), "messages");
  for (guint i = 0; i < json_array_get_length (messages); i++)
    print_found (cli, json_array_get_object_element (messages, i));
  if (json_array_get_length (messages) == 0)
    puts (_("Nothing was found."));
  else if (kith_cli_bool (json_node_get_object (answer), "has_more"))
    printf (_("… older ones: add --before %s\n"),
            kith_cli_string (json_array_get_object_element (messages, json_array_get_length (messages) - 1), "msg_id"));
  return KITH_CLI_OK;
}

/* --- trace */

static int
trace (KithCli *cli, int argc, char **argv)
{
  g_autofree char *id = kith_cli_escape (argv[0]);
  int status;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &status, "messages/%s/trace", id);
  JsonArray *steps;

  if (answer == NULL)
    return status;
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  steps = json_object_get_array_member (json_node_get_object (answer), "steps");
  for (guint i = 0; i < json_array_get_length (steps); i++)
    {
      JsonObject *step = json_array_get_object_element (steps, i);
      g_autofree char *when = kith_cli_time (kith_cli_string (step, "at"));
      g_autofree char *detail = kith_cli_dup_clean (step, "detail");
      g_autofree char *what = kith_cli_dup_clean (step, "what");
      g_autofree char *transport = kith_cli_dup_clean (step, "transport");

      printf ("%s%s%s %-12s %-8s %s\n", kith_cli_colour (cli, "2"), when, kith_cli_colour (cli, "0"), what, transport,
              detail);
    }
  if (json_array_get_length (steps) == 0)
    puts (_("Nothing is known any more: steps are kept for 7 days."));
  return KITH_CLI_OK;
}

/* --- export: page by page, so that neither side holds more than one */

static guint64
read_number (SoupMessageHeaders *headers, const char *name)
{
  const char *text = soup_message_headers_get_one (headers, name);

  return text == NULL ? 0 : g_ascii_strtoull (text, NULL, 10);
}

static int
export_pages (KithCli *cli, const char *query, GOutputStream *out, guint64 *total)
{
  g_autofree char *after = NULL;
  Progress progress = { FALSE, 0 };
  int status = KITH_CLI_OK;

  do
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SoupMessage) message = NULL;
      g_autoptr (GBytes) page = kith_cli_fetch (cli, &message, &status, "admin/export?%s%s%s", query,
                                                after == NULL ? "" : "&after=", after == NULL ? "" : after);
      SoupMessageHeaders *headers;
      gsize n;
      const void *bytes;

      if (page == NULL)
        break;
      bytes = g_bytes_get_data (page, &n);
      if (!g_output_stream_write_all (out, bytes, n, NULL, NULL, &error))
        {
          status = kith_cli_fail (cli, KITH_CLI_ERROR, _("writing the export: %s"), error->message);
          break;
        }
      headers = soup_message_get_response_headers (message);
      *total = read_number (headers, "Kith-Total");
      progress_draw (&progress, read_number (headers, "Kith-Done"), *total);
      g_free (after);
      after = g_strdup (soup_message_headers_get_one (headers, "Kith-Next"));
    }
  while (after != NULL);
  progress_end (&progress);
  return status;
}

static int
export_to (KithCli *cli, const char *query, const char *path)
{
  g_autoptr (GFile) file = g_file_new_for_commandline_arg (path);
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileOutputStream) out
      = cli->force ? g_file_replace (file, NULL, FALSE, G_FILE_CREATE_PRIVATE, NULL, &error)
                   : g_file_create (file, G_FILE_CREATE_PRIVATE, NULL, &error);
  guint64 total = 0;
  int status;

  if (out == NULL)
    return kith_cli_fail (cli, KITH_CLI_ERROR, _("cannot write “%s”: %s"), path, error->message);
  status = export_pages (cli, query, G_OUTPUT_STREAM (out), &total);
  if (!g_output_stream_close (G_OUTPUT_STREAM (out), NULL, &error) && status == KITH_CLI_OK)
    return kith_cli_fail (cli, KITH_CLI_ERROR, _("cannot write “%s”: %s"), path, error->message);
  if (status == KITH_CLI_OK && cli->json)
    printf ("{\"messages\":%" G_GUINT64_FORMAT "}\n", total);
  else if (status == KITH_CLI_OK)
    printf (ngettext ("%lu message is in %s.\n", "%lu messages are in %s.\n", (gulong) total), (gulong) total, path);
  return status;
}

static int
export_history (KithCli *cli, int argc, char **argv)
{
  const char *format = cli->format == NULL ? "jsonl" : cli->format;
  g_autofree char *peer = argc < 1 ? NULL : kith_cli_escape (argv[0]);
  g_autofree char *kind = kith_cli_escape (format);
  g_autofree char *query
      = g_strdup_printf ("format=%s%s%s", kind, peer == NULL ? "" : "&peer=", peer == NULL ? "" : peer);
  g_autoptr (GOutputStream) out = NULL;
  guint64 total = 0;

  if (cli->output != NULL && strcmp (cli->output, "-") != 0)
    return export_to (cli, query, cli->output);
  out = g_unix_output_stream_new (STDOUT_FILENO, FALSE);
  if (cli->json && strcmp (format, "jsonl") != 0)
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("“%s” is not JSON: give --output FILE, or leave --json out"), format);
  return export_pages (cli, query, out, &total);
}

/* --- import: from the end of the file to its beginning, since each part goes before what is there */

typedef struct
{
  GFile *file;
  GFileInputStream *in;
  GArray *lines;         /* goffset: where each begins; one more: the end */
  guint64 imported, known;
} Import;

static gboolean
find_lines (Import *import, GError **error)
{
  g_autofree char *chunk = g_malloc (65536);
  goffset at = 0, start = 0;
  gssize n;

  g_array_append_val (import->lines, start);
  while ((n = g_input_stream_read (G_INPUT_STREAM (import->in), chunk, 65536, NULL, error)) > 0)
    {
      for (gssize i = 0; i < n; i++)
        if (chunk[i] == '\n')
          {
            start = at + i + 1;
            g_array_append_val (import->lines, start);
          }
      at += n;
    }
  /* A last line without a newline counts, too. */
  if (n == 0 && at > start)
    g_array_append_val (import->lines, at);
  return n == 0;
}

/* The lines from `first` (of 0) up to `last`, which is not among them, as a JSON array. */
static JsonNode *
read_part (Import *import, guint first, guint last, GError **error)
{
  goffset from = g_array_index (import->lines, goffset, first), to = g_array_index (import->lines, goffset, last);
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  GString *text = g_string_sized_new ((gsize) (to - from) + 2);
  g_autofree char *part = g_malloc ((gsize) (to - from) + 1);
  gsize n = 0;
  gboolean read = g_seekable_seek (G_SEEKABLE (import->in), from, G_SEEK_SET, NULL, error)
                  && g_input_stream_read_all (G_INPUT_STREAM (import->in), part, (gsize) (to - from), &n, NULL, error);

  g_string_append_c (text, '[');
  for (gsize i = 0; i < n; i++)
    g_string_append_c (text, part[i] == '\n' && i + 1 < n ? ',' : part[i]);
  g_string_append_c (text, ']');
  read = read && json_parser_load_from_data (parser, text->str, (gssize) text->len, error);
  g_string_free (text, TRUE);
  return read ? json_parser_steal_root (parser) : NULL;
}

/* Says which line is none, when a part cannot be read as a whole. */
static int
fail_part (KithCli *cli, Import *import, guint first, guint last)
{
  for (guint i = first; i < last; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonNode) node = read_part (import, i, i + 1, &error);

      if (node == NULL)
        return kith_cli_fail (cli, KITH_CLI_ERROR, _("line %u is not JSON: %s"), i + 1, error->message);
    }
  return kith_cli_fail (cli, KITH_CLI_ERROR, _("lines %u to %u are not JSON"), first + 1, last);
}

static guint
find_first (Import *import, guint last)
{
  guint first = last;

  while (first > 0 && last - first < IMPORT_LINES
         && (first == last
             || g_array_index (import->lines, goffset, last) - g_array_index (import->lines, goffset, first - 1)
                    < IMPORT_BYTES))
    first--;
  return first;
}

static int
import_part (KithCli *cli, Import *import, guint first, guint last)
{
  g_autoptr (JsonNode) lines = NULL;
  g_autoptr (JsonNode) answer = NULL;
  JsonObject *body;
  int status;

  if (g_array_index (import->lines, goffset, last) - g_array_index (import->lines, goffset, first) > LINE_BYTES_MAX)
    return kith_cli_fail (cli, KITH_CLI_ERROR, _("line %u is too long"), last);
  lines = read_part (import, first, last, NULL);
  if (lines == NULL)
    return fail_part (cli, import, first, last);
  body = json_object_new ();
  json_object_set_int_member (body, "first_line", first + 1);
  json_object_set_array_member (body, "messages", json_node_dup_array (lines));
  answer = kith_cli_ask (cli, "POST", body, &status, "admin/import");
  if (answer == NULL)
    return status;
  import->imported += (guint64) kith_cli_int (json_node_get_object (answer), "imported");
  import->known += (guint64) kith_cli_int (json_node_get_object (answer), "known");
  return KITH_CLI_OK;
}

static int
import_all (KithCli *cli, Import *import)
{
  guint total = import->lines->len - 1, last = total;
  Progress progress = { FALSE, 0 };
  int status = KITH_CLI_OK;

  while (last > 0 && status == KITH_CLI_OK)
    {
      guint first = find_first (import, last);

      status = import_part (cli, import, first, last);
      last = first;
      progress_draw (&progress, total - last, total);
    }
  progress_end (&progress);
  if (status != KITH_CLI_OK)
    return status;
  if (cli->json)
    printf ("{\"imported\":%" G_GUINT64_FORMAT ",\"known\":%" G_GUINT64_FORMAT "}\n", import->imported, import->known);
  else
    {
      printf (ngettext ("%lu message is new.\n", "%lu messages are new.\n", (gulong) import->imported),
              (gulong) import->imported);
      printf (ngettext ("%lu message was there already.\n", "%lu messages were there already.\n",
                        (gulong) import->known),
              (gulong) import->known);
    }
  return KITH_CLI_OK;
}

static int
import_history (KithCli *cli, int argc, char **argv)
{
  g_autoptr (GFile) file = g_file_new_for_commandline_arg (argv[0]);
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInputStream) in = g_file_read (file, NULL, &error);
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (goffset));
  Import import = { file, in, lines, 0, 0 };

  if (in == NULL || !find_lines (&import, &error))
    return kith_cli_fail (cli, KITH_CLI_ERROR, _("cannot read “%s”: %s"), argv[0], error->message);
  return import_all (cli, &import);
}

const KithCliCommand kith_cli_history[] = {
  { "search", "WORD…", N_("Look for words in what was said"), 1, -1, search },
  { "trace", "ID", N_("Show the life of one message"), 1, 1, trace },
  { "export", "[NAME]", N_("Write out a conversation, or all of them"), 0, 1, export_history },
  { "import", "FILE", N_("Take in what an export wrote (JSON Lines)"), 1, 1, import_history },
  { NULL },
};
