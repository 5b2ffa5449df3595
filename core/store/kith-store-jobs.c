/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store's ways in and out: submitting within the bounds, answering, telling. */
#define G_LOG_DOMAIN "kith-store"

#include "kith-event-private.h"
#include "kith-log.h"
#include "kith-store-private.h"

#define QUEUE_JOBS 4096
#define QUEUE_BYTES (8 * 1024 * 1024)
/* What a job costs that says nothing of its size. */
#define JOB_BYTES 512

/* ---- answers ---- */

static void
update_full (KithStore *store)
{
  gboolean full = store->full;

  if (store->queued >= QUEUE_JOBS / 4 * 3 || store->queued_bytes >= QUEUE_BYTES / 4 * 3)
    full = TRUE;
  else if (store->queued <= QUEUE_JOBS / 2 && store->queued_bytes <= QUEUE_BYTES / 2)
    full = FALSE;
  if (full == store->full)
    return;
  store->full = full;
  g_object_notify (G_OBJECT (store), "full");
}

void
kith_store_update_disk_full (KithStore *store)
{
  gboolean now = store->engine != NULL && g_atomic_int_get (&kith_engine_get_state (store->engine)->disk_full);

  if (now == store->disk_full)
    return;
  store->disk_full = now;
  if (now)
    kith_warning ("The disk is full: nothing can be stored until there is room");
  g_object_notify (G_OBJECT (store), "disk-full");
}

static void
tell_journaled (KithStore *store, GPtrArray *journaled)
{
  for (guint i = 0; i < journaled->len; i++)
    {
      KithJournaled *entry = g_ptr_array_index (journaled, i);

      kith_journal_told (store, entry->seq);
      if (store->tell != NULL)
        {
          g_autoptr (KithEvent) event = kith_event_new_journaled (entry->event, entry->data, entry->seq);

          store->tell (event, store->tell_data);
        }
    }
}

void
kith_store_answer_job (KithJob *job, gpointer data)
{
  g_autoptr (KithStore) store = g_object_ref (data);

  if (job->is_read)
    store->reads++;
  else
    {
      store->queued--;
      store->queued_bytes -= job->bytes;
      store->answered++;
      store->failed += job->error != NULL;
      update_full (store);
      kith_store_update_disk_full (store);
    }
  if (job->journaled != NULL)
    tell_journaled (store, job->journaled);
  if (job->done != NULL)
    job->done (job->data, job->error);
}

/* ---- submitting ---- */

static void
refuse (KithStore *store, KithJob *job, KithError code, const char *why)
{
  g_set_error (&job->error, KITH_ERROR, code, "%s", why);
  kith_answers_push_job (store->answers, job);
}

static gboolean
refuse_without_store (KithStore *store, KithJob *job)
{
  if (store->state == KITH_STORE_OPEN || store->state == KITH_STORE_OPENING)
    return FALSE;
  if (store->state == KITH_STORE_CLOSED)
    refuse (store, job, KITH_ERROR_CLOSED, "The store is closed");
  else
    refuse (store, job, KITH_ERROR_STORE, store->message);
  return TRUE;
}

void
kith_store_submit_sized (KithStore *store,
                         KithLane lane,
                         gsize bytes,
                         KithJobFunc run,
                         KithDoneFunc done,
                         gpointer data,
                         GDestroyNotify destroy)
{
  KithJob *job;

  g_return_if_fail (KITH_IS_STORE (store));
  g_return_if_fail (run != NULL);

  job = kith_job_new (run, done, data, destroy);
  job->bytes = JOB_BYTES + bytes;
  store->queued++;
  store->queued_bytes += job->bytes;
  if (refuse_without_store (store, job))
    return;
  if (store->queued > QUEUE_JOBS || store->queued_bytes > QUEUE_BYTES)
    refuse (store, job, KITH_ERROR_BUSY, "Too much waits to be stored: try again in a moment");
  else
    kith_engine_add (store->engine, lane, job);
  update_full (store);
}

void
kith_store_submit (
    KithStore *store, KithLane lane, KithJobFunc run, KithDoneFunc done, gpointer data, GDestroyNotify destroy)
{
  kith_store_submit_sized (store, lane, 0, run, done, data, destroy);
}

/* While it opens, a read waits behind a job that does nothing. */
typedef struct
{
  KithStore *store;
  KithJob   *job;
} LateRead;

static gboolean
do_nothing (KithDb *db, gpointer data, GError **error)
{
  return TRUE;
}

static void
start_late_read (gpointer data, const GError *error)
{
  LateRead *late = data;

  if (error == NULL && late->store->readers != NULL)
    {
      kith_readers_add (late->store->readers, late->job);
      return;
    }
  late->job->error = error != NULL ? g_error_copy (error) : NULL;
  if (error != NULL)
    kith_answers_push_job (late->store->answers, late->job);
  else
    refuse (late->store, late->job, KITH_ERROR_CLOSED, "The store is closed");
}

static void
late_read_free (gpointer data)
{
  LateRead *late = data;

  g_object_unref (late->store);
  g_free (late);
}

void
kith_store_read (KithStore *store, KithJobFunc run, KithDoneFunc done, gpointer data, GDestroyNotify destroy)
{
  KithJob  *job;
  LateRead *late;

  g_return_if_fail (KITH_IS_STORE (store));
  g_return_if_fail (run != NULL);

  job = kith_job_new (run, done, data, destroy);
  job->is_read = TRUE;
  if (refuse_without_store (store, job))
    return;
  if (store->readers != NULL)
    {
      kith_readers_add (store->readers, job);
      return;
    }
  late = g_new0 (LateRead, 1);
  late->store = g_object_ref (store);
  late->job = job;
  kith_store_submit (store, KITH_LANE_FRONT, do_nothing, start_late_read, late, late_read_free);
}
