/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-contents.h"
#include "kith-table-gap.h"
#include "kith-table-trace.h"

#include <string.h>

static gboolean
parse (KithSaid *said, const KithJsonSpan *members)
{
  said->text = kith_json_span_string (&members[KITH_SAID_TEXT]);
  said->has_reply = members[KITH_SAID_REPLY_TO].start != NULL;
  said->has_prev = kith_id_parse_span (&members[KITH_SAID_PREV], said->prev);
  return said->text != NULL && kith_text_check (KITH_CONTENT_KEY_TEXT, said->text, KITH_TEXT_MAX, NULL)
         && (!said->has_reply || kith_id_parse_span (&members[KITH_SAID_REPLY_TO], said->reply_to));
}

/* Edits, reactions and a deletion that came first; *late: the row has changed by that. */
static gboolean
apply_waiting (KithApply *apply, const guint8 *id, gboolean *late, GError **error)
{
  g_autoptr (GPtrArray) contents = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  gboolean was_quiet = apply->quiet;
  gboolean ok = TRUE;

  if (!kith_table_pending_take (apply->db, apply->person->id, id, contents, error))
    return FALSE;
  *late = contents->len > 0;
  apply->quiet = TRUE;
  for (guint i = 0; ok && i < contents->len; i++)
    {
      g_auto (KithSaid) said = { NULL };
      const char *why;

      if (kith_said_parse (&said, contents->pdata[i], &why))
        ok = kith_contents_apply (apply, &said, error);
    }
  apply->quiet = was_quiet;
  return ok;
}

static gboolean
tell (KithApply *apply, const KithMessageRow *row, GError **error)
{
  KithPersonRow *person = apply->person;
  KithMessageView view = { apply->db, apply->own_name, person->name, person->read_to, 0 };

  if (!row->deleted)
    {
      person->unread++;
      if (!kith_table_people_set_read (apply->db, person->id, person->read_to, person->unread, error))
        return FALSE;
      kith_after_unread (apply->after, person->id, person->read_to, person->unread);
    }
  return kith_contents_tell (apply, KITH_EVENT_NEW_MESSAGE, kith_message_print (row, &view), row->id, error);
}

static gboolean
apply_message (KithApply *apply, const KithSaid *said, GError **error)
{
  KithMessageRow row = { .person = apply->person->id, .text = said->text, .delivered = TRUE, .direct = apply->direct };
  gboolean late;

  /* The sender's time is shown, never used for order; a clock that is far ahead must not be shown as the future. */
  row.ts_ms = CLAMP (said->ts_ms, 0, apply->now_ms + 5 * 60 * 1000);
  row.has_reply = said->has_reply;
  memcpy (row.id, said->cid, KITH_ID_BYTES);
  memcpy (row.reply_to, said->reply_to, KITH_ID_BYTES);
  if ((said->has_prev && !kith_table_gap_look (apply->db, &row, said->prev, error))
      || !kith_table_message_add (apply->db, &row, NULL, error))
    return FALSE;
  if (row.row == 0)
    return TRUE; /* we have it: healing brought it again */
  if (!kith_table_gap_close (apply->db, row.person, row.id, error))
    return FALSE;
  kith_after_index (apply->after);
  if (!kith_table_trace_add (apply->db, row.person, row.row, apply->now_ms, KITH_TRACE_RECEIVED, apply->transport, NULL,
                             error))
    return FALSE;
  if (!apply_waiting (apply, said->cid, &late, error))
    return FALSE;
  if (!late)
    return tell (apply, &row, error);

  g_auto (KithMessageRow) now = { 0 };

  return kith_table_message_get (apply->db, said->cid, &now, error) && tell (apply, &now, error);
}

GBytes *
kith_content_print_message (const KithMessageRow *row)
{
  g_auto (KithJsonWriter) w;
  char id[KITH_ID_TEXT];

  kith_content_begin (&w, KITH_CONTENT_MESSAGE, row->id, row->ts_ms);
  kith_json_writer_member_string (&w, KITH_CONTENT_KEY_TEXT, row->text);
  if (row->has_reply)
    kith_json_writer_member_string (&w, KITH_CONTENT_KEY_REPLY_TO, kith_id_print (row->reply_to, id));
  if (row->has_prev)
    kith_json_writer_member_string (&w, KITH_CONTENT_KEY_PREV, kith_id_print (row->prev, id));
  return kith_content_end (&w);
}

const KithContentType kith_content_message = { KITH_CONTENT_MESSAGE, parse, apply_message };
