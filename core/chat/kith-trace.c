/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-trace.h"
#include "kith-json-writer.h"
#include "kith-log.h"
#include "kith-message.h"
#include "kith-table-outbox.h"

#include <string.h>

static void
on_noted (gpointer data, const GError *error)
{
  if (error != NULL && !g_error_matches (error, KITH_ERROR, KITH_ERROR_CLOSED))
    kith_debug ("a step is not in the trace: %s", error->message);
}

/* --- of a person */

typedef struct
{
  gint64 person, at_ms;
  const char *what;
  char *transport, *detail;
} Note;

static void
note_free (gpointer data)
{
  Note *note = data;

  g_free (note->transport);
  g_free (note->detail);
  g_free (note);
}

static gboolean
run_note (KithDb *db, gpointer data, GError **error)
{
  Note *note = data;

  return !kith_table_outbox_has_message (db, note->person)
         || kith_table_trace_add (db, note->person, 0, note->at_ms, note->what, note->transport, note->detail, error);
}

void
kith_trace_person (
    KithWorld *world, KithStore *store, gint64 person, const char *what, const char *transport, char *detail)
{
  Note *note = g_new (Note, 1);

  note->person = person;
  note->at_ms = kith_world_get_date_ms (world);
  note->what = what;
  note->transport = g_strdup (transport);
  note->detail = detail;
  kith_store_submit (store, KITH_LANE_BULK, run_note, on_noted, note, note_free);
}

/* --- of rows */

typedef struct
{
  gint64 person;
  GArray *steps;
} Rows;

static void
rows_free (gpointer data)
{
  Rows *rows = data;

  g_array_unref (rows->steps);
  g_free (rows);
}

static gboolean
run_rows (KithDb *db, gpointer data, GError **error)
{
  Rows *rows = data;

  for (guint i = 0; i < rows->steps->len; i++)
    {
      const KithTraceStep *step = &g_array_index (rows->steps, KithTraceStep, i);
      g_auto (KithOutboxRow) row = { 0 };
      GError *failed = NULL;

      if (kith_table_outbox_get (db, step->outbox_id, TRUE, &row, &failed)
          && g_str_equal (row.kind, KITH_CONTENT_MESSAGE)
          && !kith_table_trace_add (db, rows->person, row.message, step->at_ms, step->what, step->transport, NULL,
                                    error))
        return FALSE;
      if (!kith_chat_is_fine (error, failed))
        return FALSE;
    }
  return TRUE;
}

void
kith_trace_rows (KithStore *store, gint64 person, GArray *steps)
{
  Rows *rows = g_new (Rows, 1);

  rows->person = person;
  rows->steps = steps;
  kith_store_submit (store, KITH_LANE_BULK, run_rows, on_noted, rows, rows_free);
}

/* --- GET /messages/:id/trace */

typedef struct
{
  GTask *task;
  guint8 id[KITH_ID_BYTES];
  KithJsonWriter w;
} Trace;

static void
trace_free (gpointer data)
{
  Trace *trace = data;

  kith_json_writer_clear (&trace->w);
  g_object_unref (trace->task);
  g_free (trace);
}

static void
write_step (gint64 at_ms, const char *what, const char *transport, const char *detail, gpointer data)
{
  KithJsonWriter *w = data;

  kith_json_writer_begin_object (w);
  kith_json_writer_member_time_ms (w, "at", at_ms);
  kith_json_writer_member_string (w, "what", what);
  if (transport != NULL)
    kith_json_writer_member_string (w, KITH_KEY_TRANSPORT, transport);
  if (detail != NULL)
    kith_json_writer_member_string (w, "detail", detail);
  kith_json_writer_end_object (w);
}

static gboolean
run_trace (KithDb *db, gpointer data, GError **error)
{
  Trace *trace = data;
  g_auto (KithMessageRow) row = { 0 };
  GError *failed = NULL;
  char id[KITH_ID_TEXT];

  if (!kith_table_message_get (db, trace->id, &row, &failed))
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no message %s", kith_id_print (trace->id, id));
      g_propagate_error (error, failed);
      return FALSE;
    }
  kith_json_writer_clear (&trace->w);
  kith_json_writer_init (&trace->w);
  kith_json_writer_begin_object (&trace->w);
  kith_json_writer_key (&trace->w, "steps");
  kith_json_writer_begin_array (&trace->w);
  if (!kith_table_trace_each (db, row.person, row.row, write_step, &trace->w, error))
    return FALSE;
  kith_json_writer_end_array (&trace->w);
  kith_json_writer_end_object (&trace->w);
  return TRUE;
}

static void
on_trace (gpointer data, const GError *error)
{
  Trace *trace = data;

  if (error != NULL)
    g_task_return_error (trace->task, g_error_copy (error));
  else
    g_task_return_pointer (trace->task, kith_json_writer_finish (&trace->w), (GDestroyNotify)g_bytes_unref);
}

void
kith_chat_trace_async (KithChat *self, const char *msg_id, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Trace *trace = g_new0 (Trace, 1);

  trace->task = g_task_new (self, c, cb, data);
  g_task_set_source_tag (trace->task, kith_chat_trace_async);
  if (kith_id_parse (msg_id, trace->id))
    {
      kith_store_read (self->store, run_trace, on_trace, trace, trace_free);
      return;
    }
  g_task_return_new_error (trace->task, KITH_ERROR, KITH_ERROR_INVALID, "msg_id must be the id of a message (a UUID)");
  trace_free (trace);
}
