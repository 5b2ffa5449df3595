/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define G_LOG_DOMAIN "kith-api"
#include "kith-windows.h"

#include <string.h>

#include "kith-json-writer.h"
#include "kith-latest.h"
#include "kith-log.h"
#include "kith-client.h"
#include "kith-told.h"

#define KITH_WINDOWS_BUDGET (1024 * 1024)
#define KITH_WINDOWS_HOT (4 * 1024 * 1024)

struct _KithWindows
{
  GObject parent_instance;

  KithWorld *world;
  KithBus *bus;
  KithStore *store;
  KithClientHome home;
  GQueue windows;
  KithLog *log;
  KithLatest *latest;
  gulong listening;
  guint budget;
  guint64 n_delivered, n_overrun;
  gboolean stopped;
};

G_DEFINE_FINAL_TYPE (KithWindows, kith_windows, G_TYPE_OBJECT)

enum
{
  PROP_BUDGET = 1,
  N_PROPS,
};

static GParamSpec *props[N_PROPS];

/* --- frames */

/* {"event":NAME,"data":DATA,"seq":N}; names of events need no escape. Any thread. */
static GBytes *
make_frame (const char *event, const char *data, gsize n, gint64 seq)
{
  gsize room = strlen (event) + n + 64, at;
  char *text = g_malloc (room);

  at = g_strlcpy (text, "{\"event\":\"", room);
  at += g_strlcpy (text + at, event, room - at);
  at += g_strlcpy (text + at, "\",\"data\":", room - at);
  memcpy (text + at, data, n);
  at += n;
  if (seq > 0)
    at += (gsize) g_snprintf (text + at, room - at, ",\"seq\":%" G_GINT64_FORMAT, seq);
  text[at++] = '}';
  return kith_frame_text_take (text, at);
}

static gboolean
add_to_page (gint64 seq, const char *event, const char *data, gsize n, gpointer page)
{
  return kith_log_page_add (page, seq, make_frame (event, data, n, seq));
}

/* Until the page has enough, or there are no more: a page that is not cut is the end. */
static gboolean
load_journal (KithDb *db, gint64 after, KithLogPage *page, gpointer data, GError **error)
{
  return kith_db_foreach_journal (db, after, G_MAXUINT, add_to_page, page, error);
}

static GBytes *
make_resync (const KithJournalBounds *bounds)
{
  g_auto (KithJsonWriter) w;
  g_autoptr (GBytes) data = NULL;
  gsize n;
  const char *text;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, KITH_KEY_EPOCH, bounds->epoch);
  kith_json_writer_member_int (&w, KITH_KEY_OLDEST, bounds->oldest);
  kith_json_writer_member_int (&w, KITH_KEY_NEWEST, bounds->newest);
  kith_json_writer_end_object (&w);
  data = kith_json_writer_finish (&w);
  text = g_bytes_get_data (data, &n);
  return make_frame (KITH_EVENT_RESYNC, text, n, 0);
}

/* --- what happens */

static void
broadcast (KithWindows *self, GBytes *frame, gboolean live_only)
{
  for (GList *l = self->windows.head, *next; l != NULL; l = next)
    {
      next = l->next;
      if (!live_only || kith_client_is_live (l->data))
        self->n_delivered += kith_client_send (l->data, frame);
    }
}

static void
close_overrun (KithWindows *self)
{
  for (GList *l = self->windows.head, *next; l != NULL; l = next)
    {
      next = l->next;
      if (!kith_client_is_overrun (l->data))
        continue;
      kith_info ("window %" G_GUINT64_FORMAT " does not read and is closed", kith_client_get_client (l->data));
      self->n_overrun++;
      kith_client_close (l->data, 1013, "too far behind: come again with since");
    }
}

