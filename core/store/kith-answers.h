/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Jobs on their way, and the one source through which every answer reaches the main thread in order. */

#include "kith-store.h"

G_BEGIN_DECLS

typedef struct
{
  GList          link;       /* this job in whatever queue holds it */
  KithJobFunc    run;
  KithDoneFunc   done;
  gpointer       data;
  GDestroyNotify destroy;
  gsize          bytes;      /* counted against the bound; 0 for reads */
  gboolean       is_read;
  GError        *error;
  GPtrArray     *journaled;  /* (nullable): KithJournaled, once it has run */
} KithJob;

KithJob *kith_job_new (KithJobFunc run, KithDoneFunc done, gpointer data, GDestroyNotify destroy);
void     kith_job_free (KithJob *job);
KithJob *kith_job_pop (GQueue *queue);

typedef struct _KithAnswers KithAnswers;
typedef void (*KithAnswerJobFunc) (KithJob *job, gpointer data);

/* @answer gets each job on the main thread, once, and must not free it. */
KithAnswers *kith_answers_new (KithWorld *world, KithAnswerJobFunc answer, gpointer data);
/* Any thread; takes all of @jobs. */
void         kith_answers_push (KithAnswers *answers, GQueue *jobs);
void         kith_answers_push_job (KithAnswers *answers, KithJob *job);
/* Main thread: everything that is there, now. */
void         kith_answers_deliver (KithAnswers *answers);
/* Nothing may be pushed any more. */
void         kith_answers_free (KithAnswers *answers);

G_END_DECLS
