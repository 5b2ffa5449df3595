/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /plugins: what is loaded, and switching it on and off. */
#include "kith-json-writer.h"
#include "kith-routes.h"

static void
write_plugin (KithJsonWriter *w, const KithPluginInfo *info)
{
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "id", info->id);
  kith_json_writer_member_string (w, "name", info->name);
  kith_json_writer_member_string (w, "version", info->version);
  kith_json_writer_member_bool (w, "builtin", info->builtin);
  kith_json_writer_member_bool (w, "enabled", info->enabled);
  kith_json_writer_member_string (w, KITH_KEY_STATE, kith_plugin_state_to_string (info->state));
  kith_json_writer_member_string_or_null (w, KITH_KEY_ERROR, info->error);
  if (info->slow_count > 0)
    {
      kith_json_writer_key (w, "slow");
      kith_json_writer_begin_object (w);
      kith_json_writer_member_string (w, "handler", info->slow_what);
      kith_json_writer_member_int (w, "ms", info->slow_ms);
      kith_json_writer_member_int (w, KITH_KEY_COUNT, info->slow_count);
      kith_json_writer_end_object (w);
    }
  kith_json_writer_end_object (w);
}

static void
get_plugins (KithRequest *request, gpointer api)
{
  KithLoader *loader = kith_api_get_rooms (api)->loader;
  g_autoptr (GPtrArray) plugins = loader != NULL ? kith_loader_list (loader) : g_ptr_array_new ();
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_array (&w);
  for (guint i = 0; i < plugins->len; i++)
    write_plugin (&w, plugins->pdata[i]);
  kith_json_writer_end_array (&w);
  kith_call_answer (request, 200, kith_json_writer_finish (&w));
}

static void
answer_plugin (KithLoader *loader, KithRequest *request, GError *error)
{
  const KithPluginInfo *info = kith_loader_find (loader, kith_request_get_param (request, "name"));
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  if (info != NULL)
    write_plugin (&w, info);
  kith_call_finish (request, error, 200, kith_json_writer_finish (&w));
}

static void
on_enabled (GObject *loader, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;

  kith_loader_enable_finish (KITH_LOADER (loader), result, &error);
  answer_plugin (KITH_LOADER (loader), request, error);
}

static void
on_disabled (GObject *loader, GAsyncResult *result, gpointer request)
{
  GError *error = NULL;

  kith_loader_disable_finish (KITH_LOADER (loader), result, &error);
  answer_plugin (KITH_LOADER (loader), request, error);
}

static void
put_plugin (KithRequest *request, gpointer api)
{
  KithLoader *loader = kith_api_get_rooms (api)->loader;
  const char *id = kith_request_get_param (request, "name");

  if (loader == NULL || kith_loader_find (loader, id) == NULL)
    kith_request_fail (request, g_error_new (KITH_ERROR, KITH_ERROR_UNKNOWN, "there is no plugin “%s”", id));
  else if (json_object_get_boolean_member (kith_request_get_body (request), "enabled"))
    kith_loader_enable_async (loader, id, NULL, on_enabled, request);
  else
    kith_loader_disable_async (loader, id, NULL, on_disabled, request);
}

static const KithField by_name[] = {
  { "name", KITH_FIELD_STRING, 0, 32, "the plugin's id" },
  { 0 },
};

static const KithField put_fields[] = {
  { "enabled", KITH_FIELD_BOOLEAN, 0, 0, "on or off, from now on" },
  { 0 },
};

static const KithField slow_fields[] = {
  { "handler", KITH_FIELD_STRING, 0, 0, "the slowest" },
  { "ms", KITH_FIELD_INTEGER, 0, 0, "how long it kept the loop" },
  { KITH_KEY_COUNT, KITH_FIELD_INTEGER, 0, 0, "how often handlers kept it over 50 ms" },
  { 0 },
};

static const char *const states[] = { "off", "activating", "active", "deactivating", "failed", "skipped", NULL };

static const KithField plugin_fields[] = {
  { "id", KITH_FIELD_STRING, 0, 32, "the plugin" },
  { "name", KITH_FIELD_STRING, 0, 0, "for people" },
  { "version", KITH_FIELD_STRING, 0, 0, "its version" },
  { "builtin", KITH_FIELD_BOOLEAN, 0, 0, "comes with kith" },
  { "enabled", KITH_FIELD_BOOLEAN, 0, 0, "what the user wants" },
  { KITH_KEY_STATE, KITH_FIELD_STRING, 0, 0, "skipped: something that it needs is missing", NULL, states },
  { KITH_KEY_ERROR, KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "its last error; null: none" },
  { "slow", KITH_FIELD_OBJECT, KITH_FIELD_OPTIONAL, 0, "handlers that kept the loop too long", slow_fields },
  { 0 },
};

static const KithRouteStatus switched[] = {
  { 200, "the plugin as it is now" },
  { 404, "there is no such plugin" },
  { 409, "something else has what it brings" },
  { 502, "it failed: the text says why" },
  { 0 },
};

const KithHouseRoute kith_routes_plugins[] = {
  { { "GET", "plugins", NULL, NULL, plugin_fields, "All plugins", NULL, KITH_ROUTE_LIST }, get_plugins },
  { { "PUT", "plugins/:name", by_name, put_fields, plugin_fields, "Switches one on or off, live", switched, 0 },
    put_plugin },
  { { 0 } },
};
