/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include <errno.h>
#include <fcntl.h>
#include <kith/kith-error.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define MAX_PASSPHRASE 1024

/* One line, byte by byte: what follows belongs to somebody else. */
static gboolean
read_line (int fd, char line[MAX_PASSPHRASE + 1], GError **error)
{
  gsize n = 0;

  for (;;)
    {
      char c;
      gssize got = read (fd, &c, 1);

      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0 || n == MAX_PASSPHRASE)
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, _("the passphrase cannot be read: %s"),
                       got < 0 ? g_strerror (errno) : _("it is longer than 1024 bytes"));
          return FALSE;
        }
      if (got == 0 || c == '\n')
        break;
      line[n++] = c;
    }
  if (n > 0 && line[n - 1] == '\r')
    n--;
  line[n] = '\0';
  if (n > 0 && g_utf8_validate (line, (gssize) n, NULL))
    return TRUE;
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID,
                       n == 0 ? _ ("the passphrase is empty") : _ ("the passphrase is not UTF-8"));
  return FALSE;
}

static gboolean
ask_once (int terminal, const char *question, char line[MAX_PASSPHRASE + 1], GError **error)
{
  struct termios before, silent;
  gboolean is_terminal = tcgetattr (terminal, &before) == 0;
  gboolean ok;

  if (is_terminal)
    {
      silent = before;
      silent.c_lflag &= ~(tcflag_t) ECHO;
      silent.c_lflag |= ICANON | ISIG;
      tcsetattr (terminal, TCSAFLUSH, &silent);
    }
  /* Not before: what is typed in answer must neither be shown nor flushed. */
  if (write (terminal, question, strlen (question)) < 0)
    g_debug ("the question cannot be shown");
  ok = read_line (terminal, line, error);
  if (is_terminal)
    {
      tcsetattr (terminal, TCSAFLUSH, &before);
      if (write (terminal, "\n", 1) < 0)
        g_debug ("no newline");
    }
  return ok;
}

static int
open_terminal (GError **error)
{
  int terminal = open ("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

  if (terminal < 0 && isatty (STDIN_FILENO))
    terminal = fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  if (terminal < 0)
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID,
                         _ ("there is no terminal to ask for the passphrase: give it by --passphrase-fd N"));
  return terminal;
}

/* The lines are the caller's, in locked memory. */
static gboolean
ask_terminal (char *line, char *again, gboolean twice, GError **error)
{
  int terminal = open_terminal (error);
  gboolean ok;

  if (terminal < 0)
    return FALSE;
  ok = ask_once (terminal, _ ("Passphrase: "), line, error)
       && (!twice || ask_once (terminal, _ ("The same again: "), again, error));
  close (terminal);
  if (ok && twice && strcmp (line, again) != 0)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, _("the two passphrases differ"));
      return FALSE;
    }
  return ok;
}

char *
kith_cli_read_passphrase (KithCli *cli, gboolean twice, GError **error)
{
  char *lines = sodium_init () < 0 ? NULL : sodium_malloc (2 * (MAX_PASSPHRASE + 1));
  char *passphrase = NULL;
  gboolean ok;

  if (lines == NULL)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_FAILED, _("there is no locked memory for the passphrase"));
      return NULL;
    }
  if (cli->passphrase_fd >= 0)
    ok = read_line (cli->passphrase_fd, lines, error);
  else
    ok = ask_terminal (lines, lines + MAX_PASSPHRASE + 1, twice, error);
  if (ok)
    passphrase = g_utf8_normalize (lines, -1, G_NORMALIZE_NFC);
  sodium_free (lines);
  return passphrase;
}

gboolean
kith_cli_confirm (KithCli *cli, const char *question)
{
  char answer[64] = "";

  if (cli->yes)
    return TRUE;
  fprintf (stderr, "%s ", question);
  fflush (stderr);
  if (fgets (answer, sizeof answer, stdin) == NULL)
    return FALSE;
  /* translators: the first letter of your word for yes, as in [y/N] */
  return g_ascii_tolower (answer[0]) == *_("y") || g_ascii_tolower (answer[0]) == 'y';
}
