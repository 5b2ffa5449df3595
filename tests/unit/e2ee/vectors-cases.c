/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Primitives, bundles, envelopes. */
#include <sodium.h>
#include <string.h>

#include "kith-e2ee-private.h"
#include "vectors.h"

static gboolean
is_hex (const guint8 *bytes, gsize n, JsonObject *object, const char *member)
{
  g_autoptr (GBytes) expected = member_hex (object, member);

  return g_bytes_get_size (expected) == n && (n == 0 || memcmp (g_bytes_get_data (expected, NULL), bytes, n) == 0);
}

static const guint8 *
hex_of (JsonObject *object, const char *member, gsize n, GBytes **keep)
{
  *keep = member_hex (object, member);
  return peek (*keep, n);
}

static gboolean
check_hkdf (JsonObject *v)
{
  g_autoptr (GBytes) salt = member_hex (v, "salt"), ikm = member_hex (v, "ikm"), info = member_hex (v, "info");
  gsize n = (gsize)member_int (v, "len");
  g_autofree guint8 *out = g_malloc (n);

  kith_e2ee_hkdf (g_bytes_get_data (salt, NULL), g_bytes_get_size (salt), g_bytes_get_data (ikm, NULL),
                  g_bytes_get_size (ikm), g_bytes_get_data (info, NULL), g_bytes_get_size (info), out, n);
  return is_hex (out, n, v, "out");
}

static gboolean
check_chains (JsonObject *v)
{
  g_autoptr (GBytes) rk = NULL, dh = NULL;
  guint8 out[64], key[32];

  kith_e2ee_hkdf (hex_of (v, "rk", 32, &rk), 32, hex_of (v, "dh", 32, &dh), 32, KITH_E2EE_TEXT (KITH_E2EE_INFO_ROOT),
                  out, 64);
  if (!is_hex (out, 32, v, "new_rk") || !is_hex (out + 32, 32, v, "ck"))
    return FALSE;
  kith_e2ee_chain_step (out + 32, key);
  return is_hex (out + 32, 32, v, "next_ck") && is_hex (key, 32, v, "mk");
}

static gboolean
check_aead (JsonObject *v)
{
  g_autoptr (GBytes) key = NULL, nonce = NULL, plain = member_hex (v, "pt"), ad = member_hex (v, "ad");
  gsize n = g_bytes_get_size (plain);
  g_autofree guint8 *out = g_malloc (n + 16);

  crypto_aead_xchacha20poly1305_ietf_encrypt (out, NULL, g_bytes_get_data (plain, NULL), n,
                                              g_bytes_get_data (ad, NULL), g_bytes_get_size (ad), NULL,
                                              hex_of (v, "nonce", 24, &nonce), hex_of (v, "key", 32, &key));
  return is_hex (out, n + 16, v, "out");
}

static gboolean
check_identity (JsonObject *v)
{
  g_autoptr (GBytes) seed = NULL, message = member_hex (v, "signed");
  KithE2eeAccount *account = kith_e2ee_account_new (hex_of (v, "seed", 32, &seed), 7);
  guint8 signature[64], exchange[32];
  char half[31];
  gboolean ok;

  kith_e2ee_sign (account, g_bytes_get_data (message, NULL), g_bytes_get_size (message), signature);
  kith_e2ee_fingerprint_half (account->identity, half);
  ok = is_hex (account->identity, 32, v, "ed25519_pub") && is_hex (account->exchange_secret, 32, v, "x25519_priv")
       && is_hex (account->exchange, 32, v, "x25519_pub") && is_hex (signature, 64, v, "sig")
       && strcmp (half, member_text (v, "fingerprint")) == 0
       && kith_e2ee_exchange_key (account->identity, exchange) == KITH_E2EE_OK
       && memcmp (exchange, account->exchange, 32) == 0;
  kith_e2ee_account_free (account);
  return ok;
}

