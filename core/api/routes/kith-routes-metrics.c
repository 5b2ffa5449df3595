/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /metrics: Prometheus text. One family after another, each with its HELP and TYPE. */
#include <string.h>

#include "kith-routes.h"

typedef struct
{
  GString *text;
  const char *last;   /* the family whose head was written last */
} Metrics;

static void
begin (Metrics *metrics, const char *name, const char *type, const char *help)
{
  if (g_strcmp0 (metrics->last, name) != 0 && help != NULL)
    g_string_append_printf (metrics->text, "# HELP %s %s\n", name, help);
  if (g_strcmp0 (metrics->last, name) != 0)
    g_string_append_printf (metrics->text, "# TYPE %s %s\n", name, type);
  metrics->last = name;
}

static void
add (Metrics *metrics, const char *name, const char *help, guint64 value)
{
  begin (metrics, name, g_str_has_suffix (name, "_total") ? "counter" : "gauge", help);
  g_string_append_printf (metrics->text, "%s %" G_GUINT64_FORMAT "\n", name, value);
}

static void
add_seconds (Metrics *metrics, const char *name, const char *labels, guint64 us)
{
  g_string_append_printf (metrics->text, "%s%s %" G_GUINT64_FORMAT ".%06" G_GUINT64_FORMAT "\n", name, labels,
                          us / G_USEC_PER_SEC, us % G_USEC_PER_SEC);
}

/* --- the door: the door's own names */

static void
add_door (const char *name, const char *reason, guint64 value, gboolean total, gpointer data)
{
  Metrics *metrics = data;

  begin (metrics, name, total ? "counter" : "gauge", NULL);
  if (reason != NULL)
    g_string_append_printf (metrics->text, "%s{reason=\"%s\"} %" G_GUINT64_FORMAT "\n", name, reason, value);
  else
    g_string_append_printf (metrics->text, "%s %" G_GUINT64_FORMAT "\n", name, value);
}

/* --- the store */

static void
add_commits (Metrics *metrics, const KithStoreCounters *counters)
{
  static const double bounds_ms[] = KITH_STORE_COMMIT_MS;
  const char *name = "kith_store_commit_seconds";
  guint64 sum = 0;

  begin (metrics, name, "histogram", "How long commits took, the sync included.");
  for (guint i = 0; i < G_N_ELEMENTS (counters->commit_times); i++)
    {
      char bound[G_ASCII_DTOSTR_BUF_SIZE] = "+Inf";

      sum += counters->commit_times[i];
      if (i < G_N_ELEMENTS (bounds_ms))
        g_ascii_formatd (bound, sizeof bound, "%g", bounds_ms[i] / 1000);
      g_string_append_printf (metrics->text, "%s_bucket{le=\"%s\"} %" G_GUINT64_FORMAT "\n", name, bound, sum);
    }
  add_seconds (metrics, "kith_store_commit_seconds_sum", "", counters->commit_us);
  g_string_append_printf (metrics->text, "%s_count %" G_GUINT64_FORMAT "\n", name, sum);
}

static void
add_store (Metrics *metrics, KithStore *store)
{
  KithStoreCounters counters;
  KithJournalBounds bounds;

  kith_store_get_counters (store, &counters);
  kith_store_get_journal (store, &bounds);
  add (metrics, "kith_store_open", "1: there is a database.", kith_store_get_state (store) == KITH_STORE_OPEN);
  add (metrics, "kith_store_jobs_total", "Jobs that were answered.", counters.jobs);
  add (metrics, "kith_store_failed_total", "Jobs that were rolled back.", counters.failed);
  add (metrics, "kith_store_commits_total", "Commits; several jobs may share one.", counters.commits);
  add (metrics, "kith_store_reruns_total", "Groups that were run again one by one.", counters.reruns);
  add (metrics, "kith_store_checkpoints_total", "Checkpoints of the write-ahead log.", counters.checkpoints);
  add (metrics, "kith_store_reads_total", "Reads that were answered.", counters.reads);
  add (metrics, "kith_store_queued_jobs", "Jobs that wait for the writer.", counters.queued);
  add (metrics, "kith_store_queued_bytes", "What they carry.", counters.queued_bytes);
  add_commits (metrics, &counters);
  add (metrics, "kith_journal_newest", "Number of the newest event.", (guint64) bounds.newest);
  add (metrics, "kith_journal_oldest", "Number of the oldest event that is kept.", (guint64) bounds.oldest);
  add (metrics, "kith_journal_shown", "Highest number that a client has seen.", (guint64) bounds.shown);
}

/* --- the links: one family after the other, so the transports are collected first */

