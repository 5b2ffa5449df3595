/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Only between two terminals; never when something else reads. */
void
kith_cli_page_begin (KithCli *cli)
{
  g_autofree char *less = g_find_program_in_path ("less");
  const char *pager = kith_cli_choose_pager (g_getenv ("PAGER"), less != NULL);

  if (pager == NULL || cli->json || cli->no_pager || !isatty (STDOUT_FILENO) || !isatty (STDIN_FILENO))
    return;
  if (strstr (pager, "less") == NULL)
    cli->colour = FALSE;             /* others show the codes */
  g_setenv ("LESS", "-FRX", FALSE);
  fflush (stdout);
  signal (SIGPIPE, SIG_IGN);         /* the reader may leave early */
  cli->pager = popen (pager, "w"); /* lint: never, because $PAGER is a command of the user's own shell */
  if (cli->pager != NULL && dup2 (fileno (cli->pager), STDOUT_FILENO) < 0)
    g_debug ("no pager");
}

void
kith_cli_page_end (KithCli *cli)
{
  if (cli->pager == NULL)
    return;
  fflush (stdout);
  clearerr (stdout);
  close (STDOUT_FILENO);
  pclose (g_steal_pointer (&cli->pager));
}
