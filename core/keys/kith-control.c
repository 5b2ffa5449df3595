/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control contents, e2ee.md §7.4: bytes and nothing else. */
#include <string.h>

#include "kith-courier.h"

enum
{
  CONTROL_RETRY = 0x01,
  PLACE_BYTES = 16 + 32 + 4,
  PLACES_MAX = 50,
};

GBytes *
kith_courier_write_retry (const KithE2eePlace *places, gsize n_places)
{
  GByteArray *out = g_byte_array_new ();
  guint16 count = (guint16)MIN (n_places, PLACES_MAX);
  guint8 head[3] = { CONTROL_RETRY, (guint8)(count >> 8), (guint8)count };

  g_byte_array_append (out, head, sizeof head);
  for (guint i = 0; i < count; i++)
    {
      guint32 n = GUINT32_TO_BE (places[i].n);

      g_byte_array_append (out, places[i].sid, 16);
      g_byte_array_append (out, places[i].ratchet, 32);
      g_byte_array_append (out, (const guint8 *)&n, 4);
    }
  return g_byte_array_free_to_bytes (out);
}

gboolean
kith_courier_read_retry (GBytes *content, KithE2eePlace *places, gsize *n_places)
{
  gsize n, count;
  const guint8 *bytes = g_bytes_get_data (content, &n);

  *n_places = 0;
  if (n < 3 || bytes[0] != CONTROL_RETRY)
    return FALSE;
  count = (gsize)bytes[1] << 8 | bytes[2];
  if (count == 0 || count > PLACES_MAX || n != 3 + count * PLACE_BYTES)
    return FALSE;
  for (gsize i = 0; i < count; i++)
    {
      const guint8 *at = bytes + 3 + i * PLACE_BYTES;
      guint32 number;

      memcpy (places[i].sid, at, 16);
      memcpy (places[i].ratchet, at + 16, 32);
      memcpy (&number, at + 48, 4);
      places[i].n = GUINT32_FROM_BE (number);
    }
  *n_places = count;
  return TRUE;
}
