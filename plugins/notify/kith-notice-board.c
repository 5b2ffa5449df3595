/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-notice-board.h"

#include "kith-notice-entry.h"

/* A moment for a window that marks as read by itself, and for those that come together. */
#define SETTLE_MS 150
#define PACE_US G_USEC_PER_SEC
/* What follows sooner than this makes no sound. */
#define QUIET_US (5 * G_USEC_PER_SEC)
/* More conversations than these share one notification. */
#define MAX_SHOWN 8
#define MORE_ID "more"

/* A question under way. */
typedef struct
{
  KithNoticeBoard *board;   /* NULL: it has gone */
  char *id;
} Lookup;

struct _KithNoticeBoard
{
  KithHost *host;
  KithNotifier *notifier;
  GSettings *settings;
  GPtrArray *entries; /* in the order in which they came */
  GPtrArray *lookups; /* not owned */
  guint timer;
};

static void update_more (KithNoticeBoard *self);
static void put_up (KithNoticeBoard *self);

static char *
make_id (const char *username, gboolean request)
{
  return g_strconcat (request ? "request-" : "chat-", username, NULL);
}

static KithNoticeEntry *
find_entry (KithNoticeBoard *self, const char *id)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      KithNoticeEntry *entry = g_ptr_array_index (self->entries, i);

      if (g_str_equal (entry->id, id))
        return entry;
    }
  return NULL;
}

static KithNoticeEntry *
find_chat (KithNoticeBoard *self, const char *username)
{
  g_autofree char *id = make_id (username, FALSE);

  return find_entry (self, id);
}

static KithNoticeEntry *
take_entry (KithNoticeBoard *self, const char *id, const char *username, gboolean request)
{
  KithNoticeEntry *entry = find_entry (self, id);

  if (entry != NULL)
    return entry;
  entry = g_new0 (KithNoticeEntry, 1);
  entry->id = g_strdup (id);
  entry->username = g_strdup (username);
  entry->request = request;
  g_ptr_array_add (self->entries, entry);
  return entry;
}

/* --- when */

static gboolean
on_timer (gpointer data)
{
  KithNoticeBoard *self = data;

  self->timer = 0;
  put_up (self);
  return G_SOURCE_REMOVE;
}

static void
set_timer (KithNoticeBoard *self, gint64 wait_us)
{
  if (self->timer == 0)
    self->timer = kith_host_add_timer (self->host, (guint) (MAX (wait_us, 0) / 1000 + 1), on_timer, self, NULL);
}

static void
touch (KithNoticeBoard *self, KithNoticeEntry *entry)
{
  gint64 now_us = kith_host_get_time_us (self->host);

  if (!entry->dirty)
    entry->due_us = MAX (now_us + SETTLE_MS * 1000,
                         entry->shown_us != 0 ? entry->shown_us + (gint64) PACE_US : 0);
  entry->dirty = TRUE;
  set_timer (self, SETTLE_MS * 1000);
}

static gboolean
is_held (KithNoticeBoard *self)
{
  return kith_host_get_status (self->host) == KITH_PRESENCE_BUSY || kith_notifier_is_held (self->notifier);
}

/* --- up */

static void
show (KithNoticeBoard *self, KithNoticeEntry *entry)
{
  gint64 now_us = kith_host_get_time_us (self->host);
  gboolean soon = entry->shown_us != 0 && now_us - entry->shown_us < (gint64) QUIET_US;
  g_autofree char *body = kith_notice_entry_make_body (entry, g_settings_get_boolean (self->settings, "show-preview"));
  g_autofree char *title = kith_notice_entry_make_title (entry);
  KithNotice notice = { .id = entry->id, .username = entry->username, .title = title, .body = body,
                        .msg_id = entry->msg_id, .request = entry->request };

  notice.quiet = soon || !g_settings_get_boolean (self->settings, "sound");
  entry->dirty = FALSE;
  entry->shown = TRUE;
  entry->folded = FALSE;
  entry->shown_us = now_us;
  kith_notifier_show (self->notifier, &notice);
}

