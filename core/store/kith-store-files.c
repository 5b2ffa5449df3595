/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-store-files.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096
#define PAGE_HMAC_BYTES 64
#define PAGE_IV_BYTES 16
#define PAGES_TRIED 64

static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

static gboolean
set_file_error (GError **error, int number, const char *doing, const char *path)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (number), "%s %s: %s", doing, path, g_strerror (number));
  return FALSE;
}

/* ---- what is there ---- */

KithFileLook
kith_file_look (const char *path)
{
  static const char plain[] = "SQLite format 3";
  struct stat       info;
  char              head[sizeof plain] = { 0 };
  gssize            n;
  int               fd;

  if (g_stat (path, &info) != 0)
    return KITH_FILE_NONE;
  if (!S_ISREG (info.st_mode))
    return KITH_FILE_ODD;
  if (info.st_size == 0)
    return KITH_FILE_EMPTY;
  fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0)
    return KITH_FILE_LIKELY;
  n = read (fd, head, sizeof head);
  close (fd);
  if (n == (gssize) sizeof head && memcmp (head, plain, sizeof plain) == 0)
    return KITH_FILE_PLAIN;
  return info.st_size % PAGE_BYTES != 0 ? KITH_FILE_ODD : KITH_FILE_LIKELY;
}

/* PBKDF2-HMAC-SHA512 with the two rounds that SQLCipher uses for the key of its page checks. */
static void
derive_check_key (const guint8 *key, guint8 out[32])
{
  crypto_auth_hmacsha512_state state;
  guint8                       salt[16 + 4] = { 0 };
  guint8                       first[64], second[64];

  for (guint i = 0; i < 16; i++)
    salt[i] = key[32 + i] ^ 0x3a;
  salt[19] = 1;
  crypto_auth_hmacsha512_init (&state, key, 32);
  crypto_auth_hmacsha512_update (&state, salt, sizeof salt);
  crypto_auth_hmacsha512_final (&state, first);
  crypto_auth_hmacsha512_init (&state, key, 32);
  crypto_auth_hmacsha512_update (&state, first, sizeof first);
  crypto_auth_hmacsha512_final (&state, second);
  for (guint i = 0; i < 32; i++)
    out[i] = first[i] ^ second[i];
  sodium_memzero (first, sizeof first);
  sodium_memzero (second, sizeof second);
  sodium_memzero (&state, sizeof state);
}

static gboolean
page_verifies (const guint8 page[PAGE_BYTES], guint32 number, const guint8 check_key[32])
{
  crypto_auth_hmacsha512_state state;
  gsize                        salt = number == 1 ? 16 : 0;
  gsize                        covered = PAGE_BYTES - PAGE_HMAC_BYTES - PAGE_IV_BYTES + PAGE_IV_BYTES;
  guint32                      little = GUINT32_TO_LE (number);
  guint8                       sum[64];

  crypto_auth_hmacsha512_init (&state, check_key, 32);
  crypto_auth_hmacsha512_update (&state, page + salt, covered - salt);
  crypto_auth_hmacsha512_update (&state, (const guint8 *) &little, sizeof little);
  crypto_auth_hmacsha512_final (&state, sum);
  return sodium_memcmp (sum, page + PAGE_BYTES - PAGE_HMAC_BYTES, PAGE_HMAC_BYTES) == 0;
}

/* Opens the file by itself, which drops SQLite's own locks on it: never while a connection is open. */
gboolean
kith_file_has_page_of (const char *path, const guint8 *key)
{
  guint8   page[PAGE_BYTES];
  guint8   check_key[32];
  gboolean found = FALSE;
  int      fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);

  if (fd < 0)
    return FALSE;
  derive_check_key (key, check_key);
  for (guint32 number = 1; number <= PAGES_TRIED && !found; number++)
    {
      if (pread (fd, page, sizeof page, (off_t) (number - 1) * PAGE_BYTES) != (gssize) sizeof page)
        break;
      found = page_verifies (page, number, check_key);
    }
  close (fd);
  sodium_memzero (check_key, sizeof check_key);
  return found;
}

