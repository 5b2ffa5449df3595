/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"

G_BEGIN_DECLS

/* Checks one document strictly (RFC 8259): valid UTF-8, no NUL or \u0000, no lone surrogates, unique keys, numbers
 * that fit, nothing around it. Not recursive; allocates only for objects of many keys. Any thread. Returns NULL when
 * it is acceptable, else a static reason. */
KITH_PRIVATE const char *kith_json_check (const char *text, gsize n, guint max_depth, guint max_values);

/* The raw text of one value inside a checked document; start is NULL when the member is missing. */
typedef struct
{
  const char *start;
  gsize length;
} KithJsonSpan;

/* Checks the whole text (KITH_JSON_MAX_DEPTH, KITH_JSON_MAX_VALUES), requires an object, and hands out the values of
 * the top-level members in @names, without building a tree. FALSE: @why (static) says what is wrong. Any thread. */
KITH_PRIVATE gboolean kith_json_scan (const char *text, gsize n, const char *const *names, KithJsonSpan *out,
                                      gsize n_names, const char **why);

/* Each returns NULL/FALSE when the span is missing or holds another type. Only for spans of a checked document. */
KITH_PRIVATE char *kith_json_span_string (const KithJsonSpan *span);
/* Into @buffer, with a NUL; FALSE also when it does not fit. */
KITH_PRIVATE gboolean kith_json_span_copy (const KithJsonSpan *span, char *buffer, gsize size);
KITH_PRIVATE gboolean kith_json_span_equals (const KithJsonSpan *span, const char *string);
KITH_PRIVATE gboolean kith_json_span_boolean (const KithJsonSpan *span, gboolean *out);
KITH_PRIVATE gboolean kith_json_span_integer (const KithJsonSpan *span, gint64 *out);
KITH_PRIVATE gboolean kith_json_span_is_object (const KithJsonSpan *span);
KITH_PRIVATE gboolean kith_json_span_is_null (const KithJsonSpan *span);

/* kith_json_parse() of text that must be one object. */
KITH_PRIVATE JsonObject *kith_json_parse_object (const char *text, gssize length, GError **error);

G_END_DECLS
