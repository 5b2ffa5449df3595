/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link-fixture.h"
#include "kith-e2ee.h"
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- what a link tells */

static KithLinkVerdict
on_verdict (KithLink *link, const KithLinkHello *hello, gpointer data)
{
  End *self = data;

  self->n_verdict++;
  g_free (self->hello_name);
  self->hello_name = g_strdup (hello->username);
  return self->verdict;
}

static void
on_opened (KithLink *link, gpointer data)
{
  ((End *) data)->n_opened++;
}

static void
on_envelope (KithLink *link, guint32 n, GBytes *wire, gpointer data)
{
  End *self = data;

  g_ptr_array_add (self->envelopes, g_bytes_ref (wire));
  g_array_append_val (self->numbers, n);
  if (self->answers)
    kith_link_ack (link, n, self->code);
  if (self->on_envelope != NULL)
    self->on_envelope (link, n, self);
}

static void
on_acked (KithLink *link, const KithLinkOutcome *outcomes, guint n_outcomes, gpointer data)
{
  g_array_append_vals (((End *) data)->outcomes, outcomes, n_outcomes);
}

static void
on_room (KithLink *link, gpointer data)
{
  ((End *) data)->n_room++;
}

static void
on_ephemeral (KithLink *link, const char *kind, JsonObject *object, gpointer data)
{
  End *self = data;

  self->n_ephemeral++;
  g_string_append_printf (self->kinds, "%s,", kind);
}

static void
on_bundle_request (KithLink *link, gboolean is_friend, gpointer data)
{
  End *self = data;
  g_autoptr (GBytes) bundle = g_bytes_new_static ("bundle", 6);

  self->n_bundle_request++;
  self->asked_as_friend = is_friend;
  g_assert_true (kith_link_send_bundle (link, bundle));
}

static void
on_bundle (KithLink *link, GBytes *bundle, gpointer data)
{
  g_assert_cmpuint (g_bytes_get_size (bundle), ==, 6);
  ((End *) data)->n_bundle++;
}

static void
on_closed (KithLink *link, KithLinkReason reason, const GError *error, gpointer data)
{
  End *self = data;

  g_assert_nonnull (error);
  self->n_closed++;
  self->reason = reason;
  g_free (self->why);
  self->why = g_strdup (error->message);
}

const KithLinkFuncs end_funcs = {
  on_verdict, on_opened, on_envelope, on_acked, on_room, on_ephemeral, on_bundle_request, on_bundle, on_closed,
};

static void
end_init (End *self)
{
  memset (self, 0, sizeof *self);
  self->verdict = KITH_LINK_FRIEND;
  self->answers = TRUE;
  self->envelopes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  self->numbers = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->outcomes = g_array_new (FALSE, FALSE, sizeof (KithLinkOutcome));
  self->kinds = g_string_new (NULL);
}

void
end_clear (End *self)
{
  g_clear_pointer (&self->link, kith_link_unref);
  g_ptr_array_unref (self->envelopes);
  g_array_unref (self->numbers);
  g_array_unref (self->outcomes);
  g_string_free (self->kinds, TRUE);
  g_free (self->why);
  g_free (self->hello_name);
}

/* --- people, world */

void
person_init (Person *self, guint8 seed)
{
  guint8 seed_bytes[32], sign_secret[64];

  memset (seed_bytes, seed, sizeof seed_bytes);
  g_assert_cmpint (crypto_sign_seed_keypair (self->identity, sign_secret, seed_bytes), ==, 0);
  g_assert_cmpint (crypto_sign_ed25519_sk_to_curve25519 (self->secret, sign_secret), ==, 0);
  g_assert_cmpint (crypto_sign_ed25519_pk_to_curve25519 (self->exchange, self->identity), ==, 0);
}

void
fixture_init (Fixture *self, gconstpointer data)
{
  static const char *const addresses[] = { "tcp:127.0.0.1:9100", NULL };

  g_assert_cmpint (sodium_init (), >=, 0);
  memset (self, 0, sizeof *self);
  self->world = kith_world_new_virtual (7);
  person_init (&self->alice, 1);
  person_init (&self->bob, 2);
  person_init (&self->carol, 3);
  self->alice_door = kith_link_door_new (self->world, self->alice.secret, self->alice.identity);
  self->bob_door = kith_link_door_new (self->world, self->bob.secret, self->bob.identity);
  kith_link_door_set_hello (self->alice_door, "alice", 11, addresses, NULL, "1.0");
  kith_link_door_set_hello (self->bob_door, "bob", 22, addresses, NULL, "1.0");
  end_init (&self->a);
  end_init (&self->b);
}

