/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat-private.h"
#include "kith-event-private.h"
#include "kith-json-writer.h"
#include "kith-message.h"
#include "kith-table-gap.h"
#include "kith-table-search.h"

#include <string.h>

/* POST /admin/import: lines of an export become history, before what is there. One job: all of them, or none. The last
 * line goes in first, so parts of a file are given from its end to its beginning. */
typedef struct
{
  KithMessageRow row;
  char *peer;
  gboolean has_key;
  guint8 key[32];
  JsonArray *reactions; /* none; of the line's object */
  guint number;
} Line;

typedef struct
{
  KithChat *chat;
  GTask *task;
  GRefString *own_name;
  JsonArray *source;
  GArray *lines; /* of Line */
  KithAfter *after;
  guint imported, known;
} Import;

static void
line_clear (gpointer data)
{
  Line *line = data;

  kith_message_row_clear (&line->row);
  g_free (line->peer);
}

static void
import_free (gpointer data)
{
  Import *import = data;

  g_array_unref (import->lines);
  json_array_unref (import->source);
  kith_after_free (import->after);
  g_ref_string_release (import->own_name);
  g_object_unref (import->task);
  g_object_unref (import->chat);
  g_free (import);
}

/* --- a line, read strictly */

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}

static gboolean
get_flag (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_BOOLEAN
         && json_node_get_boolean (node);
}

static gboolean
get_time (JsonObject *object, const char *name, gint64 *ms)
{
  const char *text = get_string (object, name);
  g_autoptr (GDateTime) time = text != NULL ? g_date_time_new_from_iso8601 (text, NULL) : NULL;

  if (time == NULL)
    return FALSE;
  *ms = g_date_time_to_unix (time) * 1000 + g_date_time_get_microsecond (time) / 1000;
  return *ms >= 0;
}

static gboolean
get_key (JsonObject *object, Line *line)
{
  const char *text = get_string (object, KITH_KEY_SIGNING_KEY);
  g_autofree guchar *key = NULL;
  gsize n = 0;

  line->has_key = text != NULL;
  if (text == NULL)
    return TRUE;
  key = g_base64_decode (text, &n);
  if (n == sizeof line->key)
    memcpy (line->key, key, sizeof line->key);
  return n == sizeof line->key;
}

/* NULL: it is fine. */
static const char *
read_line (JsonNode *node, Line *line)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  KithMessageRow *row = &line->row;
  const char *text, *direction, *reply_to, *gap;
  JsonNode *reactions;

  if (object == NULL)
    return "it is no object";
  text = get_string (object, KITH_KEY_TEXT);
  direction = get_string (object, KITH_KEY_DIRECTION);
  reply_to = get_string (object, KITH_KEY_REPLY_TO);
  gap = get_string (object, KITH_KEY_GAP);
  reactions = json_object_get_member (object, KITH_KEY_REACTIONS);
  line->peer = g_strdup (get_string (object, KITH_KEY_PEER));
  row->sent = g_strcmp0 (direction, KITH_DIRECTION_SENT) == 0;
  row->deleted = get_flag (object, KITH_KEY_DELETED);
  row->failed = get_flag (object, KITH_KEY_FAILED);
  row->delivered = get_flag (object, KITH_KEY_DELIVERED);
  row->direct = g_strcmp0 (get_string (object, KITH_KEY_DELIVERY_METHOD), KITH_METHOD_DIRECT) == 0;
  row->has_reply = reply_to != NULL;
  row->has_prev = gap != NULL;
  row->text = g_strdup (row->deleted || text == NULL ? "" : text);
  line->reactions = reactions != NULL && JSON_NODE_HOLDS_ARRAY (reactions) ? json_node_get_array (reactions) : NULL;
  if (!kith_id_parse (get_string (object, KITH_KEY_MSG_ID), row->id))
    return "msg_id is no UUID";
  if (line->peer == NULL || !kith_name_is_username (line->peer, TRUE))
    return "peer is no name";
  if (!row->sent && g_strcmp0 (direction, KITH_DIRECTION_RECEIVED) != 0)
    return "direction is neither sent nor received";
  if (!row->deleted && (text == NULL || !kith_text_check (KITH_KEY_TEXT, text, KITH_TEXT_MAX, NULL)))
    return "text is missing, too long, or has control characters";
  if (!get_time (object, KITH_KEY_TIMESTAMP, &row->ts_ms))
    return "timestamp is no time";
  if (json_object_has_member (object, KITH_KEY_EDITED_AT) && !get_time (object, KITH_KEY_EDITED_AT, &row->edited_ms))
    return "edited_at is no time";
  if (row->has_reply && !kith_id_parse (reply_to, row->reply_to))
    return "reply_to is no UUID";
  if (row->has_prev && (row->sent || !kith_id_parse (gap, row->prev)))
    return "gap is no UUID, or stands at a message of your own";
  return get_key (object, line) ? NULL : "signing_key is no key (base64 of 32 bytes)";
}

