/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a link costs: handshakes, and envelopes of 356 bytes (a short message, encrypted) over TCP on loopback, both
 * ends in one process and thread, 256 in flight. Prints; asserts nothing. */
#include "link-fixture.h"
#include <sodium.h>

#define ENVELOPES 200000
#define HANDSHAKES 200

typedef struct
{
  KithLinkDoor *alice, *bob;
  Person people[2];
  GIOStream *accepted, *dialled;
  KithLink *from, *to;
  GBytes *wire;
  guint sent, acked, opened;
} Bench;

static void
fill (Bench *self)
{
  guint32 n;

  while (self->sent < ENVELOPES && kith_link_send_envelope (self->from, self->wire, &n))
    self->sent++;
}

static void
on_envelope (KithLink *link, guint32 n, GBytes *wire, gpointer data)
{
  kith_link_ack (link, n, KITH_ACK_STORED);
}

static void
on_acked (KithLink *link, const KithLinkOutcome *outcomes, guint n_outcomes, gpointer data)
{
  ((Bench *) data)->acked += n_outcomes;
  fill (data);
}

static void
on_opened (KithLink *link, gpointer data)
{
  ((Bench *) data)->opened++;
}

static const KithLinkFuncs funcs = { .opened = on_opened, .envelope = on_envelope, .acked = on_acked };

static void
on_incoming (GObject *listener, GAsyncResult *result, gpointer data)
{
  ((Bench *)data)->accepted
      = G_IO_STREAM (g_socket_listener_accept_finish (G_SOCKET_LISTENER (listener), result, NULL, NULL));
}

static void
on_dialled (GObject *client, GAsyncResult *result, gpointer data)
{
  ((Bench *) data)->dialled = G_IO_STREAM (g_socket_client_connect_finish (G_SOCKET_CLIENT (client), result, NULL));
}

static void
open_links (Bench *self, GSocketListener *listener, GSocketClient *client, guint16 port)
{
  self->opened = 0;
  self->accepted = self->dialled = NULL;
  g_socket_listener_accept_async (listener, NULL, on_incoming, self);
  g_socket_client_connect_to_host_async (client, "127.0.0.1", port, NULL, on_dialled, self);
  while (self->accepted == NULL || self->dialled == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_socket_set_option (g_socket_connection_get_socket (G_SOCKET_CONNECTION (self->dialled)), 6, 1, 1, NULL);
  g_socket_set_option (g_socket_connection_get_socket (G_SOCKET_CONNECTION (self->accepted)), 6, 1, 1, NULL);
  self->to = kith_link_accept (self->bob, self->accepted, "tcp", "127.0.0.1", &funcs, self, NULL);
  self->from
      = kith_link_dial (self->alice, self->dialled, "tcp", "tcp:bob", self->people[1].identity, &funcs, self, NULL);
  while (self->opened < 2)
    g_main_context_iteration (NULL, TRUE);
}

static void
close_links (Bench *self)
{
  kith_link_cut (self->from);
  kith_link_cut (self->to);
  kith_link_unref (self->from);
  kith_link_unref (self->to);
}

int
main (void)
{
  g_autoptr (KithWorld) world = kith_world_new ();
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);
  Bench self = { 0 };
  gint64 started;
  double seconds;

  if (sodium_init () < 0)
    return 1;
  person_init (&self.people[0], 1);
  person_init (&self.people[1], 2);
  self.alice = kith_link_door_new (world, self.people[0].secret, self.people[0].identity);
  self.bob = kith_link_door_new (world, self.people[1].secret, self.people[1].identity);
  kith_link_door_set_hello (self.alice, "alice", 1, NULL, NULL, "1");
  kith_link_door_set_hello (self.bob, "bob", 2, NULL, NULL, "1");
  self.wire = make_envelope (2, 356);

  started = g_get_monotonic_time ();
  for (guint i = 0; i < HANDSHAKES; i++)
    {
      open_links (&self, listener, client, port);
      close_links (&self);
    }
  seconds = (double) (g_get_monotonic_time () - started) / G_USEC_PER_SEC;
  g_print ("handshake, with the TCP connection: %.2f ms\n", seconds * 1000 / HANDSHAKES);

  open_links (&self, listener, client, port);
  started = g_get_monotonic_time ();
  fill (&self);
  while (self.acked < ENVELOPES)
    g_main_context_iteration (NULL, TRUE);
  seconds = (double) (g_get_monotonic_time () - started) / G_USEC_PER_SEC;
  g_print ("envelopes, both ends in one thread: %.0f a second, %.2f us each\n", ENVELOPES / seconds,
           seconds * 1e6 / ENVELOPES);
  close_links (&self);
  g_bytes_unref (self.wire);
  kith_link_door_free (self.alice);
  kith_link_door_free (self.bob);
  return 0;
}
