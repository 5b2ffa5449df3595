/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-contents.h"

static gboolean
parse (KithSaid *said, const KithJsonSpan *members)
{
  return kith_id_parse_span (&members[KITH_SAID_ID], said->id);
}

static gboolean
apply_delete (KithApply *apply, const KithSaid *said, GError **error)
{
  g_auto (KithMessageRow) row = { 0 };
  KithPersonRow *person = apply->person;
  GError *failed = NULL;

  if (!kith_contents_find (apply, said, &row, &failed))
    {
      return kith_chat_is_fine (error, failed);
    }
  if (row.sent)
    return TRUE; /* not the author */
  if (!kith_message_wipe (apply->db, &row, error))
    return FALSE;
  /* While quiet it has not been counted yet. */
  if (!apply->quiet && row.pos > person->read_to && person->unread > 0)
    {
      person->unread--;
      if (!kith_table_people_set_read (apply->db, person->id, person->read_to, person->unread, error))
        return FALSE;
      kith_after_unread (apply->after, person->id, person->read_to, person->unread);
    }
  return kith_contents_tell (apply, KITH_EVENT_MESSAGE_DELETED, kith_message_print_sign (row.id, person->name, NULL),
                             row.id, error);
}

GBytes *
kith_content_print_delete (const guint8 *cid, gint64 ts_ms, const guint8 *id)
{
  g_auto (KithJsonWriter) w;
  char text[KITH_ID_TEXT];

  kith_content_begin (&w, KITH_CONTENT_DELETE, cid, ts_ms);
  kith_json_writer_member_string (&w, KITH_CONTENT_KEY_ID, kith_id_print (id, text));
  return kith_content_end (&w);
}

const KithContentType kith_content_delete = { KITH_CONTENT_DELETE, parse, apply_delete };
