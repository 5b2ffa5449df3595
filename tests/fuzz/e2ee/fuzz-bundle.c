/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bundles: raw, and signed anew so that what lies behind the signature is reached. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "kith-e2ee.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

static void
check (const KithE2eeBundle *bundle, size_t n)
{
  if (bundle->device == 0 || n != KITH_E2EE_BUNDLE_BYTES + 32 * bundle->n_opks
      || kith_e2ee_check_key (bundle->spk) != 0)
    abort (); /* lint: never, because a fuzzer is told so */
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  static const uint8_t seed[32] = { 3 };
  static KithE2eeAccount *account;
  uint8_t out[KITH_E2EE_BUNDLE_BYTES + 32 * KITH_E2EE_BUNDLE_MAX_OPKS];
  KithE2eeBundle bundle;

  if (account == NULL && (sodium_init () < 0 || (account = kith_e2ee_account_new (seed, 7)) == NULL))
    return 0;
  if (kith_e2ee_bundle_parse (data, n, &bundle) == KITH_E2EE_OK)
    check (&bundle, n);
  if (n >= 32)
    {
      size_t n_opks = (n - 32) / 32 < KITH_E2EE_BUNDLE_MAX_OPKS ? (n - 32) / 32 : KITH_E2EE_BUNDLE_MAX_OPKS;
      size_t n_out = kith_e2ee_bundle_write (account, 5, data, data + 32, n_opks, out);

      if (kith_e2ee_bundle_parse (out, n_out, &bundle) == KITH_E2EE_OK)
        check (&bundle, n_out);
    }
  return 0;
}
