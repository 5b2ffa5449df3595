/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vectors.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

void
score_tell (Score *score, const char *group, const char *name, const char *reason)
{
  score->n++;
  if (reason != NULL)
    score->failed++;
  printf ("%sok %u - %s %s%s%s\n", reason != NULL ? "not " : "", score->n, group, name, reason != NULL ? " # " : "",
          reason != NULL ? reason : "");
}

const char *
member_text (JsonObject *object, const char *name)
{
  const char *text = json_object_get_string_member_with_default (object, name, NULL);

  if (text == NULL)
    g_error ("the vectors have no text %s here", name);
  return text;
}

gint64
member_int (JsonObject *object, const char *name)
{
  return json_object_get_int_member (object, name);
}

GBytes *
bytes_from_hex (const char *hex)
{
  gsize n = strlen (hex) / 2;
  guint8 *out = g_malloc (n + 1);

  if (sodium_hex2bin (out, n, hex, 2 * n, NULL, NULL, NULL) != 0)
    g_error ("no hex: %s", hex);
  return g_bytes_new_take (out, n);
}

GBytes *
member_hex (JsonObject *object, const char *name)
{
  return bytes_from_hex (member_text (object, name));
}

GBytes *
member_base64 (JsonObject *object, const char *name)
{
  gsize n;
  guint8 *out = g_base64_decode (member_text (object, name), &n);

  return g_bytes_new_take (out, n);
}

const guint8 *
peek (GBytes *bytes, gsize n)
{
  if (g_bytes_get_size (bytes) != n)
    g_error ("the vectors have %" G_GSIZE_FORMAT " bytes where %" G_GSIZE_FORMAT " belong", g_bytes_get_size (bytes),
             n);
  return g_bytes_get_data (bytes, NULL);
}

static GQueue *
queue_for (Script *self, KithE2eeDraw purpose)
{
  switch (purpose)
    {
    case KITH_E2EE_DRAW_EPHEMERAL:
      return &self->ephemeral;
    case KITH_E2EE_DRAW_RATCHET:
      return &self->ratchet;
    case KITH_E2EE_DRAW_NONCE:
      return &self->nonce;
    default:
      return &self->other;
    }
}

static void
fill (void *data, KithE2eeDraw purpose, void *out, size_t n)
{
  Script *self = data;
  GBytes *next = g_queue_pop_head (queue_for (self, purpose));

  if (next == NULL)
    {
      self->short_of |= !self->lax;
      memset (out, 0x5a, n);
      return;
    }
  memcpy (out, peek (next, n), n);
  g_bytes_unref (next);
}

void
script_init (Script *self)
{
  memset (self, 0, sizeof *self);
  self->random.fill = fill;
  self->random.data = self;
}

void
script_clear (Script *self)
{
  GQueue *const queues[] = { &self->ephemeral, &self->ratchet, &self->nonce, &self->other };

  for (gsize i = 0; i < G_N_ELEMENTS (queues); i++)
    g_queue_clear_full (queues[i], (GDestroyNotify)g_bytes_unref);
  self->short_of = FALSE;
  self->lax = FALSE;
}

void
script_add (GQueue *queue, GBytes *bytes)
{
  g_queue_push_tail (queue, bytes);
}

static void
load_queue (JsonObject *random, const char *name, GQueue *queue)
{
  JsonArray *list = json_object_has_member (random, name) ? json_object_get_array_member (random, name) : NULL;

  for (guint i = 0; list != NULL && i < json_array_get_length (list); i++)
    script_add (queue, bytes_from_hex (json_array_get_string_element (list, i)));
}

void
script_load (Script *self, JsonObject *event)
{
  JsonObject *random
      = json_object_has_member (event, "random") ? json_object_get_object_member (event, "random") : NULL;

  if (random == NULL)
    return;
  load_queue (random, "ephemeral", &self->ephemeral);
  load_queue (random, "ratchet", &self->ratchet);
  load_queue (random, "nonce", &self->nonce);
}

gboolean
script_is_done (Script *self)
{
  return !self->short_of && self->ephemeral.length == 0 && self->ratchet.length == 0 && self->nonce.length == 0;
}

Party *
party_new (JsonObject *setup)
{
  Party *self = g_new0 (Party, 1);
  g_autoptr (GBytes) seed = member_hex (setup, "identity_seed");
  g_autoptr (GBytes) spk = member_hex (setup, "spk_priv");
  g_autoptr (GBytes) ik = member_hex (setup, "identity_pub");
  JsonArray *opks = json_object_get_array_member (setup, "opk_priv");

  script_init (&self->script);
  self->vault = mem_vault_new (peek (seed, 32), (guint32)member_int (setup, "device"));
  g_assert_cmpmem (self->vault->account->identity, 32, peek (ik, 32), 32);
  mem_vault_add_spk (self->vault, peek (spk, 32), (guint64)member_int (setup, "spk_created"));
  for (guint i = 0; i < json_array_get_length (opks); i++)
    {
      g_autoptr (GBytes) opk = bytes_from_hex (json_array_get_string_element (opks, i));

      mem_vault_add_opk (self->vault, peek (opk, 32));
    }
  self->pending = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
  self->e = mem_vault_context (self->vault, &self->script.random);
  return self;
}

void
party_free (Party *self)
{
  script_clear (&self->script);
  g_hash_table_unref (self->pending);
  mem_vault_free (self->vault);
  g_free (self);
}

gboolean
is_listed (JsonArray *errors, KithE2eeCode code)
{
  for (guint i = 0; i < json_array_get_length (errors); i++)
    if (strcmp (json_array_get_string_element (errors, i), kith_e2ee_code_name (code)) == 0)
      return TRUE;
  return FALSE;
}
