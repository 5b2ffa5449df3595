/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Padding, and the session's bytes as a vault gives them back. */
#include <stdlib.h>
#include <string.h>

#include "kith-e2ee-private.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

static void
read_session (const uint8_t *data, size_t n)
{
  KithE2eeSession session, again;

  memset (&session, 0, sizeof session);
  memcpy (session.row.state, data, n);
  session.row.n_state = n;
  if (!kith_e2ee_session_read (&session))
    return;
  again = session;
  kith_e2ee_session_write (&again);
  if (again.row.n_state != n || memcmp (again.row.state, data, n) != 0)
    abort (); /* lint: never, because a fuzzer is told so */
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  size_t length;

  if (kith_e2ee_unpad (data, n, &length) == KITH_E2EE_OK && (length >= n || data[length] != 0x80))
    abort (); /* lint: never, because a fuzzer is told so */
  if (n <= KITH_E2EE_MAX_PLAIN)
    {
      uint8_t *padded = malloc (kith_e2ee_pad_target (n));

      memcpy (padded, data, n);
      kith_e2ee_pad (padded, n, kith_e2ee_pad_target (n));
      if (kith_e2ee_unpad (padded, kith_e2ee_pad_target (n), &length) != KITH_E2EE_OK || length != n)
        abort (); /* lint: never, because a fuzzer is told so */
      free (padded);
    }
  if (n <= KITH_E2EE_SESSION_MAX_BYTES)
    read_session (data, n);
  return 0;
}
