/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-cli.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <kith/kith-error.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean
write_all (int fd, const guint8 *bytes, gsize n)
{
  while (n > 0)
    {
      gssize written = write (fd, bytes, n);

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return FALSE;
      bytes += written;
      n -= (gsize) written;
    }
  return fsync (fd) == 0;
}

static gboolean
complain (const char *path, GError **error)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_FAILED, _("%s cannot be written: %s"), path, g_strerror (errno));
  return FALSE;
}

static gboolean
write_private (const char *path, const guint8 *bytes, gsize n, GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    return complain (path, error);
  if (fchmod (fd, 0600) != 0 || !write_all (fd, bytes, n))
    {
      complain (path, error);
      close (fd);
      return FALSE;
    }
  return close (fd) == 0 || complain (path, error);
}

/* 0600, whole or not at all, and never over something that is there already, unless that is wanted. */
static gboolean
save (const char *path, const guint8 *bytes, gsize n, gboolean force, GError **error)
{
  g_autofree char *beside = g_strconcat (path, ".part", NULL);
  gboolean ok = write_private (beside, bytes, n, error);

  if (ok && force)
    ok = g_rename (beside, path) == 0 || complain (path, error);
  else if (ok)
    ok = link (beside, path) == 0 || complain (path, error);
  if (!ok || !force)
    g_unlink (beside);
  return ok;
}

/* Asks for the passphrase and hands it to the daemon; it does not stay with us. */
static JsonNode *
ask_backup (KithCli *cli, int *status)
{
  g_autoptr (GError) error = NULL;
  char *passphrase = kith_cli_read_passphrase (cli, TRUE, &error);
  JsonObject *body;
  JsonNode *answer;

  if (passphrase == NULL)
    {
      *status = kith_cli_fail (cli, KITH_CLI_USAGE, "%s", error->message);
      return NULL;
    }
  body = json_object_new ();
  json_object_set_string_member (body, "passphrase", passphrase);
  answer = kith_cli_ask (cli, "POST", body, status, "admin/backup");
  sodium_memzero (passphrase, strlen (passphrase));
  g_free (passphrase);
  return answer;
}

static int
backup (KithCli *cli, int argc, char **argv)
{
  g_autoptr (JsonNode) answer = NULL;
  g_autofree guint8 *bytes = NULL;
  g_autoptr (GError) error = NULL;
  int status;
  gsize n = 0;

  if (!cli->force && g_file_test (argv[0], G_FILE_TEST_EXISTS))
    return kith_cli_fail (cli, KITH_CLI_ERROR, _("%s is there already: choose another name, or say --force"), argv[0]);
  answer = ask_backup (cli, &status);
  if (answer == NULL)
    return status;
  bytes = g_base64_decode (kith_cli_string (json_node_get_object (answer), "backup"), &n);
  if (n == 0)
    return kith_cli_fail (cli, KITH_CLI_ERROR, _("kithd gave no backup"));
  if (!save (argv[0], bytes, n, cli->force, &error))
    return kith_cli_fail (cli, KITH_CLI_ERROR, "%s", error->message);
  if (cli->json)
    kith_cli_print_member (cli, "file", argv[0]);
  else
    printf (
        _ ("Identity and contacts are in %s. Keep it, and its passphrase, in two places; messages are not in it.\n"),
        argv[0]);
  return KITH_CLI_OK;
}

const KithCliCommand kith_cli_backup[] = {
  { "backup", "FILE", N_("Save identity and contacts, protected by a passphrase"), 1, 1, backup },
  { "restore", "FILE", N_("Take a backup's identity and contacts; kithd must be stopped"), 1, 1, kith_cli_restore },
  { NULL },
};