void
fixture_clear (Fixture *self, gconstpointer data)
{
  end_clear (&self->a);
  end_clear (&self->b);
  kith_link_door_free (self->alice_door);
  kith_link_door_free (self->bob_door);
  kith_world_run_until_idle (self->world);
  kith_world_unref (self->world);
}

static GIOStream *
stream_of (int fd)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);

  g_assert_no_error (error);
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

void
make_pair (GIOStream **left, GIOStream **right)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  *left = stream_of (fds[0]);
  *right = stream_of (fds[1]);
}

GIOStream *
make_half (int *fd)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  *fd = fds[1];
  return stream_of (fds[0]);
}

void
dial (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  GIOStream *left, *right;

  make_pair (&left, &right);
  self->b.link = kith_link_accept (self->bob_door, right, "test", "192.0.2.1", &end_funcs, &self->b, &error);
  g_assert_no_error (error);
  self->a.link
      = kith_link_dial (self->alice_door, left, "test", "test:bob", self->bob.identity, &end_funcs, &self->a, &error);
  g_assert_no_error (error);
}

void
run (Fixture *self)
{
  kith_world_run_until_idle (self->world);
}

void
advance_ms (Fixture *self, guint ms)
{
  kith_world_advance (self->world, (guint64) ms * 1000);
  kith_world_run_until_idle (self->world);
}

void
connect_both (Fixture *self)
{
  dial (self);
  run (self);
  g_assert_true (kith_link_is_open (self->a.link));
  g_assert_true (kith_link_is_open (self->b.link));
}

GBytes *
make_envelope (guint8 type, gsize n)
{
  guint8 *bytes = g_malloc (n);

  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) (i * 7);
  bytes[0] = 0x01;
  bytes[1] = type;
  return g_bytes_new_take (bytes, n);
}

/* --- a peer by hand */

static void
draw (void *data, void *out, size_t n)
{
  kith_world_fill_random (data, out, n);
}

char *
make_hello (const Person *who, const char *name)
{
  g_autofree char *key = g_base64_encode (who->identity, 32);

  return g_strdup_printf ("{\"username\":\"%s\",\"identity_key\":\"%s\",\"device\":33,\"addresses\":[],\"features\":[],"
                          "\"version\":\"1.0\"}",
                          name, key);
}

void
peer_connect (Peer *self, Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  GIOStream *stream;

  memset (self, 0, sizeof *self);
  self->fixture = fixture;
  self->in = g_byte_array_new ();
  self->raw = g_byte_array_new ();
  stream = make_half (&self->fd);
  fixture->b.link = kith_link_accept (fixture->bob_door, stream, "test", "192.0.2.9", &end_funcs, &fixture->b, &error);
  g_assert_no_error (error);
}

void
peer_clear (Peer *self)
{
  close (self->fd);
  g_byte_array_unref (self->in);
  g_byte_array_unref (self->raw);
}

void
peer_send_raw (Peer *self, const void *bytes, gsize n)
{
  const guint8 *from = bytes;

  while (n > 0)
    {
      gssize written = send (self->fd, from, n, MSG_NOSIGNAL);

      if (written > 0)
        {
          from += written;
          n -= (gsize) written;
        }
      else if (written < 0 && errno != EAGAIN)
        return;                       /* they hung up on us: what a hostile peer must expect */
      else
        run (self->fixture);
    }
}

static void
send_message (Peer *self, const guint8 *bytes, gsize n)
{
  guint8 length[2] = { (guint8) (n >> 8), (guint8) n };

  peer_send_raw (self, length, 2);
  peer_send_raw (self, bytes, n);
}

void
peer_say_plain (Peer *self, const void *bytes, gsize n)
{
  g_autofree guint8 *sealed = g_malloc (n + KITH_NOISE_TAG);

  if (n > 0)
    memcpy (sealed, bytes, n);
  g_assert_cmpint (kith_noise_seal (&self->sending, sealed, n), ==, KITH_NOISE_OK);
  send_message (self, sealed, n + KITH_NOISE_TAG);
}

