/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the vectors do not reach: limits, failing vaults, wiping, published key derivation vectors. */
#include <sodium.h>
#include <string.h>

#include "kith-e2ee-private.h"
#include "mem-vault.h"

static MemVault *
make (guint8 number)
{
  guint8 seed[32], secret[32];
  MemVault *vault;

  memset (seed, number, sizeof seed);
  memset (secret, number + 100, sizeof secret);
  vault = mem_vault_new (seed, number);
  mem_vault_add_spk (vault, secret, 1000);
  memset (secret, number + 101, sizeof secret);
  mem_vault_add_opk (vault, secret);
  return vault;
}

static KithE2eeCode
start (MemVault *a, MemVault *b, guint8 sid[16])
{
  KithE2ee e = mem_vault_context (a, &kith_e2ee_sodium_random);
  guint8 bundle[KITH_E2EE_BUNDLE_BYTES + 32];
  gsize n = mem_vault_bundle (b, mem_vault_first_opk (b), bundle);

  return kith_e2ee_start (&e, bundle, n, b->account->identity, sid);
}

static GBytes *
send (MemVault *a, MemVault *b, const char *text)
{
  KithE2ee e = mem_vault_context (a, &kith_e2ee_sodium_random);
  gsize n = strlen (text), n_wire;
  guint8 *wire = g_malloc (kith_e2ee_wire_bound (n));
  KithE2eePlace place;

  g_assert_cmpint (
      kith_e2ee_encrypt (&e, b->account->identity, b->account->device, NULL, NULL, 0, text, n, wire, &n_wire, &place),
      ==, KITH_E2EE_OK);
  return g_bytes_new_take (wire, n_wire);
}

static KithE2eeCode
receive (MemVault *b, GBytes *wire, KithE2eeOpened *opened)
{
  KithE2ee e = mem_vault_context (b, &kith_e2ee_sodium_random);
  gsize n;
  const guint8 *bytes = g_bytes_get_data (wire, &n);
  g_autofree guint8 *plain = g_malloc (n);

  return kith_e2ee_decrypt (&e, (KithE2eeClaim){ NULL, 0 }, bytes, n, plain, opened);
}