static gboolean
read_lines (Import *import, guint first, GError **error)
{
  const guint8 *own = kith_keys_get_identity (import->chat->keys);

  for (guint i = 0; i < json_array_get_length (import->source); i++)
    {
      Line line = { .number = first + i };
      const char *why = read_line (json_array_get_element (import->source, i), &line);

      if (why == NULL && line.has_key && memcmp (line.key, own, sizeof line.key) == 0)
        why = "signing_key is your own: this is not a conversation with somebody";
      g_array_append_val (import->lines, line);
      if (why == NULL)
        continue;
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "line %u: %s", line.number, why);
      return FALSE;
    }
  return TRUE;
}

/* --- the job */

/* Whose conversation: by key if the line has one. Somebody whom we do not know is kept as one who was removed. */
static gboolean
find_person (Import *import, KithDb *db, const Line *line, gint64 *id, GError **error)
{
  g_auto (KithPersonRow) person = { 0 };
  GError *failed = NULL;
  gboolean found = line->has_key ? kith_table_people_get_ik (db, line->key, &person, &failed)
                                 : kith_table_people_get_name (db, line->peer, &person, &failed);

  if (failed == NULL && !found && !line->has_key)
    g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN,
                 "line %u: nobody here is called \"%s\", and the line names no signing_key", line->number, line->peer);
  if (failed != NULL)
    {
      g_propagate_error (error, failed);
      return FALSE;
    }
  if (!found)
    {
      g_auto (GStrv) parts = g_strsplit (line->peer, "~", 2);

      memcpy (person.ik, line->key, sizeof person.ik);
      person.username = g_strdup (parts[0]);
      memset (person.allow, -1, sizeof person.allow);
      if (!kith_table_people_add (db, &person, import->own_name, error))
        return FALSE;
      kith_after_person (import->after, &person);
    }
  *id = person.id;
  return TRUE;
}

static gboolean
add_reactions (KithDb *db, const Line *line, gint64 row, GError **error)
{
  for (guint i = 0; line->reactions != NULL && i < json_array_get_length (line->reactions); i++)
    {
      JsonNode *node = json_array_get_element (line->reactions, i);
      JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *emoji = object != NULL ? get_string (object, KITH_KEY_EMOJI) : NULL;
      const char *from = object != NULL ? get_string (object, KITH_KEY_FROM) : NULL;
      gboolean changed;

      if (from == NULL || !kith_emoji_check (emoji, NULL))
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "line %u: a reaction is wrong", line->number);
          return FALSE;
        }
      if (!kith_table_reaction_set (db, row, !g_str_equal (from, line->peer), emoji, 1, FALSE, &changed, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
import_line (Import *import, KithDb *db, const Line *line, GError **error)
{
  KithMessageRow row = line->row;

  if (!find_person (import, db, line, &row.person, error))
    return FALSE;
  row.reacted = !row.deleted && line->reactions != NULL && json_array_get_length (line->reactions) > 0;
  if (row.has_prev && !kith_table_gap_look (db, &row, line->row.prev, error))
    return FALSE;
  if (!kith_table_message_add_before (db, &row, error))
    return FALSE;
  import->known += row.row == 0;
  import->imported += row.row != 0;
  return row.row == 0
         || ((row.sent || kith_table_gap_close (db, row.person, row.id, error))
             && kith_table_search_add (db, &row, error)
              && (!row.reacted || add_reactions (db, line, row.row, error)));
}

static gboolean
run_import (KithDb *db, gpointer data, GError **error)
{
  Import *import = data;

  kith_after_reset (import->after);
  import->imported = import->known = 0;
  for (guint i = import->lines->len; i > 0; i--)
    if (!import_line (import, db, &g_array_index (import->lines, Line, i - 1), error))
      return FALSE;
  return TRUE;
}

static void
on_import (gpointer data, const GError *error)
{
  Import *import = data;
  g_auto (KithJsonWriter) w = { NULL };

  if (error != NULL)
    {
      g_task_return_error (import->task, g_error_copy (error));
      return;
    }
  kith_after_apply (import->after, import->chat);
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_int (&w, "imported", import->imported);
  kith_json_writer_member_int (&w, "known", import->known);
  kith_json_writer_end_object (&w);
  g_task_return_pointer (import->task, kith_json_writer_finish (&w), (GDestroyNotify)g_bytes_unref);
}

void
kith_chat_import_async (
    KithChat *self, JsonArray *lines, guint first_line, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Import *import = g_new0 (Import, 1);
  GError *error = NULL;

  import->chat = g_object_ref (self);
  import->task = g_task_new (self, c, cb, data);
  g_task_set_source_tag (import->task, kith_chat_import_async);
  import->own_name = g_ref_string_acquire (self->username);
  import->source = lines;
  import->lines = g_array_new (FALSE, FALSE, sizeof (Line));
  g_array_set_clear_func (import->lines, line_clear);
  import->after = kith_after_new ();
  if (!read_lines (import, first_line, &error))
    {
      g_task_return_error (import->task, error);
      import_free (import);
      return;
    }
  kith_store_submit (self->store, KITH_LANE_BULK, run_import, on_import, import, import_free);
}
