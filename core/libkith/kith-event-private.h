/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"

G_BEGIN_DECLS

/* @data is one JSON object that the house itself wrote: it is not checked again. Any thread. */
KITH_PRIVATE KithEvent *kith_event_new_journaled (const char *name, GBytes *data, gint64 seq);
/* The same without a number (grades none and latest). */
KITH_PRIVATE KithEvent *kith_event_new_trusted (const char *name, GBytes *data);

/* Checks members against a field list: types, limits, enumerations, what is required. Unknown members are ignored.
 * KITH_ERROR_INVALID names the field. Main thread. */
KITH_PRIVATE gboolean kith_fields_check (const KithField *fields, JsonObject *object, GError **error);
/* What we say ourselves: no unknown members, null only where the spec says so. @node (nullable) must be an object, or
 * with @list an array of objects. Any thread. */
KITH_PRIVATE gboolean kith_fields_check_told (const KithField *fields, JsonNode *node, gboolean list, GError **error);
/* One value given as text (path and query parameters). */
KITH_PRIVATE gboolean kith_field_check_text (const KithField *field, const char *text, GError **error);

KITH_PRIVATE gboolean kith_name_is_plugin_id (const char *id);
/* A name of an event, a command or a kind: a-z 0-9 . _ -, first a letter, 64 at most. */
KITH_PRIVATE gboolean kith_name_is_event (const char *name);
/* A username (a-z 0-9 . _ -, first a letter or digit, 32 at most), and with @local also NAME~HEX. */
KITH_PRIVATE gboolean kith_name_is_username (const char *name, gboolean local);
/* A UUID v4, lower case. */
KITH_PRIVATE gboolean kith_name_is_uuid (const char *text);

G_END_DECLS