static void
test_hkdf (void)
{
  guint8 ikm[80], salt[80], info[80], out[82];
  char hex[165];

  /* RFC 5869, A.1 to A.3 */
  memset (ikm, 0x0b, 22);
  for (guint i = 0; i < 13; i++)
    salt[i] = (guint8)i;
  for (guint i = 0; i < 10; i++)
    info[i] = (guint8)(0xf0 + i);
  kith_e2ee_hkdf (salt, 13, ikm, 22, info, 10, out, 42);
  g_assert_cmpstr (sodium_bin2hex (hex, sizeof hex, out, 42), ==,
                   "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  for (guint i = 0; i < 80; i++)
    {
      ikm[i] = (guint8)i;
      salt[i] = (guint8)(0x60 + i);
      info[i] = (guint8)(0xb0 + i);
    }
  kith_e2ee_hkdf (salt, 80, ikm, 80, info, 80, out, 82);
  g_assert_cmpstr (sodium_bin2hex (hex, sizeof hex, out, 82), ==,
                   "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09d"
                   "a3275600c2f09b"
                   "8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  memset (ikm, 0x0b, 22);
  kith_e2ee_hkdf (NULL, 0, ikm, 22, NULL, 0, out, 42);
  g_assert_cmpstr (sodium_bin2hex (hex, sizeof hex, out, 42), ==,
                   "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void
test_keys (void)
{
  guint8 key[32], exchange[32];

  for (gint first = 0xe0; first <= 0xff; first++)
    {
      memset (key, 0xff, sizeof key);
      key[0] = (guint8)first;
      key[31] = 0x7f;
      g_assert_cmpint (kith_e2ee_check_key (key), ==, first < 0xec ? KITH_E2EE_OK : KITH_E2EE_E_BAD_KEY);
    }
  memset (key, 0, sizeof key);
  key[0] = 9;
  g_assert_cmpint (kith_e2ee_check_key (key), ==, KITH_E2EE_OK);
  key[31] = 0x80;
  g_assert_cmpint (kith_e2ee_check_key (key), ==, KITH_E2EE_E_BAD_KEY);
  memset (key, 0, sizeof key);
  g_assert_cmpint (kith_e2ee_exchange_key (key, exchange), ==, KITH_E2EE_E_BAD_KEY);
  g_assert_null (kith_e2ee_account_new (key, 0));
}

static void
test_padding (void)
{
  guint8 buffer[512];
  gsize n;

  for (gsize length = 0; length < 256; length++)
    {
      memset (buffer, 0xaa, sizeof buffer);
      kith_e2ee_pad (buffer, length, kith_e2ee_pad_target (length));
      g_assert_cmpint (kith_e2ee_unpad (buffer, kith_e2ee_pad_target (length), &n), ==, KITH_E2EE_OK);
      g_assert_cmpuint (n, ==, length);
    }
  memset (buffer, 0, sizeof buffer);
  g_assert_cmpint (kith_e2ee_unpad (buffer, sizeof buffer, &n), ==, KITH_E2EE_E_PADDING);
  g_assert_cmpint (kith_e2ee_unpad (buffer, 0, &n), ==, KITH_E2EE_E_PADDING);
  for (gsize length = 0; length <= KITH_E2EE_MAX_PLAIN; length += 97)
    {
      gsize target = kith_e2ee_pad_target (length);

      g_assert_cmpuint (target, >, length);
      g_assert_cmpuint (target - length, <=, MAX (256, length / 8 + 16));
    }
}

static void
test_arena (void)
{
  KithE2eeArena *arena = kith_e2ee_arena_new ();
  guint8 *one = kith_e2ee_arena_alloc (arena, 1), *two = kith_e2ee_arena_alloc (arena, 33);
  gsize mark = kith_e2ee_arena_mark (arena);
  guint8 *three = kith_e2ee_arena_alloc (arena, 100);

  g_assert_cmpuint ((gsize)(two - one), ==, 16);
  memset (three, 0x77, 100);
  kith_e2ee_arena_release (arena, mark);
  g_assert_true (kith_e2ee_arena_alloc (arena, 100) == three);
  g_assert_true (sodium_is_zero (three, 100));
  g_assert_null (kith_e2ee_arena_alloc (arena, G_MAXSIZE));
  g_assert_null (kith_e2ee_arena_alloc (arena, 96 * 1024));
  kith_e2ee_arena_reset (arena);
  g_assert_nonnull (kith_e2ee_arena_alloc (arena, 96 * 1024));
  kith_e2ee_arena_free (arena);
}

/* Nothing of a call stays in its arena, whatever became of it. */
static void
assert_wiped (MemVault *vault)
{
  guint8 *all;

  g_assert_cmpuint (kith_e2ee_arena_mark (vault->arena), ==, 0);
  all = kith_e2ee_arena_alloc (vault->arena, 96 * 1024);
  g_assert_true (sodium_is_zero (all, 96 * 1024));
  kith_e2ee_arena_reset (vault->arena);
}

static void
test_wiping (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  g_autoptr (GBytes) wire = NULL, skipped = NULL, later = NULL;
  KithE2eeOpened opened;
  guint8 sid[16];

  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  assert_wiped (alice);
  skipped = send (alice, bob, "skipped");
  wire = send (alice, bob, "hello");
  assert_wiped (alice);
  g_assert_cmpint (receive (alice, wire, &opened), !=, KITH_E2EE_OK);
  assert_wiped (alice);
  g_assert_cmpint (receive (bob, wire, &opened), ==, KITH_E2EE_OK);
  assert_wiped (bob);
  later = send (bob, alice, "hi");
  assert_wiped (bob);
}

/* A vault that fails at its nth change: FAILED, and what it did not refuse can be rolled back; here the first change
 * fails, so nothing is changed at all. */
static void
test_failing_vault (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  g_autoptr (GBytes) wire = NULL;
  KithE2eeOpened opened;
  guint8 sid[16], before[32], after[32];

  alice->fail_after = 0;
  mem_vault_hash (alice, before);
  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_FAILED);
  mem_vault_hash (alice, after);
  g_assert_cmpmem (before, 32, after, 32);
  alice->fail_after = -1;
  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  wire = send (alice, bob, "hello");
  bob->fail_after = 0;
  mem_vault_hash (bob, before);
  g_assert_cmpint (receive (bob, wire, &opened), ==, KITH_E2EE_FAILED);
  mem_vault_hash (bob, after);
  g_assert_cmpmem (before, 32, after, 32);
  bob->fail_after = -1;
  g_assert_cmpint (receive (bob, wire, &opened), ==, KITH_E2EE_OK);
}

static void
test_exhausted (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  KithE2ee e = mem_vault_context (alice, &kith_e2ee_sodium_random);
  g_autoptr (GBytes) first = NULL;
  guint8 sid[16], wire[1024];
  KithE2eeRow *row;
  KithE2eePlace place;
  gsize n_wire;

  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  first = send (alice, bob, "hello");
  row = &g_array_index (alice->sessions, KithE2eeRow, 0);
  /* Format, flags, AD, root key, peer's key: then Ns. */
  memset (row->state + 2 + KITH_E2EE_AD_BYTES + 64, 0xff, 4);
  g_assert_cmpint (kith_e2ee_encrypt (&e, NULL, 0, sid, NULL, 0, "x", 1, wire, &n_wire, &place), ==,
                   KITH_E2EE_E_EXHAUSTED);
  row->state[2 + KITH_E2EE_AD_BYTES + 64 + 3] = 0xfe;
  g_assert_cmpint (kith_e2ee_encrypt (&e, NULL, 0, sid, NULL, 0, "x", 1, wire, &n_wire, &place), ==, KITH_E2EE_OK);
  g_assert_cmpuint (place.n, ==, 0xfffffffe);
  g_assert_cmpint (kith_e2ee_encrypt (&e, NULL, 0, sid, NULL, 0, "x", 1, wire, &n_wire, &place), ==,
                   KITH_E2EE_E_EXHAUSTED);
}

static void
test_too_long (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  KithE2ee e = mem_vault_context (alice, &kith_e2ee_sodium_random);
  g_autofree guint8 *content = g_malloc0 (KITH_E2EE_MAX_PLAIN + 1);
  g_autofree guint8 *wire = g_malloc (kith_e2ee_wire_bound (KITH_E2EE_MAX_PLAIN + 1));
  guint8 sid[16];
  KithE2eePlace place;
  gsize n_wire;

  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  g_assert_cmpint (
      kith_e2ee_encrypt (&e, NULL, 0, sid, NULL, 0, content, KITH_E2EE_MAX_PLAIN + 1, wire, &n_wire, &place), ==,
      KITH_E2EE_E_LENGTH);
  g_assert_cmpint (kith_e2ee_encrypt (&e, NULL, 0, sid, "x", 1, content, KITH_E2EE_MAX_PLAIN, wire, &n_wire, &place),
                   ==, KITH_E2EE_E_LENGTH);
  g_assert_cmpint (
      kith_e2ee_encrypt (&e, NULL, 0, sid, "x", 1, content, KITH_E2EE_MAX_PLAIN - 1, wire, &n_wire, &place), ==,
      KITH_E2EE_OK);
  g_assert_cmpuint (n_wire, ==, KITH_E2EE_MAX_WIRE);
}

static void
test_skipped_keys_die (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  g_autoptr (GBytes) one = NULL, two = NULL, three = NULL;
  KithE2eeOpened opened;
  guint8 sid[16];

  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  one = send (alice, bob, "one");
  two = send (alice, bob, "two");
  three = send (alice, bob, "three");
  g_assert_cmpint (receive (bob, three, &opened), ==, KITH_E2EE_OK);
  g_assert_cmpuint (mem_vault_count_skipped (bob, sid), ==, 2);
  bob->now_ms += KITH_E2EE_SKIPPED_TTL_MS;
  g_assert_cmpint (receive (bob, two, &opened), ==, KITH_E2EE_OK);
  g_assert_true (opened.late);
  bob->now_ms += 1;
  g_assert_cmpint (receive (bob, one, &opened), ==, KITH_E2EE_E_DUPLICATE);
}

/* A thousand lost at the end of one chain and a thousand at the beginning of the next: as much as a message may skip.
 */
static void
test_most_skipped (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  g_autoptr (GPtrArray) lost = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_autoptr (GBytes) hello = NULL, reply = NULL, last = NULL;
  KithE2eeOpened opened;
  guint8 sid[16];

  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  hello = send (alice, bob, "hello");
  g_assert_cmpint (receive (bob, hello, &opened), ==, KITH_E2EE_OK);
  for (guint i = 0; i < KITH_E2EE_MAX_SKIP; i++)
    g_ptr_array_add (lost, send (alice, bob, "lost"));
  reply = send (bob, alice, "reply");
  g_assert_cmpint (receive (alice, reply, &opened), ==, KITH_E2EE_OK);
  for (guint i = 0; i < KITH_E2EE_MAX_SKIP; i++)
    g_ptr_array_add (lost, send (alice, bob, "lost"));
  last = send (alice, bob, "last");
  g_assert_cmpint (receive (bob, last, &opened), ==, KITH_E2EE_OK);
  assert_wiped (bob);
  g_assert_cmpuint (mem_vault_count_skipped (bob, sid), ==, KITH_E2EE_MAX_SKIPPED);
  for (guint i = 0; i < lost->len; i += 111)
    {
      g_assert_cmpint (receive (bob, lost->pdata[i], &opened), ==, KITH_E2EE_OK);
      g_assert_true (opened.late);
    }
}

/* A peer that knows the session but not the pair that we have not drawn cannot step the ratchet twice. */
static void
test_second_step_before_reply (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  g_autoptr (GBytes) hello = NULL, reply = NULL, more = NULL, forged = NULL;
  KithE2eeOpened opened;
  guint8 sid[16], key[32], before[32], after[32];
  guint8 *bytes;
  gsize n;

  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  hello = send (alice, bob, "hello");
  g_assert_cmpint (receive (bob, hello, &opened), ==, KITH_E2EE_OK);
  reply = send (bob, alice, "hi");
  g_assert_cmpint (receive (alice, reply, &opened), ==, KITH_E2EE_OK);
  more = send (bob, alice, "more");
  bytes = g_bytes_unref_to_data (g_bytes_ref (more), &n);
  memset (key, 0x21, sizeof key);
  kith_e2ee_public_key (key, bytes + 20);
  forged = g_bytes_new_take (bytes, n);
  mem_vault_hash (alice, before);
  g_assert_cmpint (receive (alice, forged, &opened), ==, KITH_E2EE_E_AUTH);
  mem_vault_hash (alice, after);
  g_assert_cmpmem (before, 32, after, 32);
  g_assert_cmpint (receive (alice, more, &opened), ==, KITH_E2EE_OK);
}

/* The same by a peer who knows the root key, as a peer does, and counts on a wiped secret being used as one. */
static void
test_second_step_on_wiped_secret (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  g_autoptr (GBytes) hello = NULL, reply = NULL, forged = NULL;
  const guint8 own[32] = { 0x44 }, wiped[32] = { 0 };
  guint8 sid[16], wire[KITH_E2EE_MSG_HEADER + 24 + 256 + 16], ad[KITH_E2EE_AD_BYTES + KITH_E2EE_MSG_HEADER];
  guint8 shared[32], out[64], key[32], pub[32], padded[256];
  KithE2eeSession session;
  KithE2eeOpened opened;

  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  hello = send (alice, bob, "hello");
  g_assert_cmpint (receive (bob, hello, &opened), ==, KITH_E2EE_OK);
  reply = send (bob, alice, "hi");
  g_assert_cmpint (receive (alice, reply, &opened), ==, KITH_E2EE_OK);

  memset (&session, 0, sizeof session);
  session.row = g_array_index (alice->sessions, KithE2eeRow, 0);
  g_assert_true (kith_e2ee_session_read (&session));
  kith_e2ee_public_key (wiped, pub);
  g_assert_cmpint (kith_e2ee_dh (own, pub, shared), ==, KITH_E2EE_OK);
  kith_e2ee_hkdf (session.rk, 32, shared, 32, KITH_E2EE_TEXT (KITH_E2EE_INFO_ROOT), out, 64);
  kith_e2ee_chain_step (out + 32, key);
  memset (wire, 0, sizeof wire);
  wire[0] = KITH_E2EE_VERSION;
  wire[1] = KITH_E2EE_TYPE_MSG;
  memcpy (wire + 4, sid, 16);
  kith_e2ee_public_key (own, wire + 20);
  memcpy (ad, session.ad, KITH_E2EE_AD_BYTES);
  memcpy (ad + KITH_E2EE_AD_BYTES, wire, KITH_E2EE_MSG_HEADER);
  kith_e2ee_pad (padded, 0, sizeof padded);
  crypto_aead_xchacha20poly1305_ietf_encrypt (wire + KITH_E2EE_MSG_HEADER + 24, NULL, padded, sizeof padded, ad,
                                              sizeof ad, NULL, wire + KITH_E2EE_MSG_HEADER, key);
  forged = g_bytes_new (wire, sizeof wire);
  g_assert_cmpint (receive (alice, forged, &opened), ==, KITH_E2EE_E_AUTH);
}

static void
test_session_blob (void)
{
  g_autoptr (MemVault) alice = make (1), bob = make (2);
  KithE2eeSession session;
  KithE2eeRow row;
  guint8 sid[16];

  memset (&session, 0, sizeof session);
  g_assert_cmpint (start (alice, bob, sid), ==, KITH_E2EE_OK);
  row = g_array_index (alice->sessions, KithE2eeRow, 0);
  for (gsize n = 0; n < row.n_state; n++)
    {
      session.row = row;
      session.row.n_state = n;
      g_assert_false (kith_e2ee_session_read (&session));
    }
  session.row = row;
  g_assert_true (kith_e2ee_session_read (&session));
  session.row.state[0] = 2;
  g_assert_false (kith_e2ee_session_read (&session));
}

static void
test_file (void)
{
  const guint8 key[32] = { 5 };
  guint8 header[24];
  KithE2eeFile *push = kith_e2ee_file_new_push (key, header), *pull = kith_e2ee_file_new_pull (key, header);
  g_autofree guint8 *plain = g_malloc0 (KITH_E2EE_FILE_CHUNK);
  g_autofree guint8 *one = g_malloc (KITH_E2EE_FILE_CHUNK + KITH_E2EE_FILE_CHUNK_EXTRA);
  guint8 two[117];
  gsize n;
  bool last = false;

  g_assert_cmpint (kith_e2ee_file_push (push, plain, 100, false, one), ==, KITH_E2EE_E_LENGTH);
  g_assert_cmpint (kith_e2ee_file_push (push, plain, KITH_E2EE_FILE_CHUNK, false, one), ==, KITH_E2EE_OK);
  g_assert_cmpint (kith_e2ee_file_push (push, plain, 100, true, two), ==, KITH_E2EE_OK);
  g_assert_cmpint (kith_e2ee_file_push (push, plain, 100, true, two), ==, KITH_E2EE_E_LENGTH);
  g_assert_cmpint (
      kith_e2ee_file_pull (pull, one, KITH_E2EE_FILE_CHUNK + KITH_E2EE_FILE_CHUNK_EXTRA, plain, &n, &last), ==,
      KITH_E2EE_OK);
  g_assert_false (last);
  g_assert_cmpint (kith_e2ee_file_pull (pull, two, 117, plain, &n, &last), ==, KITH_E2EE_OK);
  g_assert_true (last);
  g_assert_cmpuint (n, ==, 100);
  g_assert_cmpint (kith_e2ee_file_pull (pull, two, 117, plain, &n, &last), ==, KITH_E2EE_E_AUTH);
  kith_e2ee_file_free (pull);
  /* The second chunk is none in the first one's place. */
  pull = kith_e2ee_file_new_pull (key, header);
  g_assert_cmpint (kith_e2ee_file_pull (pull, two, 117, plain, &n, &last), ==, KITH_E2EE_E_AUTH);
  kith_e2ee_file_free (pull);
  kith_e2ee_file_free (push);
}

static void
test_codes (void)
{
  g_assert_cmpstr (kith_e2ee_code_name (KITH_E2EE_E_SELF), ==, "E_SELF");
  g_assert_cmpint (KITH_E2EE_E_SELF, ==, 20);
  g_assert_cmpstr (kith_e2ee_code_name (KITH_E2EE_E_DUPLICATE), ==, "E_DUPLICATE");
  g_assert_cmpstr (kith_e2ee_code_name (KITH_E2EE_FAILED), ==, "FAILED");
  g_assert_cmpstr (kith_e2ee_code_name (21), ==, "FAILED");
  g_assert_true (kith_e2ee_code_heals (KITH_E2EE_E_AUTH));
  g_assert_false (kith_e2ee_code_heals (KITH_E2EE_E_DUPLICATE));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (sodium_init () < 0)
    return 1;
  g_test_add_func ("/e2ee/hkdf", test_hkdf);
  g_test_add_func ("/e2ee/keys", test_keys);
  g_test_add_func ("/e2ee/padding", test_padding);
  g_test_add_func ("/e2ee/arena", test_arena);
  g_test_add_func ("/e2ee/wiping", test_wiping);
  g_test_add_func ("/e2ee/failing-vault", test_failing_vault);
  g_test_add_func ("/e2ee/exhausted", test_exhausted);
  g_test_add_func ("/e2ee/too-long", test_too_long);
  g_test_add_func ("/e2ee/skipped-keys-die", test_skipped_keys_die);
  g_test_add_func ("/e2ee/most-skipped", test_most_skipped);
  g_test_add_func ("/e2ee/second-step-before-reply", test_second_step_before_reply);
  g_test_add_func ("/e2ee/second-step-on-wiped-secret", test_second_step_on_wiped_secret);
  g_test_add_func ("/e2ee/session-blob", test_session_blob);
  g_test_add_func ("/e2ee/file", test_file);
  g_test_add_func ("/e2ee/codes", test_codes);
  return g_test_run ();
}
