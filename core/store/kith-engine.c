/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-store"

#include "kith-engine.h"

#include "kith-log.h"

/* Measured: where a sync takes 0.1 ms, more than this in one group gains nothing and makes its first job wait. */
#define GROUP_JOBS 32
#define GROUP_WORK_US 1500
/* Where a sync takes longer than the work of those, the others would wait for it in vain: they come along for as long
 * as the last commit took. */
#define GROUP_JOBS_MOST 256
/* So many jobs of the front lane, then one of the bulk lane has its turn though others wait. */
#define FRONT_PER_BULK 256
#define CHECKPOINT_FRAMES 1000

struct _KithEngine
{
  KithWorld      *world;
  KithAnswers    *answers;
  KithWorker     *worker;
  KithDb         *db;              /* the writer's, between start and stop */
  KithOpening    *opening;         /* the writer's: path and key, for opening and for opening again */
  KithEngineState state;

  GMutex          lock;            /* guards the five below */
  GQueue          lanes[2];
  gboolean        idle;            /* the writer found nothing and must be woken */
  gboolean        stopping;
  guint           front_jobs;      /* since the last of bulk */

  gint64          commit_us;       /* what the last commit took */
  gint            checkpoint_at;   /* frames */
  gboolean        checkpoint_failed;
  gboolean        poisoned;        /* a page was found that cannot be read */
};

typedef enum
{
  RUN_KEPT,      /* done, waits for the commit */
  RUN_DROPPED,   /* failed, only its own work is undone */
  RUN_LOST,      /* the whole transaction is gone */
} RunResult;

KithEngine *
kith_engine_new (KithWorld *world, KithAnswers *answers)
{
  KithEngine *engine = g_new0 (KithEngine, 1);

  engine->world = kith_world_ref (world);
  engine->answers = answers;
  engine->checkpoint_at = CHECKPOINT_FRAMES;
  g_mutex_init (&engine->lock);
  g_queue_init (&engine->lanes[KITH_LANE_FRONT]);
  g_queue_init (&engine->lanes[KITH_LANE_BULK]);
  return engine;
}

KithEngineState *
kith_engine_get_state (KithEngine *engine)
{
  return &engine->state;
}

/* ---- one job ---- */

static gboolean
exec (KithEngine *engine, const char *sql, GError **error)
{
  return kith_stmt_run (kith_db_prepare (engine->db, sql), error);
}

static void
forget_result (KithJob *job)
{
  g_clear_error (&job->error);
  g_clear_pointer (&job->journaled, g_ptr_array_unref);
}

static void
note_trouble (KithEngine *engine)
{
  if (kith_sqlite_code_is_disk_full (engine->db->last_code, engine->db->last_errno))
    g_atomic_int_set (&engine->state.disk_full, TRUE);
  if (kith_sqlite_code_is_damage (engine->db->last_code))
    {
      g_atomic_int_set (&engine->state.damage, TRUE);
      engine->poisoned = TRUE;
    }
}

/* The job's own function; afterwards job->error says whether it wants its work kept. */
static void
call_job (KithEngine *engine, KithJob *job)
{
  KithDb  *db = engine->db;
  gboolean good;

  kith_db_begin_use (db);
  good = job->run (db, job->data, &job->error);
  kith_db_end_use (db);
  if (!good && job->error == NULL)
    g_set_error (&job->error, KITH_ERROR, KITH_ERROR_FAILED, "A job failed and gave no reason");
  if (good && job->error != NULL)
    {
      g_critical ("A job succeeded and set an error: %s", job->error->message);
      g_clear_error (&job->error);
    }
  if (job->error == NULL && db->journaled->len > 0)
    {
      job->journaled = db->journaled;
      db->journaled = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_journaled_free);
    }
  else if (db->journaled->len > 0)
    g_ptr_array_set_size (db->journaled, 0);
}

