/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the whole-daemon figures need inside the daemon: a broadcast that costs nothing but the broadcast, and a sender
 * that keeps many messages in flight. Built for tests/bench only, installed nowhere. */
#include <kith/kith.h>

struct _BenchPlugin
{
  KithPlugin parent_instance;

  KithFriend *to;
  char *text;
  gint64 left;       /* still to be sent */
  gint64 in_flight;  /* sent and not yet delivered */
  gint64 window;
};

#define BENCH_TYPE_PLUGIN (bench_plugin_get_type ())
G_DECLARE_FINAL_TYPE (BenchPlugin, bench_plugin, BENCH, PLUGIN, KithPlugin)
G_DEFINE_FINAL_TYPE (BenchPlugin, bench_plugin, KITH_TYPE_PLUGIN)

#define OPTIONAL .flags = KITH_FIELD_OPTIONAL, .doc = "as in new_message"

static const KithField message_fields[] = {
  { .name = "msg_id", .type = KITH_FIELD_ID, .doc = "any id" },
  { .name = "text", .type = KITH_FIELD_STRING, .limit = 65536, .doc = "a stamp and padding" },
  { .name = "from", .type = KITH_FIELD_USERNAME, OPTIONAL },
  { .name = "to", .type = KITH_FIELD_USERNAME, OPTIONAL },
  { .name = "timestamp", .type = KITH_FIELD_TIME, OPTIONAL },
  { .name = "direction", .type = KITH_FIELD_STRING, .limit = 16, OPTIONAL },
  { .name = "delivered", .type = KITH_FIELD_BOOLEAN, OPTIONAL },
  { .name = "delivery_method", .type = KITH_FIELD_STRING, .limit = 16, OPTIONAL },
  { 0 },
};

static const KithField flood_fields[] = {
  { .name = "to", .type = KITH_FIELD_USERNAME, .doc = "a friend" },
  { .name = "count", .type = KITH_FIELD_INTEGER, .doc = "messages in all" },
  { .name = "window", .type = KITH_FIELD_INTEGER, .doc = "messages in flight" },
  { .name = "size", .type = KITH_FIELD_INTEGER, .doc = "bytes of each text" },
  { 0 },
};

static const KithEventSpec message_event = {
  .name = "x.bench.message", .keep = KITH_KEEP_NONE, .fields = message_fields, .doc = "What x.bench.broadcast said",
};

static const KithEventSpec broadcast_command = {
  .name = "x.bench.broadcast", .fields = message_fields, .doc = "Shows its data to every window",
};

static const KithEventSpec flood_command = {
  .name = "x.bench.flood", .fields = flood_fields, .doc = "Sends many messages",
};

static void
on_broadcast (KithRequest *request, gpointer data)
{
  KithHost *host = kith_plugin_get_host (KITH_PLUGIN (data));

  kith_host_publish (host, kith_event_new (message_event.name, json_object_ref (kith_request_get_body (request))));
  kith_request_answer (request, 200, NULL);
}

static void bench_plugin_fill (BenchPlugin *self);

static void
on_sent (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BenchPlugin) self = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = kith_host_send_finish (KITH_HOST (source), result, &error);

  if (!id)
    {
      g_warning ("A message was not taken: %s", error->message);
      self->in_flight--;
      if (!g_error_matches (error, KITH_ERROR, KITH_ERROR_CLOSED))
        bench_plugin_fill (self);
    }
}

static void
bench_plugin_fill (BenchPlugin *self)
{
  KithHost *host = kith_plugin_get_host (KITH_PLUGIN (self));

  while (host && self->left > 0 && self->in_flight < self->window)
    {
      JsonObject *message = json_object_new ();
      json_object_set_string_member (message, "text", self->text);
      self->left--;
      self->in_flight++;
      kith_host_send_async (host, self->to, "message", message, NULL, on_sent, g_object_ref (self));
    }
}

static void
on_delivered (KithBus *bus, KithEvent *event, BenchPlugin *self)
{
  if (self->in_flight > 0)
    self->in_flight--;
  bench_plugin_fill (self);
}

static void
on_flood (KithRequest *request, gpointer data)
{
  BenchPlugin *self = data;
  JsonObject *body = kith_request_get_body (request);
  const char *to = json_object_get_string_member (body, "to");
  gint64 size = json_object_get_int_member (body, "size");
  KithFriend *friend = kith_host_find_friend (kith_plugin_get_host (KITH_PLUGIN (self)), to);

  if (!friend || size < 1 || size > 10000)
    {
      kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_INVALID,
                                               "\"to\" is no friend or \"size\" not 1 to 10000"));
      return;
    }
  g_set_object (&self->to, friend);
  g_free (self->text);
  self->text = g_strnfill ((gsize) size, 'x');
  self->window = json_object_get_int_member (body, "window");
  self->left = json_object_get_int_member (body, "count");
  self->in_flight = 0;
  kith_request_answer (request, 200, NULL);
  bench_plugin_fill (self);
}

static gboolean
bench_plugin_activate (KithPlugin *plugin, KithHost *host, GError **error)
{
  g_signal_connect_object (kith_host_get_bus (host), "event::message_delivered", G_CALLBACK (on_delivered), plugin, 0);
  return kith_host_add_event (host, &message_event, error)
         && kith_host_add_command (host, &broadcast_command, on_broadcast, plugin, NULL, error)
         && kith_host_add_command (host, &flood_command, on_flood, plugin, NULL, error);
}

static void
bench_plugin_finalize (GObject *object)
{
  BenchPlugin *self = BENCH_PLUGIN (object);

  g_clear_object (&self->to);
  g_free (self->text);
  G_OBJECT_CLASS (bench_plugin_parent_class)->finalize (object);
}

static void
bench_plugin_class_init (BenchPluginClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = bench_plugin_finalize;
  KITH_PLUGIN_CLASS (klass)->activate = bench_plugin_activate;
}

static void
bench_plugin_init (BenchPlugin *self)
{
}

KITH_DEFINE_PLUGIN (bench_plugin, "bench")
