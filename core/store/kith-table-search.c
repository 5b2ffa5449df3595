/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-table-search.h"
#include "kith-search-text.h"

#include <string.h>

#define SNIPPET_CHARS 120
#define SNIPPET_BEFORE 40
#define ELLIPSIS "\xe2\x80\xa6"
/* A word of the index that names the person, so that one friend's messages are found without looking at the rest. */
#define PERSON_WORD "\xee\x80\x81p%" G_GINT64_FORMAT
#define COLUMNS                                                                                                        \
  "m.row, m.id, m.person, m.pos, m.sent, m.text, m.ts_ms, m.delivered, m.direct, m.reply_to, m.rev, m.edited_ms,"      \
  " m.deleted, m.failed, m.reacted, m.prev"

static char *
make_words (gint64 person, const char *text)
{
  GString *words = g_string_sized_new (strlen (text) + 24);

  g_string_append_printf (words, PERSON_WORD " ", person);
  kith_search_text_append (words, text);
  return g_string_free (words, FALSE);
}

static gboolean
put_in (KithDb *db, gint64 row, gint64 person, const char *text, GError **error)
{
  g_autofree char *words = make_words (person, text);
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO search (rowid, text) VALUES (?, ?)");

  kith_stmt_bind_int64 (stmt, 1, row);
  kith_stmt_bind_text (stmt, 2, words);
  return kith_stmt_run (stmt, error);
}

static gboolean
take_out (KithDb *db, gint64 row, gint64 person, const char *text, GError **error)
{
  g_autofree char *words = make_words (person, text);
  KithStmt *stmt = kith_db_prepare (db, "INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)");

  kith_stmt_bind_int64 (stmt, 1, row);
  kith_stmt_bind_text (stmt, 2, words);
  return kith_stmt_run (stmt, error);
}

static gboolean
get_done (KithDb *db, gint64 *done, GError **error)
{
  *done = 0;
  return kith_db_query_int64 (db, "SELECT done FROM search_state", done, error);
}