/* A full disk, no memory or a failed write has ended the transaction though the job may not have noticed. */
static RunResult
lose (KithEngine *engine, KithJob *job)
{
  KithDb *db = engine->db;

  note_trouble (engine);
  if (job->error == NULL)
    {
      int code = db->last_code != SQLITE_OK ? db->last_code : SQLITE_ABORT;

      job->error = kith_db_new_error (NULL, code, "the transaction was rolled back");
    }
  g_clear_pointer (&job->journaled, g_ptr_array_unref);
  if (kith_db_in_transaction (db))
    exec (engine, "ROLLBACK", NULL);
  return RUN_LOST;
}

/* @others: the transaction holds work of other jobs, so this one gets a savepoint. Otherwise the transaction is its own
 * and the savepoint would be wasted. */
static RunResult
run_job (KithEngine *engine, KithJob *job, gboolean others)
{
  KithDb *db = engine->db;
  gint64  journal_before = db->journal_next;

  kith_db_begin_use (db);
  if (!kith_db_in_transaction (db) && !exec (engine, "BEGIN IMMEDIATE", &job->error))
    return lose (engine, job);
  if (others && !exec (engine, "SAVEPOINT job", &job->error))
    return lose (engine, job);
  call_job (engine, job);
  if (!kith_db_in_transaction (db))
    return lose (engine, job);
  if (job->error == NULL)
    {
      if (others && !exec (engine, "RELEASE job", &job->error))
        return lose (engine, job);
      return RUN_KEPT;
    }
  note_trouble (engine);
  db->journal_next = journal_before;
  if (!others)
    return exec (engine, "ROLLBACK", NULL) ? RUN_DROPPED : lose (engine, job);
  if (!exec (engine, "ROLLBACK TO job", NULL) || !exec (engine, "RELEASE job", NULL))
    return lose (engine, job);
  return RUN_DROPPED;
}

static void
note_commit (KithEngine *engine)
{
  static const double bounds_ms[] = KITH_STORE_COMMIT_MS;
  guint i = 0;

  while (i < G_N_ELEMENTS (bounds_ms) && (double)engine->commit_us > bounds_ms[i] * 1000)
    i++;
  g_atomic_int_inc (&engine->state.commit_times[i]);
  g_atomic_pointer_add (&engine->state.commit_us, engine->commit_us);
  g_atomic_int_inc (&engine->state.commits);
}

static gboolean
commit (KithEngine *engine, GError **error)
{
  gint64 begin_us = kith_world_get_time_us (engine->world);

  kith_db_begin_use (engine->db);
  if (exec (engine, "COMMIT", error))
    {
      engine->commit_us = kith_world_get_time_us (engine->world) - begin_us;
      note_commit (engine);
      g_atomic_int_set (&engine->state.disk_full, FALSE);
      return TRUE;
    }
  note_trouble (engine);
  if (kith_db_in_transaction (engine->db))
    exec (engine, "ROLLBACK", NULL);
  return FALSE;
}

static void
answer (KithEngine *engine, GQueue *group)
{
  for (GList *l = group->head; l != NULL; l = l->next)
    {
      KithJob *job = l->data;

      g_atomic_int_inc (&engine->state.jobs);
      if (job->error != NULL)
        g_atomic_int_inc (&engine->state.failed);
    }
  kith_answers_push (engine->answers, group);
}

/* ---- groups ---- */

static void
run_alone (KithEngine *engine, KithJob *job)
{
  gint64 journal_before = engine->db->journal_next;
  GQueue one = G_QUEUE_INIT;

  forget_result (job);
  if (run_job (engine, job, FALSE) == RUN_KEPT && !commit (engine, &job->error))
    g_clear_pointer (&job->journaled, g_ptr_array_unref);
  if (job->error != NULL)
    engine->db->journal_next = journal_before;
  g_queue_push_tail_link (&one, &job->link);
  answer (engine, &one);
}

