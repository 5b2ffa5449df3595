/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The journal: every event that must last, numbered by one, committed before anyone sees it (local-api.md §1.3). */

#include "kith-store.h"

G_BEGIN_DECLS

#define KITH_JOURNAL_LIMIT 100000

/* In a job only. @data is the event's data object as JSON text. @msg_id (nullable) lets the row be blanked when that
 * message is deleted. Gives the event's seq, 0 on failure. Told after the commit, before the job's done function. */
gint64   kith_db_journal (KithDb *db, const char *event, GBytes *data, const char *msg_id, GError **error);

/* In a job only: gives the data of an old row a new text. @blank gets event, seq and the present data and returns what
 * to keep (transfer full), e.g. without "text"; NULL leaves the row. */
typedef GBytes *(*KithBlankFunc) (const char *event, gint64 seq, GBytes *data, gpointer user_data);
/* Every row of @msg_id. With NULL for @blank, members "text" become "" and "message" and "snippet" go. Whoever holds a
 * KithLog of the journal calls kith_log_forget() in done(), so that the hot ring has it no more. */
gboolean
kith_db_blank_journal (KithDb *db, const char *msg_id, KithBlankFunc blank, gpointer user_data, GError **error);

/* In a read or a job: rows after @after in order, at most @limit of them or until @func says FALSE. The strings and
 * @data are @func's to read, not to keep. */
typedef gboolean (*KithJournalFunc) (gint64 seq, const char *event, const char *data, gsize n, gpointer user_data);
gboolean kith_db_foreach_journal (KithDb *db, gint64 after, guint limit, KithJournalFunc func, gpointer user_data,
                                  GError **error);

typedef struct
{
  char   epoch[37];   /* a random UUID: this journal's life; "" without a store */
  gint64 oldest;      /* seq of the oldest event kept, newest + 1 when there is none */
  gint64 newest;      /* seq of the newest committed event that was told, 0 in a new journal */
  gint64 shown;       /* highest seq ever written to any client */
} KithJournalBounds;

/* Main thread, from memory. */
void     kith_store_get_journal (KithStore *store, KithJournalBounds *out);
/* @seq was written to a client. Cheap: remembered at once, kept on disk within a second or at close. */
void     kith_store_set_shown (KithStore *store, gint64 seq);
/* Another life of the journal: for who finds out, after opening, that an older copy stands in the database's place
 * (kith_store_expect_starts() does it while opening). Jobs submitted later journal under the new epoch. */
void kith_store_renew_journal (KithStore *store);
/* How many events stay (at least 1000). Older ones go in the bulk lane. */
void     kith_store_set_journal_limit (KithStore *store, gint64 limit);

G_END_DECLS
