/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /admin/settings and /admin/token. */
#define G_LOG_DOMAIN "kithd"
#include <string.h>

#include "kith-daemon-private.h"
#include "kith-event-private.h"
#include "kith-json-writer.h"

static void
write_setting (const char *name, GSettings *settings, GSettingsSchemaKey *key, gpointer data)
{
  KithJsonWriter *w = data;
  g_autoptr (GVariant) value = g_settings_get_value (settings, g_settings_schema_key_get_name (key));
  g_autoptr (GVariant) normal = g_settings_schema_key_get_default_value (key);
  g_autofree char *value_text = kith_settings_print (g_settings_schema_key_get_name (key), value);
  g_autofree char *normal_text = g_variant_print (normal, FALSE);
  const char *summary = g_settings_schema_key_get_summary (key); /* NULL without the schema's XML */

  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "name", name);
  kith_json_writer_member_string (w, "value", value_text);
  kith_json_writer_member_string (w, "default", normal_text);
  kith_json_writer_member_string (w, "type", g_variant_get_type_string (normal));
  kith_json_writer_member_string (w, "summary", summary != NULL ? summary : "");
  kith_json_writer_member_string_or_null (w, "description", g_settings_schema_key_get_description (key));
  kith_json_writer_end_object (w);
}

static void
get_settings (KithRequest *request, gpointer data)
{
  KithDaemon *self = data;
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_array (&w);
  kith_settings_each (self->settings, write_setting, &w);
  kith_json_writer_end_array (&w);
  kith_call_answer (request, 200, kith_json_writer_finish (&w));
}

/* The setting that the path names; answers the request when there is none. */
static GSettings *
find_setting (KithDaemon *self, KithRequest **request, GSettingsSchemaKey **schema_key)
{
  const char *key;
  GError *error = NULL;
  GSettings *settings = kith_settings_find (self->settings, kith_request_get_param (*request, "name"), &key, &error);
  g_autoptr (GSettingsSchema) schema = NULL;

  if (settings == NULL)
    {
      kith_request_fail (g_steal_pointer (request), error);
      return NULL;
    }
  g_object_get (settings, "settings-schema", &schema, NULL);
  *schema_key = g_settings_schema_get_key (schema, key);
  return settings;
}

static void
answer_setting (KithRequest *request, GSettings *settings, GSettingsSchemaKey *key)
{
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  write_setting (kith_request_get_param (request, "name"), settings, key, &w);
  kith_call_answer (request, 200, kith_json_writer_finish (&w));
}

static void
get_setting (KithRequest *request, gpointer data)
{
  g_autoptr (GSettingsSchemaKey) key = NULL;
  g_autoptr (GSettings) settings = find_setting (data, &request, &key);

  if (settings != NULL)
    answer_setting (request, settings, key);
}

/* As GVariant has it; a text may come without its quotes. */
static GVariant *
parse_value (GSettingsSchemaKey *key, const char *text, GError **error)
{
  const GVariantType *type = g_settings_schema_key_get_value_type (key);
  const char *name = g_settings_schema_key_get_name (key);
  const char *shown = kith_settings_is_secret (name) ? "…" : text;
  g_autoptr (GError) why = NULL;
  g_autoptr (GVariant) value = g_variant_parse (type, text, NULL, NULL, &why);

  if (value == NULL && g_variant_type_equal (type, G_VARIANT_TYPE_STRING))
    value = g_variant_ref_sink (g_variant_new_string (text));
  if (value == NULL)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "“%s” is no value for %s: %s", shown, name, why->message);
  return g_steal_pointer (&value);
}

static void
put_setting (KithRequest *request, gpointer data)
{
  const char *text = json_object_get_string_member (kith_request_get_body (request), "value");
  g_autoptr (GSettingsSchemaKey) key = NULL;
  g_autoptr (GSettings) settings = find_setting (data, &request, &key);
  g_autoptr (GVariant) value = NULL;
  GError *error = NULL;

  if (settings == NULL)
    return;
  value = parse_value (key, text, &error);
  if (value != NULL)
    kith_settings_write (((KithDaemon *) data)->settings, kith_request_get_param (request, "name"), value, &error);
  if (error != NULL)
    kith_request_fail (request, error);
  else
    answer_setting (request, settings, key);
}

