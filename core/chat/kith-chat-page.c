/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat-private.h"
#include "kith-message.h"

#define LIMIT_MAX 500

/* GET /messages: positions are counted without gaps, so any page is found at once. */
typedef struct
{
  GTask *task;
  GRefString *own_name;
  char *peer;
  guint limit;
  guint64 offset;
  gboolean has_before;
  guint8 before[KITH_ID_BYTES];
  KithJsonWriter w;
  KithMessageView view;
} Page;

static void
page_free (gpointer data)
{
  Page *page = data;

  kith_json_writer_clear (&page->w);
  g_ref_string_release (page->own_name);
  g_object_unref (page->task);
  g_free (page->peer);
  g_free (page);
}

static gboolean
write_row (const KithMessageRow *row, gpointer data)
{
  Page *page = data;

  kith_message_write (&page->w, row, &page->view);
  return TRUE;
}

/* The position of the page's newest message. */
static gboolean
find_last (Page *page, KithDb *db, gint64 person, gint64 newest, gint64 total, gint64 *last, GError **error)
{
  g_auto (KithMessageRow) row = { 0 };
  GError *failed = NULL;
  char id[KITH_ID_TEXT];

  *last = newest - (gint64)MIN (page->offset, (guint64)total);
  if (!page->has_before)
    return TRUE;
  if (!kith_table_message_get (db, page->before, &row, &failed) || row.person != person)
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "before: there is no message %s with \"%s\"",
                     kith_id_print (page->before, id), page->peer);
      g_propagate_error (error, failed);
      return FALSE;
    }
  *last = row.pos - 1;
  return TRUE;
}

static gboolean
run_page (KithDb *db, gpointer data, GError **error)
{
  Page *page = data;
  g_auto (KithPersonRow) person = { 0 };
  GError *failed = NULL;
  gint64 total, oldest, newest, last, first;

  if (!kith_table_people_get_name (db, page->peer, &person, &failed))
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "peer: nobody here is called \"%s\"", page->peer);
      g_propagate_error (error, failed);
      return FALSE;
    }
  total = kith_table_message_span (db, person.id, &oldest, &newest);
  if (!find_last (page, db, person.id, newest, total, &last, error))
    return FALSE;
  first = MAX (last - (gint64)page->limit + 1, oldest);
  page->view = (KithMessageView){ db, page->own_name, person.name, person.read_to,
                                  kith_table_conversation_peer_read (db, person.id) };

  kith_json_writer_clear (&page->w);
  kith_json_writer_init (&page->w);
  kith_json_writer_begin_object (&page->w);
  kith_json_writer_key (&page->w, KITH_KEY_MESSAGES);
  kith_json_writer_begin_array (&page->w);
  if (!kith_table_message_each (db, person.id, first, last, write_row, page, error))
    return FALSE;
  kith_json_writer_end_array (&page->w);
  kith_json_writer_member_int (&page->w, KITH_KEY_TOTAL, total);
  kith_json_writer_member_bool (&page->w, KITH_KEY_HAS_MORE, first > oldest && last >= oldest);
  kith_json_writer_end_object (&page->w);
  return TRUE;
}

static void
on_page (gpointer data, const GError *error)
{
  Page *page = data;

  if (error != NULL)
    g_task_return_error (page->task, g_error_copy (error));
  else
    g_task_return_pointer (page->task, kith_json_writer_finish (&page->w), (GDestroyNotify)g_bytes_unref);
}

void
kith_chat_page_async (KithChat *self,
                      const char *peer,
                      guint limit,
                      guint64 offset,
                      const char *before,
                      GCancellable *c,
                      GAsyncReadyCallback cb,
                      gpointer data)
{
  Page *page = g_new0 (Page, 1);
  GError *error = NULL;

  page->task = g_task_new (self, c, cb, data);
  g_task_set_source_tag (page->task, kith_chat_page_async);
  page->own_name = g_ref_string_acquire (self->username);
  page->peer = g_strdup (peer);
  page->limit = limit;
  page->offset = offset;
  page->has_before = before != NULL;
  if (peer == NULL || *peer == '\0')
    g_set_error_literal (&error, KITH_ERROR, KITH_ERROR_INVALID, "peer is missing: it must be a username");
  else if (limit < 1 || limit > LIMIT_MAX)
    g_set_error (&error, KITH_ERROR, KITH_ERROR_INVALID, "limit must be 1 to %d", LIMIT_MAX);
  else if (before != NULL && !kith_id_parse (before, page->before))
    g_set_error_literal (&error, KITH_ERROR, KITH_ERROR_INVALID, "before must be the id of a message (a UUID)");
  if (error != NULL)
    {
      g_task_return_error (page->task, error);
      page_free (page);
      return;
    }
  kith_store_read (self->store, run_page, on_page, page, page_free);
}

GBytes *
kith_chat_print_finish (KithChat *self, GAsyncResult *r, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (r, self), NULL);
  return g_task_propagate_pointer (G_TASK (r), error);
}
