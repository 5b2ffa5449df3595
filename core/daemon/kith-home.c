/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kithd"
#include "kith-home.h"
#include "kith-locale.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <kith/kith.h>
#include <string.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static gboolean
make_folder (const char *path, GError **error)
{
  struct stat info;

  if (g_mkdir_with_parents (path, 0700) != 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, _("the data folder %s cannot be made: %s"), path,
                   g_strerror (errno));
      return FALSE;
    }
  if (stat (path, &info) != 0 || !S_ISDIR (info.st_mode))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, _("the data folder %s is no folder"), path);
      return FALSE;
    }
  if (info.st_uid != geteuid ())
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED,
                   _("the data folder %s belongs to another user: give --data a folder of yours"), path);
      return FALSE;
    }
  if (info.st_mode & 022)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED,
                   _("the data folder %s can be written by others: make it private with “chmod 700 %s”"), path, path);
      return FALSE;
    }
  if ((info.st_mode & 077) && chmod (path, 0700) != 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, _("the data folder %s cannot be made private: %s"), path,
                   g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

static gboolean
take_lock (KithHome *home, GError **error)
{
  g_autofree char *path = g_build_filename (home->data, "lock", NULL);

  home->lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (home->lock < 0 && (errno == EROFS || errno == EACCES))
    home->lock = open (home->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);   /* a read-only one can be locked, too */
  if (home->lock < 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, _("the data folder %s cannot be locked: %s"), home->data,
                   g_strerror (errno));
      return FALSE;
    }
  if (flock (home->lock, LOCK_EX | LOCK_NB) != 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT,
                   _("another kithd uses the data folder %s: stop it first, or give --profile or --data"), home->data);
      return FALSE;
    }
  return TRUE;
}

/* Of the runtime directory, the instances of a Flatpak share with each other and with the host only app/ID. */
char *
kith_home_dup_socket (const char *profile)
{
  const char *app = g_getenv ("FLATPAK_ID");
  const char *runtime = g_get_user_runtime_dir ();

  if (app != NULL && *app != '\0' && g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS))
    return g_build_filename (runtime, "app", app, "kith", profile, "api.sock", NULL);
  return g_build_filename (runtime, "kith", profile, "api.sock", NULL);
}

KithHome *
kith_home_new (const char *profile, const char *data, GError **error)
{
  g_autoptr (KithHome) home = g_new0 (KithHome, 1);

  home->lock = -1;
  home->data = data != NULL ? g_canonicalize_filename (data, NULL)
                            : g_build_filename (g_get_user_data_dir (), "kith", profile, NULL);
  if (!make_folder (home->data, error) || !take_lock (home, error))
    return NULL;
  home->database = g_build_filename (home->data, "kith.db", NULL);
  home->key = g_build_filename (home->data, "kith.key", NULL);
  home->token = g_build_filename (home->data, "api-token", NULL);
  home->socket = data != NULL ? g_build_filename (home->data, "api.sock", NULL) : kith_home_dup_socket (profile);
  return g_steal_pointer (&home);
}

void
kith_home_free (KithHome *home)
{
  if (home->lock >= 0)
    close (home->lock);
  g_free (home->data);
  g_free (home->database);
  g_free (home->key);
  g_free (home->token);
  g_free (home->socket);
  g_free (home);
}

/* --- the process */

static gboolean
is_overflow_uid (void)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/sys/kernel/overflowuid", &text, NULL, NULL))
    return geteuid () == 65534;
  return geteuid () == (uid_t) g_ascii_strtoull (text, NULL, 10);
}

gboolean
kith_process_harden (GError **error)
{
  const struct rlimit none = { 0, 0 };

  umask (077);
  setrlimit (RLIMIT_CORE, &none);
  /* A file that may not grow is a full disk, not the end. */
  signal (SIGXFSZ, SIG_IGN);
#ifndef __SANITIZE_ADDRESS__
  /* The leak checker traces its own process. */
  prctl (PR_SET_DUMPABLE, 0);
#endif
  if (!is_overflow_uid ())
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED,
               _("kithd does not run as uid %u, behind which the kernel hides users of other namespaces"),
               (guint) geteuid ());
  return FALSE;
}

void
kith_notify (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize n = path != NULL ? strlen (path) : 0;
  int fd;

  if (n < 2 || n >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
    return;
  memcpy (address.sun_path, path, n);
  if (path[0] == '@')
    address.sun_path[0] = 0;
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  if (sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *) &address,
              (socklen_t) (G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + n)) < 0)
    g_debug ("NOTIFY_SOCKET: %s", g_strerror (errno));
  close (fd);
}
