/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"

G_BEGIN_DECLS

/* Writes compact JSON into a string, for hot paths. Any thread, one at a time. The caller keeps the nesting right.
 *   g_auto (KithJsonWriter) w; kith_json_writer_init (&w); … ; return kith_json_writer_finish (&w);
 */
typedef struct
{
  GString *text;
} KithJsonWriter;

KITH_PRIVATE void kith_json_writer_init (KithJsonWriter *writer);
KITH_PRIVATE void kith_json_writer_clear (KithJsonWriter *writer);
/* The bytes, without a NUL; the writer is cleared and must be initialized again before its next use. */
KITH_PRIVATE GBytes *kith_json_writer_finish (KithJsonWriter *writer);
/* The same as a string with a NUL. */
KITH_PRIVATE char *kith_json_writer_finish_string (KithJsonWriter *writer);

KITH_PRIVATE void kith_json_writer_begin_object (KithJsonWriter *writer);
KITH_PRIVATE void kith_json_writer_end_object (KithJsonWriter *writer);
KITH_PRIVATE void kith_json_writer_begin_array (KithJsonWriter *writer);
KITH_PRIVATE void kith_json_writer_end_array (KithJsonWriter *writer);
KITH_PRIVATE void kith_json_writer_key (KithJsonWriter *writer, const char *key);

/* Invalid UTF-8 is replaced by U+FFFD. */
KITH_PRIVATE void kith_json_writer_string (KithJsonWriter *writer, const char *value);
KITH_PRIVATE void kith_json_writer_string_len (KithJsonWriter *writer, const char *value, gssize length);
KITH_PRIVATE void kith_json_writer_string_or_null (KithJsonWriter *writer, const char *value);
KITH_PRIVATE void kith_json_writer_int (KithJsonWriter *writer, gint64 value);
KITH_PRIVATE void kith_json_writer_double (KithJsonWriter *writer, double value);
KITH_PRIVATE void kith_json_writer_bool (KithJsonWriter *writer, gboolean value);
KITH_PRIVATE void kith_json_writer_null (KithJsonWriter *writer);
/* A value that is JSON already. */
KITH_PRIVATE void kith_json_writer_raw (KithJsonWriter *writer, const char *json, gssize length);
KITH_PRIVATE void kith_json_writer_raw_bytes (KithJsonWriter *writer, GBytes *json);
/* Base64 with padding (RFC 4648). */
KITH_PRIVATE void kith_json_writer_base64 (KithJsonWriter *writer, const void *data, gsize n);
/* ISO 8601 UTC with a Z, milliseconds only when there are any. */
KITH_PRIVATE void kith_json_writer_time_ms (KithJsonWriter *writer, gint64 unix_ms);

/* A key and its value at once. */
KITH_PRIVATE void kith_json_writer_member_string (KithJsonWriter *writer, const char *key, const char *value);
KITH_PRIVATE void kith_json_writer_member_string_or_null (KithJsonWriter *writer, const char *key, const char *value);
KITH_PRIVATE void kith_json_writer_member_int (KithJsonWriter *writer, const char *key, gint64 value);
KITH_PRIVATE void kith_json_writer_member_bool (KithJsonWriter *writer, const char *key, gboolean value);
KITH_PRIVATE void kith_json_writer_member_null (KithJsonWriter *writer, const char *key);
KITH_PRIVATE void kith_json_writer_member_raw (KithJsonWriter *writer, const char *key, GBytes *json);
KITH_PRIVATE void kith_json_writer_member_base64 (KithJsonWriter *writer, const char *key, const void *data, gsize n);
KITH_PRIVATE void kith_json_writer_member_time_ms (KithJsonWriter *writer, const char *key, gint64 unix_ms);

/* "2026-01-15T10:30:00Z", with ".123" before the Z only when there are milliseconds; free with g_free(). Any
 * thread. */
KITH_PRIVATE char *kith_format_time_ms (gint64 unix_ms);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithJsonWriter, kith_json_writer_clear)

G_END_DECLS
