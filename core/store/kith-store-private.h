/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of core/store share of the store; main thread. */

#include "kith-engine.h"
#include "kith-readers.h"

G_BEGIN_DECLS

struct _KithStore
{
  GObject           parent;

  KithWorld        *world;
  const KithSchema *schema;
  char             *path;
  KithStoreState    state;
  char             *message;
  gint64            starts;
  gint64            expected_starts;
  char             *expected_epoch;
  gint64            expected_newest;
  gboolean          rolled_back;
  int               lock;         /* fd, -1 */

  KithAnswers      *answers;
  KithEngine       *engine;       /* from open to close */
  KithReaders      *readers;
  KithOpening      *opening;      /* under way */
  GTask            *open_task;

  guint             queued;       /* submitted, not answered */
  gsize             queued_bytes;
  gboolean          full;
  gboolean          disk_full;
  guint64           answered, failed, reads;
  KithEngineState   totals;       /* of engines that are gone */

  KithTellFunc      tell;
  gpointer          tell_data;
  KithJournalBounds journal;
  gint64            journal_limit;
  gboolean          trimming;     /* a slice is on its way */
  gboolean          trim_all;     /* begun: goes on until the limit itself is reached */
  guint             shown_timer;
};

/* kith-store-jobs.c */
void kith_store_answer_job (KithJob *job, gpointer store);
void kith_store_update_disk_full (KithStore *store);

/* kith-journal.c */
void kith_journal_told (KithStore *store, gint64 seq);
void kith_journal_stop (KithStore *store);

G_END_DECLS
