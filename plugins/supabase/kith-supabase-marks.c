/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Read positions for one's other devices: conv is blind to the server (an HMAC of the friend's key), pos is the time of
 * the newest message that was read; it only grows. */
#include "kith-supabase-private.h"

#include <string.h>

#define SOON_MS 2000
#define ASK_MS 900000
#define MOST_KEPT 256            /* received messages of a conversation that we remember */
#define MOST_MARKS 2000

typedef struct
{
  gint64 ts_ms;
  char *id;
} Seen;

typedef struct
{
  char *conv;
  GQueue received;        /* of Seen: oldest first */
  gint64 own_ms;          /* read here */
  gint64 told_ms;         /* of that the server knows */
  gint64 other_ms;        /* read on another device */
} Mark;

struct _KithSupabaseMarks
{
  GHashTable *marks;      /* conv → Mark */
  GBytes *secret;
  guint soon, ask;        /* timers */
  gboolean busy;
  gulong message_id, unread_id;
};

static void
seen_free (gpointer data)
{
  Seen *seen = data;

  g_free (seen->id);
  g_free (seen);
}

static void
mark_free (gpointer data)
{
  Mark *mark = data;

  g_queue_clear_full (&mark->received, seen_free);
  g_free (mark->conv);
  g_free (mark);
}

static char *
make_conv (KithSupabaseMarks *marks, KithFriend *friend)
{
  gsize n_key, n_secret, n = 32;
  const guchar *secret = g_bytes_get_data (marks->secret, &n_secret);
  const guchar *key = g_bytes_get_data (kith_friend_get_identity_key (friend), &n_key);
  GHmac *hmac = g_hmac_new (G_CHECKSUM_SHA256, secret, n_secret);
  guint8 digest[32];
  char *text;

  g_hmac_update (hmac, key, (gssize) n_key);
  g_hmac_get_digest (hmac, digest, &n);
  g_hmac_unref (hmac);
  text = g_base64_encode (digest, n);
  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  text[strcspn (text, "=")] = '\0';
  return text;
}

static Mark *
get_mark (KithSupabase *self, KithFriend *friend)
{
  KithSupabaseMarks *marks = self->marks;
  g_autofree char *conv = NULL;
  Mark *mark;

  if (marks->secret == NULL)
    marks->secret = kith_host_derive (self->host, "kith/mailbox/1 marks", NULL);
  if (marks->secret == NULL)
    return NULL;
  conv = make_conv (marks, friend);
  mark = g_hash_table_lookup (marks->marks, conv);
  if (mark == NULL)
    {
      mark = g_new0 (Mark, 1);
      mark->conv = g_steal_pointer (&conv);
      g_queue_init (&mark->received);
      g_hash_table_insert (marks->marks, mark->conv, mark);
    }
  return mark;
}

/* --- from here to there */

static gboolean on_soon (gpointer data);

static void
plan (KithSupabase *self)
{
  if (self->marks->soon == 0)
    self->marks->soon = kith_supabase_after (self, SOON_MS, on_soon, self);
}

static void
on_marked (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  g_autofree char *conv = data;
  Mark *mark = g_hash_table_lookup (self->marks->marks, conv);

  self->marks->busy = FALSE;
  if (self->stopped)
    return;
  if (kith_supabase_may_pass (answer))
    {
      if (mark != NULL)
        mark->told_ms = 0;
      return;
    }
  if (answer->error != NULL)
    g_message ("A read position is not kept at the offline server: %s", answer->error->message);
  plan (self);      /* the next one */
}

static gboolean
on_soon (gpointer data)
{
  KithSupabase *self = data;
  KithSupabaseMarks *marks = self->marks;
  GHashTableIter iter;
  gpointer value;

  marks->soon = 0;
  if (marks->busy || !self->ready || self->leaving || kith_supabase_is_waiting (self))
    return G_SOURCE_REMOVE;
  g_hash_table_iter_init (&iter, marks->marks);
  while (!marks->busy && g_hash_table_iter_next (&iter, NULL, &value))
    {
      Mark *mark = value;
      JsonObject *args;

      if (mark->own_ms <= mark->told_ms || mark->own_ms <= mark->other_ms)
        continue;
      args = json_object_new ();
      json_object_set_string_member (args, "p_conv", mark->conv);
      json_object_set_int_member (args, "p_pos", mark->own_ms);
      mark->told_ms = mark->own_ms;
      marks->busy = TRUE;
      kith_supabase_call (self, "mark_read", args, on_marked, g_strdup (mark->conv));
    }
  return G_SOURCE_REMOVE;
}

/* --- from there to here */

static void
on_applied (GObject *host, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!kith_host_mark_read_finish (KITH_HOST (host), result, &error))
    g_debug ("A read position of another device is not used: %s", error->message);
}

/* Up to the newest message that was read there; forward only, and the friend was told there. */
static void
apply (KithSupabase *self, KithFriend *friend, Mark *mark)
{
  const Seen *newest = NULL;

  for (GList *l = mark->received.head; l != NULL; l = l->next)
    if (((Seen *) l->data)->ts_ms <= mark->other_ms)
      newest = l->data;
  if (newest == NULL || newest->ts_ms <= mark->own_ms)
    return;
  mark->own_ms = newest->ts_ms;
  kith_host_mark_read_async (self->host, friend, newest->id, FALSE, self->cancellable, on_applied, NULL);
}

static void
take_mark (KithSupabase *self, JsonObject *object, GHashTable *friends)
{
  const char *conv = kith_supabase_get_string (object, "conv", 43);
  KithFriend *friend = conv != NULL ? g_hash_table_lookup (friends, conv) : NULL;
  Mark *mark = friend != NULL ? get_mark (self, friend) : NULL;
  gint64 pos_ms;

  if (mark == NULL || !kith_supabase_get_int (object, "pos", 1, G_MAXINT64, &pos_ms) || pos_ms <= mark->other_ms
      || pos_ms <= mark->told_ms)
    return;
  mark->other_ms = pos_ms;
  apply (self, friend, mark);
}

