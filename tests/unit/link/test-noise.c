/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The handshake against published vectors, and what it refuses. */
#include "kith-noise.h"
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <sodium.h>
#include <string.h>

static const char *vectors_path;

static gsize
hex (JsonObject *object, const char *member, guint8 *out, gsize max)
{
  const char *text = json_object_get_string_member (object, member);
  size_t n = 0;

  g_assert_cmpint (sodium_hex2bin (out, max, text, strlen (text), NULL, &n, NULL), ==, 0);
  return n;
}

static void
give (void *data, void *out, size_t n)
{
  g_assert_cmpuint (n, ==, 32);
  memcpy (out, data, n);
}

static void
start (JsonObject *vector, KithNoise *dialer, KithNoise *listener, guint8 keys[2][32])
{
  guint8 prologue[256], secret[32], peer[32];
  gsize n = hex (vector, "init_prologue", prologue, sizeof prologue);

  hex (vector, "init_ephemeral", keys[0], 32);
  hex (vector, "resp_ephemeral", keys[1], 32);
  hex (vector, "init_static", secret, 32);
  hex (vector, "init_remote_static", peer, 32);
  g_assert_cmpint (kith_noise_init (dialer, 1, prologue, n, secret, peer, give, keys[0]), ==, KITH_NOISE_OK);
  hex (vector, "resp_static", secret, 32);
  g_assert_cmpint (kith_noise_init (listener, 0, prologue, n, secret, NULL, give, keys[1]), ==, KITH_NOISE_OK);
}

static void
check_handshake (JsonObject *message, KithNoise *writer, KithNoise *reader)
{
  guint8 payload[256], expected[512], made[512];
  const guint8 *read;
  gsize n_payload = hex (message, "payload", payload, sizeof payload);
  gsize n_expected = hex (message, "ciphertext", expected, sizeof expected);
  gsize n;

  g_assert_cmpint (kith_noise_write (writer, payload, n_payload, made, sizeof made, &n), ==, KITH_NOISE_OK);
  g_assert_cmpmem (made, n, expected, n_expected);
  g_assert_cmpint (kith_noise_read (reader, made, n, &read, &n), ==, KITH_NOISE_OK);
  g_assert_cmpmem (read, n, payload, n_payload);
}

static void
check_transport (JsonObject *message, KithNoiseCipher *sending, KithNoiseCipher *receiving)
{
  guint8 payload[256], expected[512], made[512];
  gsize n = hex (message, "payload", payload, sizeof payload);
  gsize n_expected = hex (message, "ciphertext", expected, sizeof expected);

  memcpy (made, payload, n);
  g_assert_cmpint (kith_noise_seal (sending, made, n), ==, KITH_NOISE_OK);
  g_assert_cmpmem (made, n + KITH_NOISE_TAG, expected, n_expected);
  g_assert_cmpint (kith_noise_open (receiving, made, n + KITH_NOISE_TAG), ==, KITH_NOISE_OK);
  g_assert_cmpmem (made, n, payload, n);
}

static void
check_vector (JsonObject *vector)
{
  JsonArray *messages = json_object_get_array_member (vector, "messages");
  KithNoise dialer, listener;
  KithNoiseCipher ciphers[4];
  guint8 keys[2][32], hashes[2][32], expected[32];

  start (vector, &dialer, &listener, keys);
  for (guint i = 0; i < 3; i++)
    check_handshake (json_array_get_object_element (messages, i), i == 1 ? &listener : &dialer,
                     i == 1 ? &dialer : &listener);
  g_assert_cmpint (kith_noise_split (&dialer, &ciphers[0], &ciphers[1], hashes[0]), ==, KITH_NOISE_OK);
  g_assert_cmpint (kith_noise_split (&listener, &ciphers[2], &ciphers[3], hashes[1]), ==, KITH_NOISE_OK);
  g_assert_cmpmem (hashes[0], 32, hashes[1], 32);
  if (json_object_has_member (vector, "handshake_hash"))
    {
      hex (vector, "handshake_hash", expected, 32);
      g_assert_cmpmem (hashes[0], 32, expected, 32);
    }
  for (guint i = 3; i < json_array_get_length (messages); i++)
    {
      gboolean from_listener = i % 2 == 1;

      check_transport (json_array_get_object_element (messages, i), &ciphers[from_listener ? 2 : 0],
                       &ciphers[from_listener ? 1 : 3]);
    }
}

static void
test_vectors (void)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonArray *vectors;

  json_parser_load_from_file (parser, vectors_path, &error);
  g_assert_no_error (error);
  vectors = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "vectors");
  g_assert_cmpuint (json_array_get_length (vectors), >=, 2);
  for (guint i = 0; i < json_array_get_length (vectors); i++)
    check_vector (json_array_get_object_element (vectors, i));
}

static void
chance (void *data, void *out, size_t n)
{
  randombytes_buf (out, n);
}

