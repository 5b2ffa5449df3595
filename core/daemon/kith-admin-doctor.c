/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /admin/doctor: what is the matter, and a report that may be shown to strangers: no friend's name, no whole
 * fingerprint, no text, no secret, no home folder. */
#define G_LOG_DOMAIN "kithd"
#include <libsoup/soup.h>
#include <sodium.h>
#include <string.h>

#include "kith-daemon-private.h"
#include "kith-db.h"
#include "kith-json-writer.h"
#include "kith-redact.h"

static const struct { const char *name, *sql;
} queues[] = {
  { "outbox", "SELECT count (*) FROM outbox" },
  { "outbox, not yet encrypted", "SELECT count (*) FROM outbox WHERE wire IS NULL" },
  { "contents before their message", "SELECT count (*) FROM pending" },
  { "requests", "SELECT count (*) FROM request_item" },
};

typedef struct
{
  KithDaemon *daemon;
  KithRequest *request;
  char *self;                   /* our username */
  GPtrArray *friends;           /* full; their usernames, ends with NULL */
  KithRedaction redaction;
  KithJsonWriter *w;
  gint64 lengths[G_N_ELEMENTS (queues)];
} Visit;

static void
visit_free (gpointer data)
{
  Visit *visit = data;

  g_free (visit->self);
  g_ptr_array_unref (visit->friends);
  g_free (visit);
}

static void
write_redacted (Visit *visit, const char *key, const char *text)
{
  g_autofree char *redacted = text == NULL ? NULL : kith_redact (&visit->redaction, text);

  kith_json_writer_member_string_or_null (visit->w, key, redacted);
}

/* --- what was looked at */

static void
write_check (Visit *visit, const char *name, gboolean ok, const char *message)
{
  kith_json_writer_begin_object (visit->w);
  kith_json_writer_member_string (visit->w, "name", name);
  kith_json_writer_member_bool (visit->w, "ok", ok);
  write_redacted (visit, KITH_KEY_MESSAGE, message);
  kith_json_writer_end_object (visit->w);
}

static void
check_plugins (Visit *visit)
{
  g_autoptr (GPtrArray) plugins = kith_loader_list (visit->daemon->loader);

  for (guint i = 0; i < plugins->len; i++)
    {
      const KithPluginInfo *info = plugins->pdata[i];
      g_autofree char *name = g_strconcat ("plugin ", info->id, NULL);
      gboolean bad = info->state == KITH_PLUGIN_FAILED || info->state == KITH_PLUGIN_SKIPPED;

      if (info->enabled || bad)
        write_check (visit, name, !bad, bad ? info->error : kith_plugin_state_to_string (info->state));
    }
}

/* What was moved aside or kept before a migration: nothing is ever deleted, so the user should know of it. */
static void
check_copies (Visit *visit)
{
  g_auto (GStrv) copies = kith_store_list_copies (visit->daemon->home->database);

  for (char **copy = copies; copy != NULL && *copy != NULL; copy++)
    {
      g_autofree char *base = g_path_get_basename (*copy);

      write_check (visit, "copy", TRUE, base);
    }
}

static void
write_checks (Visit *visit)
{
  KithDaemon *self = visit->daemon;
  KithStoreState state = kith_store_get_state (self->store);
  const char *message = kith_admin_find_trouble (self);
  gboolean full = kith_store_is_disk_full (self->store);

  kith_json_writer_key (visit->w, "checks");
  kith_json_writer_begin_array (visit->w);
  write_check (visit, "database", state == KITH_STORE_OPEN && !kith_store_was_rolled_back (self->store),
               message != NULL ? message : kith_store_state_to_string (state));
  check_copies (visit);
  write_check (visit, "disk", !full, full ? "full: nothing is stored until there is room" : NULL);
  write_check (visit, "identity", kith_keys_is_open (self->keys), kith_key_store_get_name (self->key_store));
  write_check (visit, "data folder", TRUE, self->home->data);
  write_check (visit, "socket", TRUE, self->home->socket);
  if (self->autostart_state != NULL)
    write_check (visit, "start after login", strchr (self->autostart_state, ':') == NULL, self->autostart_state);
  check_plugins (visit);
  kith_json_writer_end_array (visit->w);
}

