/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same conversations in libolm. It writes and reads base64, which it cannot be asked not to. */
#include <olm/olm.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define TEXT_BYTES 100
#define BUFFER 4096

typedef struct
{
  OlmAccount *account;
  OlmSession *session;
} Person;

static gsize
random_of (guint8 *out, gsize n)
{
  g_assert_cmpuint (n, <=, BUFFER);
  randombytes_buf (out, n);
  return n;
}

static void
person_begin (Person *self)
{
  guint8 random[BUFFER];
  gsize n;

  self->account = olm_account (g_malloc (olm_account_size ()));
  n = random_of (random, olm_create_account_random_length (self->account));
  olm_create_account (self->account, random, n);
  n = random_of (random, olm_account_generate_one_time_keys_random_length (self->account, 1));
  olm_account_generate_one_time_keys (self->account, 1, random, n);
  self->session = olm_session (g_malloc (olm_session_size ()));
}

static void
person_end (Person *self)
{
  olm_clear_session (self->session);
  olm_clear_account (self->account);
  g_free (self->session);
  g_free (self->account);
}

/* The value of the last string "…":"VALUE" of a JSON object of keys. */
static void
take_key (const char *json, const char *after, char out[44])
{
  const char *at = strstr (json, after);

  g_assert_nonnull (at);
  at = strchr (strchr (at + strlen (after), ':') + 1, '"') + 1;
  memcpy (out, at, 43);
  out[43] = '\0';
}

static gsize
encrypt (Person *from, char *out)
{
  static const guint8 text[TEXT_BYTES] = { 'x' };
  guint8 random[BUFFER];
  gsize n = random_of (random, olm_encrypt_random_length (from->session));
  gsize length = olm_encrypt_message_length (from->session, sizeof text);

  return olm_encrypt (from->session, text, sizeof text, random, n, out, length);
}

static void
decrypt (Person *to, gsize type, const char *message, gsize n)
{
  char copy[BUFFER], plain[BUFFER];
  gsize got;

  memcpy (copy, message, n);
  got = olm_decrypt_max_plaintext_length (to->session, type, copy, n);
  g_assert_cmpuint (got, !=, olm_error ());
  memcpy (copy, message, n);
  got = olm_decrypt (to->session, type, copy, n, plain, sizeof plain);
  g_assert_cmpuint (got, ==, TEXT_BYTES);
}

static void
pair_begin (Person *alice, Person *bob)
{
  char identity[BUFFER] = { 0 }, one_time[BUFFER] = { 0 }, curve[44], opk[44], wire[BUFFER], copy[BUFFER];
  guint8 random[BUFFER];
  gsize n;

  person_begin (alice);
  person_begin (bob);
  olm_account_identity_keys (bob->account, identity, sizeof identity);
  olm_account_one_time_keys (bob->account, one_time, sizeof one_time);
  take_key (identity, "\"curve25519\"", curve);
  take_key (one_time, "{\"curve25519\":{", opk);
  n = random_of (random, olm_create_outbound_session_random_length (alice->session));
  olm_create_outbound_session (alice->session, alice->account, curve, 43, opk, 43, random, n);
  n = encrypt (alice, wire);
  memcpy (copy, wire, n);
  g_assert_cmpuint (olm_create_inbound_session (bob->session, bob->account, copy, n), !=, olm_error ());
  decrypt (bob, 0, wire, n);
}

static void
send (Person *from, Person *to)
{
  char wire[BUFFER];
  gsize type = olm_encrypt_message_type (from->session);
  gsize n = encrypt (from, wire);

  decrypt (to, type, wire, n);
}

double
olm_setup (gpointer data)
{
  const guint times = 20;
  double total = 0;

  for (guint i = 0; i < times; i++)
    {
      Person alice, bob;
      double from = bench_now_us ();

      pair_begin (&alice, &bob);
      total += bench_now_us () - from;
      person_end (&alice);
      person_end (&bob);
    }
  return total / times;
}

static double
converse (guint times, gboolean ping_pong)
{
  Person alice, bob;
  double from, us;

  pair_begin (&alice, &bob);
  send (&bob, &alice);
  send (&alice, &bob);
  from = bench_now_us ();
  for (guint i = 0; i < times; i++)
    if (ping_pong && i % 2 == 0)
      send (&bob, &alice);
    else
      send (&alice, &bob);
  us = (bench_now_us () - from) / times;
  person_end (&alice);
  person_end (&bob);
  return us;
}

double
olm_one_way (gpointer data)
{
  return converse (2000, FALSE);
}

double
olm_ping_pong (gpointer data)
{
  return converse (200, TRUE);
}
