/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-transport-private.h"

#define TEST_TYPE_STREAMS (test_streams_get_type ())
G_DECLARE_FINAL_TYPE (TestStreams, test_streams, TEST, STREAMS, KithStreamTransport)
struct _TestStreams
{
  KithStreamTransport parent_instance;
};
G_DEFINE_FINAL_TYPE (TestStreams, test_streams, KITH_TYPE_STREAM_TRANSPORT)

static void
test_streams_class_init (TestStreamsClass *class)
{
  KITH_STREAM_TRANSPORT_CLASS (class)->scheme = "test";
}

static void
test_streams_init (TestStreams *self)
{
}

#define TEST_TYPE_MAILBOX (test_mailbox_get_type ())
G_DECLARE_FINAL_TYPE (TestMailbox, test_mailbox, TEST, MAILBOX, KithMailboxTransport)
struct _TestMailbox
{
  KithMailboxTransport parent_instance;
};
G_DEFINE_FINAL_TYPE (TestMailbox, test_mailbox, KITH_TYPE_MAILBOX_TRANSPORT)

static void
test_mailbox_class_init (TestMailboxClass *class)
{
}

static void
test_mailbox_init (TestMailbox *self)
{
}

static void
count (gpointer unused, guint *n)
{
  ++*n;
}

static void
test_state (void)
{
  g_autoptr (KithWorld) world = kith_world_new_virtual (1);
  g_autoptr (KithTransport) transport = g_object_new (TEST_TYPE_STREAMS, "id", "test", NULL);
  g_autoptr (GError) why = g_error_new_literal (KITH_ERROR, KITH_ERROR_UNREACHABLE, "no network");
  guint changes = 0;
  gint64 since;

  kith_transport_attach (transport, world);
  since = kith_transport_get_since_ms (transport);
  g_assert_cmpint (since, ==, kith_world_get_date_ms (world));
  g_signal_connect (transport, "state-changed", G_CALLBACK (count), &changes);
  kith_transport_set_state (transport, KITH_TRANSPORT_DISCONNECTED, NULL);
  g_assert_cmpuint (changes, ==, 0);
  kith_world_advance (world, 5000);
  kith_transport_set_state (transport, KITH_TRANSPORT_DISCONNECTED, why);
  kith_transport_set_state (transport, KITH_TRANSPORT_DISCONNECTED, why);
  g_assert_cmpuint (changes, ==, 1);
  g_assert_cmpstr (kith_transport_get_error (transport)->message, ==, "no network");
  g_assert_cmpint (kith_transport_get_since_ms (transport), ==, since);
  kith_transport_set_state (transport, KITH_TRANSPORT_CONNECTED, NULL);
  g_assert_null (kith_transport_get_error (transport));
  g_assert_cmpint (kith_transport_get_since_ms (transport), ==, since + 5);
  g_assert_cmpstr (kith_transport_state_to_string (KITH_TRANSPORT_AUTHENTICATING), ==, "authenticating");
}

static void
take_stream (KithStreamTransport *self, GIOStream *stream, const char *from, gpointer data)
{
  g_assert_cmpstr (from, ==, "::1");
  *(GIOStream **) data = stream;
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static GAsyncResult *
wait_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static void
test_streams (void)
{
  g_autoptr (KithStreamTransport) transport = g_object_new (TEST_TYPE_STREAMS, "id", "test", NULL);
  g_autoptr (GInputStream) in = g_memory_input_stream_new ();
  g_autoptr (GOutputStream) out = g_memory_output_stream_new_resizable ();
  GIOStream *taken = NULL, *stream = g_simple_io_stream_new (in, out);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) addresses = kith_stream_transport_dup_addresses (transport);

  g_assert_cmpstr (kith_stream_transport_get_scheme (transport), ==, "test");
  g_assert_cmpuint (g_strv_length (addresses), ==, 0);
  kith_stream_transport_set_accept_func (transport, take_stream, &taken, NULL);
  kith_stream_transport_accept (transport, stream, "::1");
  g_assert_true (taken == stream);
  kith_stream_transport_set_accept_func (transport, NULL, NULL, NULL);
  /* Nobody takes it: it is closed and let go. */
  kith_stream_transport_accept (transport, stream, "::1");
  while (g_main_context_iteration (NULL, FALSE))
    ;
  kith_stream_transport_dial_async (transport, "test:x", NULL, keep_result, &result);
  g_assert_null (kith_stream_transport_dial_finish (transport, wait_result (&result), &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
}

static void
take_parcel (KithMailboxTransport *self, KithParcel *parcel, GTask *task, gpointer data)
{
  g_assert_cmpstr (kith_parcel_get_id (parcel), ==, "id");
  g_task_return_int (task, KITH_FATE_REQUEST);
  g_object_unref (task);
}

static void
test_mailbox (void)
{
  g_autoptr (KithMailboxTransport) transport = g_object_new (TEST_TYPE_MAILBOX, "id", "mail", NULL);
  g_autoptr (GBytes) sealed = g_bytes_new_static ("sealed", 6);
  g_autoptr (KithParcel) parcel = kith_parcel_new ("id", "box", sealed, 7);
  g_autoptr (GAsyncResult) refused = NULL, result = NULL;
  g_autoptr (GError) error = NULL;
  KithFate fate = KITH_FATE_STORED;

  g_assert_cmpstr (kith_parcel_get_mailbox (parcel), ==, "box");
  g_assert_cmpint (kith_parcel_get_expires_ms (parcel), ==, 7);
  g_assert_true (kith_parcel_get_sealed (parcel) == sealed);
  kith_mailbox_transport_receive_async (transport, parcel, NULL, keep_result, &refused);
  g_assert_false (kith_mailbox_transport_receive_finish (transport, wait_result (&refused), &fate, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_CLOSED);
  g_clear_error (&error);
  kith_mailbox_transport_set_receive_func (transport, take_parcel, NULL, NULL);
  kith_mailbox_transport_receive_async (transport, parcel, NULL, keep_result, &result);
  g_assert_true (kith_mailbox_transport_receive_finish (transport, wait_result (&result), &fate, &error));
  g_assert_no_error (error);
  g_assert_cmpint (fate, ==, KITH_FATE_REQUEST);
}

static void
test_listing (void)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);
  g_autoptr (KithListing) listing = kith_listing_new ("alice", key), copy = NULL;

  g_ptr_array_add (listing->mailboxes, kith_listed_mailbox_new ("box", NULL, 5));
  copy = kith_listing_copy (listing);
  g_assert_cmpuint (copy->mailboxes->len, ==, 1);
  g_assert_cmpstr (((KithListedMailbox *) g_ptr_array_index (copy->mailboxes, 0))->mailbox, ==, "box");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/transport/state", test_state);
  g_test_add_func ("/transport/streams", test_streams);
  g_test_add_func ("/transport/mailbox", test_mailbox);
  g_test_add_func ("/transport/listing", test_listing);
  return g_test_run ();
}
