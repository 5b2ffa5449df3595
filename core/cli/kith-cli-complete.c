/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Completion for three shells, from the one table of commands and the one of options. */
#include "kith-cli.h"
#include <stdio.h>
#include <string.h>

#define COMMON_OPTIONS "--profile --config --data --json"

/* The words of "[enable ID | disable ID]" that are typed as they are: those in lower case. */
static char *
make_words (const char *arguments)
{
  g_auto (GStrv) parts = g_strsplit_set (arguments, " |[]", -1);
  GString *words = g_string_new (NULL);

  for (char **part = parts; *part != NULL; part++)
    if (g_ascii_islower (**part))
      g_string_append_printf (words, "%s%s", words->len > 0 ? " " : "", *part);
  return g_string_free (words, FALSE);
}

static char *
make_options (const KithCliCommand *command)
{
  GString *options = g_string_new (COMMON_OPTIONS " --help");

  for (const KithCliChoice *choice = kith_cli_choices; choice->commands != NULL; choice++)
    if (kith_cli_choice_is_for (choice, command->name))
      g_string_append_printf (options, " --%s", choice->entry.long_name);
  return g_string_free (options, FALSE);
}

static gboolean
wants_name (const KithCliCommand *command)
{
  return g_str_has_prefix (command->arguments, "NAME") || strcmp (command->arguments, "[NAME]") == 0;
}

static void
each_command (void (*func) (const KithCliCommand *command))
{
  for (guint room = 0; kith_cli_rooms[room] != NULL; room++)
    for (const KithCliCommand *command = kith_cli_rooms[room]; command->name != NULL; command++)
      func (command);
}

static void
print_name (const KithCliCommand *command)
{
  printf (" %s", command->name);
}

static void
print_bash (const KithCliCommand *command)
{
  g_autofree char *words = make_words (command->arguments);
  g_autofree char *options = make_options (command);

  printf ("    %s) words='%s' options='%s' names=%d files=%d ;;\n", command->name, words, options,
          wants_name (command), strcmp (command->arguments, "FILE") == 0);
}

static void
print_bash_all (void)
{
  fputs ("# bash completion for kithctl, made by: kithctl completion bash\n"
         "_kithctl ()\n{\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= at=0 i\n"
         "  local words= options='--profile --config --data --json --version --help' names=0 files=0\n"
         "  local -a where=()\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in\n"
         "      --profile|--config|--data|-p|-c|-d) where+=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[i+1]}\"); ((i++)) ;;\n"
         "      -*) ;;\n"
         "      *) command=${COMP_WORDS[i]}; at=$i; break ;;\n"
         "    esac\n  done\n"
         "  case $prev in\n"
         "    --data|-d) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
         "    --config|-c|--output) compopt -o filenames 2>/dev/null\n"
         "      COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
         "    --profile|-p) return ;;\n"
         "  esac\n"
         "  case $command in\n"
         "    '') words='", stdout);
  each_command (print_name);
  fputs ("' ;;\n", stdout);
  each_command (print_bash);
  fputs ("  esac\n"
         "  if [[ $cur == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
         "  elif ((files)); then\n"
         "    compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\"))\n"
         "  elif ((names && COMP_CWORD == at + 1)); then\n"
         "    COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" \"${where[@]}\" completion names 2>/dev/null)\" \\\n"
         "      -- \"$cur\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "  fi\n}\n"
         "complete -F _kithctl kithctl\n", stdout);
}

static void
print_zsh (const KithCliCommand *command)
{
  g_autofree char *summary = g_strdelimit (g_strdup (command->summary), "':", ' ');

  printf ("    '%s:%s'\n", command->name, summary);
}

static void
print_zsh_case (const KithCliCommand *command)
{
  g_autofree char *words = make_words (command->arguments);
  g_autofree char *options = make_options (command);

  printf ("      %s) compadd -- %s %s", command->name, words, options);
  if (wants_name (command))
    fputs (" ${(f)\"$(kithctl $where completion names 2>/dev/null)\"}", stdout);
  fputs (strcmp (command->arguments, "FILE") == 0 ? "; _files ;;\n" : " ;;\n", stdout);
}

/* As in bash: the command is the first word that belongs to no option, and what stands before it says whose friends are
 * asked for. */
