/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-chat"
#include "kith-chat-private.h"
#include "kith-event-private.h"
#include "kith-table-plugin.h"
#include "kith-inbox-private.h"
#include "kith-json-writer.h"
#include "kith-log.h"
#include "kith-outbox.h"
#include "kith-post.h"
#include "kith-quarantine.h"
#include "kith-search.h"
#include "kith-table-mail.h"
#include "kith-table-resend.h"
#include "kith-table-trace.h"
#include "kith-table-waiting.h"
#include "kith-waiting.h"

#define STATUS_KEY "chat-status"
#define PRUNE_MS (60 * 60 * 1000)
#define RESEND_DAYS 14
#define DAY_MS (G_GINT64_CONSTANT (86400) * 1000)
#define PRUNE_ROWS 50

G_DEFINE_FINAL_TYPE (KithChat, kith_chat, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_USERNAME,
  PROP_ALLOW_PRESENCE,
  PROP_ALLOW_TYPING,
  PROP_ALLOW_RECEIPTS,
  PROP_STATUS,
  N_PROPS
};
static GParamSpec *properties[N_PROPS];

enum
{
  SIGNAL_CONNECTION,
  SIGNAL_PEOPLE,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

/* --- the links speak to outbox and inbox */

static void
on_up (gpointer chat, KithPerson *person, KithLink *link)
{
  kith_outbox_up (KITH_CHAT (chat)->outbox, person, link);
}

static void
on_down (gpointer chat, KithPerson *person, KithLink *link)
{
  kith_outbox_down (KITH_CHAT (chat)->outbox, person, link);
}

static void
on_envelope (gpointer chat, KithLink *link, const KithLinkPeer *peer, guint32 n, GBytes *wire)
{
  kith_inbox_take (KITH_CHAT (chat)->inbox, link, peer, n, wire);
}

static void
on_acked (gpointer chat, KithLink *link, KithPerson *person, const KithLinkOutcome *outcomes, guint n)
{
  kith_outbox_acked (KITH_CHAT (chat)->outbox, person, link, outcomes, n);
}

static void
on_room (gpointer chat, KithLink *link, KithPerson *person)
{
  kith_outbox_room (KITH_CHAT (chat)->outbox, person, link);
}

static void
on_bundle (gpointer chat, KithLink *link, KithPerson *person, GBytes *bundle)
{
  kith_outbox_bundle (KITH_CHAT (chat)->outbox, person, bundle);
}

static void
on_newer_device (gpointer chat, KithPerson *person, guint32 device)
{
  kith_outbox_renew (KITH_CHAT (chat)->outbox, person->row.id);
}

static void
on_connection (gpointer chat, KithTransport *transport)
{
  if (KITH_IS_MAILBOX_TRANSPORT (transport))
    kith_post_look (KITH_CHAT (chat)->post);
  g_signal_emit (chat, signals[SIGNAL_CONNECTION], 0, kith_transport_get_id (transport));
}

void
kith_chat_tell_people (KithChat *chat)
{
  g_signal_emit (chat, signals[SIGNAL_PEOPLE], 0);
}

const KithLinksHooks kith_chat_hooks = {
  .up = on_up,
  .down = on_down,
  .envelope = on_envelope,
  .acked = on_acked,
  .room = on_room,
  .bundle = on_bundle,
  .newer_device = on_newer_device,
  .connection = on_connection,
};

void
kith_chat_tell_unread (KithChat *chat, KithPerson *person)
{
  g_auto (KithJsonWriter) w = { NULL };
  g_autoptr (GBytes) data = NULL;
  g_autoptr (KithEvent) event = NULL;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_PEER, person->row.name);
  kith_json_writer_member_int (&w, KITH_KEY_COUNT, person->row.unread);
  kith_json_writer_end_object (&w);
  data = kith_json_writer_finish (&w);
  event = kith_event_new_trusted (KITH_EVENT_UNREAD, data);
  kith_bus_tell_event (chat->bus, event);
}

/* --- what has outlived its time */

static gboolean prune (gpointer data);

typedef struct
{
  KithChat *chat;
  gboolean more;
} Pruning;

static gboolean
run_prune (KithDb *db, gpointer data, GError **error)
{
  Pruning *pruning = data;

  gint64 now_ms = kith_world_get_date_ms (pruning->chat->world);
  gboolean more_steps, more_sent, more_mail, more_failed;

  if (!kith_table_waiting_prune (db, now_ms, PRUNE_ROWS, &pruning->more, error)
      || !kith_table_trace_prune (db, now_ms, PRUNE_ROWS, &more_steps, error)
      || !kith_table_resend_prune (db, now_ms / DAY_MS - RESEND_DAYS, PRUNE_ROWS, &more_sent, error)
      || !kith_table_mail_prune (db, now_ms, PRUNE_ROWS, &more_mail, error)
      || !kith_post_expire (db, now_ms, PRUNE_ROWS, &more_failed, error))
    return FALSE;
  pruning->more |= more_steps || more_sent || more_mail || more_failed;
  return TRUE;
}

