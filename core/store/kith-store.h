/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The database of one daemon: one writer that runs jobs, a few readers, one order of answers.
 * All functions are for the main thread unless they say otherwise; everything that is handed back arrives there.
 *
 * KITH_ERROR_STORE in an answer is 507 (full, read-only, damaged) while the state is OPEN, else 503: there is no store.
 */

#include <gio/gio.h>
#include <kith/kith.h>

#include "kith-db.h"
#include "kith-world.h"

G_BEGIN_DECLS

#define KITH_TYPE_STORE (kith_store_get_type ())
G_DECLARE_FINAL_TYPE (KithStore, kith_store, KITH, STORE, GObject)

#define KITH_STORE_KEY_BYTES 48   /* 32 of key, then 16 of salt */

typedef enum
{
  KITH_LANE_FRONT,   /* what somebody waits for */
  KITH_LANE_BULK,    /* pruning, indexing, import: slices of at most 2 ms of work, done when FRONT is empty */
} KithLane;

/* Why there is (no) store. Only OPEN takes jobs; in every other state but OPENING they are answered KITH_ERROR_STORE.
 */
typedef enum
{
  KITH_STORE_CLOSED,      /* not opened yet, or closed */
  KITH_STORE_OPENING,
  KITH_STORE_OPEN,
  KITH_STORE_MISSING,     /* no database there and none was to be made */
  KITH_STORE_ASIDE,       /* an earlier start moved a damaged one aside; the user has not decided yet */
  KITH_STORE_EMPTY,       /* a file without content stood in its place (moved aside) */
  KITH_STORE_FOREIGN,     /* a file of something else stood in its place (moved aside) */
  KITH_STORE_DAMAGED,     /* cannot be read though the key belongs to it (moved aside) */
  KITH_STORE_WRONG_KEY,   /* made with another key (left where it is) */
  KITH_STORE_NEWER,       /* from a newer kith (left where it is) */
  KITH_STORE_READ_ONLY,   /* file or directory cannot be written (left where it is) */
  KITH_STORE_DISK_FULL,   /* no room to make or migrate it (left where it is); what needs neither opens all the same */
  KITH_STORE_IN_USE,      /* another process has it */
  KITH_STORE_FAILED,      /* anything else; the message says what */
} KithStoreState;

typedef enum
{
  KITH_STORE_OPEN_NONE = 0,
  KITH_STORE_OPEN_CREATE = 1 << 0, /* make one when there is none and none was moved aside */
  KITH_STORE_OPEN_ANEW = 1 << 1,   /* the user's decision: what is there is moved aside, then begin with an empty one */
} KithStoreOpenFlags;

/* Writer thread, inside a transaction. May run twice: read and compute first, then write, and have no effect outside
 * the transaction and @data. FALSE with @error: everything it wrote is rolled back, the other jobs of its group stay.
 */
typedef gboolean (*KithJobFunc) (KithDb *db, gpointer data, GError **error);
/* Main thread, after the durable commit (@error is NULL) or the roll-back, in commit order; exactly once for every job.
 * @data is freed by the job's destroy function right after it. */
typedef void (*KithDoneFunc) (gpointer data, const GError *error);
/* Main thread, after the commit and before the done function of the job that journaled @event; in the order of seq. */
typedef void (*KithTellFunc) (KithEvent *event, gpointer data);

KithStore     *kith_store_new (KithWorld *world);

/* @key: KITH_STORE_KEY_BYTES, copied into locked memory. Jobs may be submitted at once; they run when it is open. Fails
 * with the state saying why; may be called again then. kith_store_open() is the same, blocking: for start-up and tests.
 */
