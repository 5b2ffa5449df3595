/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Live conversations with the oracle, a peer that shares no code with this one: both roles, messages out of order,
 * lost, repeated, with flipped bits. Where it is not there, the test is skipped. */
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <sodium.h>
#include <string.h>

#include "mem-vault.h"

#define CONVERSATIONS 30
#define MESSAGES 60
#define PYTHON "/usr/bin/python3"

typedef struct
{
  GSubprocess *process;
  GDataInputStream *answers;
  GOutputStream *questions;
} Oracle;

static char *
find_oracle (void)
{
  const char *given = g_getenv ("KITH_E2EE_ORACLE");
  g_autofree char *path = given != NULL
                              ? g_strdup (given)
                              : g_build_filename (KITH_SOURCE, "..", "shared", "oracle", "e2ee-oracle.py", NULL);
  const char *argv[] = { PYTHON, path, "selftest", NULL };
  g_autoptr (GSubprocess) process = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL);
  if (process == NULL || !g_subprocess_wait_check (process, NULL, NULL))
    return NULL;
  return g_steal_pointer (&path);
}

static void
oracle_begin (Oracle *self, const char *path)
{
  const char *argv[] = { PYTHON, path, "peer", NULL };
  GError *error = NULL;

  self->process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  g_assert_no_error (error);
  self->answers = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->process));
  self->questions = g_subprocess_get_stdin_pipe (self->process);
}

static void
oracle_end (Oracle *self)
{
  g_output_stream_close (self->questions, NULL, NULL);
  g_assert_true (g_subprocess_wait_check (self->process, NULL, NULL));
  g_object_unref (self->answers);
  g_object_unref (self->process);
}

/* Takes the question, a JSON text. */
static JsonNode *
ask (Oracle *self, char *question)
{
  g_autofree char *line = g_strconcat (question, "\n", NULL);
  g_autofree char *answer = NULL;
  GError *error = NULL;
  JsonNode *node;

  g_free (question);
  g_output_stream_write_all (self->questions, line, strlen (line), NULL, NULL, &error);
  g_assert_no_error (error);
  answer = g_data_input_stream_read_line (self->answers, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (answer);
  node = json_from_string (answer, &error);
  g_assert_no_error (error);
  return node;
}

static gboolean
is_ok (JsonNode *answer)
{
  return json_object_get_boolean_member (json_node_get_object (answer), "ok");
}

static const char *
text_of (JsonNode *answer, const char *member)
{
  return json_object_get_string_member_with_default (json_node_get_object (answer), member, "");
}

static GBytes *
bytes_of (JsonNode *answer, const char *member)
{
  gsize n;
  guint8 *bytes = g_base64_decode (text_of (answer, member), &n);

  return g_bytes_new_take (bytes, n);
}

typedef struct
{
  Oracle *oracle;
  MemVault *us;
  GRand *rand;
  guint8 identity[32]; /* the oracle's */
  guint32 device;
  GPtrArray *flying;  /* Letter, in both directions */
  GPtrArray *arrived; /* Letter */
  guint n;
} Talk;

typedef struct
{
  gboolean to_us;
  GBytes *wire;
  char *text;
} Letter;

static void
letter_free (gpointer data)
{
  Letter *letter = data;

  g_bytes_unref (letter->wire);
  g_free (letter->text);
  g_free (letter);
}

static void
letter_post (Talk *talk, gboolean to_us, GBytes *wire, const char *text)
{
  Letter *letter = g_new0 (Letter, 1);

  letter->to_us = to_us;
  letter->wire = wire;
  letter->text = g_strdup (text);
  g_ptr_array_add (talk->flying, letter);
}

static char *
make_text (Talk *talk)
{
  gsize n = (gsize)g_rand_int_range (talk->rand, 0, g_rand_int_range (talk->rand, 0, 12) == 0 ? 5000 : 300);
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "%u ", talk->n++);
  while (out->len < n)
    g_string_append_c (out, (char)g_rand_int_range (talk->rand, 'a', 'z'));
  return g_string_free (out, FALSE);
}

static void
we_send (Talk *talk)
{
  KithE2ee e = mem_vault_context (talk->us, &kith_e2ee_sodium_random);
  g_autofree char *text = make_text (talk);
  guint8 *wire = g_malloc (kith_e2ee_wire_bound (strlen (text)));
  KithE2eePlace place;
  gsize n_wire;

  g_assert_cmpint (
      kith_e2ee_encrypt (&e, talk->identity, talk->device, NULL, NULL, 0, text, strlen (text), wire, &n_wire, &place),
      ==, KITH_E2EE_OK);
  letter_post (talk, FALSE, g_bytes_new_take (wire, n_wire), text);
}

static void
they_send (Talk *talk)
{
  g_autofree char *text = make_text (talk);
  g_autofree char *base64 = g_base64_encode ((const guchar *)text, strlen (text));
  char hex[65];
  g_autoptr (JsonNode) answer = ask (
      talk->oracle, g_strdup_printf ("{\"cmd\":\"encrypt\",\"identity\":\"%s\",\"device\":%u,\"plaintext\":\"%s\"}",
                                     sodium_bin2hex (hex, sizeof hex, talk->us->account->identity, 32),
                                     talk->us->account->device, base64));

  g_assert_true (is_ok (answer));
  letter_post (talk, TRUE, bytes_of (answer, "wire"), text);
}

