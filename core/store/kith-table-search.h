/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-table-message.h"
#include "kith-world.h"

G_BEGIN_DECLS

/* The full-text index of the messages. Words are found by themselves, whatever their case and diacritics; in scripts
 * that do not separate words (Chinese, Japanese, Thai, …), and among emoji, every sequence of characters is. Inside
 * jobs and reads only. */

/* Takes rows that are not in the index yet, oldest first, at most `limit` or until `until_us` (the world's time).
 * *more: there are more. */
gboolean kith_table_search_advance (
    KithDb *db, KithWorld *world, guint limit, gint64 until_us, gboolean *more, GError **error);
/* In the job that changes or wipes the text (new_text NULL: nothing stays): the index follows, if it has the row. */
gboolean
kith_table_search_replace (KithDb *db, const KithMessageRow *row, const char *new_text, GError **error);
/* For rows of an import, which are below 0: into the index at once. */
gboolean kith_table_search_add (KithDb *db, const KithMessageRow *row, GError **error);

/* What the user typed, as an expression of the index: all words must be there; the last one may be the beginning of
 * one if it has three letters or more. person 0: everybody. NULL: there is no word in it. */
char *kith_search_compile (const char *text, gint64 person); /* full */
/* The excerpt in which the first of the words stands. */
char *kith_search_snippet (const char *text, const char *query); /* full */

/* Newest first: rows below `before` (G_MAXINT64: all) that were sent before `before_ms`, until func says FALSE. */
gboolean kith_table_search_each (KithDb *db,
                                 const char *expression,
                                 gint64 before,
                                 gint64 before_ms,
                                 KithMessageFunc func,
                                 gpointer data,
                                 GError **error);

G_END_DECLS
