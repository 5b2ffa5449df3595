/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A listening link. The first byte chooses what the rest is: bytes before the handshake, the HELLO inside it, or frames
 * after it (of a friend, of a stranger). */
#include "link-fixture.h"
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

static void
say_hello (Peer *peer, Fixture *fixture, const uint8_t *data, size_t n)
{
  g_autofree char *hello = g_strndup ((const char *) data, MIN (n, KITH_FRAME_MAX_HELLO));

  peer_connect (peer, fixture);
  peer_shake (peer, &fixture->carol, hello);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t n)
{
  Fixture fixture;
  Peer peer;

  if (n < 1 || n > 60000)
    return 0;
  fixture_init (&fixture, NULL);
  switch (data[0] % 4)
    {
    case 0:
      peer_connect (&peer, &fixture);
      peer_send_raw (&peer, data + 1, n - 1);
      break;
    case 1:
      say_hello (&peer, &fixture, data + 1, n - 1);
      break;
    default:
      fixture.b.verdict = data[0] % 4 == 2 ? KITH_LINK_FRIEND : KITH_LINK_STRANGER;
      peer_dial (&peer, &fixture, &fixture.carol, NULL);
      peer_say_plain (&peer, data + 1, n - 1);
      break;
    }
  peer_read (&peer);
  advance_ms (&fixture, 100);
  peer_clear (&peer);
  run (&fixture);
  if (fixture.b.n_closed != 1)
    g_error ("the link did not end, or ended twice");
  fixture_clear (&fixture, NULL);
  return 0;
}
