/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-contents.h"
#include "kith-journal.h"
#include "kith-table-gap.h"
#include "kith-table-outbox.h"
#include "kith-table-plugin.h"
#include "kith-table-search.h"

#include <string.h>

static const KithContentType *const types[] = {
  &kith_content_message,   &kith_content_edit, &kith_content_delete, &kith_content_reaction,
  &kith_content_delivered, &kith_content_read, &kith_content_hello,
};

static const char *const members[KITH_SAID_N] = {
  KITH_CONTENT_KEY_KIND,    KITH_CONTENT_KEY_CID,  KITH_CONTENT_KEY_TS,       KITH_CONTENT_KEY_ID,
  KITH_CONTENT_KEY_REV,     KITH_CONTENT_KEY_TEXT, KITH_CONTENT_KEY_REPLY_TO, KITH_CONTENT_KEY_EMOJI,
  KITH_CONTENT_KEY_REMOVED, KITH_CONTENT_KEY_CIDS, KITH_CONTENT_KEY_NOTE,
  KITH_CONTENT_KEY_USERNAME, KITH_CONTENT_KEY_PREV,
};

void
kith_said_clear (KithSaid *said)
{
  g_clear_pointer (&said->bytes, g_bytes_unref);
  g_clear_pointer (&said->text, g_free);
  g_clear_pointer (&said->username, g_free);
  g_clear_pointer (&said->cids, g_byte_array_unref);
}

static gboolean
parse_head (KithSaid *said, const KithJsonSpan *spans, const char **why)
{
  if (!kith_json_span_copy (&spans[KITH_SAID_K], said->kind, sizeof said->kind) || said->kind[0] == '\0')
    *why = "k is no kind";
  else if (!kith_id_parse_span (&spans[KITH_SAID_CID], said->cid))
    *why = "cid is no UUID";
  else if (!kith_json_span_integer (&spans[KITH_SAID_TS], &said->ts_ms))
    *why = "ts is no integer";
  else
    return TRUE;
  return FALSE;
}

gboolean
kith_said_parse (KithSaid *said, GBytes *bytes, const char **why)
{
  KithJsonSpan spans[KITH_SAID_N];
  gsize n;
  const char *text = g_bytes_get_data (bytes, &n);

  memset (said, 0, sizeof *said);
  *why = "too long";
  if (n > KITH_CONTENT_BYTES_MAX || !kith_json_scan (text, n, members, spans, KITH_SAID_N, why)
      || !parse_head (said, spans, why))
    return FALSE;

  said->bytes = g_bytes_ref (bytes);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_str_equal (types[i]->kind, said->kind))
      said->type = types[i];
  if (said->type == NULL || said->type->parse (said, spans))
    return TRUE;
  *why = "a member is missing or wrong";
  return FALSE;
}

gboolean
kith_contents_tell (KithApply *apply, const char *event, GBytes *data, const guint8 *id, GError **error)
{
  g_autoptr (GBytes) bytes = data;
  char text[KITH_ID_TEXT];

  return apply->quiet || kith_db_journal (apply->db, event, bytes, kith_id_print (id, text), error) != 0;
}

gboolean
kith_contents_wait (KithApply *apply, const KithSaid *said, GError **error)
{
  gint64 person = apply->person->id;
  gboolean final = said->type == &kith_content_delete;

  /* One that was deleted before it left them will never come: nothing is missing. */
  return kith_table_pending_add (apply->db, person, said->id, said->bytes, final, apply->now_ms, error)
         && (!final || kith_table_gap_close (apply->db, person, said->id, error));
}

gboolean
kith_contents_find (KithApply *apply, const KithSaid *said, KithMessageRow *row, GError **error)
{
  GError *failed = NULL;

  if (!kith_table_message_get (apply->db, said->id, row, &failed))
    {
      if (failed != NULL)
        g_propagate_error (error, failed);
      else
        kith_contents_wait (apply, said, error);
      return FALSE;
    }
  /* Another conversation's message is nobody's business here. */
  if (row->person == apply->person->id && !row->deleted)
    return TRUE;
  kith_message_row_clear (row);
  return FALSE;
}

/* What a registered plugin gets from its inbox, once, until it is done with it. */
static gboolean
apply_plugin (KithApply *apply, const KithSaid *said, GError **error)
{
  gboolean fresh;
  char id[KITH_ID_TEXT];
  GError *failed = NULL;

  if (apply->kinds == NULL || !g_hash_table_contains (apply->kinds, said->kind))
    return TRUE;
  if (!kith_table_seen_add (apply->db, apply->person->id, said->cid, apply->now_ms, &fresh, error))
    return FALSE;
  if (!fresh)
    return TRUE;
  kith_db_add_inbox (apply->db, said->kind, apply->person->ik, kith_id_print (said->cid, id), apply->now_ms,
                     said->bytes, &failed);
  if (failed != NULL)
    {
      g_propagate_error (error, failed);
      return FALSE;
    }
  kith_after_plugin (apply->after, said->kind);
  return TRUE;
}

gboolean
kith_contents_apply (KithApply *apply, const KithSaid *said, GError **error)
{
  gboolean sign = said->type == &kith_content_delivered || said->type == &kith_content_read;

  if (!(said->type != NULL ? said->type->apply (apply, said, error) : apply_plugin (apply, said, error)))
    return FALSE;
  /* On a link the ACK says it. */
  if (apply->direct || apply->quiet || sign)
    return TRUE;
  kith_after_flush (apply->after, apply->person->id);
  return kith_table_receipt_add (apply->db, apply->person->id, said->cid, error);
}

gboolean
kith_message_set_text (KithDb *db, KithMessageRow *row, const char *text, GError **error)
{
  if (!kith_table_search_replace (db, row, text, error))
    return FALSE;
  g_free (row->text);
  row->text = g_strdup (text != NULL ? text : "");
  return TRUE;
}

gboolean
kith_message_wipe (KithDb *db, KithMessageRow *row, GError **error)
{
  char id[KITH_ID_TEXT];

  if (!kith_message_set_text (db, row, NULL, error))
    return FALSE;
  row->deleted = TRUE;
  row->reacted = FALSE;
  row->edited_ms = 0;
  return kith_table_message_save (db, row, error) && kith_table_message_strip (db, row->row, error)
         && kith_db_blank_journal (db, kith_id_print (row->id, id), NULL, NULL, error);
}

void
kith_content_begin (KithJsonWriter *w, const char *kind, const guint8 *cid, gint64 ts_ms)
{
  char id[KITH_ID_TEXT];

  kith_json_writer_init (w);
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, KITH_CONTENT_KEY_KIND, kind);
  kith_json_writer_member_string (w, KITH_CONTENT_KEY_CID, kith_id_print (cid, id));
  kith_json_writer_member_int (w, KITH_CONTENT_KEY_TS, ts_ms);
}

GBytes *
kith_content_end (KithJsonWriter *w)
{
  kith_json_writer_end_object (w);
  return kith_json_writer_finish (w);
}