static void
collect (const KithLinkTraffic *traffic, gpointer data)
{
  g_array_append_vals (data, traffic, 1);
}

typedef struct
{
  const char *name, *help;
  gsize offset;
} TrafficFamily;

/* traffic: of structs that begin with the name of their transport. */
static void
add_traffic (Metrics *metrics, const TrafficFamily *families, guint n_families, GArray *traffic)
{
  for (guint f = 0; f < n_families; f++)
    for (guint i = 0; i < traffic->len; i++)
      {
        const char *one = traffic->data + i * g_array_get_element_size (traffic);

        begin (metrics, families[f].name, "counter", families[f].help);
        g_string_append_printf (metrics->text, "%s{transport=\"%s\"} %" G_GUINT64_FORMAT "\n", families[f].name,
                                G_STRUCT_MEMBER (const char *, one, 0),
                                G_STRUCT_MEMBER (guint64, one, families[f].offset));
      }
}

G_STATIC_ASSERT (G_STRUCT_OFFSET (KithLinkTraffic, transport) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (KithMailTraffic, transport) == 0);

static void
add_links (Metrics *metrics, KithChat *chat)
{
  static const TrafficFamily families[] = {
    { "kith_link_opened_total", "Links that came up.", G_STRUCT_OFFSET (KithLinkTraffic, links) },
    { "kith_link_received_bytes_total", "Bytes from peers, encrypted.", G_STRUCT_OFFSET (KithLinkTraffic, bytes_in) },
    { "kith_link_sent_bytes_total", "Bytes to peers, encrypted.", G_STRUCT_OFFSET (KithLinkTraffic, bytes_out) },
    { "kith_link_received_frames_total", "Noise messages from peers.", G_STRUCT_OFFSET (KithLinkTraffic, frames_in) },
    { "kith_link_sent_frames_total", "Noise messages to peers.", G_STRUCT_OFFSET (KithLinkTraffic, frames_out) },
  };
  g_autoptr (GArray) traffic = g_array_new (FALSE, FALSE, sizeof (KithLinkTraffic));
  KithLinkCounts counts;

  kith_chat_get_traffic (chat, &counts, collect, traffic);
  add (metrics, "kith_links", "Links that are open.", counts.links);
  add (metrics, "kith_links_half_open", "Streams that still shake hands.", counts.half_open);
  add (metrics, "kith_links_strangers", "Links to people who are no friends.", counts.strangers);
  add (metrics, "kith_link_refused_total", "Streams over a limit.", counts.refused);
  add (metrics, "kith_link_failed_total", "Handshakes that failed.", counts.failed);
  add (metrics, "kith_link_overloaded_total", "Links that were closed because they asked too much.", counts.overloaded);
  add_traffic (metrics, families, G_N_ELEMENTS (families), traffic);
}

/* --- the mailboxes */

static void
collect_mail (const KithMailTraffic *traffic, gpointer data)
{
  g_array_append_vals (data, traffic, 1);
}

static void
add_mail (Metrics *metrics, KithChat *chat)
{
  static const TrafficFamily families[] = {
    { "kith_mailbox_received_parcels_total", "Envelopes that came.", G_STRUCT_OFFSET (KithMailTraffic, parcels_in) },
    { "kith_mailbox_received_bytes_total", "Their bytes, sealed.", G_STRUCT_OFFSET (KithMailTraffic, bytes_in) },
    { "kith_mailbox_sent_parcels_total", "Envelopes that went.", G_STRUCT_OFFSET (KithMailTraffic, parcels_out) },
    { "kith_mailbox_sent_bytes_total", "Their bytes, sealed.", G_STRUCT_OFFSET (KithMailTraffic, bytes_out) },
  };
  g_autoptr (GArray) traffic = g_array_new (FALSE, FALSE, sizeof (KithMailTraffic));

  kith_chat_foreach_mail_traffic (chat, collect_mail, traffic);
  add_traffic (metrics, families, G_N_ELEMENTS (families), traffic);
}

/* --- the plugins */

typedef struct
{
  Metrics *metrics;
  gboolean seconds;
} Ports;

static void
add_port (const char *plugin_id, guint64 calls, gint64 spent_us, gpointer data)
{
  Ports *ports = data;
  g_autofree char *labels = g_strdup_printf ("{plugin=\"%s\"}", plugin_id);

  if (ports->seconds)
    add_seconds (ports->metrics, "kith_plugin_handler_seconds_total", labels, (guint64) spent_us);
  else
    g_string_append_printf (ports->metrics->text, "kith_plugin_handler_calls_total%s %" G_GUINT64_FORMAT "\n", labels,
                            calls);
}