static void
on_event (KithBus *bus, KithEvent *event, KithWindows *self)
{
  const char *name = kith_event_get_name (event);
  const KithEventSpec *spec = kith_bus_find_event (bus, name);
  gint64 seq = kith_event_get_seq (event);
  gsize n;
  const char *data = g_bytes_get_data (kith_event_get_bytes (event), &n);
  g_autoptr (GBytes) frame = make_frame (name, data, n, seq);

  kith_told_frame (self->bus, frame, FALSE);
  if (seq > 0)
    {
      /* The text is out of the database; what is in memory follows. */
      if (strcmp (name, KITH_EVENT_MESSAGE_DELETED) == 0)
        kith_log_forget (self->log);
      kith_log_append (self->log, seq, frame);
      self->n_delivered += self->windows.length;
      close_overrun (self);
      return;
    }
  if (spec != NULL && spec->keep == KITH_KEEP_LATEST)
    {
      KithJournalBounds bounds;

      kith_store_get_journal (self->store, &bounds);
      kith_latest_put (self->latest, spec, event, bounds.newest, frame);
    }
  broadcast (self, frame, spec != NULL && spec->keep == KITH_KEEP_LATEST);
}

/* --- what windows say */

static void
give_latest (GBytes *frame, gpointer window)
{
  kith_client_send (window, frame);
}

static void
on_caught_up (KithClient *window, gpointer data)
{
  KithWindows *self = data;

  kith_latest_each (self->latest, kith_client_get_from (window), give_latest, window);
}

static void
on_shown (gint64 seq, gpointer data)
{
  kith_store_set_shown (((KithWindows *) data)->store, seq);
}

static void
on_lost (KithClient *window, gpointer data)
{
  KithWindows *self = data;
  KithJournalBounds bounds;
  g_autoptr (GBytes) frame = NULL;

  kith_store_get_journal (self->store, &bounds);
  frame = make_resync (&bounds);
  kith_told_frame (self->bus, frame, FALSE);
  kith_client_send (window, frame);
}

static void
on_closed (KithClient *window, gpointer data)
{
  KithWindows *self = data;

  g_queue_unlink (&self->windows, kith_client_get_link (window));
  if (!self->stopped)
    kith_bus_tell_client (self->bus, FALSE, kith_client_get_client (window));
  g_object_unref (self);
}

static const KithClientFuncs window_funcs = { on_caught_up, on_shown, on_lost, on_closed };

/* --- coming in */

static gboolean
parse_since (const char *text, gint64 *since)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &value, NULL) || !g_ascii_isdigit (*text))
    return FALSE;
  *since = (gint64) value;
  return TRUE;
}

/* Where it starts. TRUE: it must be told to load everything anew. */
static gboolean
find_start (KithWindows *self, const char *since, gint64 position, const char *epoch, gint64 *from)
{
  KithJournalBounds bounds;

  kith_store_get_journal (self->store, &bounds);
  if (since == NULL)
    {
      *from = MAX (bounds.shown, bounds.oldest - 1);
      return FALSE;
    }
  *from = position;
  if ((epoch == NULL || strcmp (epoch, bounds.epoch) == 0) && position >= bounds.oldest - 1
      && position <= bounds.newest)
    return FALSE;
  *from = bounds.newest;
  return TRUE;
}

void
kith_windows_open (KithWindows *self, KithExchange *exchange)
{
  GHashTable *query = kith_exchange_get_query (exchange);
  const char *since = g_hash_table_lookup (query, KITH_KEY_SINCE);
  const char *epoch = g_hash_table_lookup (query, KITH_KEY_EPOCH);
  gboolean open = kith_store_get_state (self->store) == KITH_STORE_OPEN;
  gint64 position = 0, from = 0;
  gboolean resync;
  KithClient *window;
  KithSocket *socket;

  if (since != NULL && !parse_since (since, &position))
    {
      kith_exchange_answer_error (exchange, 400, "since must be the seq of an event: a whole number, 0 or more", NULL);
      return;
    }
  window = kith_client_new (&self->home);
  socket = kith_exchange_upgrade (exchange, &kith_client_socket_funcs, window, NULL);
  if (socket == NULL)
    {
      kith_client_drop (window);
      return;
    }
  kith_client_take (window, socket);
  g_object_ref (self);
  g_queue_push_tail_link (&self->windows, kith_client_get_link (window));
  resync = find_start (self, since, position, epoch, &from);
  if (resync)
    on_lost (window, self);
  kith_client_follow (window, open ? self->log : NULL, from, self->budget - self->budget / 4);
  kith_bus_tell_client (self->bus, TRUE, kith_client_get_client (window));
}

