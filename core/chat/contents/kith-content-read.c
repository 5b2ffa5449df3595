/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-contents.h"
#include "kith-table-trace.h"

static gboolean
parse (KithSaid *said, const KithJsonSpan *members)
{
  return kith_id_parse_span (&members[KITH_SAID_ID], said->id);
}

/* Deleted messages count, too: a position in the conversation is what matters. */
static gboolean
apply_read (KithApply *apply, const KithSaid *said, GError **error)
{
  g_auto (KithMessageRow) row = { 0 };
  GError *failed = NULL;
  gint64 person = apply->person->id;

  if (!kith_table_message_get (apply->db, said->id, &row, &failed))
    {
      if (failed == NULL)
        return kith_contents_wait (apply, said, error);
      g_propagate_error (error, failed);
      return FALSE;
    }
  if (row.person != person || !row.sent || row.pos <= kith_table_conversation_peer_read (apply->db, person))
    return TRUE;
  return kith_table_conversation_set_peer_read (apply->db, person, row.pos, error)
         && kith_table_trace_add (apply->db, person, row.row, apply->now_ms, KITH_TRACE_READ, apply->transport, NULL,
                                  error)
         && kith_contents_tell (apply, KITH_EVENT_MESSAGE_READ,
                                kith_message_print_sign (row.id, apply->person->name, NULL), row.id, error);
}

GBytes *
kith_content_print_read (const guint8 *cid, gint64 ts_ms, const guint8 *id)
{
  g_auto (KithJsonWriter) w;
  char text[KITH_ID_TEXT];

  kith_content_begin (&w, KITH_CONTENT_READ, cid, ts_ms);
  kith_json_writer_member_string (&w, KITH_CONTENT_KEY_ID, kith_id_print (id, text));
  return kith_content_end (&w);
}

const KithContentType kith_content_read = { KITH_CONTENT_READ, parse, apply_read };