static KithE2eeCode
we_receive (Talk *talk, GBytes *wire, char **text)
{
  KithE2ee e = mem_vault_context (talk->us, &kith_e2ee_sodium_random);
  gsize n = g_bytes_get_size (wire);
  g_autofree guint8 *exact = g_memdup2 (g_bytes_get_data (wire, NULL), n);
  g_autofree guint8 *plain = g_malloc (n + 1);
  KithE2eeOpened opened;
  KithE2eeClaim claim = { talk->identity, talk->device };
  KithE2eeCode code = kith_e2ee_decrypt (&e, claim, exact, n, plain, &opened);

  if (code == KITH_E2EE_OK)
    *text = g_strndup ((const char *)plain, opened.n_content);
  return code;
}

static JsonNode *
they_receive (Talk *talk, GBytes *wire)
{
  g_autofree char *base64 = g_base64_encode (g_bytes_get_data (wire, NULL), g_bytes_get_size (wire));

  return ask (talk->oracle, g_strdup_printf ("{\"cmd\":\"decrypt\",\"wire\":\"%s\"}", base64));
}

static void
deliver (Talk *talk, Letter *letter)
{
  if (letter->to_us)
    {
      g_autofree char *text = NULL;

      g_assert_cmpint (we_receive (talk, letter->wire, &text), ==, KITH_E2EE_OK);
      g_assert_cmpstr (text, ==, letter->text);
    }
  else
    {
      g_autoptr (JsonNode) answer = they_receive (talk, letter->wire);
      g_autoptr (GBytes) plain = NULL;

      g_assert_cmpstr (text_of (answer, "error"), ==, "");
      plain = bytes_of (answer, "plaintext");
      g_assert_cmpmem (g_bytes_get_data (plain, NULL), g_bytes_get_size (plain), letter->text, strlen (letter->text));
    }
}

/* Neither side takes it, and our side is as before; the oracle is asked to agree where the bytes are new to it. */
static void
deliver_flipped (Talk *talk, Letter *letter)
{
  gsize n = g_bytes_get_size (letter->wire);
  guint8 *bytes = g_memdup2 (g_bytes_get_data (letter->wire, NULL), n);
  g_autoptr (GBytes) flipped = NULL;

  bytes[g_rand_int_range (talk->rand, 0, (gint32)n)] ^= (guint8)(1 << g_rand_int_range (talk->rand, 0, 8));
  flipped = g_bytes_new_take (bytes, n);
  if (letter->to_us)
    {
      guint8 before[32], after[32];
      char *text = NULL;

      mem_vault_hash (talk->us, before);
      g_assert_cmpint (we_receive (talk, flipped, &text), !=, KITH_E2EE_OK);
      mem_vault_hash (talk->us, after);
      g_assert_cmpmem (before, 32, after, 32);
    }
  else
    {
      g_autoptr (JsonNode) answer = they_receive (talk, flipped);

      g_assert_false (is_ok (answer));
    }
}

static void
deliver_again (Talk *talk, Letter *letter)
{
  char *text = NULL;

  if (letter->to_us)
    {
      talk->us->no_wires = g_rand_boolean (talk->rand);
      g_assert_cmpint (we_receive (talk, letter->wire, &text), !=, KITH_E2EE_OK);
      talk->us->no_wires = FALSE;
    }
  else
    {
      g_autoptr (JsonNode) answer = they_receive (talk, letter->wire);

      g_assert_false (is_ok (answer));
    }
}

/* One of those under way, any of them. */
static void
deliver_some (Talk *talk)
{
  guint at = (guint)g_rand_int_range (talk->rand, 0, (gint32)talk->flying->len);
  Letter *letter = g_ptr_array_steal_index (talk->flying, at);
  gint what = g_rand_int_range (talk->rand, 0, 20);

  if (what < 2)
    {
      letter_free (letter);
      return;
    }
  if (what < 5)
    deliver_flipped (talk, letter);
  deliver (talk, letter);
  g_ptr_array_add (talk->arrived, letter);
  if (what >= 17)
    deliver_again (
        talk, g_ptr_array_index (talk->arrived, (guint)g_rand_int_range (talk->rand, 0, (gint32)talk->arrived->len)));
}

static void
deliver_next (Talk *talk)
{
  Letter *letter = g_ptr_array_steal_index (talk->flying, 0);

  deliver (talk, letter);
  g_ptr_array_add (talk->arrived, letter);
}

static void
begin_by_us (Talk *talk, gboolean with_opk)
{
  g_autoptr (JsonNode) answer
      = ask (talk->oracle, g_strdup_printf ("{\"cmd\":\"bundle\",\"opk\":%s}", with_opk ? "true" : "false"));
  g_autoptr (GBytes) bundle = bytes_of (answer, "bundle");
  KithE2ee e = mem_vault_context (talk->us, &kith_e2ee_sodium_random);
  guint8 sid[16];

  g_assert_cmpint (
      kith_e2ee_start (&e, g_bytes_get_data (bundle, NULL), g_bytes_get_size (bundle), talk->identity, sid), ==,
      KITH_E2EE_OK);
  we_send (talk);
  deliver_next (talk);
}

