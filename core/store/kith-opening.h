/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One attempt to open the database: finds out what is there, makes or migrates it, says what is the matter if it
 * cannot. Blocking; runs on the writer's thread or, for start-up and tests, on the main one. */

#include "kith-db-private.h"
#include "kith-journal.h"
#include "kith-schema.h"
#include "kith-store.h"

G_BEGIN_DECLS

typedef struct _KithOpening KithOpening;

struct _KithOpening
{
  gatomicrefcount    refs;
  KithWorld         *world;
  char              *path;
  guint8            *key;        /* locked memory */
  KithStoreOpenFlags flags;
  const KithSchema  *schema;
  gint64             expected_starts;
  char              *expected_epoch;   /* (nullable) */
  gint64             expected_newest;
  void             (*told) (KithOpening *opening, gpointer data);   /* main thread */
  gpointer           told_data;

  gboolean           finished;
  gboolean           suspicious; /* must be checked though the last end was clean */
  /* what came out */
  KithStoreState     state;
  GError            *error;      /* NULL when OPEN */
  KithDb            *db;         /* the writer's connection */
  int                lock;       /* fd of the lock file, -1 */
  gint64             starts;
  gboolean           rolled_back;
  gboolean           start_noted; /* FALSE: the disk was full; the writer's from then on */
  KithJournalBounds  journal;
  char              *notice;     /* (nullable): for people, though it opened: what was found and repaired */
};

KithOpening *kith_opening_new (KithWorld *world, const char *path, const guint8 *key, KithStoreOpenFlags flags,
                               const KithSchema *schema);
KithOpening *kith_opening_ref (KithOpening *opening);
void         kith_opening_unref (gpointer opening);
void         kith_opening_run (KithOpening *opening);
/* Posts @told to the main thread. @opening: (transfer full) */
void         kith_opening_tell (KithOpening *opening);
/* Writer's thread: the start counter and that a run is under way. */
gboolean     kith_opening_note_start (KithOpening *opening, KithDb *db, GError **error);
/* Notes a clean end (unless @suspicious), moves the log into the file, closes. (transfer full) @db */
void         kith_opening_close_db (KithDb *db, gint64 journal_shown, gboolean suspicious);

G_END_DECLS
