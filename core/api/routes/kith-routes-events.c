/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this API can do, for machines. */
#include "kith-routes.h"

static void
get_catalog (KithRequest *request, gpointer api)
{
  kith_call_answer (request, 200, kith_catalog_print_events (kith_api_get_catalog (api)));
}

static void
get_openapi (KithRequest *request, gpointer api)
{
  kith_call_answer (request, 200, kith_catalog_print_openapi (kith_api_get_catalog (api)));
}

static void
get_schema (KithRequest *request, gpointer api)
{
  kith_call_answer (request, 200, kith_catalog_print_schema (kith_api_get_catalog (api)));
}

static const char *const directions[] = { "server", "client", NULL };
static const char *const keeps[] = { "none", "latest", "all", NULL };

static const KithField value_fields[] = {
  { "", KITH_FIELD_STRING, 0, 0, "a value" },
  { 0 },
};

static const KithField member_fields[] = {
  { "name", KITH_FIELD_STRING, 0, 0, "of the member; empty: this is what the array holds" },
  { "type", KITH_FIELD_STRING, 0, 0, "string, integer, number, boolean, time, id, username, object or array" },
  { "required", KITH_FIELD_BOOLEAN, 0, 0, "it is always there" },
  { "nullable", KITH_FIELD_BOOLEAN, KITH_FIELD_OPTIONAL, 0, "it may be null" },
  { "limit", KITH_FIELD_INTEGER, KITH_FIELD_OPTIONAL, 0, "the longest text, the greatest number" },
  { "doc", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "for people" },
  { "values", KITH_FIELD_ARRAY, KITH_FIELD_OPTIONAL, 0, "every value that it may have", value_fields },
  { "fields", KITH_FIELD_ARRAY, KITH_FIELD_OPTIONAL, 0, "the members of it, or of what it holds" },
  { 0 },
};

static const KithField event_fields[] = {
  { KITH_KEY_EVENT, KITH_FIELD_STRING, 0, 0, "its name" },
  { "direction", KITH_FIELD_STRING, 0, 0, "who says it", NULL, directions },
  { "plugin", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "who brings it" },
  { "keep", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "how long it is kept for who is not there", NULL, keeps },
  { "doc", KITH_FIELD_STRING, KITH_FIELD_OPTIONAL, 0, "for people" },
  { "fields", KITH_FIELD_ARRAY, 0, 0, "the members of its data", member_fields },
  { 0 },
};

static const KithField catalog_fields[] = {
  { "events", KITH_FIELD_ARRAY, 0, 0, "by name", event_fields },
  { 0 },
};

static const KithField schema_fields[] = {
  { "$schema", KITH_FIELD_STRING, 0, 0, "which JSON Schema" },
  { "title", KITH_FIELD_STRING, 0, 0, "what it is of" },
  { "description", KITH_FIELD_STRING, 0, 0, "for people" },
  { "anyOf", KITH_FIELD_ARRAY, 0, 0, "what the daemon says, what a client says" },
  { "$defs", KITH_FIELD_OBJECT, 0, 0, "server, client, and each event" },
  { 0 },
};

static const KithField openapi_fields[] = {
  { "openapi", KITH_FIELD_STRING, 0, 0, "which OpenAPI" },
  { "info", KITH_FIELD_OBJECT, 0, 0, "title and version" },
  { "servers", KITH_FIELD_ARRAY, 0, 0, "where it listens if nobody says otherwise" },
  { "security", KITH_FIELD_ARRAY, 0, 0, "nothing, or a token" },
  { "tags", KITH_FIELD_ARRAY, 0, 0, "one a resource" },
  { "paths", KITH_FIELD_OBJECT, 0, 0, "every route" },
  { "components", KITH_FIELD_OBJECT, 0, 0, "what several have in common" },
  { 0 },
};

const KithHouseRoute kith_routes_events[] = {
  { { "GET", "events/catalog", NULL, NULL, catalog_fields, "Every event with its direction and members" },
    get_catalog },
  { { "GET", "events/schema.json", NULL, NULL, schema_fields, "Every event as JSON Schema 2020-12" }, get_schema },
  { { "GET", "openapi.json", NULL, NULL, openapi_fields, "This API as OpenAPI 3.1" }, get_openapi },
  { { 0 } },
};