static void
on_marks (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  JsonArray *list = answer->root != NULL && JSON_NODE_HOLDS_ARRAY (answer->root) ? json_node_get_array (answer->root)
                                                                                 : NULL;
  g_autoptr (GHashTable) by_conv = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_object_unref);
  GListModel *friends;

  if (self->stopped || answer->error != NULL || list == NULL)
    return;
  friends = kith_host_get_friends (self->host);
  for (guint i = 0; i < g_list_model_get_n_items (friends); i++)
    {
      KithFriend *friend = g_list_model_get_item (friends, i);
      Mark *mark = get_mark (self, friend);

      if (mark != NULL)
        g_hash_table_insert (by_conv, mark->conv, friend);
      else
        g_object_unref (friend);
    }
  for (guint i = 0; i < MIN (json_array_get_length (list), MOST_MARKS); i++)
    {
      JsonObject *object = kith_supabase_get_object (json_array_get_element (list, i));

      if (object != NULL)
        take_mark (self, object, by_conv);
    }
}

static gboolean
on_ask (gpointer data)
{
  KithSupabase *self = data;

  if (self->ready && !self->leaving && !kith_supabase_is_waiting (self))
    kith_supabase_call (self, "marks", json_object_new (), on_marks, NULL);
  return G_SOURCE_CONTINUE;
}

/* --- what happens here */

static void
on_new_message (KithBus *bus, KithEvent *event, KithSupabase *self)
{
  JsonObject *data = kith_event_get_data (event);
  const char *id = kith_supabase_get_string (data, KITH_KEY_MSG_ID, 36);
  const char *from = kith_supabase_get_string (data, KITH_KEY_FROM, 64);
  KithFriend *friend = NULL;
  Seen *seen;
  Mark *mark;
  gint64 time_us;

  if (g_strcmp0 (kith_supabase_get_string (data, KITH_KEY_DIRECTION, 16), KITH_DIRECTION_RECEIVED) == 0 && from != NULL)
    friend = kith_host_find_friend (self->host, from);
  mark = friend != NULL ? get_mark (self, friend) : NULL;
  if (mark == NULL || id == NULL || !kith_supabase_get_time (data, KITH_KEY_TIMESTAMP, &time_us))
    return;
  seen = g_new (Seen, 1);
  *seen = (Seen) { MIN (time_us / 1000, kith_host_get_date_ms (self->host)), g_strdup (id) };
  g_queue_push_tail (&mark->received, seen);
  if (mark->received.length > MOST_KEPT)
    seen_free (g_queue_pop_head (&mark->received));
  if (mark->other_ms > mark->own_ms)
    apply (self, friend, mark);
}

/* The newest `count` of those that were received are not read yet. */
static void
on_unread (KithBus *bus, KithEvent *event, KithSupabase *self)
{
  JsonObject *data = kith_event_get_data (event);
  const char *peer = kith_supabase_get_string (data, KITH_KEY_PEER, 64);
  KithFriend *friend = peer != NULL ? kith_host_find_friend (self->host, peer) : NULL;
  Mark *mark = friend != NULL ? get_mark (self, friend) : NULL;
  gint64 count, own_ms, n_read;

  if (mark == NULL || !kith_supabase_get_int (data, KITH_KEY_COUNT, 0, G_MAXINT32, &count))
    return;
  own_ms = mark->own_ms;
  n_read = (gint64) mark->received.length - count;
  for (GList *l = mark->received.head; n_read > 0; l = l->next, n_read--)
    own_ms = MAX (own_ms, ((Seen *) l->data)->ts_ms);
  if (own_ms == mark->own_ms)
    return;
  mark->own_ms = own_ms;
  plan (self);
}

void
kith_supabase_marks_start (KithSupabase *self)
{
  KithSupabaseMarks *marks = self->marks;
  KithBus *bus = kith_host_get_bus (self->host);

  marks->message_id = g_signal_connect (bus, "event::" KITH_EVENT_NEW_MESSAGE, G_CALLBACK (on_new_message), self);
  marks->unread_id = g_signal_connect (bus, "event::" KITH_EVENT_UNREAD, G_CALLBACK (on_unread), self);
}

void
kith_supabase_marks_kick (KithSupabase *self)
{
  if (self->marks->ask == 0)
    {
      self->marks->ask = kith_host_add_timer (self->host, ASK_MS, on_ask, self, NULL);
      on_ask (self);
    }
  plan (self);
}

KithSupabaseMarks *
kith_supabase_marks_new (void)
{
  KithSupabaseMarks *marks = g_new0 (KithSupabaseMarks, 1);

  marks->marks = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, mark_free);
  return marks;
}

void
kith_supabase_marks_free (KithSupabaseMarks *marks)
{
  g_hash_table_unref (marks->marks);
  g_clear_pointer (&marks->secret, g_bytes_unref);
  g_free (marks);
}

void
kith_supabase_marks_stop (KithSupabase *self)
{
  KithSupabaseMarks *marks = self->marks;
  KithBus *bus = kith_host_get_bus (self->host);

  if (marks->message_id != 0)
    {
      g_signal_handler_disconnect (bus, marks->message_id);
      g_signal_handler_disconnect (bus, marks->unread_id);
    }
  marks->message_id = marks->unread_id = 0;
  kith_host_drop_timer (self->host, marks->soon);
  kith_host_drop_timer (self->host, marks->ask);
  marks->soon = marks->ask = 0;
}
