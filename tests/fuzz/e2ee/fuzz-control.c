/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Retry requests. */
#include <stdlib.h>

#include "kith-courier.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  g_autoptr (GBytes) content = g_bytes_new (data, n);
  g_autoptr (GBytes) again = NULL;
  KithE2eePlace places[50];
  gsize n_places;

  if (!kith_courier_read_retry (content, places, &n_places))
    return 0;
  again = kith_courier_write_retry (places, n_places);
  if (!g_bytes_equal (content, again))
    abort (); /* lint: never, because a fuzzer is told so */
  return 0;
}