/* A savepoint isolates a constraint that failed, not a disk that is full: then everything is gone, also of those that
 * had nothing to do with it, and each gets its own transaction. */
static void
run_each_alone (KithEngine *engine, GQueue *group)
{
  KithJob *job;

  g_atomic_int_inc (&engine->state.reruns);
  while ((job = kith_job_pop (group)) != NULL)
    run_alone (engine, job);
}

static KithJob *
take (KithEngine *engine, gboolean first, KithLane *lane)
{
  KithJob *job = NULL;
  gboolean turn_of_bulk;

  g_mutex_lock (&engine->lock);
  turn_of_bulk = first && engine->front_jobs >= FRONT_PER_BULK && engine->lanes[KITH_LANE_BULK].length > 0;
  *lane = turn_of_bulk ? KITH_LANE_BULK : KITH_LANE_FRONT;
  job = kith_job_pop (&engine->lanes[*lane]);
  if (job == NULL && first)
    {
      *lane = KITH_LANE_BULK;
      job = kith_job_pop (&engine->lanes[KITH_LANE_BULK]);
    }
  if (job == NULL && first)
    engine->idle = TRUE;
  if (job != NULL)
    engine->front_jobs = *lane == KITH_LANE_BULK ? 0 : engine->front_jobs + 1;
  g_mutex_unlock (&engine->lock);
  return job;
}

static gboolean
is_closed (KithEngine *engine, guint jobs, gint64 begin_us)
{
  gint64 work_us = kith_world_get_time_us (engine->world) - begin_us;

  if (work_us >= GROUP_WORK_US || jobs >= GROUP_JOBS_MOST)
    return TRUE;
  return jobs >= GROUP_JOBS && work_us >= engine->commit_us;
}

/* Never waits for company: whoever is there when the one before is done comes along. */
static void
run_group (KithEngine *engine, KithJob *job, KithLane lane)
{
  gint64    begin_us = kith_world_get_time_us (engine->world);
  gint64    journal_before = engine->db->journal_next;
  GQueue    group = G_QUEUE_INIT;
  guint     kept = 0;
  RunResult result = RUN_KEPT;
  g_autoptr (GError) error = NULL;

  while (job != NULL)
    {
      result = run_job (engine, job, kept > 0);
      g_queue_push_tail_link (&group, &job->link);
      if (result == RUN_LOST)
        break;
      kept += result == RUN_KEPT;
      if (lane == KITH_LANE_BULK || is_closed (engine, group.length, begin_us))
        break;
      job = take (engine, FALSE, &lane);
    }
  if (result != RUN_LOST && (kept == 0 || commit (engine, &error)))
    {
      answer (engine, &group);
      return;
    }
  engine->db->journal_next = journal_before;
  if (group.length > 1)
    {
      run_each_alone (engine, &group);
      return;
    }
  /* One job alone: it has had its own transaction already. */
  job = group.head->data;
  if (job->error == NULL)
    job->error = g_steal_pointer (&error);
  g_clear_pointer (&job->journaled, g_ptr_array_unref);
  answer (engine, &group);
}

/* After answering, never inside a commit; what readers still need stays in the log and comes with a later one. */
static void
checkpoint (KithEngine *engine)
{
  int frames = engine->db->wal_frames;
  int code, left = 0;

  if (frames < CHECKPOINT_FRAMES)
    engine->checkpoint_at = CHECKPOINT_FRAMES;
  if (frames < engine->checkpoint_at)
    return;
  code = sqlite3_wal_checkpoint_v2 (engine->db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &left, NULL);
  engine->checkpoint_at = frames + CHECKPOINT_FRAMES;
  g_atomic_int_inc (&engine->state.checkpoints);
  if (code != SQLITE_OK && code != SQLITE_BUSY && !engine->checkpoint_failed)
    kith_warning ("The write-ahead log could not be moved into the database (%s); it grows until that works",
                  sqlite3_errstr (code));
  engine->checkpoint_failed = code != SQLITE_OK && code != SQLITE_BUSY;
}