static void
on_pruned (gpointer data, const GError *error)
{
  Pruning *pruning = data;

  if (error == NULL && pruning->more && !pruning->chat->stopped)
    prune (pruning->chat);
}

static void
pruning_free (gpointer data)
{
  g_object_unref (((Pruning *)data)->chat);
  g_free (data);
}

static gboolean
prune (gpointer data)
{
  KithChat *self = data;
  Pruning *pruning = g_new0 (Pruning, 1);

  pruning->chat = g_object_ref (self);
  kith_store_submit (self->store, KITH_LANE_BULK, run_prune, on_pruned, pruning, pruning_free);
  return G_SOURCE_CONTINUE;
}

/* --- start */

typedef struct
{
  KithChat *chat;
  GTask *task;
  GArray *rows; /* of KithPersonRow */
  GPtrArray *kinds; /* of char*: of plugins */
  char *status;
} Loading;

static void
loading_free (gpointer data)
{
  Loading *loading = data;

  g_array_unref (loading->rows);
  g_clear_pointer (&loading->kinds, g_ptr_array_unref);
  g_free (loading->status);
  g_object_unref (loading->task);
  g_free (loading);
}

static void
keep_row (const KithPersonRow *row, gpointer data)
{
  KithPersonRow copy = { 0 };

  kith_person_row_copy (&copy, row);
  g_array_append_val ((GArray *)data, copy);
}

/* A job, not a read: it also sets where the outbox's numbering goes on, which belongs to jobs. */
static gboolean
run_loading (KithDb *db, gpointer data, GError **error)
{
  Loading *loading = data;
  GError *failed = NULL;

  g_array_set_size (loading->rows, 0);
  g_free (loading->status);
  loading->status = kith_db_get_meta (db, STATUS_KEY, &failed);
  if (failed != NULL)
    {
      g_propagate_error (error, failed);
      return FALSE;
    }
  kith_outbox_load (loading->chat->outbox, db);
  g_clear_pointer (&loading->kinds, g_ptr_array_unref);
  loading->kinds = kith_db_list_kinds (db, error);
  if (loading->kinds == NULL)
    return FALSE;
  return kith_table_people_each (db, keep_row, loading->rows, error);
}

static void
on_loaded (gpointer data, const GError *error)
{
  Loading *loading = data;
  KithChat *self = loading->chat;

  if (error != NULL)
    {
      g_task_return_error (loading->task, g_error_copy (error));
      return;
    }
  if (self->stopped)
    {
      g_task_return_new_error (loading->task, KITH_ERROR, KITH_ERROR_CLOSED, "the daemon is stopping");
      return;
    }
  if (loading->status != NULL)
    kith_presence_from_status (loading->status, &self->status);
  for (guint i = 0; i < loading->rows->len; i++)
    kith_people_apply (self->people, &g_array_index (loading->rows, KithPersonRow, i));
  self->started = TRUE;
  kith_inbox_recall_kinds (self->inbox, loading->kinds);
  kith_chat_people_open (self);
  kith_inbox_start_kinds (self->inbox);
  kith_quarantine_start (self->quarantine);
  kith_search_note (self->search);
  self->prune_timer = kith_world_add_timer (self->world, PRUNE_MS, prune, self, NULL);
  prune (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATUS]);
  /* What a window knew of unread counts before the restart is told anew. */
  for (guint i = 0; i < loading->rows->len; i++)
    if (g_array_index (loading->rows, KithPersonRow, i).unread > 0)
      kith_inbox_note_unread (self->inbox, g_array_index (loading->rows, KithPersonRow, i).id);
  g_task_return_boolean (loading->task, TRUE);
}

void
kith_chat_start_async (KithChat *self, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Loading *loading = g_new0 (Loading, 1);

  loading->chat = self;
  loading->task = g_task_new (self, c, cb, data);
  g_task_set_source_tag (loading->task, kith_chat_start_async);
  loading->rows = g_array_new (FALSE, FALSE, sizeof (KithPersonRow));
  g_array_set_clear_func (loading->rows, (GDestroyNotify)kith_person_row_clear);
  kith_store_submit (self->store, KITH_LANE_FRONT, run_loading, on_loaded, loading, loading_free);
}

gboolean
kith_chat_start_finish (KithChat *self, GAsyncResult *r, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (r, self), FALSE);
  return g_task_propagate_boolean (G_TASK (r), error);
}

