/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-message.h"
#include "kith-event-private.h"
#include "kith-world.h"

#include <string.h>

static const char hex[] = "0123456789abcdef";

gboolean
kith_id_parse (const char *text, guint8 *id)
{
  guint n = 0;

  if (text == NULL || !kith_name_is_uuid (text))
    return FALSE;
  for (const char *p = text; *p != '\0' && n < KITH_ID_BYTES; p += 2)
    {
      if (*p == '-')
        p++;
      id[n++] = (guint8)(g_ascii_xdigit_value (p[0]) << 4 | g_ascii_xdigit_value (p[1]));
    }
  return TRUE;
}

gboolean
kith_id_parse_span (const KithJsonSpan *span, guint8 *id)
{
  char text[KITH_ID_TEXT];

  return kith_json_span_copy (span, text, sizeof text) && kith_id_parse (text, id);
}

const char *
kith_id_print (const guint8 *id, char *out)
{
  char *to = out;

  for (guint i = 0; i < KITH_ID_BYTES; i++)
    {
      if (i == 4 || i == 6 || i == 8 || i == 10)
        *to++ = '-';
      *to++ = hex[id[i] >> 4];
      *to++ = hex[id[i] & 15];
    }
  *to = '\0';
  return out;
}

void
kith_id_make (gpointer world, guint8 *id)
{
  kith_world_fill_random (world, id, KITH_ID_BYTES);
  id[6] = (guint8)((id[6] & 0x0f) | 0x40);
  id[8] = (guint8)((id[8] & 0x3f) | 0x80);
}

gboolean
kith_text_check (const char *field, const char *text, guint max, GError **error)
{
  guint points = 0;

  for (const guint8 *p = (const guint8 *)text; *p != 0; p++)
    {
      points += (*p & 0xc0) != 0x80;
      if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                       "%s must not contain control characters other than newline and tab", field);
          return FALSE;
        }
    }
  if (points >= 1 && points <= max)
    return TRUE;
  if (points == 0)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "%s is empty: it must have 1 to %u characters", field, max);
  else
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "%s is too long: it has %u characters, at most %u are allowed",
                 field, points, max);
  return FALSE;
}

