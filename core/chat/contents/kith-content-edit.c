/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-contents.h"

static gboolean
parse (KithSaid *said, const KithJsonSpan *members)
{
  said->text = kith_json_span_string (&members[KITH_SAID_TEXT]);
  return said->text != NULL && kith_text_check (KITH_CONTENT_KEY_TEXT, said->text, KITH_TEXT_MAX, NULL)
         && kith_id_parse_span (&members[KITH_SAID_ID], said->id)
         && kith_json_span_integer (&members[KITH_SAID_REV], &said->rev) && said->rev >= 1;
}

static gboolean
apply_edit (KithApply *apply, const KithSaid *said, GError **error)
{
  g_auto (KithMessageRow) row = { 0 };
  GError *failed = NULL;

  if (!kith_contents_find (apply, said, &row, &failed))
    {
      return kith_chat_is_fine (error, failed);
    }
  if (row.sent)
    return TRUE; /* not the author */
  if (!kith_table_edit_add (apply->db, row.row, said->rev, FALSE, CLAMP (said->ts_ms, 1, apply->now_ms), error))
    return FALSE;
  /* The highest rev wins. */
  if (said->rev <= row.rev)
    return TRUE;
  if (!kith_message_set_text (apply->db, &row, said->text, error))
    return FALSE;
  row.rev = said->rev;
  row.edited_ms = CLAMP (said->ts_ms, 1, apply->now_ms);
  return kith_table_message_save (apply->db, &row, error)
         && kith_contents_tell (apply, KITH_EVENT_MESSAGE_EDITED,
                                kith_message_print_edit (row.id, apply->person->name, row.text, row.edited_ms), row.id,
                                error);
}

GBytes *
kith_content_print_edit (const guint8 *cid, gint64 ts_ms, const guint8 *id, gint64 rev, const char *text)
{
  g_auto (KithJsonWriter) w;
  char text_id[KITH_ID_TEXT];

  kith_content_begin (&w, KITH_CONTENT_EDIT, cid, ts_ms);
  kith_json_writer_member_string (&w, KITH_CONTENT_KEY_ID, kith_id_print (id, text_id));
  kith_json_writer_member_int (&w, KITH_CONTENT_KEY_REV, rev);
  kith_json_writer_member_string (&w, KITH_CONTENT_KEY_TEXT, text);
  return kith_content_end (&w);
}

const KithContentType kith_content_edit = { KITH_CONTENT_EDIT, parse, apply_edit };
