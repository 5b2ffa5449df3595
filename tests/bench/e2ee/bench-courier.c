/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a message costs with its rows: courier over a real database, inside one transaction, so without the sync. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "keys-fixture.h"

#define COUNT 5000
#define CID "0b0c7a1e-3f4d-4c55-9a6b-7788990011aa"

typedef struct
{
  Person *other;
  GPtrArray *wires;
  gboolean note;
  double us;
} Batch;

static double
now_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static gboolean
encrypt_all (Person *self, KithDb *db, gpointer data, GError **error)
{
  static const guint8 text[300] = { 'x' };
  Batch *batch = data;
  const guint8 *peer = kith_keys_get_identity (batch->other->keys);
  guint32 device = kith_keys_get_device (batch->other->keys);
  double from = now_us ();

  for (guint i = 0; i < COUNT; i++)
    {
      g_auto (KithSent) sent = { 0 };

      if (!kith_courier_encrypt (self->keys, db, peer, device, KITH_COURIER_JSON, text, sizeof text, &sent, error))
        return FALSE;
      if (batch->note && !kith_courier_note_sent (self->keys, db, peer, &sent, CID, error))
        return FALSE;
      g_ptr_array_add (batch->wires, g_steal_pointer (&sent.wire));
    }
  batch->us = (now_us () - from) / COUNT;
  return TRUE;
}

static gboolean
decrypt_all (Person *self, KithDb *db, gpointer data, GError **error)
{
  Batch *batch = data;
  const guint8 *peer = kith_keys_get_identity (batch->other->keys);
  double from = now_us ();

  for (guint i = 0; i < batch->wires->len; i++)
    {
      g_auto (KithOpened) opened = { 0 };
      KithE2eeCode code;

      if (!kith_courier_decrypt (self->keys, db, peer, 0, batch->wires->pdata[i], &opened, &code, error))
        return FALSE;
    }
  batch->us = (now_us () - from) / batch->wires->len;
  return TRUE;
}

static void
run (Person *alice, Person *bob, const char *name, gboolean note)
{
  g_autoptr (GPtrArray) wires = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  Batch out = { .other = bob, .wires = wires, .note = note }, in = { .other = alice, .wires = wires };

  person_run (alice, encrypt_all, &out);
  person_run (bob, decrypt_all, &in);
  printf ("%-36s encrypt %6.2f us%s, decrypt %6.2f us\n", name, out.us, note ? " (place noted)" : "", in.us);
}

int
main (void)
{
  g_autoptr (Person) alice = person_new (1), bob = person_new (2);
  g_autoptr (GBytes) bundle = person_bundle (bob, alice, TRUE), reply = NULL, hello = NULL;

  person_start (alice, bob, bundle);
  run (alice, bob, "INIT (no reply yet)", FALSE);
  reply = person_send (bob, alice, "reply");
  assert_receives (alice, bob, reply, "reply");
  hello = person_send (alice, bob, "hello");
  assert_receives (bob, alice, hello, "hello");
  run (alice, bob, "MSG", FALSE);
  run (alice, bob, "MSG", TRUE);
  return 0;
}
