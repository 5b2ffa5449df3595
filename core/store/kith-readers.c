/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-readers.h"

#include <sodium.h>
#include <string.h>

#define N_READERS 2

typedef struct
{
  KithReaders *readers;
  KithWorker  *worker;
  KithDb      *db;       /* its thread's */
  gboolean     idle;     /* guarded by the lock */
} Reader;

struct _KithReaders
{
  KithAnswers *answers;
  char        *path;
  guint8      *key;
  gint         damage;   /* atomic */
  GMutex       lock;     /* guards the two below and each idle */
  GQueue       waiting;
  gboolean     stopping;
  Reader       reader[N_READERS];
};

static gboolean
read_once (Reader *reader, KithJob *job, GError **error)
{
  KithDb  *db = reader->db;
  gboolean good;

  kith_db_begin_use (db);
  if (!kith_stmt_run (kith_db_prepare (db, "BEGIN"), error))
    return FALSE;
  good = job->run (db, job->data, error);
  kith_db_end_use (db);
  if (kith_sqlite_code_is_damage (db->last_code))
    g_atomic_int_set (&reader->readers->damage, TRUE);
  if (!good && error != NULL && *error == NULL)
    g_set_error (error, KITH_ERROR, KITH_ERROR_FAILED, "A read failed and gave no reason");
  if (db->journaled->len > 0)
    {
      g_critical ("A read wanted to journal an event");
      g_ptr_array_set_size (db->journaled, 0);
    }
  /* Nothing was written, so nothing can fail that matters. */
  kith_stmt_run (kith_db_prepare (db, "ROLLBACK"), NULL);
  return good;
}

static void
run_read (Reader *reader, KithJob *job)
{
  KithReaders *readers = reader->readers;
  int          code, system_errno;

  if (reader->db == NULL)
    reader->db = kith_db_open (readers->path, readers->key, KITH_DB_READER, &code, &system_errno, &job->error);
  if (reader->db != NULL)
    read_once (reader, job, &job->error);
  /* SQLCipher refuses all work on a connection that came upon a page it cannot verify. */
  if (reader->db != NULL && kith_sqlite_code_is_damage (reader->db->last_code))
    g_clear_pointer (&reader->db, kith_db_close);
  kith_answers_push_job (readers->answers, job);
}

static gboolean
turn (gpointer data)
{
  Reader      *reader = data;
  KithReaders *readers = reader->readers;
  KithJob     *job;

  g_mutex_lock (&readers->lock);
  job = readers->stopping ? NULL : kith_job_pop (&readers->waiting);
  reader->idle = job == NULL;
  g_mutex_unlock (&readers->lock);
  if (job == NULL)
    return FALSE;
  run_read (reader, job);
  return TRUE;
}

KithReaders *
kith_readers_new (KithWorld *world, KithAnswers *answers, const char *path, const guint8 *key)
{
  KithReaders *readers = g_new0 (KithReaders, 1);

  readers->answers = answers;
  readers->path = g_strdup (path);
  readers->key = sodium_malloc (KITH_STORE_KEY_BYTES);
  if (readers->key == NULL)
    g_error ("No memory for a key");
  memcpy (readers->key, key, KITH_STORE_KEY_BYTES);
  g_mutex_init (&readers->lock);
  g_queue_init (&readers->waiting);
  for (guint i = 0; i < N_READERS; i++)
    {
      readers->reader[i].readers = readers;
      readers->reader[i].idle = TRUE;
      readers->reader[i].worker = kith_world_add_worker (world, "kith-reader", turn, &readers->reader[i]);
    }
  return readers;
}

void
kith_readers_add (KithReaders *readers, KithJob *job)
{
  KithWorker *wake = NULL;

  g_mutex_lock (&readers->lock);
  g_queue_push_tail_link (&readers->waiting, &job->link);
  for (guint i = 0; i < N_READERS && wake == NULL; i++)
    if (readers->reader[i].idle)
      {
        readers->reader[i].idle = FALSE;
        wake = readers->reader[i].worker;
      }
  g_mutex_unlock (&readers->lock);
  if (wake != NULL)
    kith_worker_wake (wake);
}

gboolean
kith_readers_saw_damage (KithReaders *readers)
{
  return g_atomic_int_get (&readers->damage);
}

void
kith_readers_free (KithReaders *readers)
{
  KithJob *job;

  if (readers == NULL)
    return;
  g_mutex_lock (&readers->lock);
  readers->stopping = TRUE;
  g_mutex_unlock (&readers->lock);
  for (guint i = 0; i < N_READERS; i++)
    {
      kith_worker_free (readers->reader[i].worker);
      kith_db_close (readers->reader[i].db);
    }
  while ((job = kith_job_pop (&readers->waiting)) != NULL)
    {
      g_set_error (&job->error, KITH_ERROR, KITH_ERROR_CLOSED, "The store was closed before this was read");
      kith_answers_push_job (readers->answers, job);
    }
  g_mutex_clear (&readers->lock);
  sodium_free (readers->key);
  g_free (readers->path);
  g_free (readers);
}
