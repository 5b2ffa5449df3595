/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-contents.h"
#include "kith-table-resend.h"
#include "kith-table-trace.h"

#include <string.h>

#define DAY_MS (G_GINT64_CONSTANT (86400) * 1000)

static gboolean
add_cid (GByteArray *cids, const char *start, gsize n)
{
  char text[KITH_ID_TEXT];
  guint8 id[KITH_ID_BYTES];

  if (cids->len >= KITH_CIDS_MAX * KITH_ID_BYTES || n != KITH_ID_TEXT - 1)
    return FALSE;
  memcpy (text, start, n);
  text[n] = '\0';
  if (!kith_id_parse (text, id))
    return FALSE;
  g_byte_array_append (cids, id, sizeof id);
  return TRUE;
}

static const char *
skip_blanks (const char *p, const char *end)
{
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    p++;
  return p;
}

/* The text is checked JSON: an array of strings of UUIDs, none of which needs an escape. */
static gboolean
parse (KithSaid *said, const KithJsonSpan *members)
{
  const char *p = members[KITH_SAID_CIDS].start;
  const char *end = p != NULL ? p + members[KITH_SAID_CIDS].length : NULL;

  if (p == NULL || *p != '[')
    return FALSE;
  said->cids = g_byte_array_new ();
  p = skip_blanks (p + 1, end);
  while (p < end && *p == '"')
    {
      const char *close = memchr (p + 1, '"', (gsize)(end - p - 1));

      if (close == NULL || !add_cid (said->cids, p + 1, (gsize)(close - p - 1)))
        return FALSE;
      p = skip_blanks (close + 1, end);
      if (p < end && *p == ',')
        p = skip_blanks (p + 1, end);
    }
  return p < end && *p == ']';
}

static gboolean
apply_one (KithApply *apply, const guint8 *cid, GError **error)
{
  g_auto (KithOutboxRow) waiting = { 0 };
  g_auto (KithMessageRow) row = { 0 };
  GError *failed = NULL;
  gboolean changed;

  if (kith_table_outbox_get_cid (apply->db, apply->person->id, cid, &waiting, &failed)
      && ((kith_table_resend_wants (&waiting)
           && !kith_table_resend_keep (apply->db, waiting.id, apply->now_ms / DAY_MS, error))
          || !kith_table_outbox_remove (apply->db, waiting.id, error)))
    return FALSE;
  if (failed == NULL && kith_table_message_get (apply->db, cid, &row, &failed) && row.person == apply->person->id
      && row.sent)
    return kith_table_message_set_delivered (apply->db, row.row, FALSE, &changed, error)
           && (!changed
               || (kith_table_trace_add (apply->db, row.person, row.row, apply->now_ms, KITH_TRACE_ACKNOWLEDGED,
                                         apply->transport, "they told us that they have it", error)
                   && kith_contents_tell (apply, KITH_EVENT_MESSAGE_DELIVERED,
                                      kith_message_print_sign (cid, apply->person->name, NULL), cid, error)));
  return kith_chat_is_fine (error, failed);
}

static gboolean
apply_delivered (KithApply *apply, const KithSaid *said, GError **error)
{
  for (gsize i = 0; i < said->cids->len; i += KITH_ID_BYTES)
    if (!apply_one (apply, said->cids->data + i, error))
      return FALSE;
  return TRUE;
}

GBytes *
kith_content_print_delivered (const guint8 *cid, gint64 ts_ms, const guint8 *cids, gsize n)
{
  g_auto (KithJsonWriter) w;
  char text[KITH_ID_TEXT];

  kith_content_begin (&w, KITH_CONTENT_DELIVERED, cid, ts_ms);
  kith_json_writer_key (&w, KITH_CONTENT_KEY_CIDS);
  kith_json_writer_begin_array (&w);
  for (gsize i = 0; i < n; i++)
    kith_json_writer_string (&w, kith_id_print (cids + i * KITH_ID_BYTES, text));
  kith_json_writer_end_array (&w);
  return kith_content_end (&w);
}

const KithContentType kith_content_delivered = { KITH_CONTENT_DELIVERED, parse, apply_delivered };