static void
print_zsh_all (void)
{
  fputs ("#compdef kithctl\n# made by: kithctl completion zsh\n_kithctl () {\n"
         "  local command= i\n  local -a commands where\n  commands=(\n", stdout);
  each_command (print_zsh);
  fputs ("  )\n"
         "  for ((i = 2; i < CURRENT; i++)); do\n"
         "    case $words[i] in\n"
         "      --profile|--config|--data|-p|-c|-d) where+=($words[i] $words[i+1]); ((i++)) ;;\n"
         "      -*) ;;\n"
         "      *) command=$words[i]; break ;;\n"
         "    esac\n  done\n"
         "  case $words[CURRENT-1] in\n"
         "    --data|-d) _files -/; return ;;\n"
         "    --config|-c|--output) _files; return ;;\n"
         "  esac\n"
         "  if [[ -z $command ]]; then\n"
         "    _describe command commands\n"
         "    compadd -- " COMMON_OPTIONS " --version --help\n"
         "  else\n    case $command in\n", stdout);
  each_command (print_zsh_case);
  fputs ("    esac\n  fi\n}\n_kithctl \"$@\"\n", stdout);
}

static void
print_fish (const KithCliCommand *command)
{
  g_autofree char *words = make_words (command->arguments);
  g_autofree char *summary = g_strdelimit (g_strdup (command->summary), "'", ' ');

  printf ("complete -c kithctl -f -n __kithctl_begins -a %s -d '%s'\n", command->name, summary);
  if (*words != '\0')
    printf ("complete -c kithctl -f -n '__kithctl_is %s' -a '%s'\n", command->name, words);
  if (wants_name (command))
    printf (
        "complete -c kithctl -f -n '__kithctl_is %s' -a '(kithctl (__kithctl_where) completion names 2>/dev/null)'\n",
        command->name);
  if (strcmp (command->arguments, "FILE") == 0)
    printf ("complete -c kithctl -F -n '__kithctl_is %s'\n", command->name);
  for (const KithCliChoice *choice = kith_cli_choices; choice->commands != NULL; choice++)
    if (kith_cli_choice_is_for (choice, command->name))
      printf ("complete -c kithctl -n '__kithctl_is %s' -l %s%s\n", command->name,
              choice->entry.long_name, choice->entry.arg_description != NULL ? " -r" : "");
}

static void
print_fish_all (void)
{
  fputs ("# fish completion for kithctl, made by: kithctl completion fish\n"
         "# The words before the command say whose friends are asked for.\n"
         "function __kithctl_words\n"
         "  set -l words (commandline -opc)\n"
         "  set -e words[1]\n"
         "  while set -q words[1]\n"
         "    switch $words[1]\n"
         "      case --profile --config --data -p -c -d\n"
         "        test $argv[1] = where; and set -q words[2]; and printf '%s\\n' $words[1..2]\n"
         "        set -e words[1]; set -e words[1]\n"
         "      case '-*'\n"
         "        set -e words[1]\n"
         "      case '*'\n"
         "        test $argv[1] = command; and echo $words[1]\n"
         "        return\n"
         "    end\n"
         "  end\n"
         "end\n"
         "function __kithctl_where; __kithctl_words where; end\n"
         "function __kithctl_begins; not count (__kithctl_words command) >/dev/null; end\n"
         "function __kithctl_is; string match -q -- $argv[1] (__kithctl_words command); end\n"
         "complete -c kithctl -l profile -s p -x\ncomplete -c kithctl -l config -s c -r\n"
         "complete -c kithctl -l data -s d -r\ncomplete -c kithctl -l json -s j\n", stdout);
  each_command (print_fish);
}

static int
print_names (KithCli *cli)
{
  int status;
  g_autoptr (JsonNode) answer = kith_cli_ask (cli, "GET", NULL, &status, "friends");

  if (answer == NULL)
    return status;
  if (cli->json)
    {
      kith_cli_print_json (answer);
      return KITH_CLI_OK;
    }
  for (guint i = 0; i < json_array_get_length (json_node_get_array (answer)); i++)
    kith_cli_print_line (json_array_get_object_element (json_node_get_array (answer), i), "username");
  return KITH_CLI_OK;
}

int
kith_cli_completion (KithCli *cli, int argc, char **argv)
{
  if (strcmp (argv[0], "names") == 0)
    return print_names (cli);
  if (strcmp (argv[0], "bash") == 0)
    print_bash_all ();
  else if (strcmp (argv[0], "zsh") == 0)
    print_zsh_all ();
  else if (strcmp (argv[0], "fish") == 0)
    print_fish_all ();
  else
    return kith_cli_fail (cli, KITH_CLI_USAGE, _("there is no completion for “%s”: bash, zsh or fish"), argv[0]);
  return KITH_CLI_OK;
}
