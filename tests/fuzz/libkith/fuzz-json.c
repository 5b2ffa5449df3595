/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-json-private.h"
#include "kith-json-writer.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* What must hold for any bytes: check, scan and parse agree, what is accepted reads back the same after printing, spans
 * lie inside the text, and a string that was handed out can be written and read again. */
static void
try_spans (const char *text, gsize n)
{
  const char *const names[] = { "event", "data", "a", "" };
  KithJsonSpan spans[G_N_ELEMENTS (names)];
  const char *why = NULL;

  if (!kith_json_scan (text, n, names, spans, G_N_ELEMENTS (names), &why))
    {
      g_assert_nonnull (why);
      return;
    }
  g_assert_cmpstr (kith_json_check (text, n, KITH_JSON_MAX_DEPTH, KITH_JSON_MAX_VALUES), ==, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (spans); i++)
    {
      g_autofree char *string = kith_json_span_string (&spans[i]);
      gint64 integer;
      gboolean boolean;
      char small[8];

      g_assert_true (spans[i].start == NULL
                     || (spans[i].start >= text && spans[i].length <= n - (gsize) (spans[i].start - text)));
      (void) kith_json_span_integer (&spans[i], &integer);
      (void) kith_json_span_boolean (&spans[i], &boolean);
      (void) kith_json_span_copy (&spans[i], small, sizeof small);
      if (string != NULL)
        {
          g_auto (KithJsonWriter) writer = { NULL };
          g_autoptr (GBytes) written = NULL;

          g_assert_true (kith_json_span_equals (&spans[i], string));
          kith_json_writer_init (&writer);
          kith_json_writer_string (&writer, string);
          written = kith_json_writer_finish (&writer);
          g_assert_cmpstr (kith_json_check (g_bytes_get_data (written, NULL), g_bytes_get_size (written), 1, 1), ==,
                           NULL);
        }
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = size > 0 ? (const char *) data : "";
  const char *why = kith_json_check (text, size, KITH_JSON_MAX_DEPTH, KITH_JSON_MAX_VALUES);
  g_autoptr (JsonNode) node = kith_json_parse (text, (gssize) size, NULL);
  g_autoptr (JsonNode) again = NULL;
  g_autoptr (GBytes) printed = NULL;

  /* What the check lets through, json-glib must take; and nothing else reaches it. */
  g_assert_cmpint (why == NULL, ==, node != NULL);
  try_spans (text, size);
  if (node == NULL)
    return 0;
  printed = kith_json_print (node);
  again = kith_json_parse (g_bytes_get_data (printed, NULL), (gssize) g_bytes_get_size (printed), NULL);
  g_assert_nonnull (again);
  return 0;
}