static gboolean
extends (gunichar c)
{
  if (c == 0x200d || (c >= 0x1f3fb && c <= 0x1f3ff) || (c >= 0xe0020 && c <= 0xe007f))
    return TRUE;
  switch (g_unichar_type (c))
    {
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_SPACING_MARK:
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
is_base (gunichar c)
{
  return g_unichar_isprint (c) && !g_unichar_isspace (c) && !extends (c) && g_unichar_type (c) != G_UNICODE_FORMAT;
}

static gboolean
is_flag_letter (gunichar c)
{
  return c >= 0x1f1e6 && c <= 0x1f1ff;
}

/* The rules of UAX #29 that matter for what one puts under a message: marks, joiners, skin tones, tags, flags. */
static gboolean
is_one_cluster (const char *text)
{
  gunichar before = g_utf8_get_char (text);
  guint flags = is_flag_letter (before);

  if (!is_base (before))
    return FALSE;
  for (const char *p = g_utf8_next_char (text); *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      gboolean pair = flags == 1 && is_flag_letter (before) && is_flag_letter (c);

      if (!extends (c) && !pair && !(before == 0x200d && is_base (c)))
        return FALSE;
      flags += is_flag_letter (c);
      before = c;
    }
  return before != 0x200d;
}

gboolean
kith_emoji_check (const char *emoji, GError **error)
{
  if (emoji != NULL && *emoji != '\0' && strlen (emoji) <= KITH_EMOJI_BYTES_MAX && g_utf8_validate (emoji, -1, NULL)
      && is_one_cluster (emoji))
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
               "emoji must be one character as a reader sees it (one grapheme cluster), %d bytes at most",
               KITH_EMOJI_BYTES_MAX);
  return FALSE;
}

typedef struct
{
  KithJsonWriter *w;
  const KithMessageView *view;
} Reactions;

static void
write_reaction (const char *emoji, gboolean mine, gpointer data)
{
  Reactions *reactions = data;

  kith_json_writer_begin_object (reactions->w);
  kith_json_writer_member_string (reactions->w, KITH_KEY_EMOJI, emoji);
  kith_json_writer_member_string (reactions->w, KITH_KEY_FROM, mine ? reactions->view->own : reactions->view->peer);
  kith_json_writer_end_object (reactions->w);
}

static void
write_members (KithJsonWriter *w, const KithMessageRow *row, const KithMessageView *view)
{
  char id[KITH_ID_TEXT];

  kith_json_writer_member_string (w, KITH_KEY_MSG_ID, kith_id_print (row->id, id));
  kith_json_writer_member_string (w, KITH_KEY_FROM, row->sent ? view->own : view->peer);
  kith_json_writer_member_string (w, KITH_KEY_TO, row->sent ? view->peer : view->own);
  kith_json_writer_member_string (w, KITH_KEY_TEXT, row->deleted ? "" : row->text);
  kith_json_writer_member_time_ms (w, KITH_KEY_TIMESTAMP, row->ts_ms);
  kith_json_writer_member_string (w, KITH_KEY_DIRECTION, row->sent ? KITH_DIRECTION_SENT : KITH_DIRECTION_RECEIVED);
  kith_json_writer_member_bool (w, KITH_KEY_DELIVERED, row->delivered);
  kith_json_writer_member_string (w, KITH_KEY_DELIVERY_METHOD, row->direct ? KITH_METHOD_DIRECT : KITH_METHOD_OFFLINE);
  if (row->reacted && !row->deleted)
    {
      Reactions reactions = { w, view };

      kith_json_writer_key (w, KITH_KEY_REACTIONS);
      kith_json_writer_begin_array (w);
      kith_table_reaction_each (view->db, row->row, write_reaction, &reactions, NULL);
      kith_json_writer_end_array (w);
    }
  if (row->has_reply)
    kith_json_writer_member_string (w, KITH_KEY_REPLY_TO, kith_id_print (row->reply_to, id));
  if (row->has_prev && !row->sent)
    kith_json_writer_member_string (w, KITH_KEY_GAP, kith_id_print (row->prev, id));
  if (row->edited_ms != 0 && !row->deleted)
    kith_json_writer_member_time_ms (w, KITH_KEY_EDITED_AT, row->edited_ms);
  if (row->deleted)
    kith_json_writer_member_bool (w, KITH_KEY_DELETED, TRUE);
  if (row->failed)
    kith_json_writer_member_bool (w, KITH_KEY_FAILED, TRUE);
  kith_json_writer_member_bool (w, KITH_KEY_READ, row->pos <= (row->sent ? view->peer_read : view->read_to));
}

void
kith_message_write (KithJsonWriter *w, const KithMessageRow *row, const KithMessageView *view)
{
  kith_json_writer_begin_object (w);
  write_members (w, row, view);
  kith_json_writer_end_object (w);
}

void
kith_message_write_found (
    KithJsonWriter *w, const KithMessageRow *row, const KithMessageView *view, const char *snippet)
{
  kith_json_writer_begin_object (w);
  write_members (w, row, view);
  kith_json_writer_member_string (w, KITH_KEY_SNIPPET, snippet);
  kith_json_writer_end_object (w);
}

void
kith_message_write_kept (
    KithJsonWriter *w, const KithMessageRow *row, const KithMessageView *view, const guint8 *peer_key)
{
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, KITH_KEY_PEER, view->peer);
  kith_json_writer_member_base64 (w, KITH_KEY_SIGNING_KEY, peer_key, 32);
  write_members (w, row, view);
  kith_json_writer_end_object (w);
}

GBytes *
kith_message_print (const KithMessageRow *row, const KithMessageView *view)
{
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_message_write (&w, row, view);
  return kith_json_writer_finish (&w);
}

static void
begin (KithJsonWriter *w, const guint8 *id, const char *peer)
{
  char text[KITH_ID_TEXT];

  kith_json_writer_init (w);
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, KITH_KEY_MSG_ID, kith_id_print (id, text));
  kith_json_writer_member_string (w, KITH_KEY_PEER, peer);
}

GBytes *
kith_message_print_sign (const guint8 *id, const char *peer, const char *reason)
{
  g_auto (KithJsonWriter) w;

  begin (&w, id, peer);
  if (reason != NULL)
    kith_json_writer_member_string (&w, KITH_KEY_REASON, reason);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

GBytes *
kith_message_print_edit (const guint8 *id, const char *peer, const char *text, gint64 edited_ms)
{
  g_auto (KithJsonWriter) w;

  begin (&w, id, peer);
  kith_json_writer_member_string (&w, KITH_KEY_TEXT, text);
  kith_json_writer_member_time_ms (&w, KITH_KEY_EDITED_AT, edited_ms);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

GBytes *
kith_message_print_reaction (const guint8 *id, const char *peer, const char *from, const char *emoji, gboolean removed)
{
  g_auto (KithJsonWriter) w;

  begin (&w, id, peer);
  kith_json_writer_member_string (&w, KITH_KEY_FROM, from);
  kith_json_writer_member_string (&w, KITH_KEY_EMOJI, emoji);
  kith_json_writer_member_bool (&w, KITH_KEY_REMOVED, removed);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}