/* A dialler and a listener up to a message, which is then spoiled: the reader must refuse it. */
static KithNoiseResult
spoil (guint turn, gsize offset, guint8 flip)
{
  guint8 secrets[2][32], keys[2][32], message[256];
  const guint8 *payload;
  KithNoise sides[2];
  KithNoiseResult result = KITH_NOISE_OK;
  gsize n;

  for (guint i = 0; i < 2; i++)
    {
      randombytes_buf (secrets[i], 32);
      crypto_scalarmult_base (keys[i], secrets[i]);
    }
  kith_noise_init (&sides[0], 1, "p", 1, secrets[0], keys[1], chance, NULL);
  kith_noise_init (&sides[1], 0, "p", 1, secrets[1], NULL, chance, NULL);
  for (guint i = 0; i <= turn && result == KITH_NOISE_OK; i++)
    {
      g_assert_cmpint (kith_noise_write (&sides[i % 2], (const guint8 *)"hello", 5, message, sizeof message, &n), ==,
                       KITH_NOISE_OK);
      if (i == turn)
        message[offset % n] ^= flip;
      result = kith_noise_read (&sides[(i + 1) % 2], message, n, &payload, &n);
    }
  return result;
}

static void
test_tampering (void)
{
  for (guint turn = 0; turn < 3; turn++)
    {
      g_assert_cmpint (spoil (turn, 0, 0), ==, KITH_NOISE_OK);
      for (gsize offset = 0; offset < 100; offset++)
        g_assert_cmpint (spoil (turn, offset, (guint8) (1u << (offset % 8))), !=, KITH_NOISE_OK);
    }
}

static void
test_other_identity (void)
{
  guint8 secrets[3][32], keys[3][32], message[256];
  const guint8 *payload;
  KithNoise dialer, listener;
  gsize n;

  for (guint i = 0; i < 3; i++)
    {
      randombytes_buf (secrets[i], 32);
      crypto_scalarmult_base (keys[i], secrets[i]);
    }
  kith_noise_init (&dialer, 1, "p", 1, secrets[0], keys[1], chance, NULL);
  kith_noise_init (&listener, 0, "p", 1, secrets[2], NULL, chance, NULL);
  g_assert_cmpint (kith_noise_write (&dialer, NULL, 0, message, sizeof message, &n), ==, KITH_NOISE_OK);
  g_assert_cmpint (kith_noise_read (&listener, message, n, &payload, &n), ==, KITH_NOISE_BAD_TAG);
  /* a failure is final */
  g_assert_cmpint (kith_noise_read (&listener, message, 48, &payload, &n), ==, KITH_NOISE_BAD_TURN);
  g_assert_cmpint (kith_noise_write (&listener, NULL, 0, message, sizeof message, &n), ==, KITH_NOISE_BAD_TURN);
}

static void
test_bad_keys (void)
{
  guint8 secret[32], bad[6][32] = { { 0 }, { 1 } }, message[48] = { 0 };
  const guint8 *payload;
  KithNoise self;
  gsize n;

  randombytes_buf (secret, 32);
  memset (bad[2], 0xff, 32);                       /* top bit */
  memset (bad[3], 0xff, 32);
  bad[3][0] = 0xed;
  bad[3][31] = 0x7f;                               /* p */
  memcpy (bad[4], bad[3], 32);
  bad[4][0] = 0xec;                                /* p - 1 */
  memcpy (bad[5], bad[3], 32);
  bad[5][0] = 0xef;                                /* p + 2, which libsodium takes */
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_cmpint (kith_noise_init (&self, 1, "p", 1, secret, bad[i], chance, NULL), ==, KITH_NOISE_BAD_KEY);
      g_assert_cmpint (kith_noise_init (&self, 0, "p", 1, secret, NULL, chance, NULL), ==, KITH_NOISE_OK);
      memcpy (message, bad[i], 32);
      g_assert_cmpint (kith_noise_read (&self, message, sizeof message, &payload, &n), ==, KITH_NOISE_BAD_KEY);
    }
}

static void
test_numbers (void)
{
  KithNoiseCipher sending = { .nonce = KITH_NOISE_MAX_NONCE - 1 }, receiving;
  guint8 message[64] = "text";

  memset (sending.key, 5, 32);
  receiving = sending;
  g_assert_cmpint (kith_noise_seal (&sending, message, 4), ==, KITH_NOISE_OK);
  g_assert_cmpint (kith_noise_open (&receiving, message, 4 + KITH_NOISE_TAG), ==, KITH_NOISE_OK);
  g_assert_cmpmem (message, 4, "text", 4);
  g_assert_cmpint (kith_noise_seal (&sending, message, 4), ==, KITH_NOISE_EXHAUSTED);
  g_assert_cmpint (kith_noise_open (&receiving, message, 20), ==, KITH_NOISE_EXHAUSTED);
  g_assert_cmpint (kith_noise_open (&receiving, message, 15), ==, KITH_NOISE_BAD_LENGTH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  g_assert_cmpint (argc, ==, 2);
  vectors_path = argv[1];
  g_test_add_func ("/link/noise/vectors", test_vectors);
  g_test_add_func ("/link/noise/tampering", test_tampering);
  g_test_add_func ("/link/noise/other-identity", test_other_identity);
  g_test_add_func ("/link/noise/bad-keys", test_bad_keys);
  g_test_add_func ("/link/noise/numbers", test_numbers);
  return g_test_run ();
}
