/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-chat-private.h"
#include "kith-journal.h"
#include "kith-message.h"
#include "kith-outbox.h"
#include "kith-table-gap.h"
#include "kith-waiting.h"
#include "contents/kith-contents.h"

#include <string.h>

#define CLIENT_ID_MAX 128
#define IDS_TOGETHER 64

/* A content of ours: message row, ratchet step, outbox row and journal row are one job. */
typedef struct
{
  KithChat *chat;
  GTask *task;
  GRefString *own_name;
  gint64 person;
  char *kind;
  char *text, *client_id; /* of a message */
  gboolean has_reply;
  guint8 reply_to[KITH_ID_BYTES];
  GBytes *content; /* of a plugin's kind */
  gboolean wait;   /* as POST /messages does; else the answer is the id, when it is durable */
  gboolean linked;
  gint64 now_ms;
  guint8 cid[KITH_ID_BYTES];
  KithAfter *after;
  gboolean delivered, direct; /* found, for a client id that we know */
} Post;

void
kith_posted_free (KithPosted *posted)
{
  g_free (posted->msg_id);
  g_free (posted);
}

static void
post_free (gpointer data)
{
  Post *post = data;

  g_clear_pointer (&post->content, g_bytes_unref);
  kith_after_free (post->after);
  g_ref_string_release (post->own_name);
  g_clear_object (&post->task);
  g_object_unref (post->chat);
  g_free (post->client_id);
  g_free (post->text);
  g_free (post->kind);
  g_free (post);
}

/* --- the job */

/* TRUE with *found: the same client id was here before, and the same message is the answer. */
static gboolean
find_client_id (Post *post, KithDb *db, gboolean *found, GError **error)
{
  g_auto (KithMessageRow) row = { 0 };
  GError *failed = NULL;

  *found = post->client_id != NULL && kith_table_message_get_client (db, post->client_id, &row, &failed);
  if (failed != NULL)
    {
      g_propagate_error (error, failed);
      return FALSE;
    }
  if (!*found)
    return TRUE;
  if (row.person != post->person || (row.rev == 0 && !row.deleted && !g_str_equal (row.text, post->text)))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT,
                   "client_id \"%s\" belongs to another message: take a new one", post->client_id);
      return FALSE;
    }
  memcpy (post->cid, row.id, KITH_ID_BYTES);
  post->now_ms = row.ts_ms;
  post->delivered = row.delivered;
  post->direct = row.direct;
  return TRUE;
}

static gboolean
load_friend (KithDb *db, gint64 id, KithPersonRow *person, GError **error)
{
  GError *failed = NULL;

  if (!kith_table_people_get (db, id, person, &failed) || person->state != KITH_PERSON_FRIEND)
    {
      if (failed == NULL)
        g_set_error (&failed, KITH_ERROR, KITH_ERROR_UNKNOWN, "to: %s is not a friend",
                     person->name != NULL ? person->name : "this person");
      g_propagate_error (error, failed);
      return FALSE;
    }
  if (!person->blocked)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "to: %s is blocked: unblock them first", person->name);
  return FALSE;
}

static gboolean
add_message (Post *post, KithDb *db, const KithPersonRow *person, KithMessageRow *row, GError **error)
{
  KithMessageView view = { db, post->own_name, person->name, person->read_to, 0 };
  g_autoptr (GBytes) event = NULL;
  char id[KITH_ID_TEXT];

  row->person = person->id;
  row->sent = TRUE;
  row->text = post->text;
  row->ts_ms = post->now_ms;
  row->direct = post->linked;
  row->has_reply = post->has_reply;
  memcpy (row->id, post->cid, KITH_ID_BYTES);
  memcpy (row->reply_to, post->reply_to, KITH_ID_BYTES);
  kith_table_gap_begin (db, row);
  if (!kith_table_message_add (db, row, post->client_id, error) || !kith_table_gap_sent (db, row, error))
    return FALSE;
  kith_after_index (post->after);
  event = kith_message_print (row, &view);
  return kith_db_journal (db, KITH_EVENT_NEW_MESSAGE, event, kith_id_print (post->cid, id), error) != 0;
}

static gboolean
run_post (KithDb *db, gpointer data, GError **error)
{
  Post *post = data;
  g_auto (KithPersonRow) person = { 0 };
  KithMessageRow message = { 0 };
  KithOutboxRow row = { .kind = post->kind, .created_ms = post->now_ms };
  gboolean found, ok;

  kith_after_reset (post->after);
  if (!find_client_id (post, db, &found, error))
    return FALSE;
  if (found)
    return TRUE;
  if (!load_friend (db, post->person, &person, error))
    return FALSE;
  if (post->content == NULL && !add_message (post, db, &person, &message, error))
    return FALSE;
  row.message = message.row;
  row.content = post->content != NULL ? g_bytes_ref (post->content) : kith_content_print_message (&message);
  memcpy (row.cid, post->cid, KITH_ID_BYTES);
  ok = kith_outbox_put (post->chat->outbox, db, &person, &row, post->after, error);
  g_bytes_unref (row.content);
  return ok;
}

