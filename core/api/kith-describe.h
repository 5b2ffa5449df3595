/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field lists as JSON Schema 2020-12 (which OpenAPI 3.1 uses, too) and as TypeScript. */
#pragma once

#include "kith-catalog-private.h"
#include "kith-events.h"
#include "kith-json-writer.h"

G_BEGIN_DECLS

/* One event in one direction. */
typedef struct
{
  const KithEventSpec *spec;
  const char *owner;          /* NULL: the house */
  gboolean from_client;
} KithDescribed;

/* Of KithDescribed, by name. Container. */
GArray     *kith_describe_events   (KithCatalog *catalog);
/* NULL when the list has no name of its own. */
const char *kith_describe_name_of  (const KithField *fields);
gboolean    kith_describe_in_path  (const KithRoute *route, const char *name);
/* "NewMessage" of "new_message"; free with g_free(). */
char       *kith_describe_camel    (const char *name);

/* refs goes before the names of named lists. asked: what we take from others, where null is as good as nothing. */
void        kith_describe_value    (KithJsonWriter *w, const KithField *field, const char *refs, gboolean asked);
void        kith_describe_object   (KithJsonWriter *w, const KithField *fields, const char *refs, gboolean asked);
/* All named lists, as members. */
void        kith_describe_named    (KithJsonWriter *w, const char *refs);

G_END_DECLS
