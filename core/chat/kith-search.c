/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-search.h"
#include "kith-json-writer.h"
#include "kith-log.h"
#include "kith-message.h"
#include "kith-table-search.h"

#include <string.h>

#define LIMIT_MAX 100
#define QUERY_MAX 256   /* characters */
#define DELAY_MS 1000   /* what is said in between goes into the index together */
#define SLICE_US 1500   /* of a writer that others wait for */
#define SLICE_ROWS 256
#define WAIT_SLICES 64  /* so far behind the index may be that a search waits for it */

struct _KithSearch
{
  KithChat *chat;
  guint timer;
  gboolean behind, advancing;
  guint slices;      /* since the index was up to date last */
  GPtrArray *asked;  /* of Query: they wait for the index */
};

typedef struct
{
  KithChat *chat;
  GTask *task;
  GRefString *own_name;
  char *text, *peer;
  gboolean has_before;
  guint8 before[KITH_ID_BYTES];
  gint64 before_ms;
  guint limit, n;
  gboolean more;
  KithDb *db;
  KithJsonWriter w;
  /* of the message before: its friend */
  KithPersonRow person;
  gint64 peer_read;
} Query;

static void
query_free (gpointer data)
{
  Query *query = data;

  kith_json_writer_clear (&query->w);
  kith_person_row_clear (&query->person);
  g_ref_string_release (query->own_name);
  g_object_unref (query->task);
  g_object_unref (query->chat);
  g_free (query->text);
  g_free (query->peer);
  g_free (query);
}

KithSearch *
kith_search_new (KithChat *chat)
{
  KithSearch *self = g_new0 (KithSearch, 1);

  self->chat = chat;
  self->asked = g_ptr_array_new ();
  return self;
}

void
kith_search_free (KithSearch *self)
{
  if (self->timer != 0)
    kith_world_drop_timer (self->chat->world, self->timer);
  g_ptr_array_unref (self->asked);
  g_free (self);
}

/* --- the index */

typedef struct
{
  KithChat *chat;
  gboolean more;
} Slice;

static void run_asked (KithSearch *self);
static void advance (KithSearch *self);

static void
slice_free (gpointer data)
{
  g_object_unref (((Slice *)data)->chat);
  g_free (data);
}

static gboolean
run_slice (KithDb *db, gpointer data, GError **error)
{
  Slice *slice = data;
  KithWorld *world = slice->chat->world;

  return kith_table_search_advance (db, world, SLICE_ROWS, kith_world_get_time_us (world) + SLICE_US, &slice->more,
                                    error);
}

static void
on_slice (gpointer data, const GError *error)
{
  Slice *slice = data;
  KithSearch *self = slice->chat->search;

  self->advancing = FALSE;
  if (error != NULL && !slice->chat->stopped)
    kith_warning ("the search index is behind: %s", error->message);
  self->behind = self->behind || (error == NULL && slice->more);
  if (error != NULL || !self->behind || ++self->slices > WAIT_SLICES)
    run_asked (self);
  if (error == NULL && self->behind && !slice->chat->stopped)
    advance (self);
  else
    self->slices = 0;
}

static void
advance (KithSearch *self)
{
  Slice *slice;

  if (self->advancing)
    return;
  slice = g_new0 (Slice, 1);
  slice->chat = g_object_ref (self->chat);
  self->advancing = TRUE;
  self->behind = FALSE;
  kith_store_submit (self->chat->store, KITH_LANE_BULK, run_slice, on_slice, slice, slice_free);
}

static gboolean
on_timer (gpointer data)
{
  KithSearch *self = data;

  self->timer = 0;
  if (!self->chat->stopped)
    advance (self);
  return G_SOURCE_REMOVE;
}

void
kith_search_note (KithSearch *self)
{
  self->behind = TRUE;
  if (self->timer == 0 && !self->advancing && !self->chat->stopped)
    self->timer = kith_world_add_timer (self->chat->world, DELAY_MS, on_timer, self, NULL);
}

/* --- GET /messages/search */

static gboolean
load_friend (Query *query, gint64 person)
{
  if (query->person.id == person)
    return TRUE;
  kith_person_row_clear (&query->person);
  query->peer_read = kith_table_conversation_peer_read (query->db, person);
  return kith_table_people_get (query->db, person, &query->person, NULL);
}

static gboolean
write_found (const KithMessageRow *row, gpointer data)
{
  Query *query = data;
  g_autofree char *snippet = NULL;
  KithMessageView view;

  if (query->n == query->limit)
    {
      query->more = TRUE;
      return FALSE;
    }
  if (row->deleted || !load_friend (query, row->person))
    return TRUE;
  query->n++;
  snippet = kith_search_snippet (row->text, query->text);
  view = (KithMessageView){ query->db, query->own_name, query->person.name, query->person.read_to, query->peer_read };
  kith_message_write_found (&query->w, row, &view, snippet);
  return TRUE;
}

