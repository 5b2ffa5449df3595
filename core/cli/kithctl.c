/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include "kith-locale.h"
#include "kith-settings.h"
#include <gio/gio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_LIMIT 50
#define COLUMNS_MIN 40          /* narrower, wrapping only tears apart */

const KithCliCommand *const kith_cli_rooms[] = {
  kith_cli_daemon, kith_cli_people, kith_cli_messages, kith_cli_change, kith_cli_history, kith_cli_backup, kith_cli_key,
  NULL,
};

static const KithCliCommand *
find_command (const char *name)
{
  for (guint room = 0; kith_cli_rooms[room] != NULL; room++)
    for (const KithCliCommand *command = kith_cli_rooms[room]; command->name != NULL; command++)
      if (strcmp (command->name, name) == 0)
        return command;
  return NULL;
}

/* --- options: the common ones, and those of one command */

#define AT(member) GSIZE_TO_POINTER (G_STRUCT_OFFSET (KithCli, member))

const KithCliChoice kith_cli_choices[] = {
  { " add ", { "note", 'n', 0, G_OPTION_ARG_FILENAME, AT (note), N_ ("What to say to somebody new"), "TEXT" } },
  { " history search ", { "limit", 'l', 0, G_OPTION_ARG_INT, AT (limit), N_ ("How many messages at most (50)"), "N" } },
  { " history search ",
    { "before", 'b', 0, G_OPTION_ARG_FILENAME, AT (before), N_ ("Only what is older than this message"), "ID" } },
  { " search ", { "peer", 0, 0, G_OPTION_ARG_FILENAME, AT (peer), N_ ("Only what was said with them"), "NAME" } },
  { " history ", { "no-pager", 0, 0, G_OPTION_ARG_NONE, AT (no_pager), N_ ("Print it, without a pager"), NULL } },
  { " export ", { "format", 0, 0, G_OPTION_ARG_FILENAME, AT (format), N_ ("jsonl (the default) or text"), "FORMAT" } },
  { " export ",
    { "output", 0, 0, G_OPTION_ARG_FILENAME, AT (output), N_ ("Write to this file, not to standard output"), "FILE" } },
  { " tail ", { "since", 's', 0, G_OPTION_ARG_FILENAME, AT (since), N_ ("First what came after this number"), "SEQ" } },
  { " tail ",
    { "epoch", 'e', 0, G_OPTION_ARG_FILENAME, AT (epoch), N_ ("The journal that the number belongs to"), "ID" } },
  { " token ", { "new", 0, 0, G_OPTION_ARG_NONE, AT (anew), N_ ("Make a new one; the old one ends"), NULL } },
  { " verify ", { "yes", 'y', 0, G_OPTION_ARG_NONE, AT (yes), N_ ("Mark it without asking"), NULL } },
  { " backup restore key ",
    { "passphrase-fd", 0, 0, G_OPTION_ARG_INT, AT (passphrase_fd), N_ ("Read the passphrase from this file descriptor"),
      "N" } },
  { " backup export ",
    { "force", 'f', 0, G_OPTION_ARG_NONE, AT (force), N_ ("Write over a file that is there"), NULL } },
  { " send ", { "reply-to", 'r', 0, G_OPTION_ARG_FILENAME, AT (reply_to), N_ ("The message that it answers"), "ID" } },
  { " delete ",
    { "everyone", 0, 0, G_OPTION_ARG_NONE, AT (everyone), N_ ("Ask the friend's daemon to delete it too"), NULL } },
  { " restore ", { "force", 'f', 0, G_OPTION_ARG_NONE, AT (force), N_ ("Also when another identity is there"), NULL } },
  { NULL },
};

gboolean
kith_cli_choice_is_for (const KithCliChoice *choice, const char *command)
{
  g_autofree char *name = g_strconcat (" ", command, " ", NULL);

  return strstr (choice->commands, name) != NULL;
}

static GArray *
make_entries (KithCli *cli, const KithCliCommand *command)
{
  GArray *entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  const GOptionEntry common[] = {
    { "profile", 'p', 0, G_OPTION_ARG_FILENAME, &cli->profile, N_("The profile of the daemon"), "NAME" },
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &cli->config, N_("The key file with its settings"), "FILE" },
    { "data", 'd', 0, G_OPTION_ARG_FILENAME, &cli->data, N_("Its data folder, where its socket is"), "DIR" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &cli->json, N_("Print what the daemon answers, as JSON"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &cli->version, N_("Show the version and end"), NULL },
  };

  g_array_append_vals (entries, common, G_N_ELEMENTS (common));
  for (const KithCliChoice *choice = kith_cli_choices; choice->commands != NULL; choice++)
    {
      GOptionEntry entry = choice->entry;

      if (command == NULL || !kith_cli_choice_is_for (choice, command->name))
        continue;
      entry.arg_data = (char *) cli + GPOINTER_TO_SIZE (entry.arg_data);
      g_array_append_val (entries, entry);
    }
  return entries;
}

static char *
describe (void)
{
  GString *text = g_string_new (_("Commands:"));

  g_string_append_c (text, '\n');
  for (guint room = 0; kith_cli_rooms[room] != NULL; room++)
    for (const KithCliCommand *command = kith_cli_rooms[room]; command->name != NULL; command++)
      g_string_append_printf (text, "  %-16s %s\n", command->name, _(command->summary));
  g_string_append_printf (text, "\n%s\n%s", _("“kithctl COMMAND --help” tells more."),
                          _("Exit status: 0 fine, 1 an error that kithd told, 2 wrong use, 3 no kithd there."));
  return g_string_free (text, FALSE);
}

