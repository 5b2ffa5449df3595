/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-contents.h"

static gboolean
parse (KithSaid *said, const KithJsonSpan *members)
{
  return kith_id_parse_span (&members[KITH_SAID_ID], said->id)
         && kith_json_span_integer (&members[KITH_SAID_REV], &said->rev) && said->rev >= 1
         && kith_json_span_copy (&members[KITH_SAID_EMOJI], said->emoji, sizeof said->emoji)
         && kith_emoji_check (said->emoji, NULL)
         && kith_json_span_boolean (&members[KITH_SAID_REMOVED], &said->removed);
}

static gboolean
apply_reaction (KithApply *apply, const KithSaid *said, GError **error)
{
  g_auto (KithMessageRow) row = { 0 };
  GError *failed = NULL;
  gboolean changed;

  if (!kith_contents_find (apply, said, &row, &failed))
    {
      return kith_chat_is_fine (error, failed);
    }
  if (!kith_table_reaction_set (apply->db, row.row, FALSE, said->emoji, said->rev, said->removed, &changed, error))
    return FALSE;
  if (!changed)
    return TRUE;
  if (!row.reacted)
    {
      row.reacted = TRUE;
      if (!kith_table_message_save (apply->db, &row, error))
        return FALSE;
    }
  return kith_contents_tell (
      apply, KITH_EVENT_REACTION,
      kith_message_print_reaction (row.id, apply->person->name, apply->person->name, said->emoji, said->removed),
      row.id, error);
}

GBytes *
kith_content_print_reaction (
    const guint8 *cid, gint64 ts_ms, const guint8 *id, gint64 rev, const char *emoji, gboolean removed)
{
  g_auto (KithJsonWriter) w;
  char text[KITH_ID_TEXT];

  kith_content_begin (&w, KITH_CONTENT_REACTION, cid, ts_ms);
  kith_json_writer_member_string (&w, KITH_CONTENT_KEY_ID, kith_id_print (id, text));
  kith_json_writer_member_int (&w, KITH_CONTENT_KEY_REV, rev);
  kith_json_writer_member_string (&w, KITH_CONTENT_KEY_EMOJI, emoji);
  kith_json_writer_member_bool (&w, KITH_CONTENT_KEY_REMOVED, removed);
  return kith_content_end (&w);
}

const KithContentType kith_content_reaction = { KITH_CONTENT_REACTION, parse, apply_reaction };
