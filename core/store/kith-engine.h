/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The writer: takes jobs, commits them in groups, answers them in order. */

#include "kith-answers.h"
#include "kith-db-private.h"
#include "kith-opening.h"

G_BEGIN_DECLS

typedef struct _KithEngine KithEngine;

KithEngine *kith_engine_new (KithWorld *world, KithAnswers *answers);
/* Starts the writer: with @opening's database if that was opened already, else it opens it first and tells. */
void        kith_engine_start (KithEngine *engine, KithOpening *opening);
void        kith_engine_add (KithEngine *engine, KithLane lane, KithJob *job);
/* Runs the front lane to its end, answers the rest KITH_ERROR_CLOSED, stops the thread and hands out the connection
 * (nullable), which is then the caller's. */
KithDb     *kith_engine_stop (KithEngine *engine);
void        kith_engine_free (KithEngine *engine);

typedef struct
{
  gint commits, reruns, checkpoints, jobs, failed;   /* atomic */
  gint disk_full;                                    /* atomic: the last commit failed for lack of room */
  gint damage;                                       /* atomic: a page was found that cannot be read */
  gint commit_times[9];                              /* atomic */
  gsize commit_us;                                   /* atomic */
} KithEngineState;

KithEngineState *kith_engine_get_state (KithEngine *engine);

G_END_DECLS
