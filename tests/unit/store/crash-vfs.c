/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crash-vfs.h"

#include <sqlite3.h>
#include <string.h>

#define SECTOR 512

typedef enum
{
  STEP_WRITE,
  STEP_TRUNCATE,
  STEP_SYNC,
  STEP_REMOVE,
} StepKind;

typedef struct
{
  StepKind kind;
  char *name; /* of the file, without its folder */
  sqlite3_int64 at;
  GBytes *bytes;
} Step;

struct _CrashLog
{
  sqlite3_vfs vfs;
  sqlite3_vfs *below;
  char *folder;
  GMutex lock;
  GPtrArray *steps;
  GHashTable *adopted; /* name → GBytes: how it was when the recording began */
  gboolean stopped;
};

typedef struct
{
  sqlite3_file base;
  CrashLog *log;
  char *name; /* NULL: not recorded */
  sqlite3_file *below;
} CrashFile;

static void
step_free (gpointer data)
{
  Step *step = data;

  g_clear_pointer (&step->bytes, g_bytes_unref);
  g_free (step->name);
  g_free (step);
}

static void
note (CrashLog *log, StepKind kind, const char *name, sqlite3_int64 at, const void *bytes, int n)
{
  Step *step;

  if (name == NULL || log->stopped)
    return;
  step = g_new0 (Step, 1);
  step->kind = kind;
  step->name = g_strdup (name);
  step->at = at;
  step->bytes = bytes != NULL ? g_bytes_new (bytes, (gsize)n) : NULL;
  g_mutex_lock (&log->lock);
  g_ptr_array_add (log->steps, step);
  g_mutex_unlock (&log->lock);
}

/* --- a file */

static sqlite3_file *
below (sqlite3_file *file)
{
  return ((CrashFile *)file)->below;
}

static int
file_close (sqlite3_file *file)
{
  CrashFile *self = (CrashFile *)file;
  int code = self->below->pMethods->xClose (self->below);

  g_free (self->name);
  return code;
}

static int
file_read (sqlite3_file *file, void *buffer, int n, sqlite3_int64 at)
{
  return below (file)->pMethods->xRead (below (file), buffer, n, at);
}

static int
file_write (sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
  CrashFile *self = (CrashFile *)file;
  int code = self->below->pMethods->xWrite (self->below, bytes, n, at);

  if (code == SQLITE_OK)
    note (self->log, STEP_WRITE, self->name, at, bytes, n);
  return code;
}

static int
file_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  CrashFile *self = (CrashFile *)file;
  int code = self->below->pMethods->xTruncate (self->below, size);

  if (code == SQLITE_OK)
    note (self->log, STEP_TRUNCATE, self->name, size, NULL, 0);
  return code;
}

static int
file_sync (sqlite3_file *file, int flags)
{
  CrashFile *self = (CrashFile *)file;
  int code = self->below->pMethods->xSync (self->below, flags);

  if (code == SQLITE_OK)
    note (self->log, STEP_SYNC, self->name, 0, NULL, 0);
  return code;
}

static int
file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  return below (file)->pMethods->xFileSize (below (file), size);
}

static int
file_lock (sqlite3_file *file, int kind)
{
  return below (file)->pMethods->xLock (below (file), kind);
}

static int
file_unlock (sqlite3_file *file, int kind)
{
  return below (file)->pMethods->xUnlock (below (file), kind);
}

static int
file_check_lock (sqlite3_file *file, int *out)
{
  return below (file)->pMethods->xCheckReservedLock (below (file), out);
}

/* Writing in larger pieces would not be seen. */
static int
file_control (sqlite3_file *file, int what, void *data)
{
  return below (file)->pMethods->xFileControl (below (file), what, data);
}

static int
file_sector_size (sqlite3_file *file)
{
  return below (file)->pMethods->xSectorSize (below (file));
}

/* No promise of the disk is believed: not that a written sector stays whole by itself, nor any order. */
static int
file_characteristics (sqlite3_file *file)
{
  return 0;
}

static int
file_shm_map (sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
  return below (file)->pMethods->xShmMap (below (file), page, size, extend, out);
}

static int
file_shm_lock (sqlite3_file *file, int offset, int n, int flags)
{
  return below (file)->pMethods->xShmLock (below (file), offset, n, flags);
}

static void
file_shm_barrier (sqlite3_file *file)
{
  below (file)->pMethods->xShmBarrier (below (file));
}

