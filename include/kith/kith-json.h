/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "kith-error.h"

G_BEGIN_DECLS

/**
 * KITH_JSON_MAX_DEPTH:
 *
 * How deep objects and arrays may nest in what comes from outside.
 *
 * Since: 1.0
 */
#define KITH_JSON_MAX_DEPTH 32

/**
 * KITH_JSON_MAX_VALUES:
 *
 * How many values one document from outside may hold.
 *
 * Since: 1.0
 */
#define KITH_JSON_MAX_VALUES 65536

/**
 * kith_json_parse:
 * @text: the document, UTF-8; needs no NUL at its end when @length is given
 * @length: its length in bytes, or -1
 * @error: return location for an error
 *
 * Parses one JSON document from outside, after a strict check (RFC 8259): depth at most %KITH_JSON_MAX_DEPTH, valid
 * UTF-8, no `\u0000` and no lone surrogates, no duplicate keys, integers that fit 64 bits, finite numbers, nothing
 * before or after the document. Any thread, but the result belongs to one thread: the count of a
 * [struct@Json.Object] is not atomic.
 *
 * Errors: %KITH_ERROR_INVALID with what is wrong.
 *
 * Returns: (transfer full): the root, never %NULL without an error
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 JsonNode *kith_json_parse (const char *text, gssize length, GError **error);

/**
 * kith_json_print:
 * @node: any node
 *
 * Writes a node as compact JSON, UTF-8. Any thread that may read @node.
 *
 * Returns: (transfer full): the bytes, without a NUL
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_json_print (JsonNode *node);

G_END_DECLS