static gboolean
set_done (KithDb *db, gint64 done, GError **error)
{
  KithStmt *stmt = kith_db_prepare (db, "UPDATE search_state SET done = ?");

  kith_stmt_bind_int64 (stmt, 1, done);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_table_search_advance (
    KithDb *db, KithWorld *world, guint limit, gint64 until_us, gboolean *more, GError **error)
{
  KithStmt *stmt;
  KithStep step = KITH_STEP_DONE;
  gint64 before, done;
  guint n = 0;

  *more = FALSE;
  if (!get_done (db, &done, error))
    return FALSE;
  before = done;
  stmt = kith_db_prepare (db, "SELECT row, person, text, deleted FROM message WHERE row > ? ORDER BY row");
  kith_stmt_bind_int64 (stmt, 1, done);
  while (!*more && (step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      done = kith_stmt_get_int64 (stmt, 0);
      if (kith_stmt_get_int64 (stmt, 3) == 0
          && !put_in (db, done, kith_stmt_get_int64 (stmt, 1), kith_stmt_get_text (stmt, 2), error))
        return FALSE;
      *more = ++n >= limit || kith_world_get_time_us (world) >= until_us;
    }
  kith_stmt_reset (stmt);
  return step != KITH_STEP_ERROR && (done == before || set_done (db, done, error));
}

gboolean
kith_table_search_replace (KithDb *db, const KithMessageRow *row, const char *new_text, GError **error)
{
  gint64 done;

  if (!get_done (db, &done, error))
    return FALSE;
  if (row->row > done || row->deleted)
    return TRUE;
  return take_out (db, row->row, row->person, row->text, error)
         && (new_text == NULL || put_in (db, row->row, row->person, new_text, error));
}

gboolean
kith_table_search_add (KithDb *db, const KithMessageRow *row, GError **error)
{
  return row->deleted || put_in (db, row->row, row->person, row->text, error);
}

char *
kith_search_compile (const char *text, gint64 person)
{
  GString *out = g_string_new (NULL);
  guint words = kith_search_text_quote (out, text);

  if (words == 0)
    {
      g_string_free (out, TRUE);
      return NULL;
    }
  if (person != 0)
    g_string_append_printf (out, " AND \"" PERSON_WORD "\"", person);
  return g_string_free (out, FALSE);
}

gboolean
kith_table_search_each (KithDb *db,
                        const char *expression,
                        gint64 before,
                        gint64 before_ms,
                        KithMessageFunc func,
                        gpointer data,
                        GError **error)
{
  KithStmt *stmt = kith_db_prepare (
      db, "SELECT " COLUMNS " FROM search s CROSS JOIN message m ON m.row = s.rowid"
          " WHERE s.text MATCH ? AND s.rowid < ? AND m.ts_ms < ? ORDER BY s.rowid DESC");
  KithMessageRow row;
  KithStep step;

  kith_stmt_bind_text (stmt, 1, expression);
  kith_stmt_bind_int64 (stmt, 2, before);
  kith_stmt_bind_int64 (stmt, 3, before_ms);
  while ((step = kith_stmt_step (stmt, error)) == KITH_STEP_ROW)
    {
      kith_message_row_read (stmt, &row);
      if (!func (&row, data))
        {
          kith_stmt_reset (stmt);
          return TRUE;
        }
    }
  return step == KITH_STEP_DONE;
}

/* --- excerpts */

/* Lower case, without marks; *map says where each of its characters stands in the text. */
static GArray *
fold (const char *text, GArray *map)
{
  GArray *folded = g_array_new (FALSE, FALSE, sizeof (gunichar));

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar parts[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];
      gsize n = g_unichar_fully_decompose (g_utf8_get_char (p), TRUE, parts, G_N_ELEMENTS (parts));
      guint at = (guint)(p - text);

      for (gsize i = 0; i < n; i++)
        {
          gunichar c = g_unichar_tolower (parts[i]);

          if (g_unichar_combining_class (c) != 0)
            continue;
          g_array_append_val (folded, c);
          if (map != NULL)
            g_array_append_val (map, at);
        }
    }
  return folded;
}

/* Where the word first stands; -1: nowhere. */
static gint64
find_word (GArray *text, const gunichar *word, guint n)
{
  for (guint i = 0; n > 0 && i + n <= text->len; i++)
    if (memcmp (&g_array_index (text, gunichar, i), word, n * sizeof *word) == 0
        && (i == 0 || !g_unichar_isalnum (word[0]) || kith_search_text_is_alone (word[0])
            || !g_unichar_isalnum (g_array_index (text, gunichar, i - 1))))
      return i;
  return -1;
}

static guint
find_first (const char *text, const char *query)
{
  g_autoptr (GArray) map = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GArray) folded = fold (text, map);
  g_autoptr (GArray) words = fold (query, NULL);
  guint from = 0;

  for (guint i = 0; i <= words->len; i++)
    {
      gboolean gap = i == words->len || !g_unichar_isgraph (g_array_index (words, gunichar, i));
      gint64 at;

      if (!gap)
        continue;
      at = find_word (folded, &g_array_index (words, gunichar, from), i - from);
      if (at >= 0)
        return g_array_index (map, guint, at);
      from = i + 1;
    }
  return 0;
}

char *
kith_search_snippet (const char *text, const char *query)
{
  glong length = g_utf8_strlen (text, -1);
  glong at, first, last;
  g_autofree char *part = NULL;

  if (length <= SNIPPET_CHARS)
    return g_strdup (text);
  at = g_utf8_pointer_to_offset (text, text + find_first (text, query));
  first = MAX (MIN (at - SNIPPET_BEFORE, length - SNIPPET_CHARS), 0);
  last = MIN (first + SNIPPET_CHARS, length);
  part = g_utf8_substring (text, first, last);
  return g_strconcat (first > 0 ? ELLIPSIS : "", part, last < length ? ELLIPSIS : "", NULL);
}
