/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kith/kith.h>

/* What a server says is taken apart here: each gives NULL or FALSE for anything that is not exactly of the kind. */
JsonObject *kith_supabase_get_object (JsonNode *node);                                  /* none */
JsonArray *kith_supabase_get_array (JsonObject *object, const char *name);              /* none */
const char *kith_supabase_get_string (JsonObject *object, const char *name, gsize most);
const char *kith_supabase_get_element (JsonArray *array, guint i);                      /* a string */
const char *kith_supabase_get_uuid (JsonObject *object, const char *name);
gboolean kith_supabase_get_int (JsonObject *object, const char *name, gint64 least, gint64 most, gint64 *value);
gboolean kith_supabase_get_boolean (JsonObject *object, const char *name);
/* Microseconds since 1970. */
gboolean kith_supabase_get_time (JsonObject *object, const char *name, gint64 *time_us);

/* Padded base64, nothing else between. */
GBytes *kith_supabase_decode (const char *text, gsize least, gsize most);
char *kith_supabase_encode (GBytes *bytes);
char *kith_supabase_hex (GBytes *bytes);
/* 16 bytes. */
gboolean kith_supabase_parse_uuid (const char *uuid, guint8 bytes[16]);