/* --- the report */

static void
write_versions (Visit *visit)
{
  g_autofree char *glib = g_strdup_printf ("%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
  g_autofree char *soup = g_strdup_printf ("%u.%u.%u", soup_get_major_version (), soup_get_minor_version (),
                                           soup_get_micro_version ());
  g_autofree char *os = g_get_os_info (G_OS_INFO_KEY_PRETTY_NAME);

  kith_json_writer_key (visit->w, "versions");
  kith_json_writer_begin_object (visit->w);
  kith_json_writer_member_string (visit->w, "kithd", KITH_DAEMON_VERSION);
  kith_json_writer_member_string (visit->w, "glib", glib);
  kith_json_writer_member_string (visit->w, "libsoup", soup);
  kith_json_writer_member_string (visit->w, "libsodium", sodium_version_string ());
  kith_json_writer_member_string_or_null (visit->w, "system", os);
  kith_json_writer_member_bool (visit->w, "flatpak", g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS));
  kith_json_writer_end_object (visit->w);
}

static void
write_setting (const char *name, GSettings *settings, GSettingsSchemaKey *key, gpointer data)
{
  Visit *visit = data;
  g_autoptr (GVariant) value = g_settings_get_value (settings, g_settings_schema_key_get_name (key));
  g_autoptr (GVariant) normal = g_settings_schema_key_get_default_value (key);
  g_autofree char *text = g_variant_print (value, FALSE);

  if (g_variant_equal (value, normal))
    return;
  kith_json_writer_begin_object (visit->w);
  kith_json_writer_member_string (visit->w, "name", name);
  if (kith_redact_is_secret (name))
    kith_json_writer_member_string (visit->w, "value", "(set)");
  else
    write_redacted (visit, "value", text);
  kith_json_writer_end_object (visit->w);
}

static void
write_plugins (Visit *visit)
{
  g_autoptr (GPtrArray) plugins = kith_loader_list (visit->daemon->loader);

  kith_json_writer_key (visit->w, "plugins");
  kith_json_writer_begin_array (visit->w);
  for (guint i = 0; i < plugins->len; i++)
    {
      const KithPluginInfo *info = plugins->pdata[i];

      kith_json_writer_begin_object (visit->w);
      kith_json_writer_member_string (visit->w, "id", info->id);
      kith_json_writer_member_string (visit->w, "version", info->version);
      kith_json_writer_member_bool (visit->w, "enabled", info->enabled);
      kith_json_writer_member_string (visit->w, KITH_KEY_STATE, kith_plugin_state_to_string (info->state));
      write_redacted (visit, "error", info->error);
      kith_json_writer_end_object (visit->w);
    }
  kith_json_writer_end_array (visit->w);
}

/* As GET /connection has them, with the addresses in their errors left out. */
static void
write_transports (Visit *visit)
{
  g_autoptr (GBytes) text = kith_chat_print_connections (visit->daemon->chat);
  gsize n;
  const char *json = g_bytes_get_data (text, &n);
  g_autoptr (JsonNode) root = kith_json_parse (json, (gssize) n, NULL);
  JsonArray *list = root != NULL && JSON_NODE_HOLDS_ARRAY (root) ? json_node_get_array (root) : NULL;

  kith_json_writer_key (visit->w, "transports");
  kith_json_writer_begin_array (visit->w);
  for (guint i = 0; list != NULL && i < json_array_get_length (list); i++)
    {
      JsonObject *one = json_array_get_object_element (list, i);

      kith_json_writer_begin_object (visit->w);
      kith_json_writer_member_string (visit->w, KITH_KEY_TRANSPORT,
                                      json_object_get_string_member_with_default (one, KITH_KEY_TRANSPORT, ""));
      kith_json_writer_member_string (visit->w, KITH_KEY_STATE,
                                      json_object_get_string_member_with_default (one, KITH_KEY_STATE, ""));
      write_redacted (visit, KITH_KEY_LAST_ERROR,
                      json_object_get_string_member_with_default (one, KITH_KEY_LAST_ERROR, NULL));
      kith_json_writer_end_object (visit->w);
    }
  kith_json_writer_end_array (visit->w);
}