static GOptionContext *
make_context (const KithCliCommand *command)
{
  g_autofree char *usage = command == NULL ? g_strdup (_ ("COMMAND - the companion of kithd"))
                                           : g_strdup_printf ("%s %s", command->name, command->arguments);
  GOptionContext *context = g_option_context_new (usage);
  g_autofree char *description = command == NULL ? describe () : NULL;

  g_option_context_set_summary (context, command == NULL ? NULL : _(command->summary));
  g_option_context_set_description (context, description);
  g_option_context_set_translation_domain (context, "kith");
  return context;
}

/* The command is the first argument that belongs to no option; it is taken out of the line. */
static const KithCliCommand *
take_command (GPtrArray *line, const char **unknown)
{
  static const char *const with_value[] = { "--profile", "--config", "--data", "-p", "-c", "-d", NULL };

  for (guint i = 1; i < line->len && line->pdata[i] != NULL; i++)
    {
      const char *word = line->pdata[i];

      if (g_strv_contains (with_value, word))
        i++;
      else if (word[0] != '-')
        {
          const KithCliCommand *command = find_command (word);

          *unknown = command == NULL ? word : NULL;
          if (command != NULL)
            g_ptr_array_remove_index (line, i);
          return command;
        }
    }
  return NULL;
}

/* --- main */

static int
run_command (KithCli *cli, const KithCliCommand *command, int argc, char **argv)
{
  if (argc > 0 && strcmp (argv[0], "--") == 0)
    {
      argc--;
      argv++;
    }
  for (int i = 0; i < argc; i++)
    if (!g_utf8_validate (argv[i], -1, NULL))
      return kith_cli_fail (cli, KITH_CLI_USAGE, _("an argument is not UTF-8"));
  if (argc < command->min || (command->max >= 0 && argc > command->max))
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("use it as: kithctl %s %s"), command->name, command->arguments);
  return command->run (cli, argc, argv);
}

/* 0: standard output is none. */
static gint
find_columns (void)
{
  struct winsize size;

  if (!isatty (STDOUT_FILENO) || ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    return 0;
  return size.ws_col >= COLUMNS_MIN ? size.ws_col : 0;
}

static int
check (KithCli *cli)
{
  if (cli->profile == NULL)
    cli->profile = g_strdup ("default");
  if (!kith_profile_is_valid (cli->profile))
    return kith_cli_fail (cli, KITH_CLI_USAGE,
                          _ ("the profile “%s” cannot be: its name is a-z, then up to 15 of a-z 0-9 _"), cli->profile);
  cli->colour = !cli->json && isatty (STDOUT_FILENO) && g_getenv ("NO_COLOR") == NULL
                && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
  cli->columns = cli->json ? 0 : find_columns ();
  return KITH_CLI_OK;
}

/* Known before the rest is understood, so that what is wrong with it is told as JSON, too. */
static gboolean
wants_json (int argc, char **argv)
{
  for (int i = 1; i < argc && strcmp (argv[i], "--") != 0; i++)
    if (strcmp (argv[i], "--json") == 0 || strcmp (argv[i], "-j") == 0)
      return TRUE;
  return FALSE;
}

static int
parse_and_run (KithCli *cli, int argc, char **argv)
{
  g_autoptr (GPtrArray) line = g_ptr_array_new ();
  g_autoptr (GOptionContext) context = NULL;
  g_autoptr (GArray) entries = NULL;
  g_autoptr (GError) error = NULL;
  const KithCliCommand *command;
  const char *unknown = NULL;
  char **words;
  int n_words, status;

  for (int i = 0; i < argc; i++)
    g_ptr_array_add (line, argv[i]);
  cli->json = wants_json (argc, argv);
  command = take_command (line, &unknown);
  if (unknown != NULL)
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("there is no command “%s”, see kithctl --help"), unknown);
  context = make_context (command);
  entries = make_entries (cli, command);
  g_option_context_add_main_entries (context, (const GOptionEntry *) (gpointer) entries->data, "kith");
  n_words = (int) line->len;
  g_ptr_array_add (line, NULL);
  words = (char **) line->pdata;
  if (!g_option_context_parse (context, &n_words, &words, &error))
    {
      cli->json = wants_json (argc, argv);     /* a failure has taken it back */
      return kith_cli_fail (cli, KITH_CLI_USAGE, "%s", error->message);
    }
  if (cli->version)
    {
      if (cli->json)
        kith_cli_print_member (cli, "version", KITH_CLI_VERSION);
      else
        puts ("kithctl " KITH_CLI_VERSION);
      return KITH_CLI_OK;
    }
  status = check (cli);
  if (status != KITH_CLI_OK)
    return status;
  if (command == NULL)
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("what to do? See kithctl --help"));
  return run_command (cli, command, n_words - 1, words + 1);
}

int
main (int argc, char **argv)
{
  KithCli cli = { .limit = DEFAULT_LIMIT, .passphrase_fd = -1 };
  int status;

  kith_locale_init ();
  /* GSocket's class ignores the signal once it is made; who stops reading us ends us, as it ends every filter. */
  g_type_class_unref (g_type_class_ref (G_TYPE_SOCKET));
  signal (SIGPIPE, SIG_DFL);
  g_set_prgname ("kithctl");
  status = parse_and_run (&cli, argc, argv);
  g_clear_object (&cli.session);
  g_free (cli.profile);
  g_free (cli.config);
  g_free (cli.data);
  g_free (cli.socket);
  g_free (cli.note);
  g_free (cli.since);
  g_free (cli.epoch);
  g_free (cli.before);
  g_free (cli.peer);
  g_free (cli.format);
  g_free (cli.output);
  g_free (cli.reply_to);
  if (fflush (stdout) != 0 && status == KITH_CLI_OK)
    return KITH_CLI_ERROR;
  return status;
}