static int
file_shm_unmap (sqlite3_file *file, int remove)
{
  return below (file)->pMethods->xShmUnmap (below (file), remove);
}

static const sqlite3_io_methods file_methods = {
  .iVersion = 2,
  .xClose = file_close,
  .xRead = file_read,
  .xWrite = file_write,
  .xTruncate = file_truncate,
  .xSync = file_sync,
  .xFileSize = file_size,
  .xLock = file_lock,
  .xUnlock = file_unlock,
  .xCheckReservedLock = file_check_lock,
  .xFileControl = file_control,
  .xSectorSize = file_sector_size,
  .xDeviceCharacteristics = file_characteristics,
  .xShmMap = file_shm_map,
  .xShmLock = file_shm_lock,
  .xShmBarrier = file_shm_barrier,
  .xShmUnmap = file_shm_unmap,
};

/* --- the file system */

static char *
get_name (CrashLog *log, const char *path)
{
  if (path == NULL || !g_str_has_prefix (path, log->folder) || path[strlen (log->folder)] != '/')
    return NULL;
  return g_strdup (path + strlen (log->folder) + 1);
}

static int
vfs_open (sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags)
{
  CrashLog *log = (CrashLog *)vfs;
  CrashFile *self = (CrashFile *)file;
  int code;

  self->log = log;
  self->below = (sqlite3_file *)(self + 1);
  self->name = NULL;
  code = log->below->xOpen (log->below, path, self->below, flags, out_flags);
  self->base.pMethods = self->below->pMethods != NULL ? &file_methods : NULL;
  if (code == SQLITE_OK)
    self->name = get_name (log, path);
  return code;
}

static int
vfs_delete (sqlite3_vfs *vfs, const char *path, int sync_folder)
{
  CrashLog *log = (CrashLog *)vfs;
  g_autofree char *name = get_name (log, path);
  int code = log->below->xDelete (log->below, path, sync_folder);

  if (code == SQLITE_OK)
    note (log, STEP_REMOVE, name, 0, NULL, 0);
  return code;
}

static int
vfs_access (sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
  return ((CrashLog *)vfs)->below->xAccess (((CrashLog *)vfs)->below, path, flags, out);
}

static int
vfs_full_pathname (sqlite3_vfs *vfs, const char *path, int n, char *out)
{
  return ((CrashLog *)vfs)->below->xFullPathname (((CrashLog *)vfs)->below, path, n, out);
}

CrashLog *
crash_log_new (const char *folder)
{
  CrashLog *log = g_new0 (CrashLog, 1);

  sqlite3_initialize ();
  log->below = sqlite3_vfs_find ("unix-excl");
  g_assert_nonnull (log->below);
  log->vfs = *log->below;
  log->vfs.pNext = NULL;
  log->vfs.szOsFile = (int)sizeof (CrashFile) + log->below->szOsFile;
  log->vfs.xOpen = vfs_open;
  log->vfs.xDelete = vfs_delete;
  log->vfs.xAccess = vfs_access;
  log->vfs.xFullPathname = vfs_full_pathname;
  log->folder = g_strdup (folder);
  log->steps = g_ptr_array_new_with_free_func (step_free);
  log->adopted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
  g_mutex_init (&log->lock);
  /* The name of the one below: the first of that name in the list is found. */
  g_assert_cmpint (sqlite3_vfs_register (&log->vfs, 1), ==, SQLITE_OK);
  g_assert_true (sqlite3_vfs_find ("unix-excl") == &log->vfs);
  return log;
}

guint
crash_log_get_length (CrashLog *log)
{
  guint n;

  g_mutex_lock (&log->lock);
  n = log->steps->len;
  g_mutex_unlock (&log->lock);
  return n;
}

guint
crash_log_count_syncs (CrashLog *log)
{
  guint n = 0;

  for (guint i = 0; i < log->steps->len; i++)
    n += ((Step *)log->steps->pdata[i])->kind == STEP_SYNC;
  return n;
}

void
crash_log_adopt (CrashLog *log, const char *path)
{
  char *content = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &content, &n, NULL));
  g_ptr_array_set_size (log->steps, 0);
  g_hash_table_insert (log->adopted, get_name (log, path), g_bytes_new_take (content, n));
}

void
crash_log_stop (CrashLog *log)
{
  log->stopped = TRUE;
}

/* --- the disk after the power has failed */