/* --- the answer */

typedef struct
{
  GTask *task;
  char id[KITH_ID_TEXT];
  gint64 timestamp_ms;
} Answer;

static void
answer (GTask *task, const char *id, gint64 timestamp_ms, gboolean delivered, gboolean direct)
{
  KithPosted *posted = g_new (KithPosted, 1);

  posted->msg_id = g_strdup (id);
  posted->delivered = delivered;
  posted->delivery_method = delivered && direct ? KITH_METHOD_DIRECT : KITH_METHOD_OFFLINE;
  posted->timestamp_ms = timestamp_ms;
  g_task_return_pointer (task, posted, (GDestroyNotify)kith_posted_free);
}

static void
on_waited (gboolean delivered, gpointer data)
{
  Answer *waited = data;

  answer (waited->task, waited->id, waited->timestamp_ms, delivered, TRUE);
  g_object_unref (waited->task);
  g_free (waited);
}

static void
on_post (gpointer data, const GError *error)
{
  Post *post = data;
  KithChat *chat = post->chat;
  KithPerson *person = kith_people_find_id (chat->people, post->person);
  char id[KITH_ID_TEXT];
  Answer *waited;

  if (error != NULL)
    {
      g_task_return_error (post->task, g_error_copy (error));
      return;
    }
  kith_id_print (post->cid, id);
  kith_after_apply (post->after, chat);
  if (!chat->stopped && person != NULL && !post->delivered)
    kith_links_want (chat->links, person);
  if (!post->wait)
    g_task_return_pointer (post->task, g_strdup (id), g_free);
  else if (post->delivered || person == NULL)
    answer (post->task, id, post->now_ms, post->delivered, post->direct);
  else
    {
      waited = g_new (Answer, 1);
      waited->task = g_steal_pointer (&post->task);
      memcpy (waited->id, id, sizeof id);
      waited->timestamp_ms = post->now_ms;
      kith_waiting_add (chat->waiting, person, post->cid, on_waited, waited);
    }
}

static void
submit (Post *post)
{
  gsize size
      = (post->text != NULL ? strlen (post->text) : 0) + (post->content != NULL ? g_bytes_get_size (post->content) : 0);

  kith_store_submit_sized (post->chat->store, KITH_LANE_FRONT, size, run_post, on_post, post, post_free);
}

/* Random, but for the first three bytes, which so many neighbours share: then a burst of messages touches a page or two
 * of the index of ids, on both sides, and not one for each of them. */
static void
make_id (KithChat *chat, guint8 *id)
{
  kith_id_make (chat->world, id);
  if (chat->ids_left == 0)
    {
      memcpy (chat->id_head, id, sizeof chat->id_head);
      chat->ids_left = IDS_TOGETHER;
    }
  chat->ids_left--;
  memcpy (id, chat->id_head, sizeof chat->id_head);
}

static Post *
post_new (KithChat *chat, KithPerson *person, const char *kind, GTask *task)
{
  Post *post = g_new0 (Post, 1);

  post->chat = g_object_ref (chat);
  post->task = g_object_ref (task);
  post->own_name = g_ref_string_acquire (chat->username);
  post->person = person->row.id;
  post->kind = g_strdup (kind);
  post->linked = chat->links != NULL && kith_links_find (chat->links, person) != NULL;
  post->now_ms = kith_world_get_date_ms (chat->world);
  post->after = kith_after_new ();
  make_id (chat, post->cid);
  return post;
}

/* --- POST /messages */

static gboolean
check_post (
    const char *to, const char *text, const char *reply_to, guint8 *reply_id, const char *client_id, GError **error)
{
  if (to == NULL || *to == '\0')
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "to is missing: it must be the username of a friend");
  else if (text == NULL)
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "text is missing");
  else if (!g_utf8_validate (text, -1, NULL))
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "text is not valid UTF-8");
  else if (!kith_text_check (KITH_KEY_TEXT, text, KITH_TEXT_MAX, error))
    return FALSE;
  else if (reply_to != NULL && !kith_id_parse (reply_to, reply_id))
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "reply_to must be the id of a message (a UUID)");
  else if (client_id != NULL && (*client_id == '\0' || strlen (client_id) > CLIENT_ID_MAX))
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "client_id must have 1 to %d bytes", CLIENT_ID_MAX);
  else
    return TRUE;
  return FALSE;
}