static gboolean
check_seal (JsonObject *v)
{
  g_autoptr (GBytes) from_seed = NULL, to_seed = NULL, payload = member_hex (v, "payload"),
                     envelope = member_hex (v, "envelope");
  KithE2eeAccount *from
      = kith_e2ee_account_new (hex_of (v, "from_seed", 32, &from_seed), (guint32)member_int (v, "from_device"));
  KithE2eeAccount *to
      = kith_e2ee_account_new (hex_of (v, "to_seed", 32, &to_seed), (guint32)member_int (v, "to_device"));
  gsize n = g_bytes_get_size (payload), n_out = 0;
  g_autofree guint8 *out = g_malloc (n + KITH_E2EE_SEAL_OVERHEAD);
  g_autofree guint8 *back = g_malloc (n);
  guint8 who[32];
  guint32 device = 0;
  Script script;
  gboolean ok;

  script_init (&script);
  script_add (&script.other, member_hex (v, "eph_priv"));
  ok = kith_e2ee_seal (from, &script.random, to->identity, to->device, g_bytes_get_data (payload, NULL), n, out)
           == KITH_E2EE_OK
       && is_hex (out, n + KITH_E2EE_SEAL_OVERHEAD, v, "envelope")
       && kith_e2ee_unseal (to, g_bytes_get_data (envelope, NULL), g_bytes_get_size (envelope), who, &device, back,
                            &n_out)
              == KITH_E2EE_OK
       && is_hex (back, n_out, v, "payload") && device == from->device && memcmp (who, from->identity, 32) == 0;
  script_clear (&script);
  kith_e2ee_account_free (from);
  kith_e2ee_account_free (to);
  return ok;
}

static gboolean
check_backup (JsonObject *v)
{
  g_autoptr (GBytes) seed = NULL, file = member_hex (v, "file");
  const char *passphrase = member_text (v, "passphrase"), *json = member_text (v, "contacts");
  KithE2eeCost cost = { (guint32)member_int (v, "opslimit"), (guint32)member_int (v, "memlimit_kib") };
  g_autofree guint8 *out = g_malloc (kith_e2ee_backup_bound (strlen (json)));
  g_autofree guint8 *back = g_malloc (g_bytes_get_size (file));
  gsize n = 0, at = 0, n_json = 0;
  guint64 created = 0;
  guint8 seed_back[32];
  Script script;
  gboolean ok;

  script_init (&script);
  script_add (&script.other, member_hex (v, "salt"));
  script_add (&script.nonce, member_hex (v, "nonce"));
  ok = kith_e2ee_backup_write (&script.random, passphrase, hex_of (v, "seed", 32, &seed),
                               (guint64)member_int (v, "created"), json, strlen (json), cost, out, &n)
           == KITH_E2EE_OK
       && is_hex (out, n, v, "file");
  script_clear (&script);
  return ok
         && kith_e2ee_backup_open (passphrase, g_bytes_get_data (file, NULL), n, back, seed_back, &created, &at,
                                   &n_json)
                == KITH_E2EE_OK
         && memcmp (seed_back, peek (seed, 32), 32) == 0 && created == (guint64)member_int (v, "created")
         && n_json == strlen (json) && memcmp (back + at, json, n_json) == 0;
}

static gboolean
check_file (JsonObject *v)
{
  g_autoptr (GBytes) key = NULL, cipher = member_base64 (v, "cipher");
  gsize left = g_bytes_get_size (cipher) - 24, n_out = 0, total = 0;
  const guint8 *at = g_bytes_get_data (cipher, NULL);
  KithE2eeFile *file = kith_e2ee_file_new_pull (hex_of (v, "key", 32, &key), at);
  g_autofree guint8 *out = g_malloc (KITH_E2EE_FILE_CHUNK);
  crypto_hash_sha256_state state;
  guint8 hash[32];
  bool last = false;
  gboolean ok = file != NULL;

  crypto_hash_sha256_init (&state);
  at += 24;
  while (ok && left > 0)
    {
      gsize n = MIN (left, (gsize)KITH_E2EE_FILE_CHUNK + KITH_E2EE_FILE_CHUNK_EXTRA);

      ok = !last && kith_e2ee_file_pull (file, at, n, out, &n_out, &last) == KITH_E2EE_OK;
      crypto_hash_sha256_update (&state, out, n_out);
      total += n_out;
      at += n;
      left -= n;
    }
  crypto_hash_sha256_final (&state, hash);
  kith_e2ee_file_free (file);
  return ok && last && total == (gsize)member_int (v, "size") && is_hex (hash, 32, v, "sha256_plain");
}

static void
check_each (Score *score, JsonObject *primitives, const char *name, gboolean (*check) (JsonObject *v))
{
  JsonArray *list = json_object_get_array_member (primitives, name);

  for (guint i = 0; i < json_array_get_length (list); i++)
    score_tell (score, "primitive", name, check (json_array_get_object_element (list, i)) ? NULL : "another result");
}

static void
test_pad_targets (Score *score, JsonArray *list)
{
  gboolean ok = TRUE;

  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonArray *pair = json_array_get_array_element (list, i);

      ok &= kith_e2ee_pad_target ((gsize)json_array_get_int_element (pair, 0))
            == (gsize)json_array_get_int_element (pair, 1);
    }
  score_tell (score, "primitive", "pad_target", ok ? NULL : "another length");
}