/* SQLCipher refuses all work on a connection that came upon a page it cannot verify; one new page that is bad must not
 * take the whole store with it. */
static void
reopen (KithEngine *engine)
{
  gint64 journal_next = engine->db->journal_next;
  int    code, system_errno;
  g_autoptr (GError) error = NULL;
  KithDb *fresh
      = kith_db_open (engine->opening->path, engine->opening->key, KITH_DB_WRITER, &code, &system_errno, &error);

  if (fresh == NULL)
    {
      kith_warning ("The database could not be opened again after a damaged page: %s", error->message);
      return;
    }
  kith_db_close (engine->db);
  engine->db = fresh;
  engine->db->journal_next = journal_next;
}

/* ---- the thread ---- */

static gboolean
turn (gpointer data)
{
  KithEngine *engine = data;
  KithLane    lane;
  KithJob    *job;
  gboolean    stopping;

  if (!engine->opening->finished)
    {
      kith_opening_run (engine->opening);
      engine->db = engine->opening->db;
      kith_opening_tell (kith_opening_ref (engine->opening));
    }
  if (engine->db == NULL)
    return FALSE;
  job = take (engine, TRUE, &lane);
  if (job == NULL)
    return FALSE;
  g_mutex_lock (&engine->lock);
  stopping = engine->stopping;
  g_mutex_unlock (&engine->lock);
  if (stopping && lane == KITH_LANE_BULK)
    {
      g_set_error (&job->error, KITH_ERROR, KITH_ERROR_CLOSED, "The store was closed before this was done");
      kith_answers_push_job (engine->answers, job);
      return TRUE;
    }
  if (!engine->opening->start_noted)
    kith_opening_note_start (engine->opening, engine->db, NULL);
  run_group (engine, job, lane);
  if (engine->poisoned)
    reopen (engine);
  engine->poisoned = FALSE;
  checkpoint (engine);
  return TRUE;
}

void
kith_engine_start (KithEngine *engine, KithOpening *opening)
{
  engine->idle = opening->finished;
  engine->opening = kith_opening_ref (opening);
  engine->db = opening->db;
  engine->worker = kith_world_add_worker (engine->world, "kith-writer", turn, engine);
  if (!engine->idle)
    kith_worker_wake (engine->worker);
}

void
kith_engine_add (KithEngine *engine, KithLane lane, KithJob *job)
{
  gboolean wake;

  g_mutex_lock (&engine->lock);
  g_queue_push_tail_link (&engine->lanes[lane], &job->link);
  wake = engine->idle;
  engine->idle = FALSE;
  g_mutex_unlock (&engine->lock);
  if (wake)
    kith_worker_wake (engine->worker);
}

KithDb *
kith_engine_stop (KithEngine *engine)
{
  KithJob *job;

  g_mutex_lock (&engine->lock);
  engine->stopping = TRUE;
  g_mutex_unlock (&engine->lock);
  g_clear_pointer (&engine->worker, kith_worker_free);
  /* Without a database nobody has run them. */
  for (guint lane = 0; lane < G_N_ELEMENTS (engine->lanes); lane++)
    while ((job = kith_job_pop (&engine->lanes[lane])) != NULL)
      {
        g_set_error (&job->error, KITH_ERROR, KITH_ERROR_STORE, "There is no store");
        kith_answers_push_job (engine->answers, job);
      }
  return g_steal_pointer (&engine->db);
}

void
kith_engine_free (KithEngine *engine)
{
  if (engine == NULL)
    return;
  g_assert (engine->worker == NULL && engine->db == NULL);
  g_clear_pointer (&engine->opening, kith_opening_unref);
  g_mutex_clear (&engine->lock);
  kith_world_unref (engine->world);
  g_free (engine);
}