void
kith_chat_stop (KithChat *self)
{
  if (self->stopped)
    return;
  self->stopped = TRUE;
  if (self->prune_timer != 0)
    kith_world_drop_timer (self->world, self->prune_timer);
  self->prune_timer = 0;
  g_clear_pointer (&self->waiting, kith_waiting_free);
  kith_post_stop (self->post);
  kith_quarantine_stop (self->quarantine);
  if (self->started)
    kith_chat_people_close (self);
}

/* --- the object */

KithChat *
kith_chat_new (KithWorld *world, KithStore *store, KithKeys *keys, KithBus *bus, const char *username)
{
  KithChat *self = g_object_new (KITH_TYPE_CHAT, NULL);

  self->world = kith_world_ref (world);
  self->store = g_object_ref (store);
  self->keys = g_object_ref (keys);
  self->bus = g_object_ref (bus);
  self->username = g_ref_string_new (username);
  self->people = kith_people_new ();
  self->outbox = kith_outbox_new (self);
  self->inbox = kith_inbox_new (self);
  self->waiting = kith_waiting_new (self);
  self->post = kith_post_new (self);
  self->quarantine = kith_quarantine_new (self);
  self->search = kith_search_new (self);
  return self;
}

static void
kith_chat_init (KithChat *self)
{
  self->directories = g_ptr_array_new_with_free_func (g_object_unref);
  self->status = KITH_PRESENCE_ONLINE;
  for (guint i = 0; i < G_N_ELEMENTS (self->allow); i++)
    self->allow[i] = TRUE;
}

static void
kith_chat_finalize (GObject *object)
{
  KithChat *self = KITH_CHAT (object);

  kith_chat_stop (self);
  /* Not before: until a link has said its CLOSE, the outbox knows it. */
  g_clear_pointer (&self->links, kith_links_free);
  kith_search_free (self->search);
  kith_inbox_free (self->inbox);
  kith_outbox_free (self->outbox);
  kith_post_free (self->post);
  kith_quarantine_free (self->quarantine);
  kith_people_free (self->people);
  g_ptr_array_unref (self->directories);
  g_ref_string_release (self->username);
  g_object_unref (self->bus);
  g_object_unref (self->keys);
  g_object_unref (self->store);
  kith_world_unref (self->world);
  G_OBJECT_CLASS (kith_chat_parent_class)->finalize (object);
}

static void
kith_chat_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  KithChat *self = KITH_CHAT (object);

  switch (id)
    {
    case PROP_USERNAME:
      g_value_set_string (value, self->username);
      break;
    case PROP_ALLOW_PRESENCE:
    case PROP_ALLOW_TYPING:
    case PROP_ALLOW_RECEIPTS:
      g_value_set_boolean (value, self->allow[id - PROP_ALLOW_PRESENCE]);
      break;
    case PROP_STATUS:
      g_value_set_enum (value, self->status);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
set_username (KithChat *self, const char *username)
{
  if (g_str_equal (self->username, username))
    return;
  g_ref_string_release (self->username);
  self->username = g_ref_string_new (username);
  if (self->started)
    kith_chat_people_settings (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_USERNAME]);
}

static void
kith_chat_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  KithChat *self = KITH_CHAT (object);

  switch (id)
    {
    case PROP_USERNAME:
      set_username (self, g_value_get_string (value));
      break;
    case PROP_ALLOW_PRESENCE:
    case PROP_ALLOW_TYPING:
    case PROP_ALLOW_RECEIPTS:
      if (self->allow[id - PROP_ALLOW_PRESENCE] == g_value_get_boolean (value))
        break;
      self->allow[id - PROP_ALLOW_PRESENCE] = g_value_get_boolean (value);
      if (self->started)
        kith_chat_people_settings (self);
      g_object_notify_by_pspec (object, pspec);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
kith_chat_class_init (KithChatClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = kith_chat_finalize;
  object_class->get_property = kith_chat_get_property;
  object_class->set_property = kith_chat_set_property;
  properties[PROP_USERNAME] = g_param_spec_string ("username", NULL, NULL, NULL, flags);
  properties[PROP_ALLOW_PRESENCE] = g_param_spec_boolean ("allow-presence", NULL, NULL, TRUE, flags);
  properties[PROP_ALLOW_TYPING] = g_param_spec_boolean ("allow-typing", NULL, NULL, TRUE, flags);
  properties[PROP_ALLOW_RECEIPTS] = g_param_spec_boolean ("allow-receipts", NULL, NULL, TRUE, flags);
  properties[PROP_STATUS] = g_param_spec_enum ("status", NULL, NULL, KITH_TYPE_PRESENCE, KITH_PRESENCE_ONLINE,
                                               G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);
  signals[SIGNAL_CONNECTION] = g_signal_new ("connection", KITH_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                             G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SIGNAL_PEOPLE] = g_signal_new ("people", KITH_TYPE_CHAT, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                                         0);
}