static gboolean
find_peer (Query *query, KithDb *db, gint64 *id, GError **error)
{
  g_auto (KithPersonRow) person = { 0 };
  GError *failed = NULL;

  *id = 0;
  if (query->peer == NULL)
    return TRUE;
  if (!kith_table_people_get_name (db, query->peer, &person, &failed))
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "peer: nobody here is called \"%s\"", query->peer);
      g_propagate_error (error, failed);
      return FALSE;
    }
  *id = person.id;
  return TRUE;
}

static gboolean
find_before (Query *query, KithDb *db, gint64 *before, GError **error)
{
  g_auto (KithMessageRow) row = { 0 };
  GError *failed = NULL;
  char id[KITH_ID_TEXT];

  *before = G_MAXINT64;
  if (!query->has_before)
    return TRUE;
  if (!kith_table_message_get (db, query->before, &row, &failed))
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "before: there is no message %s",
                     kith_id_print (query->before, id));
      g_propagate_error (error, failed);
      return FALSE;
    }
  *before = row.row;
  return TRUE;
}

static gboolean
run_query (KithDb *db, gpointer data, GError **error)
{
  Query *query = data;
  g_autofree char *expression = NULL;
  gint64 person, before;

  query->db = db;
  query->n = 0;
  query->more = FALSE;
  if (!find_peer (query, db, &person, error) || !find_before (query, db, &before, error))
    return FALSE;
  kith_json_writer_clear (&query->w);
  kith_json_writer_init (&query->w);
  kith_json_writer_begin_object (&query->w);
  kith_json_writer_key (&query->w, KITH_KEY_MESSAGES);
  kith_json_writer_begin_array (&query->w);
  expression = kith_search_compile (query->text, person);
  if (expression != NULL
      && !kith_table_search_each (db, expression, before, query->before_ms, write_found, query, error))
    return FALSE;
  kith_json_writer_end_array (&query->w);
  kith_json_writer_member_bool (&query->w, KITH_KEY_HAS_MORE, query->more);
  kith_json_writer_end_object (&query->w);
  return TRUE;
}

static void
on_query (gpointer data, const GError *error)
{
  Query *query = data;

  if (error != NULL)
    g_task_return_error (query->task, g_error_copy (error));
  else
    g_task_return_pointer (query->task, kith_json_writer_finish (&query->w), (GDestroyNotify)g_bytes_unref);
}

static void
run_asked (KithSearch *self)
{
  for (guint i = 0; i < self->asked->len; i++)
    kith_store_read (self->chat->store, run_query, on_query, self->asked->pdata[i], query_free);
  g_ptr_array_set_size (self->asked, 0);
}

static gboolean
check (Query *query, const char *before, GError **error)
{
  g_autoptr (GDateTime) time = NULL;

  query->before_ms = G_MAXINT64;
  if (query->text == NULL || *query->text == '\0' || g_utf8_strlen (query->text, -1) > QUERY_MAX)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "q: what to look for must have 1 to %d characters", QUERY_MAX);
  else if (query->limit < 1 || query->limit > LIMIT_MAX)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "limit must be 1 to %d", LIMIT_MAX);
  else if (before == NULL)
    return TRUE;
  else if (kith_id_parse (before, query->before))
    return query->has_before = TRUE;
  else if ((time = g_date_time_new_from_iso8601 (before, NULL)) == NULL)
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID,
                         "before must be the id of a message (a UUID), or a time such as 2026-01-15T10:30:00Z");
  else
    {
      query->before_ms = g_date_time_to_unix (time) * 1000;
      return TRUE;
    }
  return FALSE;
}

void
kith_chat_search_async (KithChat *self,
                        const char *text,
                        const char *peer,
                        const char *before,
                        guint limit,
                        GCancellable *c,
                        GAsyncReadyCallback cb,
                        gpointer data)
{
  KithSearch *search = self->search;
  Query *query = g_new0 (Query, 1);
  GError *error = NULL;

  query->chat = g_object_ref (self);
  query->task = g_task_new (self, c, cb, data);
  g_task_set_source_tag (query->task, kith_chat_search_async);
  query->own_name = g_ref_string_acquire (self->username);
  query->text = g_strdup (text);
  query->peer = g_strdup (peer);
  query->limit = limit;
  if (!check (query, before, &error))
    {
      g_task_return_error (query->task, error);
      query_free (query);
      return;
    }
  g_ptr_array_add (search->asked, query);
  if (search->slices > WAIT_SLICES || (!search->behind && !search->advancing))
    run_asked (search);
  else
    advance (search);
}