static void
write_ports (Visit *visit)
{
  KithDaemon *self = visit->daemon;

  kith_json_writer_key (visit->w, "ports");
  kith_json_writer_begin_object (visit->w);
  kith_json_writer_member_int (visit->w, "api", kith_door_get_port (self->door, KITH_WAY_API));
  kith_json_writer_member_int (visit->w, "events", kith_door_get_port (self->door, KITH_WAY_EVENTS));
  kith_json_writer_member_int (visit->w, "peer", kith_api_get_peer_port (self->api));
  kith_json_writer_end_object (visit->w);
}

/* Without a database there are none that could be counted. */
static void
write_queues (Visit *visit, gboolean counted)
{
  kith_json_writer_key (visit->w, "queues");
  kith_json_writer_begin_array (visit->w);
  for (guint i = 0; counted && i < G_N_ELEMENTS (queues); i++)
    {
      kith_json_writer_begin_object (visit->w);
      kith_json_writer_member_string (visit->w, "name", queues[i].name);
      kith_json_writer_member_int (visit->w, "length", visit->lengths[i]);
      kith_json_writer_end_object (visit->w);
    }
  kith_json_writer_end_array (visit->w);
}

static void
write_error (const KithRecentLine *line, gpointer data)
{
  Visit *visit = data;

  kith_json_writer_begin_object (visit->w);
  kith_json_writer_member_time_ms (visit->w, "at", line->date_us / 1000);
  kith_json_writer_member_string (visit->w, "room", line->domain);
  write_redacted (visit, KITH_KEY_MESSAGE, line->message);
  kith_json_writer_end_object (visit->w);
}

static GBytes *
write_all (Visit *visit, gboolean counted)
{
  KithDaemon *self = visit->daemon;
  g_auto (KithJsonWriter) w;

  visit->w = &w;
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  write_checks (visit);
  write_versions (visit);
  kith_json_writer_key (&w, "settings");
  kith_json_writer_begin_array (&w);
  kith_settings_each (self->settings, write_setting, visit);
  kith_json_writer_end_array (&w);
  write_plugins (visit);
  write_transports (visit);
  write_ports (visit);
  kith_json_writer_member_string_or_null (&w, "key_store", kith_key_store_get_name (self->key_store));
  write_queues (visit, counted);
  kith_json_writer_key (&w, "errors");
  kith_json_writer_begin_array (&w);
  if (self->options->recent != NULL)
    kith_recent_foreach (self->options->recent, write_error, visit);
  kith_json_writer_end_array (&w);
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

/* --- asking */

static gboolean
count_queues (KithDb *db, gpointer data, GError **error)
{
  Visit *visit = data;

  for (guint i = 0; i < G_N_ELEMENTS (queues); i++)
    if (!kith_db_query_int64 (db, queues[i].sql, &visit->lengths[i], error))
      return FALSE;
  return TRUE;
}

static void
on_counted (gpointer data, const GError *error)
{
  Visit *visit = data;

  kith_call_answer (visit->request, 200, write_all (visit, error == NULL));
}

static GPtrArray *
list_friends (KithChat *chat)
{
  GListModel *friends = kith_chat_get_friends (chat);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < g_list_model_get_n_items (friends); i++)
    {
      g_autoptr (KithFriend) friend = g_list_model_get_item (friends, i);

      g_ptr_array_add (names, g_strdup (kith_friend_get_username (friend)));
    }
  g_ptr_array_add (names, NULL);
  return names;
}

static void
get_doctor (KithRequest *request, gpointer data)
{
  Visit *visit = g_new0 (Visit, 1);
  KithDaemon *self = data;

  visit->daemon = self;
  visit->request = request;
  visit->friends = list_friends (self->chat);
  g_object_get (self->chat, "username", &visit->self, NULL);
  visit->redaction = (KithRedaction) { g_get_home_dir (), self->home->data, g_get_user_name (), visit->self,
                                       (const char *const *) visit->friends->pdata };
  kith_store_read (self->store, count_queues, on_counted, visit, visit_free);
}

