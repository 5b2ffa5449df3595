/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Backups. Only cheap ones are opened: what a costly one costs is Argon2's business, and the limits are peek's. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "kith-e2ee.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  KithE2eeCost cost;
  uint8_t *out, seed[32];
  uint64_t created;
  size_t at, n_json;

  if (sodium_init () < 0 || kith_e2ee_backup_peek (data, n, &cost) != KITH_E2EE_OK)
    return 0;
  if (cost.opslimit < 1 || cost.opslimit > 16 || cost.memlimit_kib < 8 || cost.memlimit_kib > 1048576)
    abort (); /* lint: never, because a fuzzer is told so */
  if (cost.opslimit > 2 || cost.memlimit_kib > 64)
    return 0;
  out = malloc (n);
  if (kith_e2ee_backup_open ("correct horse", data, n, out, seed, &created, &at, &n_json) == KITH_E2EE_OK
      && at + n_json > n)
    abort (); /* lint: never, because a fuzzer is told so */
  free (out);
  return 0;
}