/* --- the object */

static void
kith_windows_set_property (GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  KithWindows *self = KITH_WINDOWS (object);

  if (id != PROP_BUDGET)
    {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
      return;
    }
  if (self->budget == g_value_get_uint (value))
    return;
  self->budget = g_value_get_uint (value);
  g_object_notify_by_pspec (object, spec);
}

static void
kith_windows_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  if (id == PROP_BUDGET)
    g_value_set_uint (value, KITH_WINDOWS (object)->budget);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
kith_windows_finalize (GObject *object)
{
  KithWindows *self = KITH_WINDOWS (object);

  g_clear_signal_handler (&self->listening, self->bus);
  g_clear_pointer (&self->log, kith_log_unref);
  g_clear_pointer (&self->latest, kith_latest_free);
  g_object_unref (self->home.catalog);
  g_object_unref (self->store);
  g_object_unref (self->bus);
  kith_world_unref (self->world);
  G_OBJECT_CLASS (kith_windows_parent_class)->finalize (object);
}

static void
kith_windows_class_init (KithWindowsClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = kith_windows_set_property;
  object_class->get_property = kith_windows_get_property;
  object_class->finalize = kith_windows_finalize;
  props[PROP_BUDGET] = g_param_spec_uint ("budget", NULL, NULL, 16 * 1024, G_MAXINT, KITH_WINDOWS_BUDGET,
                                          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
kith_windows_init (KithWindows *self)
{
  g_queue_init (&self->windows);
  self->budget = KITH_WINDOWS_BUDGET;
  self->latest = kith_latest_new ();
  self->home.funcs = &window_funcs;
  self->home.data = self;
}

KithWindows *
kith_windows_new (KithWorld *world, KithBus *bus, KithStore *store, KithCatalog *catalog)
{
  KithWindows *self = g_object_new (KITH_TYPE_WINDOWS, NULL);

  self->world = kith_world_ref (world);
  self->bus = g_object_ref (bus);
  self->store = g_object_ref (store);
  self->home.catalog = g_object_ref (catalog);
  self->log = kith_log_new (store, load_journal, NULL, NULL, KITH_WINDOWS_HOT);
  self->listening = g_signal_connect (bus, "event", G_CALLBACK (on_event), self);
  return self;
}

guint
kith_windows_get_n (KithWindows *self)
{
  return self->windows.length;
}

guint64
kith_windows_get_n_delivered (KithWindows *self)
{
  return self->n_delivered;
}

guint64
kith_windows_get_n_overrun (KithWindows *self)
{
  return self->n_overrun;
}

static void
close_all (KithWindows *self, guint code, const char *reason)
{
  for (GList *l = self->windows.head, *next; l != NULL; l = next)
    {
      next = l->next;
      kith_client_close (l->data, code, reason);
    }
}

void
kith_windows_restart (KithWindows *self)
{
  close_all (self, 1012, "the store was opened anew: come again");
  kith_latest_clear (self->latest);
  kith_log_unref (self->log);
  self->log = kith_log_new (self->store, load_journal, NULL, NULL, KITH_WINDOWS_HOT);
}

void
kith_windows_stop (KithWindows *self)
{
  self->stopped = TRUE;
  g_clear_signal_handler (&self->listening, self->bus);
  close_all (self, 1001, "kithd is stopping");
}
