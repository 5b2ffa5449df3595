/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The dialler on virtual time, with a transport that answers as the test says. */
#include "kith-dialler.h"
#include "kith-transport-private.h"

#define FAKE_TYPE_TRANSPORT (fake_transport_get_type ())
G_DECLARE_FINAL_TYPE (FakeTransport, fake_transport, FAKE, TRANSPORT, KithStreamTransport)

struct _FakeTransport
{
  KithStreamTransport parent_instance;
  GPtrArray *dialled;          /* addresses, in order */
};

G_DEFINE_FINAL_TYPE (FakeTransport, fake_transport, KITH_TYPE_STREAM_TRANSPORT)

static void
on_cancelled (GCancellable *cancellable, gpointer data)
{
  g_task_return_new_error (data, G_IO_ERROR, G_IO_ERROR_CANCELLED, "given up");
}

static void
fake_dial_async (
    KithStreamTransport *transport, const char *address, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  FakeTransport *self = FAKE_TRANSPORT (transport);
  g_autoptr (GTask) task = g_task_new (self, NULL, cb, data);

  g_ptr_array_add (self->dialled, g_strdup (address));
  if (g_str_has_prefix (address, "fake:up"))
    g_task_return_pointer (
        task, g_simple_io_stream_new (g_memory_input_stream_new (), g_memory_output_stream_new_resizable ()),
        g_object_unref);
  else if (g_str_has_prefix (address, "fake:mute"))
    g_signal_connect_data (c, "cancelled", G_CALLBACK (on_cancelled), g_object_ref (task),
                           (GClosureNotify)g_object_unref, 0);
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "refused");
}

