/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One log with tails. A window is to the journal what a link is to the outbox: a position, a byte window, a hot ring of
 * what was just committed, the database when behind, resume after a restart. Main thread only. */

#include "kith-store.h"

G_BEGIN_DECLS

typedef struct _KithLog KithLog;
typedef struct _KithTail KithTail;
typedef struct _KithLogPage KithLogPage;

/* Runs in a read: hands the entries after @after to kith_log_page_add(), in the order of their positions, until there
 * are no more or kith_log_page_add() says FALSE (that entry is in; the page has enough). */
typedef gboolean (*KithLogLoadFunc) (KithDb *db, gint64 after, KithLogPage *page, gpointer data, GError **error);
gboolean  kith_log_page_add (KithLogPage *page, gint64 position, GBytes *bytes /* (transfer full) */);

/* @data is used on reader threads and freed by @destroy on the main thread when the log and its last read are gone.
 * @hot_bytes: how much of what was just appended is kept in memory. */
KithLog  *kith_log_new (KithStore *store, KithLogLoadFunc load, gpointer data, GDestroyNotify destroy, gsize hot_bytes);
KithLog  *kith_log_ref (KithLog *log);
void      kith_log_unref (KithLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithLog, kith_log_unref)

/* After the commit (in done() or the tell function), positions growing. Tails that wait get it before this returns. */
void      kith_log_append (KithLog *log, gint64 position, GBytes *bytes);
/* What was committed before has changed (a text was blanked, rows were dropped): the hot ring is emptied, pages on
 * their way are loaded again. Positions of tails stay. */
void      kith_log_forget (KithLog *log);
/* Highest position appended in this run; 0 before the first. */
gint64    kith_log_get_newest (KithLog *log);
guint     kith_log_get_n_tails (KithLog *log);

/* Main thread, in order, each position once. May call any function of the tail, kith_tail_free() too. An entry takes
 * the size of its bytes from the window until kith_tail_done(). Positions need not be dense; in a journal a gap means
 * that it was trimmed past this tail. */
typedef void (*KithTailFunc) (KithTail *tail, gint64 position, GBytes *bytes, gpointer data);

/* Everything after @after, then live. The first delivery comes from the loop, never from within this call. An entry
 * larger than the whole window is delivered when nothing else is under way. */
KithTail *kith_tail_new (KithLog *log, gint64 after, gsize window_bytes, KithTailFunc deliver, gpointer data);
void      kith_tail_free (KithTail *tail);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithTail, kith_tail_free)

/* Gives @bytes of window back; may deliver before it returns. */
void      kith_tail_done (KithTail *tail, gsize bytes);
/* Stops and goes on (a link whose peer said "wait"); a new tail is not paused. */
void      kith_tail_set_paused (KithTail *tail, gboolean paused);
/* Begins again after @after, e.g. when a link was replaced; what was under way no longer counts. */
void      kith_tail_rewind (KithTail *tail, gint64 after);

gint64    kith_tail_get_position (KithTail *tail);    /* of the last entry delivered (or known to be absent) */
gsize     kith_tail_get_pending (KithTail *tail);     /* bytes under way */
gboolean  kith_tail_is_live (KithTail *tail);         /* has delivered all that was appended */
/* Called each time that the tail has caught up, the first time from the loop (nullable). */
typedef void (*KithTailLiveFunc) (KithTail *tail, gpointer data);
void      kith_tail_set_live_func (KithTail *tail, KithTailLiveFunc live);

G_END_DECLS
