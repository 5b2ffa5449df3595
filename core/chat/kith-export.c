/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat-private.h"
#include "kith-json-writer.h"
#include "kith-message.h"

#include <stdio.h>
#include <string.h>

/* GET /admin/export: pages of what was said, people in the order of their rows, messages oldest first. A place is a
 * person and a position, so every page is found at once and nobody holds more than one in memory. */
typedef struct
{
  GTask *task;
  GRefString *own_name;
  char *peer;
  gboolean text;
  gint64 person, pos; /* the place: after this message */
  guint limit, left;
  /* found */
  GString *out;
  gboolean more;
  guint64 done, total;
  /* of one conversation */
  KithPersonRow row;
  KithMessageView view;
} Export;

static void
export_free (gpointer data)
{
  Export *export = data;

  if (export->out != NULL)
    g_string_free (export->out, TRUE);
  kith_person_row_clear (&export->row);
  g_ref_string_release (export->own_name);
  g_object_unref (export->task);
  g_free (export->peer);
  g_free (export);
}

static gboolean
write_line (const KithMessageRow *row, gpointer data)
{
  Export *export = data;
  g_auto (KithJsonWriter) w = { NULL };
  g_autoptr (GBytes) line = NULL;
  const char *text;
  gsize n;

  kith_json_writer_init (&w);
  kith_message_write_kept (&w, row, &export->view, export->row.ik);
  line = kith_json_writer_finish (&w);
  text = g_bytes_get_data (line, &n);
  g_string_append_len (export->out, text, (gssize)n);
  g_string_append_c (export->out, '\n');
  export->pos = row->pos;
  export->left--;
  return TRUE;
}

static void
append_reaction (const char *emoji, gboolean mine, gpointer data)
{
  Export *export = data;

  g_string_append_printf (export->out, "    %s %s\n", emoji, mine ? export->view.own : export->view.peer);
}

static gboolean
write_text (const KithMessageRow *row, gpointer data)
{
  Export *export = data;
  g_autoptr (GDateTime) when = g_date_time_new_from_unix_utc (row->ts_ms / 1000);
  g_autofree char *time = g_date_time_format (when, "%Y-%m-%d %H:%M:%SZ");
  g_auto (GStrv) lines = g_strsplit (row->text, "\n", -1);
  g_autofree char *text = g_strjoinv ("\n    ", lines);

  if (row->has_prev && !row->sent)
    g_string_append (export->out, "(something is missing here)\n");
  g_string_append_printf (export->out, "[%s] %s: %s%s\n", time, row->sent ? export->view.own : export->view.peer,
                          row->deleted ? "(deleted)" : text, row->edited_ms != 0 && !row->deleted ? " (edited)" : "");
  if (row->reacted && !row->deleted)
    kith_table_reaction_each (export->view.db, row->row, append_reaction, export, NULL);
  export->pos = row->pos;
  export->left--;
  return TRUE;
}

/* Counts the conversation; writes what of it belongs to this page. */
static gboolean
visit (Export *export, KithDb *db, gint64 person, GError **error)
{
  gint64 first, last, from;
  gint64 count = kith_table_message_span (db, person, &first, &last);

  export->total += (guint64)count;
  if (person < export->person)
    export->done += (guint64)count;
  if (person < export->person || export->left == 0)
    {
      export->more = export->more || (person > export->person && count > 0);
      return TRUE;
    }
  from = person == export->person ? MAX (export->pos + 1, first) : first;
  export->done += (guint64)(from - first);
  kith_person_row_clear (&export->row);
  if (from > last || !kith_table_people_get (db, person, &export->row, error))
    return error == NULL || *error == NULL;
  export->person = person;
  export->pos = from - 1;
  export->view = (KithMessageView){ db, export->own_name, export->row.name, export->row.read_to,
                                    kith_table_conversation_peer_read (db, person) };
  if (export->text && from == first)
    g_string_append_printf (export->out, "%s=== %s ===\n\n", export->done > 0 ? "\n" : "", export->row.name);
  if (!kith_table_message_each (db, person, from, MIN (last, from + export->left - 1),
                                export->text ? write_text : write_line, export, error))
    return FALSE;
  export->done += (guint64)(export->pos - from + 1);
  export->more = export->pos < last;
  return TRUE;
}

static gboolean
run_export (KithDb *db, gpointer data, GError **error)
{
  Export *export = data;
  g_auto (KithPersonRow) only = { 0 };
  g_autoptr (GError) failed = NULL;
  gint64 person = G_MININT64;

  if (export->out == NULL)
    export->out = g_string_new (NULL);
  export->left = export->limit;
  if (export->peer != NULL && !kith_table_people_get_name (db, export->peer, &only, &failed))
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "peer: nobody here is called \"%s\"", export->peer);
      g_propagate_error (error, g_steal_pointer (&failed));
      return FALSE;
    }
  if (export->peer != NULL)
    return visit (export, db, only.id, error);
  while (kith_table_message_next_person (db, person, &person))
    if (!visit (export, db, person, error))
      return FALSE;
  return TRUE;
}

static void
on_export (gpointer data, const GError *error)
{
  Export *export = data;
  KithExported *exported;

  if (error != NULL)
    {
      g_task_return_error (export->task, g_error_copy (error));
      return;
    }
  exported = g_new (KithExported, 1);
  exported->bytes = g_string_free_to_bytes (g_steal_pointer (&export->out));
  exported->next = NULL;
  if (export->more)
    exported->next = g_strdup_printf ("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, export->person, export->pos);
  exported->done = export->done;
  exported->total = export->total;
  g_task_return_pointer (export->task, exported, (GDestroyNotify)kith_exported_free);
}

void
kith_exported_free (KithExported *exported)
{
  g_bytes_unref (exported->bytes);
  g_free (exported->next);
  g_free (exported);
}

void
kith_chat_export_async (KithChat *self,
                        const char *peer,
                        gboolean text,
                        const char *after,
                        guint limit,
                        GCancellable *c,
                        GAsyncReadyCallback cb,
                        gpointer data)
{
  Export *export = g_new0 (Export, 1);
  g_auto (GStrv) place = after != NULL ? g_strsplit (after, ".", 2) : NULL;

  export->task = g_task_new (self, c, cb, data);
  g_task_set_source_tag (export->task, kith_chat_export_async);
  export->own_name = g_ref_string_acquire (self->username);
  export->peer = g_strdup (peer);
  export->text = text;
  export->limit = limit;
  export->person = G_MININT64;
  if (place != NULL
      && (g_strv_length (place) != 2 || !g_ascii_string_to_signed (place[0], 10, 0, G_MAXINT64, &export->person, NULL)
          || !g_ascii_string_to_signed (place[1], 10, -G_MAXINT64, G_MAXINT64 - 1, &export->pos, NULL)))
    {
      g_task_return_new_error (export->task, KITH_ERROR, KITH_ERROR_INVALID, "after is no place that an export gave");
      export_free (export);
      return;
    }
  kith_store_read (self->store, run_export, on_export, export, export_free);
}

KithExported *
kith_chat_export_finish (KithChat *self, GAsyncResult *r, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (r, self), NULL);
  return g_task_propagate_pointer (G_TASK (r), error);
}