static void
add_plugins (Metrics *metrics, KithBus *bus)
{
  Ports ports = { metrics, FALSE };

  begin (metrics, "kith_plugin_handler_calls_total", "counter", "Calls into a plugin; core: into kith's own rooms.");
  kith_bus_foreach_port (bus, add_port, &ports);
  ports.seconds = TRUE;
  begin (metrics, "kith_plugin_handler_seconds_total", "counter", "How long they kept the loop in all.");
  kith_bus_foreach_port (bus, add_port, &ports);
}

/* --- what waits in the database */

typedef struct
{
  KithRequest *request;
  GString *text;
  gint64 outbox, unencrypted, uploaded, inbox, pending, requests, unindexed;
} Waiting;

static gboolean
count_waiting (KithDb *db, gpointer data, GError **error)
{
  Waiting *waiting = data;

  return kith_db_query_int64 (db, "SELECT count (*) FROM outbox", &waiting->outbox, error)
         && kith_db_query_int64 (db, "SELECT count (*) FROM outbox WHERE wire IS NULL", &waiting->unencrypted, error)
         && kith_db_query_int64 (db, "SELECT count (*) FROM outbox WHERE uploaded_ms > 0", &waiting->uploaded, error)
         && kith_db_query_int64 (db, "SELECT count (*) FROM plugin_inbox", &waiting->inbox, error)
         && kith_db_query_int64 (db, "SELECT count (*) FROM pending", &waiting->pending, error)
         && kith_db_query_int64 (db, "SELECT count (*) FROM request_item", &waiting->requests, error)
         && kith_db_query_int64 (db,
                                 "SELECT max (coalesce ((SELECT max (row) FROM message), 0) - done, 0)"
                                 " FROM search_state",
                                 &waiting->unindexed, error);
}

static void
answer (KithRequest *request, GString *text)
{
  kith_call_answer_type (request, 200, "text/plain; version=0.0.4; charset=utf-8", g_string_free_to_bytes (text));
}

/* Without a database the rest is still worth knowing. */
static void
on_counted (gpointer data, const GError *error)
{
  Waiting *waiting = data;
  Metrics metrics = { waiting->text, NULL };

  if (error == NULL)
    {
      add (&metrics, "kith_outbox_rows", "Contents without an acknowledgement.", (guint64) waiting->outbox);
      add (&metrics, "kith_outbox_plain_rows", "Those that wait for a session.", (guint64) waiting->unencrypted);
      add (&metrics, "kith_outbox_mailbox_rows", "Those that lie in a mailbox.", (guint64) waiting->uploaded);
      add (&metrics, "kith_inbox_rows", "Contents that wait for their plugin.", (guint64) waiting->inbox);
      add (&metrics, "kith_pending_rows", "Contents that came before their message.", (guint64) waiting->pending);
      add (&metrics, "kith_request_rows", "Contents that wait in requests.", (guint64) waiting->requests);
      add (&metrics, "kith_search_behind_rows", "Messages that are not in the search index yet.",
           (guint64) waiting->unindexed);
    }
  answer (waiting->request, waiting->text);
}

static void
get_metrics (KithRequest *request, gpointer api)
{
  const KithRooms *rooms = kith_api_get_rooms (api);
  KithWindows *windows = kith_api_get_windows (api);
  gint64 up_us = kith_world_get_time_us (rooms->world) - kith_api_get_start_us (api);
  Metrics metrics = { g_string_new (NULL), NULL };
  Waiting *waiting = g_new0 (Waiting, 1);

  add (&metrics, "kith_uptime_seconds", "Since the start.", (guint64) (up_us / G_USEC_PER_SEC));
  add (&metrics, "kith_friends", "How many friends there are.", kith_chat_count_friends (rooms->chat));
  add (&metrics, "kith_windows", "Clients of /events.", kith_windows_get_n (windows));
  add (&metrics, "kith_windows_frames_total", "Frames that they were given.", kith_windows_get_n_delivered (windows));
  add (&metrics, "kith_windows_overrun_total", "Those that were closed because they did not read.",
       kith_windows_get_n_overrun (windows));
  add_store (&metrics, rooms->store);
  add_links (&metrics, rooms->chat);
  add_mail (&metrics, rooms->chat);
  add_plugins (&metrics, rooms->bus);
  kith_door_foreach_counter (rooms->door, add_door, &metrics);
  waiting->request = request;
  waiting->text = metrics.text;
  kith_store_read (rooms->store, count_waiting, on_counted, waiting, g_free);
}

const KithHouseRoute kith_routes_metrics[] = {
  { { "GET", "metrics", NULL, NULL, NULL, "Figures, as Prometheus text", NULL, KITH_ROUTE_TEXT }, get_metrics },
  { { 0 } },
};