static void
delete_setting (KithRequest *request, gpointer data)
{
  g_autoptr (GSettingsSchemaKey) key = NULL;
  g_autoptr (GSettings) settings = find_setting (data, &request, &key);
  GError *error = NULL;

  if (settings == NULL)
    return;
  if (kith_settings_write (((KithDaemon *) data)->settings, kith_request_get_param (request, "name"), NULL, &error))
    answer_setting (request, settings, key);
  else
    kith_request_fail (request, error);
}

/* --- the token */

static void
answer_token (KithRequest *request, KithDaemon *self, gboolean anew)
{
  g_autofree char *token = NULL;
  GError *error = NULL;
  g_auto (KithJsonWriter) w;

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  if (kith_daemon_apply_token (self, anew, &token, &error))
    kith_json_writer_member_string (&w, "token", token);
  kith_json_writer_member_bool (&w, "required",
                                g_settings_get_boolean (kith_settings_get_main (self->settings), "require-token"));
  kith_json_writer_end_object (&w);
  kith_call_finish (request, error, 200, kith_json_writer_finish (&w));
  if (token != NULL)
    memset (token, 0, strlen (token));
}

static void
get_token (KithRequest *request, gpointer data)
{
  answer_token (request, data, FALSE);
}

static void
post_token (KithRequest *request, gpointer data)
{
  answer_token (request, data, TRUE);
}

static const KithField by_name[] = {
  { "name", KITH_FIELD_STRING, 0, 128, "api-port, or PLUGIN.KEY" },
  { 0 },
};

static const KithField value_fields[] = {
  { "value", KITH_FIELD_STRING, 0, 16384, "as text: 8080, true, alice, ['a', 'b']" },
  { 0 },
};

static const KithField setting_fields[] = {
  { "name", KITH_FIELD_STRING, 0, 0, "api-port, or PLUGIN.KEY" },
  { "value", KITH_FIELD_STRING, 0, 0, "as GVariant text" },
  { "default", KITH_FIELD_STRING, 0, 0, "as GVariant text" },
  { "type", KITH_FIELD_STRING, 0, 0, "of GVariant" },
  { "summary", KITH_FIELD_STRING, 0, 0, "in one line" },
  { "description", KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "and when it takes effect" },
  { 0 },
};

static const KithField token_fields[] = {
  { "token", KITH_FIELD_STRING, 0, 0, "for Authorization: Bearer" },
  { "required", KITH_FIELD_BOOLEAN, 0, 0, "whether it is asked for" },
  { 0 },
};

static const KithRouteStatus found[] = {
  { 200, "the setting" },
  { 404, "there is no such setting" },
  { 0 },
};

static const KithRouteStatus changed[] = {
  { 200, "the setting as it is now" },
  { 403, "it cannot be written: the administrator has locked it" },
  { 404, "there is no such setting" },
  { 0 },
};

const KithHouseRoute kith_admin_settings_routes[] = {
  { { "GET", "admin/settings", NULL, NULL, setting_fields, "All settings", NULL, KITH_ROUTE_LIST }, get_settings },
  { { "GET", "admin/settings/:name", by_name, NULL, setting_fields, "One setting", found, 0 }, get_setting },
  { { "PUT", "admin/settings/:name", by_name, value_fields, setting_fields, "Changes it", changed, 0 }, put_setting },
  { { "DELETE", "admin/settings/:name", by_name, NULL, setting_fields, "Back to its default", changed, 0 },
    delete_setting },
  { { "GET", "admin/token", NULL, NULL, token_fields, "The token of the API" }, get_token },
  { { "POST", "admin/token", NULL, NULL, token_fields, "Makes a new one; the old one ends" }, post_token },
  { { 0 } },
};