static GIOStream *
fake_dial_finish (KithStreamTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
fake_transport_finalize (GObject *object)
{
  g_ptr_array_unref (FAKE_TRANSPORT (object)->dialled);
  G_OBJECT_CLASS (fake_transport_parent_class)->finalize (object);
}

static void
fake_transport_class_init (FakeTransportClass *klass)
{
  KithStreamTransportClass *stream = KITH_STREAM_TRANSPORT_CLASS (klass);

  stream->scheme = "fake";
  stream->dial_async = fake_dial_async;
  stream->dial_finish = fake_dial_finish;
  G_OBJECT_CLASS (klass)->finalize = fake_transport_finalize;
}

static void
fake_transport_init (FakeTransport *self)
{
  self->dialled = g_ptr_array_new_with_free_func (g_free);
}

typedef struct
{
  KithWorld *world;
  FakeTransport *transport;
  KithDialler *dialler;
  guint connected;
} Fixture;

static KithStreamTransport *
find_transport (gpointer data, const char *scheme)
{
  Fixture *fixture = data;

  return g_strcmp0 (scheme, "fake") == 0 ? KITH_STREAM_TRANSPORT (fixture->transport) : NULL;
}

static void
on_connected (gpointer data, gint64 person, GIOStream *stream, KithStreamTransport *transport, const char *address)
{
  Fixture *fixture = data;

  g_assert_cmpint (person, ==, 1);
  fixture->connected++;
  g_object_unref (stream);
}

static const KithDiallerFuncs funcs = { find_transport, on_connected };

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->world = kith_world_new_virtual (1);
  fixture->transport = g_object_new (FAKE_TYPE_TRANSPORT, "id", "fake", NULL);
  fixture->dialler = kith_dialler_new (fixture->world, &funcs, fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  kith_dialler_free (fixture->dialler);
  kith_world_run_until_idle (fixture->world);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (fixture->transport);
  kith_world_unref (fixture->world);
}

static void
pass (Fixture *fixture, guint ms)
{
  for (guint step = 0; step < ms; step += 50)
    {
      while (g_main_context_iteration (NULL, FALSE))
        ;
      kith_world_advance (fixture->world, 50 * 1000);
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
test_back_off (Fixture *fixture, gconstpointer data)
{
  static const char *const addresses[] = { "fake:down", NULL };
  guint after_minute = 0;

  kith_dialler_add (fixture->dialler, 1, addresses);
  pass (fixture, 50);
  g_assert_cmpuint (fixture->transport->dialled->len, ==, 1);
  /* 1 + 2 + 4 + 8 + 16 s, each ±20 %: about six dials in the first minute, and twelve an hour at the end. */
  pass (fixture, 60 * 1000);
  after_minute = fixture->transport->dialled->len;
  g_assert_cmpuint (after_minute, >=, 5);
  g_assert_cmpuint (after_minute, <=, 7);
  pass (fixture, 60 * 60 * 1000);
  g_assert_cmpuint (fixture->transport->dialled->len - after_minute, <=, 18);
  g_assert_cmpuint (fixture->transport->dialled->len - after_minute, >=, 11);
}

static void
test_next_address_does_not_wait (Fixture *fixture, gconstpointer data)
{
  static const char *const addresses[] = { "fake:mute", "other:x", "fake:up", NULL };

  kith_dialler_add (fixture->dialler, 1, addresses);
  pass (fixture, 200);
  g_assert_cmpuint (fixture->connected, ==, 0);
  pass (fixture, 200);
  g_assert_cmpuint (fixture->connected, ==, 1);
  kith_dialler_linked (fixture->dialler, 1);
  pass (fixture, 60 * 1000);
  g_assert_cmpuint (fixture->transport->dialled->len, ==, 2);
}

static void
test_handshake_fails (Fixture *fixture, gconstpointer data)
{
  static const char *const addresses[] = { "fake:up1", "fake:up2", NULL };

  kith_dialler_add (fixture->dialler, 1, addresses);
  pass (fixture, 1000);
  g_assert_cmpuint (fixture->connected, ==, 1); /* the second address only if the first is not the one */
  kith_dialler_failed (fixture->dialler, 1);
  pass (fixture, 1000);
  g_assert_cmpuint (fixture->connected, ==, 2);
  g_assert_true (kith_dialler_may_come (fixture->dialler, 1));
  kith_dialler_failed (fixture->dialler, 1);
  g_assert_false (kith_dialler_may_come (fixture->dialler, 1)); /* nobody waits within 30 s of a failed dial */
}

static void
test_want (Fixture *fixture, gconstpointer data)
{
  static const char *const addresses[] = { "fake:down", NULL };
  guint before = 0;

  kith_dialler_add (fixture->dialler, 1, addresses);
  pass (fixture, 10 * 60 * 1000);
  before = fixture->transport->dialled->len;
  for (int i = 0; i < 20; i++)
    {
      kith_dialler_want (fixture->dialler, 1);
      pass (fixture, 10);
    }
  g_assert_cmpuint (fixture->transport->dialled->len - before, >=, 1);
  g_assert_cmpuint (fixture->transport->dialled->len - before, <=, 2);
}

static void
test_paused_and_removed (Fixture *fixture, gconstpointer data)
{
  static const char *const addresses[] = { "fake:mute", "fake:down", NULL };

  kith_dialler_add (fixture->dialler, 1, addresses);
  pass (fixture, 100);
  kith_dialler_set_paused (fixture->dialler, TRUE);
  pass (fixture, 60 * 1000);
  g_assert_cmpuint (fixture->transport->dialled->len, ==, 1);
  kith_dialler_set_paused (fixture->dialler, FALSE);
  pass (fixture, 1000);
  g_assert_cmpuint (fixture->transport->dialled->len, ==, 3);
  kith_dialler_remove (fixture->dialler, 1);
  pass (fixture, 60 * 1000);
  g_assert_cmpuint (fixture->transport->dialled->len, ==, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/chat/dialler/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("back-off", test_back_off);
  ADD ("next-address-does-not-wait", test_next_address_does_not_wait);
  ADD ("handshake-fails", test_handshake_fails);
  ADD ("want", test_want);
  ADD ("paused-and-removed", test_paused_and_removed);
  return g_test_run ();
}
