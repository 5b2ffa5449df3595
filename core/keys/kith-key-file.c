/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key of the database in a file that only its owner may read. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <kith/kith.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kith-key-store.h"

typedef struct
{
  char *path;
  char *folder;
} KeyFile;

static gboolean
fail (GError **error, const char *path, int code, const char *what)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "The key file %s %s: %s", path, what, g_strerror (code));
  return FALSE;
}

static gboolean
check_folder (KeyFile *file, GError **error)
{
  struct stat st;

  if (g_mkdir_with_parents (file->folder, 0700) != 0 || stat (file->folder, &st) != 0)
    return fail (error, file->path, errno, "has no folder");
  if (st.st_uid != geteuid () || (st.st_mode & 0077) != 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_STORE,
                   "The folder %s must be yours alone, for a key lies in it: chmod 700 it", file->folder);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_file (KeyFile *file, int fd, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) != 0)
    return fail (error, file->path, errno, "cannot be examined");
  if (!S_ISREG (st.st_mode) || st.st_uid != geteuid () || (st.st_mode & 0077) != 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "The key file %s must be a file of yours with mode 600",
                   file->path);
      return FALSE;
    }
  if (st.st_size != sizeof (KithDbKey))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_STORE,
                   "The key file %s has %" G_GINT64_FORMAT " bytes instead of %d: put the right one back", file->path,
                   (gint64)st.st_size, (int)sizeof (KithDbKey));
      return FALSE;
    }
  return TRUE;
}

static gboolean
read_all (int fd, guint8 *out, gsize n)
{
  while (n > 0)
    {
      gssize part = read (fd, out, n);

      if (part < 0 && errno == EINTR)
        continue;
      if (part <= 0)
        return FALSE;
      out += part;
      n -= (gsize)part;
    }
  return TRUE;
}

static gboolean
write_all (int fd, const guint8 *bytes, gsize n)
{
  while (n > 0)
    {
      gssize part = write (fd, bytes, n);

      if (part < 0 && errno == EINTR)
        continue;
      if (part < 0)
        return FALSE;
      bytes += part;
      n -= (gsize)part;
    }
  return TRUE;
}

static gboolean
file_load (gpointer backend, KithDbKey *key, gboolean *found, GCancellable *cancellable, GError **error)
{
  KeyFile *file = backend;
  gboolean ok;
  int fd;

  *found = FALSE;
  if (!check_folder (file, error))
    return FALSE;
  fd = open (file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT || fail (error, file->path, errno, "cannot be opened");
  ok = check_file (file, fd, error);
  if (ok && !read_all (fd, (guint8 *)key, sizeof *key))
    ok = fail (error, file->path, errno, "cannot be read");
  close (fd);
  *found = ok;
  return ok;
}

/* The name is durable only when its folder is. */
static gboolean
sync_folder (KeyFile *file)
{
  int fd = open (file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean ok = fd >= 0 && fsync (fd) == 0;

  if (fd >= 0)
    close (fd);
  return ok;
}

static gboolean
file_save (gpointer backend, const KithDbKey *key, GCancellable *cancellable, GError **error)
{
  KeyFile *file = backend;
  g_autofree char *fresh = g_strconcat (file->path, ".new", NULL);
  gboolean ok;
  int fd;

  if (!check_folder (file, error))
    return FALSE;
  /* One that is left over was never in use. */
  g_unlink (fresh);
  fd = open (fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail (error, fresh, errno, "cannot be made");
  ok = write_all (fd, (const guint8 *)key, sizeof *key) && fsync (fd) == 0;
  ok = close (fd) == 0 && ok;
  /* link(), unlike rename(), never replaces a key that somebody else made meanwhile. */
  ok = ok && link (fresh, file->path) == 0 && g_unlink (fresh) == 0 && sync_folder (file);
  if (!ok)
    {
      fail (error, file->path, errno, "cannot be written");
      g_unlink (fresh);
    }
  return ok;
}

static gboolean
file_load_starts (gpointer backend, gint64 *starts, GError **error)
{
  KeyFile *file = backend;
  g_autofree char *path = g_strconcat (file->path, ".starts", NULL);
  g_autofree char *text = NULL;
  GError *problem = NULL;

  *starts = 0;
  if (g_file_get_contents (path, &text, NULL, &problem))
    *starts = g_ascii_strtoll (text, NULL, 10);
  else if (!g_error_matches (problem, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  g_clear_error (&problem);
  return TRUE;
}

static gboolean
file_save_starts (gpointer backend, gint64 starts, GError **error)
{
  KeyFile *file = backend;
  g_autofree char *path = g_strconcat (file->path, ".starts", NULL);
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT "\n", starts);

  return g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                   error);
}

static void
file_free (gpointer backend)
{
  KeyFile *file = backend;

  g_free (file->path);
  g_free (file->folder);
  g_free (file);
}

static const KithKeyStoreFuncs funcs
    = { "file", file_load, file_save, file_load_starts, file_save_starts, file_free, NULL };

KithKeyStore *
kith_key_file_new (const char *path)
{
  KeyFile *file = g_new0 (KeyFile, 1);

  file->path = g_strdup (path);
  file->folder = g_path_get_dirname (path);
  return kith_key_store_new (&funcs, file);
}
