/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-answers.h"

struct _KithAnswers
{
  gatomicrefcount   refs;      /* the owner's and that of a post under way */
  KithWorld        *world;
  KithAnswerJobFunc answer;    /* NULL once the owner is gone */
  gpointer          data;
  GMutex            lock;      /* guards the two below */
  GQueue            ready;
  gboolean          posted;
};

KithJob *
kith_job_new (KithJobFunc run, KithDoneFunc done, gpointer data, GDestroyNotify destroy)
{
  KithJob *job = g_new0 (KithJob, 1);

  job->link.data = job;
  job->run = run;
  job->done = done;
  job->data = data;
  job->destroy = destroy;
  return job;
}

void
kith_job_free (KithJob *job)
{
  if (job->destroy != NULL)
    job->destroy (job->data);
  g_clear_error (&job->error);
  g_clear_pointer (&job->journaled, g_ptr_array_unref);
  g_free (job);
}

KithJob *
kith_job_pop (GQueue *queue)
{
  GList *link = g_queue_pop_head_link (queue);

  return link != NULL ? link->data : NULL;
}

KithAnswers *
kith_answers_new (KithWorld *world, KithAnswerJobFunc answer, gpointer data)
{
  KithAnswers *answers = g_new0 (KithAnswers, 1);

  g_atomic_ref_count_init (&answers->refs);
  answers->world = kith_world_ref (world);
  answers->answer = answer;
  answers->data = data;
  g_mutex_init (&answers->lock);
  g_queue_init (&answers->ready);
  return answers;
}

static void
unref (gpointer data)
{
  KithAnswers *answers = data;

  if (!g_atomic_ref_count_dec (&answers->refs))
    return;
  kith_world_unref (answers->world);
  g_mutex_clear (&answers->lock);
  g_free (answers);
}

static gboolean
deliver_posted (gpointer data)
{
  KithAnswers *answers = data;

  g_mutex_lock (&answers->lock);
  answers->posted = FALSE;
  g_mutex_unlock (&answers->lock);
  kith_answers_deliver (answers);
  return G_SOURCE_REMOVE;
}

void
kith_answers_push (KithAnswers *answers, GQueue *jobs)
{
  gboolean post;
  GList   *link;

  g_mutex_lock (&answers->lock);
  while ((link = g_queue_pop_head_link (jobs)) != NULL)
    g_queue_push_tail_link (&answers->ready, link);
  post = !answers->posted && answers->ready.length > 0;
  if (post)
    {
      answers->posted = TRUE;
      g_atomic_ref_count_inc (&answers->refs);
    }
  g_mutex_unlock (&answers->lock);
  if (post)
    kith_world_post (answers->world, deliver_posted, answers, unref);
}

void
kith_answers_push_job (KithAnswers *answers, KithJob *job)
{
  GQueue one = G_QUEUE_INIT;

  g_queue_push_tail_link (&one, &job->link);
  kith_answers_push (answers, &one);
}

/* One at a time from the shared queue: a done function may close the store, which delivers the rest from within. */
void
kith_answers_deliver (KithAnswers *answers)
{
  KithJob *job;

  g_atomic_ref_count_inc (&answers->refs);
  do
    {
      g_mutex_lock (&answers->lock);
      job = kith_job_pop (&answers->ready);
      g_mutex_unlock (&answers->lock);
      if (job == NULL)
        break;
      if (answers->answer != NULL)
        answers->answer (job, answers->data);
      kith_job_free (job);
    }
  while (TRUE);
  unref (answers);
}

void
kith_answers_free (KithAnswers *answers)
{
  kith_answers_deliver (answers);
  answers->answer = NULL;
  unref (answers);
}