static KithPerson *
find_friend (KithChat *self, const char *name, GError **error)
{
  KithPerson *person = kith_people_find_name (self->people, name);

  if (person != NULL && person->row.state == KITH_PERSON_FRIEND)
    return person;
  if (!self->started)
    g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "nothing can be sent: %s",
                 kith_store_get_message (self->store) != NULL ? kith_store_get_message (self->store)
                                                              : "the store is not open");
  else
    g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "to: \"%s\" is not a friend", name);
  return NULL;
}

void
kith_chat_post_async (KithChat *self,
                      const char *to,
                      const char *text,
                      const char *reply_to,
                      const char *client_id,
                      GCancellable *c,
                      GAsyncReadyCallback cb,
                      gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, c, cb, data);
  guint8 reply_id[KITH_ID_BYTES] = { 0 };
  KithPerson *person = NULL;
  GError *error = NULL;
  Post *post;

  g_task_set_source_tag (task, kith_chat_post_async);
  if (check_post (to, text, reply_to, reply_id, client_id, &error))
    person = find_friend (self, to, &error);
  if (person == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  post = post_new (self, person, KITH_CONTENT_MESSAGE, task);
  post->text = g_strdup (text);
  post->client_id = g_strdup (client_id);
  post->has_reply = reply_to != NULL;
  memcpy (post->reply_to, reply_id, KITH_ID_BYTES);
  post->wait = TRUE;
  submit (post);
}

KithPosted *
kith_chat_post_finish (KithChat *self, GAsyncResult *r, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (r, self), NULL);
  return g_task_propagate_pointer (G_TASK (r), error);
}

/* --- plugins: "message", or a kind of their own */

static const char *
string_member (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

static GBytes *
print_plugin_content (const char *kind, const guint8 *cid, gint64 ts_ms, JsonObject *object, GError **error)
{
  g_auto (KithJsonWriter) w = { NULL };
  g_autoptr (GList) names = json_object_get_members (object);
  g_autoptr (GBytes) content = NULL;

  kith_content_begin (&w, kind, cid, ts_ms);
  for (GList *l = names; l != NULL; l = l->next)
    {
      g_autoptr (GBytes) value = NULL;

      if (g_str_equal (l->data, KITH_CONTENT_KEY_KIND) || g_str_equal (l->data, KITH_CONTENT_KEY_CID)
          || g_str_equal (l->data, KITH_CONTENT_KEY_TS))
        {
          g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                       "a content must not have a member \"%s\": the daemon sets it", (char *)l->data);
          return NULL;
        }
      value = kith_json_print (json_object_get_member (object, l->data));
      kith_json_writer_member_raw (&w, l->data, value);
    }
  content = kith_content_end (&w);
  if (g_bytes_get_size (content) <= KITH_CONTENT_BYTES_MAX)
    return g_steal_pointer (&content);
  g_set_error (error, KITH_ERROR, KITH_ERROR_TOO_LARGE, "a content has at most %d bytes", KITH_CONTENT_BYTES_MAX);
  return NULL;
}

static gboolean
fill_message (Post *post, JsonObject *object, GError **error)
{
  const char *text = string_member (object, KITH_CONTENT_KEY_TEXT);
  const char *reply_to = string_member (object, KITH_CONTENT_KEY_REPLY_TO);

  post->text = g_strdup (text);
  post->has_reply = reply_to != NULL;
  return check_post ("friend", text, reply_to, post->reply_to, NULL, error);
}

void
kith_chat_send_async (KithChat *self,
                      KithFriend *to,
                      const char *kind,
                      JsonObject *object,
                      GCancellable *c,
                      GAsyncReadyCallback cb,
                      gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, c, cb, data);
  g_autoptr (JsonObject) owned = object;
  KithPerson *person = kith_people_find_friend (self->people, to);
  GError *error = NULL;
  Post *post;

  g_task_set_source_tag (task, kith_chat_send_async);
  if (person == NULL || person->row.state != KITH_PERSON_FRIEND)
    {
      g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_UNKNOWN, "to: this person is no friend any more");
      return;
    }
  post = post_new (self, person, kind, task);
  if (g_str_equal (kind, KITH_CONTENT_MESSAGE))
    fill_message (post, owned, &error);
  else if (g_str_has_prefix (kind, "x.") && strlen (kind) <= KITH_KIND_MAX)
    post->content = print_plugin_content (kind, post->cid, post->now_ms, owned, &error);
  else
    g_set_error (&error, KITH_ERROR, KITH_ERROR_INVALID, "kind: \"%s\" cannot be sent by a plugin", kind);
  if (error != NULL)
    {
      g_task_return_error (task, error);
      post_free (post);
      return;
    }
  submit (post);
}

char *
kith_chat_send_finish (KithChat *self, GAsyncResult *r, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (r, self), NULL);
  return g_task_propagate_pointer (G_TASK (r), error);
}