typedef struct
{
  GByteArray *content; /* as it surely is */
  GPtrArray *unsynced; /* Step: none */
  gboolean there;
} Disk;

static void
disk_free (gpointer data)
{
  Disk *disk = data;

  g_byte_array_unref (disk->content);
  g_ptr_array_unref (disk->unsynced);
  g_free (disk);
}

static Disk *
get_disk (GHashTable *disks, const char *name)
{
  Disk *disk = g_hash_table_lookup (disks, name);

  if (disk == NULL)
    {
      disk = g_new0 (Disk, 1);
      disk->content = g_byte_array_new ();
      disk->unsynced = g_ptr_array_new ();
      g_hash_table_insert (disks, g_strdup (name), disk);
    }
  return disk;
}

static void
set_size (GByteArray *content, gsize size)
{
  guint before = content->len;

  g_byte_array_set_size (content, (guint)size);
  if (size > before)
    memset (content->data + before, 0, size - before);
}

static void
put (GByteArray *content, gsize at, const guint8 *bytes, gsize n)
{
  if (content->len < at + n)
    set_size (content, at + n);
  memcpy (content->data + at, bytes, n);
}

/* @chance NULL: all of it; else sector by sector. */
static void
apply (Disk *disk, const Step *step, GRand *chance)
{
  gsize n = 0;
  const guint8 *bytes = step->bytes != NULL ? g_bytes_get_data (step->bytes, &n) : NULL;

  if (step->kind == STEP_TRUNCATE)
    {
      if (chance == NULL || g_rand_boolean (chance))
        set_size (disk->content, (gsize)step->at);
      return;
    }
  for (gsize done = 0; done < n;)
    {
      gsize at = (gsize)step->at + done;
      gsize part = MIN (SECTOR - at % SECTOR, n - done);

      if (chance == NULL || g_rand_boolean (chance))
        put (disk->content, at, bytes + done, part);
      done += part;
    }
}

static void
play (GHashTable *disks, const Step *step)
{
  Disk *disk = get_disk (disks, step->name);

  switch (step->kind)
    {
    case STEP_WRITE:
    case STEP_TRUNCATE:
      disk->there = TRUE;
      g_ptr_array_add (disk->unsynced, (gpointer)step);
      break;
    case STEP_SYNC:
      for (guint i = 0; i < disk->unsynced->len; i++)
        apply (disk, disk->unsynced->pdata[i], NULL);
      g_ptr_array_set_size (disk->unsynced, 0);
      break;
    case STEP_REMOVE:
      disk->there = FALSE;
      g_byte_array_set_size (disk->content, 0);
      g_ptr_array_set_size (disk->unsynced, 0);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* The disk may also have taken all of it, or none, or the beginning. */
static void
fail_power (Disk *disk, GRand *chance)
{
  guint mode = (guint)g_rand_int_range (chance, 0, 4);
  guint n = disk->unsynced->len;
  guint upto = mode == 0 || n == 0 ? 0 : mode == 1 ? n : (guint)g_rand_int_range (chance, 0, (gint32)n + 1);

  for (guint i = 0; i < (mode == 3 ? n : upto); i++)
    apply (disk, disk->unsynced->pdata[i], mode == 3 ? chance : NULL);
}

void
crash_log_replay (CrashLog *log, guint steps, GRand *chance, const char *folder)
{
  g_autoptr (GHashTable) disks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, disk_free);
  g_autoptr (GList) names = NULL;
  GHashTableIter iter;
  gpointer name, bytes;

  g_hash_table_iter_init (&iter, log->adopted);
  while (g_hash_table_iter_next (&iter, &name, &bytes))
    {
      gsize n;
      const guint8 *data = g_bytes_get_data (bytes, &n);
      Disk *disk = get_disk (disks, name);

      put (disk->content, 0, data, n);
      disk->there = TRUE;
    }
  for (guint i = 0; i < steps; i++)
    play (disks, log->steps->pdata[i]);
  names = g_list_sort (g_hash_table_get_keys (disks), (GCompareFunc)strcmp);
  for (GList *l = names; l != NULL; l = l->next)
    {
      Disk *disk = g_hash_table_lookup (disks, l->data);
      g_autofree char *path = g_build_filename (folder, l->data, NULL);

      if (!disk->there)
        continue;
      fail_power (disk, chance);
      g_assert_true (g_file_set_contents_full (path, (const char *)disk->content->data, disk->content->len,
                                               G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    }
}