static void
test_number (Score *score, JsonObject *v)
{
  g_autoptr (GBytes) a = NULL, b = NULL;
  char one[61], two[61];

  kith_e2ee_safety_number (hex_of (v, "a", 32, &a), hex_of (v, "b", 32, &b), one);
  kith_e2ee_safety_number (peek (b, 32), peek (a, 32), two);
  score_tell (score, "primitive", "safety_number",
              strcmp (one, member_text (v, "number")) == 0 && strcmp (one, two) == 0 ? NULL : "another number");
}

void
test_primitives (Score *score, JsonObject *primitives)
{
  check_each (score, primitives, "hkdf_sha256", check_hkdf);
  check_each (score, primitives, "kdf_rk_ck", check_chains);
  check_each (score, primitives, "xchacha20poly1305_ietf", check_aead);
  check_each (score, primitives, "identity", check_identity);
  check_each (score, primitives, "seal", check_seal);
  check_each (score, primitives, "backup", check_backup);
  check_each (score, primitives, "file", check_file);
  test_pad_targets (score, json_object_get_array_member (primitives, "pad_target"));
  test_number (score, json_object_get_object_member (primitives, "safety_number"));
}

static const char *
try_bundle (MemVault *alice, GBytes *good, JsonObject *test)
{
  g_autoptr (GBytes) bundle = member_base64 (test, "bundle");
  g_autoptr (GBytes) expected
      = json_object_get_null_member (test, "expected_identity") ? NULL : member_hex (test, "expected_identity");
  g_autoptr (GBytes) prior
      = json_object_has_member (test, "prior_bundle") ? member_base64 (test, "prior_bundle") : NULL;
  gsize n = g_bytes_get_size (bundle);
  g_autofree guint8 *exact = g_memdup2 (g_bytes_get_data (bundle, NULL), n);
  KithE2ee e = mem_vault_context (alice, &kith_e2ee_sodium_random);
  guint8 before[32], after[32], sid[16];
  KithE2eeCode code;

  if (prior != NULL
      && kith_e2ee_start (&e, g_bytes_get_data (prior, NULL), g_bytes_get_size (prior), NULL, sid) != KITH_E2EE_OK)
    return "the bundle before it is refused";
  mem_vault_hash (alice, before);
  code = kith_e2ee_start (&e, exact, n, expected != NULL ? peek (expected, 32) : NULL, sid);
  mem_vault_hash (alice, after);
  if (!is_listed (json_object_get_array_member (test, "errors"), code))
    return kith_e2ee_code_name (code);
  if (memcmp (before, after, 32) != 0)
    return "a refused bundle changed the state";
  g_array_set_size (alice->created, 0);
  if (kith_e2ee_start (&e, g_bytes_get_data (good, NULL), g_bytes_get_size (good), NULL, sid) != KITH_E2EE_OK)
    return "a good bundle is refused afterwards";
  mem_vault_drop_sessions (alice);
  g_array_set_size (alice->created, 0);
  return NULL;
}

void
test_bundles (Score *score, JsonObject *accounts, JsonArray *cases)
{
  g_autoptr (GBytes) seed = member_hex (accounts, "alice_seed");
  g_autoptr (GBytes) good = member_base64 (accounts, "good_bundle");
  g_autoptr (MemVault) alice = mem_vault_new (peek (seed, 32), (guint32)member_int (accounts, "alice_device"));

  for (guint i = 0; i < json_array_get_length (cases); i++)
    {
      JsonObject *test = json_array_get_object_element (cases, i);

      score_tell (score, "bundle", member_text (test, "name"), try_bundle (alice, good, test));
    }
}

void
test_seals (Score *score, JsonArray *cases)
{
  for (guint i = 0; i < json_array_get_length (cases); i++)
    {
      JsonObject *test = json_array_get_object_element (cases, i);
      g_autoptr (GBytes) seed = member_hex (test, "to_seed");
      g_autoptr (GBytes) envelope = member_base64 (test, "envelope");
      KithE2eeAccount *to = kith_e2ee_account_new (peek (seed, 32), (guint32)member_int (test, "to_device"));
      gsize n = g_bytes_get_size (envelope), n_out;
      g_autofree guint8 *exact = g_memdup2 (g_bytes_get_data (envelope, NULL), n);
      g_autofree guint8 *out = g_malloc (n + 1);
      guint8 from[32];
      guint32 device;
      KithE2eeCode code = kith_e2ee_unseal (to, exact, n, from, &device, out, &n_out);

      score_tell (score, "seal", member_text (test, "name"),
                  is_listed (json_object_get_array_member (test, "errors"), code) ? NULL
                                                                                  : kith_e2ee_code_name (code));
      kith_e2ee_account_free (to);
    }
}
