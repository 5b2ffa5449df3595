/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a log and its tails share. */

#include "kith-tail.h"

G_BEGIN_DECLS

typedef struct
{
  gint64  position;
  GBytes *bytes;
} KithEntry;

void kith_entry_clear (gpointer entry);

/* What one read of the database gave. */
struct _KithLogPage
{
  GArray  *entries;     /* KithEntry */
  gsize    bytes;
  gsize    bytes_most;
  gboolean cut;         /* it ended because it was full: there may be more */
};

struct _KithLog
{
  int             refs;
  KithStore      *store;
  KithLogLoadFunc load;
  gpointer        data;
  GDestroyNotify  destroy;

  /* The hot ring: everything appended after position `base` up to `newest`, oldest first, from index hot_head on. */
  GArray         *hot;          /* KithEntry */
  guint           hot_head;
  gsize           hot_bytes;
  gsize           hot_most;
  gint64          base;
  gint64          newest;
  guint           generation;   /* counts kith_log_forget(): what was loaded before is stale */

  GPtrArray      *tails;        /* not owned; NULL in place of one that went during a round */
  guint           rounds;       /* rounds over the tails under way */
};

struct _KithTail
{
  int              refs;        /* the user's, that of a load or post under way, of a pump */
  KithLog         *log;         /* NULL once freed */
  KithTailFunc     deliver;
  KithTailLiveFunc live;
  gpointer         data;

  gint64           position;    /* everything up to it was delivered or does not exist */
  gsize            window;
  gsize            pending;     /* delivered, not yet done */
  GArray          *page;        /* (nullable): loaded, from page_at on not yet delivered */
  guint            page_at;
  gint64           page_end;    /* once the page is delivered, everything up to here was */
  gboolean         page_cut;
  guint            life;        /* counts rewinds: a load of before no longer counts */
  guint            retry_timer;
  guint            retry_ms;
  gboolean         loading;
  gboolean         complete;    /* nothing older than the log's first append is missing */
  gboolean         pumping;
  gboolean         paused;
  gboolean         told_live;
};

/* Index in the hot ring of the first entry after @position, hot->len when there is none. */
guint kith_log_find_hot (KithLog *log, gint64 position);
void  kith_log_add_tail (KithLog *log, KithTail *tail);
void  kith_log_remove_tail (KithLog *log, KithTail *tail);

/* kith-tail.c: delivers what is there and what the window lets through. */
void  kith_tail_pump (KithTail *tail);
/* What was loaded and not yet delivered is stale. */
void  kith_tail_drop_page (KithTail *tail);

G_END_DECLS