void           kith_store_open_async (KithStore *store, const char *path, const guint8 *key, KithStoreOpenFlags flags,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean       kith_store_open_finish (KithStore *store, GAsyncResult *result, GError **error);
gboolean
kith_store_open (KithStore *store, const char *path, const guint8 *key, KithStoreOpenFlags flags, GError **error);
/* Runs what is queued, answers every job and read exactly once (also by done functions that run before this returns),
 * truncates the write-ahead log and notes a clean end. Later jobs are answered KITH_ERROR_CLOSED. */
void           kith_store_close (KithStore *store);

KithStoreState kith_store_get_state (KithStore *store);          /* property "state", notifies */
const char *
kith_store_get_message (KithStore *store); /* for people: what is the matter and what to do; NULL when fine */
const char    *kith_store_state_to_string (KithStoreState state);  /* "open", "wrong-key", …: for /status and doctor */
const char    *kith_store_get_path (KithStore *store);
KithWorld     *kith_store_get_world (KithStore *store);
/* How often this database was opened, this time included (e2ee.md §13); 0 when there is none. */
gint64         kith_store_get_starts (KithStore *store);
/* Before opening: the newest of these that was noted outside of the database (beside its key), after it was durable in
 * it. When the file lags behind, an older copy stands in its place: the journal gets another epoch and the message says
 * so. When there is no file at all, none is made without KITH_STORE_OPEN_ANEW. 0: not known. */
void           kith_store_expect_starts (KithStore *store, gint64 starts);
/* The same for an older copy from within one run: the newest event of the journal @epoch that was noted outside. */
void           kith_store_expect_journal (KithStore *store, const char *epoch, gint64 newest);
/* "1" in the database until whoever keeps state in step with others (core/keys) has dropped it and written "0". */
#define KITH_META_ROLLED_BACK "rolled-back"
gboolean       kith_store_was_rolled_back (KithStore *store);
/* The schema version that this program writes. */
int            kith_store_get_schema_version (void);

/* In order of submission within a lane. @data belongs to the store until @destroy (nullable) ran, on the main thread.
 * Over the bound (4,096 jobs or 8 MiB) the job is answered KITH_ERROR_BUSY without having run: ask
 * kith_store_is_full() before taking more in. A done function (nullable) never runs inside submit. */
void           kith_store_submit (KithStore *store, KithLane lane, KithJobFunc run, KithDoneFunc done, gpointer data,
                                  GDestroyNotify destroy);
/* The same for jobs that carry much: @bytes count towards the 8 MiB. */
void kith_store_submit_sized (KithStore *store,
                              KithLane lane,
                              gsize bytes,
                              KithJobFunc run,
                              KithDoneFunc done,
                              gpointer data,
                              GDestroyNotify destroy);
/* A consistent snapshot on a read connection; writing there is an error. Sees everything whose done function ran. Reads
 * run side by side: their answers keep no order. */
void kith_store_read (KithStore *store, KithJobFunc run, KithDoneFunc done, gpointer data, GDestroyNotify destroy);

/* Back-pressure: TRUE from three quarters of the bound until half of it. Property "full" notifies both ways. */
gboolean       kith_store_is_full (KithStore *store);
/* TRUE after a commit failed for lack of room, until one succeeds. Property "disk-full". */
gboolean       kith_store_is_disk_full (KithStore *store);

void           kith_store_set_tell_func (KithStore *store, KithTellFunc tell, gpointer data);

typedef struct
{
  guint64 jobs;           /* answered */
  guint64 failed;
  guint64 commits;        /* jobs / commits: mean group size */
  guint64 reruns;         /* groups that were rolled back whole and run again one by one */
  guint64 checkpoints;
  guint64 reads;
  /* How long commits took: so many within each of KITH_STORE_COMMIT_MS, the last one: longer; and all in all. */
  guint64 commit_times[9];
  guint64 commit_us;
  guint   queued;         /* now */
  gsize   queued_bytes;
} KithStoreCounters;

/* Upper bounds in ms of the first eight of commit_times. */
#define KITH_STORE_COMMIT_MS { 0.5, 1, 2, 5, 10, 25, 100, 500 }
void           kith_store_get_counters (KithStore *store, KithStoreCounters *out);

/* Files beside the database, for /admin and doctor; work without an open store, blocking. Names carry time and reason:
 * PATH.aside-20260115T103000Z-damaged, PATH.before-2-20260115T103000Z. */
GStrv          kith_store_list_copies (const char *path);
/* Puts a copy in place of PATH, which is moved aside first. The store must be closed. */
gboolean       kith_store_restore_copy (KithWorld *world, const char *path, const char *copy, GError **error);

G_END_DECLS