static guint
count_shown (KithNoticeBoard *self)
{
  guint n = 0;

  for (guint i = 0; i < self->entries->len; i++)
    {
      KithNoticeEntry *entry = g_ptr_array_index (self->entries, i);

      n += entry->shown && entry->username != NULL;
    }
  return n;
}

/* --- what a stranger wrote: the event tells of the first content only, and that is mostly an empty hello */

static const char *
find_request_text (JsonNode *answer, const KithNoticeEntry *entry)
{
  JsonArray *list = answer != NULL && JSON_NODE_HOLDS_ARRAY (answer) ? json_node_get_array (answer) : NULL;

  for (guint i = 0; list != NULL && i < json_array_get_length (list); i++)
    {
      JsonObject *one = json_array_get_object_element (list, i);
      const char *note = json_object_get_string_member_with_default (one, KITH_KEY_NOTE, NULL);

      if (g_strcmp0 (json_object_get_string_member_with_default (one, KITH_KEY_USERNAME, NULL), entry->username) == 0)
        return json_object_get_string_member_with_default (one, KITH_KEY_MESSAGE, note);
    }
  return NULL;
}

static void
on_requests (GObject *source, GAsyncResult *result, gpointer data)
{
  Lookup *lookup = data;
  g_autoptr (JsonNode) answer = NULL;
  KithNoticeEntry *entry;

  if (!kith_host_ask_finish (KITH_HOST (source), result, &answer, NULL))
    g_clear_pointer (&answer, json_node_unref);
  if (lookup->board != NULL)
    {
      g_ptr_array_remove (lookup->board->lookups, lookup);
      entry = find_entry (lookup->board, lookup->id);
      if (entry != NULL && entry->text == NULL)
        entry->text = g_strdup (find_request_text (answer, entry));
      if (entry != NULL)
        entry->asked = TRUE;
      put_up (lookup->board);
    }
  g_free (lookup->id);
  g_free (lookup);
}

static gboolean
look_up (KithNoticeBoard *self, KithNoticeEntry *entry)
{
  Lookup *lookup;

  if (!entry->request || entry->text != NULL || entry->asked || entry->shown)
    return FALSE;
  for (guint i = 0; i < self->lookups->len; i++)
    if (g_str_equal (((Lookup *) g_ptr_array_index (self->lookups, i))->id, entry->id))
      return TRUE;
  lookup = g_new0 (Lookup, 1);
  lookup->board = self;
  lookup->id = g_strdup (entry->id);
  g_ptr_array_add (self->lookups, lookup);
  kith_host_ask_async (self->host, "GET", "/requests", NULL, NULL, on_requests, lookup);
  return TRUE;
}

static gboolean
fold (KithNoticeBoard *self, KithNoticeEntry *entry)
{
  if (entry->username == NULL || entry->shown || count_shown (self) < MAX_SHOWN)
    return FALSE;
  entry->folded = TRUE;
  entry->dirty = FALSE;
  return TRUE;
}

/* Everything that is due. Who cannot be shown now waits for "ready", or for the end of the silence. */
static void
put_up (KithNoticeBoard *self)
{
  gint64 now_us = kith_host_get_time_us (self->host), next_us = G_MAXINT64;
  gboolean folded = FALSE;

  for (guint i = 0; i < self->entries->len && !is_held (self); i++)
    {
      KithNoticeEntry *entry = g_ptr_array_index (self->entries, i);

      if (!entry->dirty)
        continue;
      if (entry->due_us > now_us)
        next_us = MIN (next_us, entry->due_us);
      else if (fold (self, entry))
        folded = TRUE;
      else if (kith_notifier_can_show (self->notifier, entry->id) && !look_up (self, entry))
        {
          folded |= entry->folded;
          show (self, entry);
        }
    }
  if (next_us != G_MAXINT64)
    set_timer (self, next_us - now_us);
  if (folded)
    update_more (self);
}

static void
drop (KithNoticeBoard *self, KithNoticeEntry *entry)
{
  gboolean folded = entry->folded;

  kith_notifier_withdraw (self->notifier, entry->id);
  g_ptr_array_remove (self->entries, entry);
  if (folded)
    update_more (self);
}