static void
begin_by_them (Talk *talk, gboolean with_opk)
{
  guint8 bundle[KITH_E2EE_BUNDLE_BYTES + 32];
  gsize n = mem_vault_bundle (talk->us, with_opk ? mem_vault_first_opk (talk->us) : NULL, bundle);
  g_autofree char *bundle64 = g_base64_encode (bundle, n);
  g_autofree char *text = make_text (talk);
  g_autofree char *text64 = g_base64_encode ((const guchar *)text, strlen (text));
  g_autoptr (JsonNode) answer = ask (
      talk->oracle, g_strdup_printf ("{\"cmd\":\"init\",\"bundle\":\"%s\",\"plaintext\":\"%s\"}", bundle64, text64));

  g_assert_true (is_ok (answer));
  letter_post (talk, TRUE, bytes_of (answer, "wire"), text);
  deliver_next (talk);
}

static void
talk_begin (Talk *talk, guint number)
{
  guint8 seed[32], secret[32];
  char *question = g_strdup_printf ("{\"cmd\":\"new\",\"device\":%u,\"n_opk\":3}", number + 1);
  g_autoptr (JsonNode) answer = ask (talk->oracle, question);

  g_assert_true (is_ok (answer));
  g_assert_cmpint (sodium_hex2bin (talk->identity, 32, text_of (answer, "identity"), 64, NULL, NULL, NULL), ==, 0);
  talk->device = number + 1;
  randombytes_buf (seed, sizeof seed);
  talk->us = mem_vault_new (seed, 1000 + number);
  randombytes_buf (secret, sizeof secret);
  mem_vault_add_spk (talk->us, secret, 1);
  randombytes_buf (secret, sizeof secret);
  mem_vault_add_opk (talk->us, secret);
  talk->flying = g_ptr_array_new_with_free_func (letter_free);
  talk->arrived = g_ptr_array_new_with_free_func (letter_free);
  if (number % 2 == 0)
    begin_by_us (talk, number % 4 < 2);
  else
    begin_by_them (talk, number % 4 < 2);
}

static void
talk_end (Talk *talk)
{
  g_ptr_array_unref (talk->flying);
  g_ptr_array_unref (talk->arrived);
  mem_vault_free (talk->us);
}

static void
check_envelopes (Talk *talk)
{
  g_autofree guint8 *envelope = g_malloc (5 + KITH_E2EE_SEAL_OVERHEAD);
  g_autofree char *envelope64 = NULL;
  g_autoptr (JsonNode) answer = NULL;

  g_assert_cmpint (kith_e2ee_seal (talk->us->account, &kith_e2ee_sodium_random, talk->identity, talk->device, "hello",
                                   5, envelope),
                   ==, KITH_E2EE_OK);
  envelope64 = g_base64_encode (envelope, 5 + KITH_E2EE_SEAL_OVERHEAD);
  answer = ask (talk->oracle, g_strdup_printf ("{\"cmd\":\"unseal\",\"envelope\":\"%s\"}", envelope64));
  g_assert_cmpstr (text_of (answer, "payload"), ==, "aGVsbG8=");
}

static void
run_talk (Oracle *oracle, GRand *rand, guint number)
{
  Talk talk = { .oracle = oracle, .rand = rand };

  talk_begin (&talk, number);
  while (talk.n < MESSAGES)
    {
      if (g_rand_boolean (rand))
        we_send (&talk);
      else
        they_send (&talk);
      while (talk.flying->len > 0 && g_rand_int_range (rand, 0, 10) < 6)
        deliver_some (&talk);
    }
  while (talk.flying->len > 0)
    deliver_some (&talk);
  /* After all that, one each way. */
  we_send (&talk);
  deliver_next (&talk);
  they_send (&talk);
  deliver_next (&talk);
  check_envelopes (&talk);
  talk_end (&talk);
}

static void
test_conversations (void)
{
  g_autofree char *path = find_oracle ();
  const char *given = g_getenv ("KITH_E2EE_SEED");
  guint32 seed = given != NULL ? (guint32)g_ascii_strtoull (given, NULL, 10) : (guint32)g_test_rand_int ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  Oracle oracle;

  if (path == NULL)
    {
      g_test_skip ("the oracle is not there");
      return;
    }
  g_test_message ("KITH_E2EE_SEED=%u repeats the order of events", seed);
  oracle_begin (&oracle, path);
  for (guint i = 0; i < CONVERSATIONS; i++)
    run_talk (&oracle, rand, i);
  oracle_end (&oracle);
  g_test_message ("%d conversations of %d messages", CONVERSATIONS, MESSAGES);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (sodium_init () < 0)
    return 1;
  g_test_add_func ("/e2ee/oracle", test_conversations);
  return g_test_run ();
}