/* ---- lock ---- */

gboolean
kith_file_make_parent (const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);

  if (g_mkdir_with_parents (parent, 0700) != 0)
    return set_file_error (error, errno, "Cannot make the folder", parent);
  return TRUE;
}

int
kith_file_lock (const char *path, KithStoreState *state, GError **error)
{
  g_autofree char *name = g_strconcat (path, ".lock", NULL);
  int              fd = g_open (name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  int              number = errno;

  if (fd < 0)
    {
      *state = number == ENOSPC || number == EDQUOT ? KITH_STORE_DISK_FULL
               : number == EROFS || number == EACCES || number == EPERM ? KITH_STORE_READ_ONLY
                                                                        : KITH_STORE_FAILED;
      set_file_error (error, number, "Cannot make", name);
      return -1;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  number = errno;
  close (fd);
  *state = number == EWOULDBLOCK ? KITH_STORE_IN_USE : KITH_STORE_FAILED;
  set_file_error (error, number, "Cannot lock", name);
  return -1;
}

/* ---- moving, copying ---- */

char *
kith_file_stamp (gint64 date_ms)
{
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (date_ms / 1000);

  return date != NULL ? g_date_time_format (date, "%Y%m%dT%H%M%SZ") : g_strdup ("unknown");
}

static gboolean
sync_parent (const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);
  int              fd = g_open (parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  gboolean         good = fd >= 0 && fsync (fd) == 0;

  if (!good)
    set_file_error (error, errno, "Cannot sync the folder", parent);
  if (fd >= 0)
    close (fd);
  return good;
}

gboolean
kith_file_rename (const char *from, const char *to, GError **error)
{
  if (g_rename (from, to) != 0)
    return set_file_error (error, errno, "Cannot rename", from);
  return sync_parent (to, error);
}

static char *
pick_name (const char *path, const char *kind, const char *stamp, const char *end)
{
  for (guint i = 0;; i++)
    {
      g_autofree char *again = i > 0 ? g_strdup_printf ("-%u", i) : g_strdup ("");
      g_autofree char *name = g_strdup_printf ("%s.%s-%s%s%s", path, kind, stamp, again, end);

      if (!g_file_test (name, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&name);
    }
}

/* The log goes first: a database without its log is whole but older; a log without its database is nothing. Killed in
 * between, the next start finds the database and moves it too. */
char *
kith_file_move_aside (const char *path, const char *reason, gint64 date_ms, GError **error)
{
  g_autofree char *stamp = kith_file_stamp (date_ms);
  g_autofree char *end = g_strconcat ("-", reason, NULL);
  g_autofree char *name = pick_name (path, "aside", stamp, end);

  for (gsize i = G_N_ELEMENTS (suffixes); i-- > 0;)
    {
      g_autofree char *from = g_strconcat (path, suffixes[i], NULL);
      g_autofree char *to = g_strconcat (name, suffixes[i], NULL);

      if (g_rename (from, to) != 0 && errno != ENOENT)
        {
          set_file_error (error, errno, "Cannot move aside", from);
          return NULL;
        }
    }
  if (!sync_parent (path, error))
    return NULL;
  return g_steal_pointer (&name);
}

gboolean
kith_file_create (const char *path, int *system_errno, GError **error)
{
  int fd = g_open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

  *system_errno = fd < 0 ? errno : 0;
  if (fd < 0)
    return set_file_error (error, *system_errno, "Cannot make", path);
  close (fd);
  return TRUE;
}

static gboolean
copy_bytes (int from, int to)
{
  g_autofree guint8 *buffer = g_malloc (256 * 1024);
  gssize             n;

  while ((n = read (from, buffer, 256 * 1024)) > 0)
    for (gssize at = 0, wrote; at < n; at += wrote)
      if ((wrote = write (to, buffer + at, n - at)) < 0)
        return FALSE;
  return n == 0 && fsync (to) == 0;
}

gboolean
kith_file_copy (const char *from, const char *to, GError **error)
{
  int      source = g_open (from, O_RDONLY | O_CLOEXEC, 0);
  int      target;
  gboolean good;

  if (source < 0)
    return set_file_error (error, errno, "Cannot read", from);
  target = g_open (to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (target < 0)
    {
      set_file_error (error, errno, "Cannot make", to);
      close (source);
      return FALSE;
    }
  good = copy_bytes (source, target);
  if (!good)
    {
      set_file_error (error, errno, "Cannot write", to);
      g_unlink (to);
    }
  close (source);
  close (target);
  return good && sync_parent (to, error);
}

void
kith_file_remove_all (const char *path)
{
  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strconcat (path, suffixes[i], NULL);

      g_unlink (name);
    }
}

/* ---- copies that were kept ---- */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

GStrv
kith_store_list_copies (const char *path)
{
  g_autofree char *parent = g_path_get_dirname (path);
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *aside = g_strconcat (base, ".aside-", NULL);
  g_autofree char *before = g_strconcat (base, ".before-", NULL);
  g_autoptr (GDir) dir = g_dir_open (parent, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      if (!g_str_has_prefix (name, aside) && !g_str_has_prefix (name, before))
        continue;
      if (g_str_has_suffix (name, "-wal") || g_str_has_suffix (name, "-shm") || g_str_has_suffix (name, "-journal"))
        continue;
      g_ptr_array_add (names, g_build_filename (parent, name, NULL));
    }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (GStrv) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

gboolean
kith_file_was_moved_aside (const char *path)
{
  g_auto (GStrv) copies = kith_store_list_copies (path);
  g_autofree char *aside = g_strconcat (path, ".aside-", NULL);
  gboolean         found = FALSE;

  for (guint i = 0; copies[i] != NULL && !found; i++)
    found = g_str_has_prefix (copies[i], aside);
  return found;
}

static gboolean
put_in_place (const char *path, const char *copy, GError **error)
{
  g_autofree char *fresh = g_strconcat (path, ".new", NULL);
  g_autofree char *fresh_log = g_strconcat (fresh, "-wal", NULL);
  g_autofree char *copy_log = g_strconcat (copy, "-wal", NULL);
  g_autofree char *log = g_strconcat (path, "-wal", NULL);

  kith_file_remove_all (fresh);
  if (!kith_file_copy (copy, fresh, error))
    return FALSE;
  if (g_file_test (copy_log, G_FILE_TEST_EXISTS) &&
      (!kith_file_copy (copy_log, fresh_log, error) || !kith_file_rename (fresh_log, log, error)))
    return FALSE;
  return kith_file_rename (fresh, path, error);
}

gboolean
kith_store_restore_copy (KithWorld *world, const char *path, const char *copy, GError **error)
{
  KithStoreState   state;
  g_autofree char *moved = NULL;
  g_autoptr (GError) reason = NULL;
  gboolean good;
  int      lock;

  if (!g_file_test (copy, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "There is no copy %s", copy);
      return FALSE;
    }
  lock = kith_file_lock (path, &state, &reason);
  if (lock < 0)
    {
      g_set_error (error, KITH_ERROR, state == KITH_STORE_IN_USE ? KITH_ERROR_BUSY : KITH_ERROR_STORE,
                   "The database cannot be replaced now: %s", reason->message);
      return FALSE;
    }
  moved = kith_file_move_aside (path, "replaced", kith_world_get_date_ms (world), &reason);
  good = moved != NULL && put_in_place (path, copy, &reason);
  close (lock);
  if (!good)
    g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "The copy was not put back: %s", reason->message);
  return good;
}