/* The one notification for all that have none of their own. */
static void
update_more (KithNoticeBoard *self)
{
  KithNoticeEntry *more;
  guint n = 0;

  for (guint i = 0; i < self->entries->len; i++)
    n += ((KithNoticeEntry *) g_ptr_array_index (self->entries, i))->folded;
  more = n > 0 ? take_entry (self, MORE_ID, NULL, FALSE) : find_entry (self, MORE_ID);
  if (more == NULL || more->count == n)
    return;
  more->count = n;
  if (n > 0)
    touch (self, more);
  else
    drop (self, more);
}

/* --- what the notifier says */

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree char *what = data;
  g_autoptr (GError) error = NULL;

  if (!kith_host_ask_finish (KITH_HOST (source), result, NULL, &error)
      && !g_error_matches (error, KITH_ERROR, KITH_ERROR_CLOSED))
    g_warning ("%s from a notification failed: %s", what, error->message);
}

static void
on_marked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!kith_host_mark_read_finish (KITH_HOST (source), result, &error)
      && !g_error_matches (error, KITH_ERROR, KITH_ERROR_CLOSED))
    g_warning ("marking as read from a notification failed: %s", error->message);
}

static void
ask (KithNoticeBoard *self, const char *method, const char *path, JsonObject *body)
{
  kith_host_ask_async (self->host, method, path, body, NULL, on_done, g_strconcat (method, " ", path, NULL));
}

static void
decide (KithNoticeBoard *self, const KithNoticeEntry *entry, gboolean accepted)
{
  g_autofree char *name = g_uri_escape_string (entry->username, NULL, FALSE);
  g_autofree char *path = g_strconcat ("/requests/", name, accepted ? "/accept" : NULL, NULL);

  ask (self, accepted ? "POST" : "DELETE", path, NULL);
}

/* A stranger has no conversation yet: any window shows their request. */
static void
open_window (KithNoticeBoard *self, const KithNoticeEntry *entry)
{
  JsonObject *body = json_object_new ();

  if (!entry->request)
    json_object_set_string_member (body, KITH_KEY_USERNAME, entry->username);
  ask (self, "POST", "/windows/open", body);
}

static void
mark_read (KithNoticeBoard *self, const KithNoticeEntry *entry)
{
  KithFriend *friend = kith_host_find_friend (self->host, entry->username);

  if (friend != NULL && entry->msg_id != NULL)
    kith_host_mark_read_async (self->host, friend, entry->msg_id,
                               !kith_friend_get_blocked (friend) && kith_friend_allows (friend, KITH_ALLOW_RECEIPTS),
                               NULL, on_marked, NULL);
}

static void
on_action (const char *id, KithNotifyAction action, gpointer data)
{
  KithNoticeBoard *self = data;
  KithNoticeEntry *entry = find_entry (self, id);

  if (entry == NULL || entry->username == NULL)
    return;
  switch (action)
    {
    case KITH_ACTION_OPEN:
      open_window (self, entry);
      break;
    case KITH_ACTION_MARK_READ:
      mark_read (self, entry);
      break;
    case KITH_ACTION_ACCEPT:
      decide (self, entry, TRUE);
      break;
    case KITH_ACTION_REFUSE:
      decide (self, entry, FALSE);
      break;
    default:
      return;
    }
  drop (self, entry);
}

/* What comes next in this conversation is put up anew. */
static void
on_closed (const char *id, gpointer data)
{
  KithNoticeEntry *entry = find_entry (data, id);

  if (entry != NULL)
    entry->shown = FALSE;
}

static void
on_failed (const char *id, gpointer data)
{
  KithNoticeEntry *entry = find_entry (data, id);

  if (entry == NULL)
    return;
  entry->shown = FALSE;
  entry->dirty = TRUE;
}

static void
on_ready (gpointer data)
{
  put_up (data);
}

static const KithNotifierFuncs notifier_funcs = { on_action, on_closed, on_failed, on_ready };