static const KithField check_fields[] = {
  { "name", KITH_FIELD_STRING, 0, 0, "what was looked at" },
  { "ok", KITH_FIELD_BOOLEAN, 0, 0, "nothing is the matter" },
  { KITH_KEY_MESSAGE, KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "for people" },
  { 0 },
};

static const KithField version_fields[] = {
  { "kithd", KITH_FIELD_STRING, 0, 0, "the daemon" },
  { "glib", KITH_FIELD_STRING, 0, 0, "as it runs" },
  { "libsoup", KITH_FIELD_STRING, 0, 0, "as it runs" },
  { "libsodium", KITH_FIELD_STRING, 0, 0, "as it runs" },
  { "system", KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "the operating system" },
  { "flatpak", KITH_FIELD_BOOLEAN, 0, 0, "inside a Flatpak" },
  { 0 },
};

static const KithField set_fields[] = {
  { "name", KITH_FIELD_STRING, 0, 0, "api-port, or PLUGIN.KEY" },
  { "value", KITH_FIELD_STRING, 0, 0, "as GVariant text; (set) when it is nobody's business" },
  { 0 },
};

static const KithField plugin_fields[] = {
  { "id", KITH_FIELD_STRING, 0, 0, "of its manifest" },
  { "version", KITH_FIELD_STRING, 0, 0, "of its manifest" },
  { "enabled", KITH_FIELD_BOOLEAN, 0, 0, "it is wanted" },
  { KITH_KEY_STATE, KITH_FIELD_STRING, 0, 0, "as in GET /plugins" },
  { "error", KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "its last one" },
  { 0 },
};

static const KithField transport_fields[] = {
  { KITH_KEY_TRANSPORT, KITH_FIELD_STRING, 0, 0, "its id" },
  { KITH_KEY_STATE, KITH_FIELD_STRING, 0, 0, "as in GET /connection" },
  { KITH_KEY_LAST_ERROR, KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "for people" },
  { 0 },
};

static const KithField port_fields[] = {
  { "api", KITH_FIELD_INTEGER, 0, 0, "REST; 0: nobody listens" },
  { "events", KITH_FIELD_INTEGER, 0, 0, "/events" },
  { "peer", KITH_FIELD_INTEGER, 0, 0, "other daemons" },
  { 0 },
};

static const KithField queue_fields[] = {
  { "name", KITH_FIELD_STRING, 0, 0, "what waits" },
  { "length", KITH_FIELD_INTEGER, 0, 0, "how much of it" },
  { 0 },
};

static const KithField error_fields[] = {
  { "at", KITH_FIELD_TIME, 0, 0, "when" },
  { "room", KITH_FIELD_STRING, 0, 0, "the log domain" },
  { KITH_KEY_MESSAGE, KITH_FIELD_STRING, 0, 0, "what the log has" },
  { 0 },
};

static const KithField doctor_fields[] = {
  { "checks", KITH_FIELD_ARRAY, 0, 0, "one a thing", check_fields },
  { "versions", KITH_FIELD_OBJECT, 0, 0, "of what runs here", version_fields },
  { "settings", KITH_FIELD_ARRAY, 0, 0, "those that are not as they were installed", set_fields },
  { "plugins", KITH_FIELD_ARRAY, 0, 0, "all that are known", plugin_fields },
  { "transports", KITH_FIELD_ARRAY, 0, 0, "those that run", transport_fields },
  { "ports", KITH_FIELD_OBJECT, 0, 0, "where we listen", port_fields },
  { "key_store", KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "where the key of the database is kept" },
  { "queues", KITH_FIELD_ARRAY, 0, 0, "what waits in the database; empty without one", queue_fields },
  { "errors", KITH_FIELD_ARRAY, 0, 0, "the last warnings, oldest first", error_fields },
  { 0 },
};

const KithHouseRoute kith_admin_doctor_routes[] = {
  { { "GET", "admin/doctor", NULL, NULL, doctor_fields, "What is the matter, redacted: it may be shown to strangers" },
    get_doctor },
  { { 0 } },
};