void
peer_say (Peer *self, guint8 type, const void *body, gsize n)
{
  g_autofree guint8 *frame = g_malloc (5 + n);

  kith_write_u32 (frame, (guint32) (1 + n));
  frame[4] = type;
  memcpy (frame + 5, body, n);
  for (gsize at = 0; at < 5 + n; at += 60000)
    peer_say_plain (self, frame + at, MIN (60000, 5 + n - at));
}

static void
open_messages (Peer *self)
{
  while (self->transport && self->raw->len >= 2)
    {
      gsize length = (gsize) self->raw->data[0] << 8 | self->raw->data[1];

      if (self->raw->len < 2 + length)
        return;
      g_assert_cmpint (kith_noise_open (&self->receiving, self->raw->data + 2, length), ==, KITH_NOISE_OK);
      g_byte_array_append (self->in, self->raw->data + 2, (guint) (length - KITH_NOISE_TAG));
      g_byte_array_remove_range (self->raw, 0, (guint) (2 + length));
    }
}

void
peer_read (Peer *self)
{
  guint8 chunk[65536];
  gssize n;

  run (self->fixture);
  while ((n = recv (self->fd, chunk, sizeof chunk, 0)) > 0)
    {
      g_byte_array_append (self->raw, chunk, (guint) n);
      run (self->fixture);
    }
  if (n == 0 || errno != EAGAIN)
    self->hung_up = TRUE;
  open_messages (self);
}

gboolean
peer_next (Peer *self, guint8 *type, GBytes **body)
{
  guint32 length;

  peer_read (self);
  if (self->in->len < 5)
    return FALSE;
  length = kith_read_u32 (self->in->data);
  g_assert_cmpuint (self->in->len, >=, 4 + length);
  *type = self->in->data[4];
  *body = g_bytes_new (self->in->data + 5, length - 1);
  g_byte_array_remove_range (self->in, 0, 4 + length);
  return TRUE;
}

guint8
peer_expect_close (Peer *self)
{
  guint8 type;
  GBytes *next;

  while (peer_next (self, &type, &next))
    {
      g_autoptr (GBytes) body = next;

      if (type == KITH_FRAME_CLOSE)
        return ((const guint8 *) g_bytes_get_data (body, NULL))[0];
    }
  return 0xff;
}

void
peer_shake (Peer *self, const Person *who, const char *hello)
{
  guint8 message[4096];
  const guint8 *payload;
  gsize n;

  g_assert_cmpint (kith_noise_init (&self->noise, TRUE, "kith link/1", 11, who->secret, self->fixture->bob.exchange,
                                    draw, self->fixture->world),
                   ==, KITH_NOISE_OK);
  g_assert_cmpint (kith_noise_write (&self->noise, NULL, 0, message, sizeof message, &n), ==, KITH_NOISE_OK);
  send_message (self, message, n);
  peer_read (self);
  g_assert_cmpuint (self->raw->len, ==, 2 + KITH_NOISE_OVERHEAD_2);
  g_assert_cmpint (kith_noise_read (&self->noise, self->raw->data + 2, self->raw->len - 2, &payload, &n), ==,
                   KITH_NOISE_OK);
  g_byte_array_set_size (self->raw, 0);
  g_assert_cmpint (kith_noise_write (&self->noise, (const guint8 *)hello, strlen (hello), message, sizeof message, &n),
                   ==, KITH_NOISE_OK);
  g_assert_cmpint (kith_noise_split (&self->noise, &self->sending, &self->receiving, NULL), ==, KITH_NOISE_OK);
  self->transport = TRUE;
  send_message (self, message, n);
}

void
peer_dial (Peer *self, Fixture *fixture, const Person *who, const char *hello)
{
  g_autofree char *made = make_hello (who, "carol");
  guint8 type;
  GBytes *body;

  peer_connect (self, fixture);
  peer_shake (self, who, hello == NULL ? made : hello);
  if (hello != NULL)
    return;
  g_assert_true (peer_next (self, &type, &body));
  g_assert_cmpuint (type, ==, KITH_FRAME_HELLO);
  g_bytes_unref (body);
}
