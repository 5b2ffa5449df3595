/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-manifest.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A group of one: distributions that give everybody a group of their own also make new files writable by it. */
static gboolean
is_our_private_group (gid_t gid)
{
  char group_buffer[4096], user_buffer[4096];
  struct group group, *found_group = NULL;
  struct passwd user, *found_user = NULL;

  if (gid != getegid () || getgrgid_r (gid, &group, group_buffer, sizeof group_buffer, &found_group) != 0
      || found_group == NULL || getpwuid_r (geteuid (), &user, user_buffer, sizeof user_buffer, &found_user) != 0
      || found_user == NULL)
    return FALSE;
  return g_strcmp0 (group.gr_name, user.pw_name) == 0
         && (group.gr_mem[0] == NULL || (g_strcmp0 (group.gr_mem[0], user.pw_name) == 0 && group.gr_mem[1] == NULL));
}

/* In a sandbox, root's files may show as somebody else's; on a read-only mount nobody writes. */
static gboolean
is_read_only (const char *path)
{
  struct statvfs fs;

  return statvfs (path, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

static gboolean
part_is_safe (const char *part, gboolean above, GError **error)
{
  struct stat st;
  mode_t loose;

  if (stat (part, &st) != 0)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "%s: %s", part, g_strerror (errno));
      return FALSE;
    }
  if (is_read_only (part))
    return TRUE;
  if (st.st_uid != 0 && st.st_uid != geteuid ())
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED,
                   "%s belongs to another user (uid %u), who could change what is loaded from there: "
                   "put the plugin into a directory of your own",
                   part, (guint) st.st_uid);
      return FALSE;
    }
  loose = st.st_mode & (S_IWGRP | S_IWOTH);
  /* In a sticky directory others can add, but not replace what is ours. */
  if (loose == 0 || (above && (st.st_mode & S_ISVTX) != 0)
      || (loose == S_IWGRP && st.st_uid == geteuid () && is_our_private_group (st.st_gid)))
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "%s can be written by others: chmod go-w %s", part, part);
  return FALSE;
}

gboolean
kith_path_is_safe (const char *path, GError **error)
{
  g_autofree char *real = NULL;
  char *resolved = realpath (path, NULL);
  guint strict;

  if (resolved == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "%s: %s", path, g_strerror (errno));
      return FALSE;
    }
  real = g_strdup (resolved);
  free (resolved);
  /* A file, and the directory that holds it; further up it is enough that nothing of ours can be replaced. */
  strict = g_file_test (real, G_FILE_TEST_IS_DIR) ? 1 : 2;
  while (part_is_safe (real, strict == 0, error))
    {
      char *slash = strrchr (real, '/');

      if (real[1] == '\0')
        return TRUE;
      slash[slash == real ? 1 : 0] = '\0';
      strict -= strict > 0;
    }
  return FALSE;
}