/* --- the board */

KithNoticeBoard *
kith_notice_board_new (KithHost *host)
{
  KithNoticeBoard *self = g_new0 (KithNoticeBoard, 1);

  self->host = g_object_ref (host);
  self->settings = g_object_ref (kith_host_get_settings (host));
  self->entries = g_ptr_array_new_with_free_func (kith_notice_entry_free);
  self->lookups = g_ptr_array_new ();
  self->notifier = kith_notifier_new (host, &notifier_funcs, self);
  return self;
}

void
kith_notice_board_free (KithNoticeBoard *self)
{
  kith_host_drop_timer (self->host, self->timer);
  kith_notifier_free (self->notifier);
  for (guint i = 0; i < self->lookups->len; i++)
    ((Lookup *) g_ptr_array_index (self->lookups, i))->board = NULL;
  g_ptr_array_unref (self->lookups);
  g_ptr_array_unref (self->entries);
  g_object_unref (self->settings);
  g_object_unref (self->host);
  g_free (self);
}

void
kith_notice_board_clear (KithNoticeBoard *self, GTask *task)
{
  g_ptr_array_set_size (self->entries, 0);
  kith_notifier_leave (self->notifier, task);
}

void
kith_notice_board_add_message (KithNoticeBoard *self, const char *username, const char *msg_id, const char *text)
{
  g_autofree char *id = make_id (username, FALSE);
  KithNoticeEntry *entry = take_entry (self, id, username, FALSE);

  entry->count++;
  g_free (entry->msg_id);
  entry->msg_id = g_strdup (msg_id);
  g_free (entry->text);
  entry->text = g_strdup (text);
  touch (self, entry);
}

void
kith_notice_board_add_request (KithNoticeBoard *self, const char *username, const char *text)
{
  g_autofree char *id = make_id (username, TRUE);
  KithNoticeEntry *entry;

  if (g_settings_get_boolean (self->settings, "only-friends"))
    return;
  entry = take_entry (self, id, username, TRUE);
  g_free (entry->text);
  entry->text = g_strdup (text);
  touch (self, entry);
}

void
kith_notice_board_set_unread (KithNoticeBoard *self, const char *username, guint count)
{
  KithNoticeEntry *entry = find_chat (self, username);

  if (count == 0)
    kith_notice_board_drop_chat (self, username);
  else if (entry != NULL && entry->count != count)
    {
      entry->count = count;
      if (entry->shown || entry->dirty)
        touch (self, entry);
    }
}

void
kith_notice_board_change_text (KithNoticeBoard *self, const char *username, const char *msg_id, const char *text)
{
  KithNoticeEntry *entry = find_chat (self, username);

  if (entry == NULL || g_strcmp0 (entry->msg_id, msg_id) != 0)
    return;
  g_free (entry->text);
  entry->text = g_strdup (text);
  if (entry->shown || entry->dirty)
    touch (self, entry);
}

static void
drop_id (KithNoticeBoard *self, const char *username, gboolean request)
{
  g_autofree char *id = make_id (username, request);
  KithNoticeEntry *entry = find_entry (self, id);

  if (entry != NULL)
    drop (self, entry);
  else
    kith_notifier_withdraw (self->notifier, id);
}

void
kith_notice_board_drop_chat (KithNoticeBoard *self, const char *username)
{
  drop_id (self, username, FALSE);
}

void
kith_notice_board_drop_request (KithNoticeBoard *self, const char *username)
{
  drop_id (self, username, TRUE);
}

void
kith_notice_board_refresh (KithNoticeBoard *self)
{
  gboolean only_friends = g_settings_get_boolean (self->settings, "only-friends");

  for (guint i = self->entries->len; i > 0; i--)
    {
      KithNoticeEntry *entry;

      /* The last of the folded takes the one for all others with it. */
      if (i > self->entries->len)
        continue;
      entry = g_ptr_array_index (self->entries, i - 1);
      if (entry->request && only_friends)
        drop (self, entry);
      else if (entry->shown)
        touch (self, entry);
    }
  put_up (self);
}
