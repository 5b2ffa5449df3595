/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real module, loaded by the real loader; real sockets on loopback. */
#define G_SETTINGS_ENABLE_BACKEND
#include "kith-bus-private.h"
#include "kith-link.h"
#include "kith-loader.h"
#include "kith-transport-private.h"
#include <gio/gio.h>
#include <gio/gnetworking.h>
#include <gio/gsettingsbackend.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct
{
  KithWorld *world;
  KithBus *bus;
  GSettings *settings;
  KithLoader *loader;
  KithTransport *transport;         /* what the plugin added */
  guint16 port;
  GPtrArray *accepted;              /* GIOStream */
  char *from;
  guint n_addresses_changed;
  guint watchdog;
} Fixture;

/* --- waiting */

static gboolean
on_watchdog (gpointer data)
{
  g_error ("waited 60 s in vain");
  return G_SOURCE_REMOVE;
}

#define wait_until(condition) \
  while (!(condition))        \
  g_main_context_iteration (NULL, TRUE)

static gboolean
is_free (guint16 port)
{
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("0.0.0.0", port);

  return g_socket_bind (socket, address, TRUE, NULL) && g_socket_listen (socket, NULL);
}

static guint16
find_port (void)
{
  for (;;)
    {
      guint16 port = (guint16) g_random_int_range (20000, 32000);

      if (is_free (port))
        return port;
    }
}

/* --- the daemon, as far as a transport needs it */

static void
on_stream (KithStreamTransport *transport, GIOStream *stream, const char *from, gpointer data)
{
  Fixture *self = data;

  g_ptr_array_add (self->accepted, stream);
  g_free (self->from);
  self->from = g_strdup (from);
}

static void
on_addresses (KithStreamTransport *transport, gpointer data)
{
  ((Fixture *) data)->n_addresses_changed++;
}

static gboolean
add_transport (gpointer backend, KithHost *host, KithTransport *transport, GError **error)
{
  Fixture *self = backend;

  g_assert_null (self->transport);
  self->transport = g_object_ref (transport);
  kith_stream_transport_set_accept_func (KITH_STREAM_TRANSPORT (transport), on_stream, self, NULL);
  g_signal_connect (transport, "addresses-changed", G_CALLBACK (on_addresses), self);
  return TRUE;
}

static void
drop_transport (gpointer backend, KithHost *host, KithTransport *transport)
{
  Fixture *self = backend;

  g_assert_true (self->transport == transport);
  kith_stream_transport_set_accept_func (KITH_STREAM_TRANSPORT (transport), NULL, NULL, NULL);
  g_signal_handlers_disconnect_by_data (transport, self);
  g_clear_object (&self->transport);
}

static const KithHostFuncs host_funcs = { .add_transport = add_transport, .drop_transport = drop_transport };

static GSettings *
give_settings (const char *schema_id, const char *plugin_id, gpointer data, GError **error)
{
  g_assert_cmpstr (schema_id, ==, "im.kith.Kith.Plugin.tcp");
  return g_object_ref (((Fixture *) data)->settings);
}

static void
on_done (GObject *loader, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static void
switch_plugin (Fixture *self, gboolean on)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  if (on)
    kith_loader_enable_async (self->loader, "tcp", NULL, on_done, &result);
  else
    kith_loader_disable_async (self->loader, "tcp", NULL, on_done, &result);
  wait_until (result != NULL);
  if (on)
    kith_loader_enable_finish (self->loader, result, &error);
  else
    kith_loader_disable_finish (self->loader, result, &error);
  g_assert_no_error (error);
}

static void
start_all (Fixture *self)
{
  g_autoptr (GAsyncResult) result = NULL;

  kith_loader_set_builtins (self->loader, (const char *const[]) { "tcp", NULL });
  kith_loader_activate_all_async (self->loader, NULL, on_done, &result);
  wait_until (result != NULL);
  g_assert_true (kith_loader_activate_all_finish (self->loader, result, NULL));
}

static void
set_up (Fixture *self, gconstpointer data)
{
  const char *path[] = { g_getenv ("KITH_PLUGIN_PATH"), NULL };
  g_autoptr (GSettingsBackend) backend = g_memory_settings_backend_new ();

  memset (self, 0, sizeof *self);
  self->watchdog = g_timeout_add_seconds (60, on_watchdog, NULL);
  self->world = kith_world_new ();
  self->bus = kith_bus_new (self->world);
  self->settings
      = g_settings_new_with_backend_and_path ("im.kith.Kith.Plugin.tcp", backend, "/im/kith/Kith/plugins/tcp/");
  self->port = find_port ();
  g_settings_set (self->settings, "peer-port", "q", self->port);
  self->accepted = g_ptr_array_new_with_free_func (g_object_unref);
  self->loader = kith_loader_new (self->world, self->bus, &host_funcs, self, NULL, give_settings, self, path);
  g_assert_cmpuint (kith_loader_discover (self->loader), ==, 1);
  start_all (self);
  g_assert_nonnull (self->transport);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  const KithPluginInfo *info;

  switch_plugin (self, FALSE);
  info = kith_loader_find (self->loader, "tcp");
  g_assert_cmpint (info->state, ==, KITH_PLUGIN_OFF);
  g_assert_false (info->leaked);
  g_assert_null (self->transport);
  g_assert_true (is_free (self->port));
  g_ptr_array_unref (self->accepted);
  g_free (self->from);
  g_object_unref (self->loader);
  g_object_unref (self->settings);
  g_object_unref (self->bus);
  kith_world_unref (self->world);
  g_source_remove (self->watchdog);
}

/* --- what the tests share */

static GIOStream *
dial (Fixture *self, const char *address, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  kith_stream_transport_dial_async (KITH_STREAM_TRANSPORT (self->transport), address, NULL, on_done, &result);
  wait_until (result != NULL);
  return kith_stream_transport_dial_finish (KITH_STREAM_TRANSPORT (self->transport), result, error);
}

static GIOStream *
dial_self (Fixture *self)
{
  g_autofree char *address = g_strdup_printf ("tcp:127.0.0.1:%u", self->port);
  g_autoptr (GError) error = NULL;
  GIOStream *stream = dial (self, address, &error);

  g_assert_no_error (error);
  return stream;
}

static void
check_socket (GIOStream *stream)
{
  GSocket *socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream));
  gint value = 0;

  g_assert_true (g_socket_get_option (socket, IPPROTO_TCP, TCP_NODELAY, &value, NULL));
  g_assert_cmpint (value, !=, 0);
  g_assert_true (g_socket_get_keepalive (socket));
  g_assert_cmpuint (g_socket_get_timeout (socket), ==, 0);
  g_assert_true (G_IS_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (stream)));
  g_assert_true (G_IS_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (stream)));
}

/* --- tests */

static void
test_streams (Fixture *self, gconstpointer data)
{
  g_autoptr (GIOStream) stream = NULL;
  char byte = 0;

  g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_CONNECTED);
  g_assert_cmpstr (kith_transport_get_id (self->transport), ==, "tcp");
  g_assert_cmpstr (kith_stream_transport_get_scheme (KITH_STREAM_TRANSPORT (self->transport)), ==, "tcp");
  stream = dial_self (self);
  wait_until (self->accepted->len == 1);
  g_assert_cmpstr (self->from, ==, "127.0.0.1");
  check_socket (stream);
  check_socket (g_ptr_array_index (self->accepted, 0));
  g_assert_cmpint (g_output_stream_write (g_io_stream_get_output_stream (stream), "x", 1, NULL, NULL), ==, 1);
  g_assert_cmpint (
      g_input_stream_read (g_io_stream_get_input_stream (g_ptr_array_index (self->accepted, 0)), &byte, 1, NULL, NULL),
      ==, 1);
  g_assert_cmpint (byte, ==, 'x');
}

static void
test_ipv6 (Fixture *self, gconstpointer data)
{
  g_autofree char *address = g_strdup_printf ("tcp:[::1]:%u", self->port);
  g_autoptr (GSocket) probe = g_socket_new (G_SOCKET_FAMILY_IPV6, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("::1", 0);
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GError) error = NULL;

  if (probe == NULL || !g_socket_bind (probe, any, TRUE, NULL))
    {
      g_test_skip ("this machine has no IPv6");
      return;
    }
  stream = dial (self, address, &error);
  g_assert_no_error (error);
  wait_until (self->accepted->len == 1);
  g_assert_cmpstr (self->from, ==, "::1");
}

/* A name with two addresses, of which only one listens: GIO tries both. */
static void
test_names (Fixture *self, gconstpointer data)
{
  g_autofree char *address = g_strdup_printf ("tcp:localhost:%u", self->port);
  g_autoptr (GError) error = NULL;
  g_autoptr (GIOStream) stream = NULL;

  g_settings_set_string (self->settings, "listen-address", "127.0.0.1");
  stream = dial (self, address, &error);
  g_assert_no_error (error);
}

static void
test_bad_addresses (Fixture *self, gconstpointer data)
{
  static const char *const bad[] = {
    "",
    "tcp:",
    "tcp:host",
    "tcp:host:",
    "tcp::9100",
    "tcp:host:0",
    "tcp:host:65536",
    "tcp:host:-1",
    "tcp:host:91x",
    "udp:host:1",
    "tcp:a b:1",
    "tcp:::1:9100",
    "tcp:[]:1",
    "tcp:[::1:1",
    "tcp:user@host:1",
    "tcp:h\xc3\xb6st:1",
    "tcp:host/x:1",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (dial (self, bad[i], &error));
      g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
    }
}

static void
test_nobody_there (Fixture *self, gconstpointer data)
{
  g_autofree char *address = g_strdup_printf ("tcp:127.0.0.1:%u", find_port ());
  g_autoptr (GError) error = NULL;

  g_assert_null (dial (self, address, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

static void
test_addresses (Fixture *self, gconstpointer data)
{
  static const char *const advertise[] = { "home.example.org:1234", "tcp:[2001:db8::1]:9", "nonsense", NULL };
  g_autofree char *loopback = g_strdup_printf ("tcp:127.0.0.1:%u", self->port);
  g_auto (GStrv) addresses = kith_stream_transport_dup_addresses (KITH_STREAM_TRANSPORT (self->transport));
  guint n = g_strv_length (addresses), before = self->n_addresses_changed;

  g_assert_cmpuint (n, >=, 1);
  g_assert_cmpuint (n, <=, 8);
  g_assert_cmpstr (addresses[n - 1], ==, loopback);
  g_test_expect_message ("kith-tcp", G_LOG_LEVEL_WARNING, "*nonsense*");
  g_settings_set_strv (self->settings, "advertise", advertise);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (self->n_addresses_changed, ==, before + 1);
  g_strfreev (addresses);
  addresses = kith_stream_transport_dup_addresses (KITH_STREAM_TRANSPORT (self->transport));
  n = g_strv_length (addresses);
  g_assert_cmpstr (addresses[0], ==, "tcp:home.example.org:1234");
  g_assert_cmpstr (addresses[1], ==, "tcp:[2001:db8::1]:9");
  g_assert_cmpstr (addresses[n - 1], ==, loopback);
  g_test_expect_message ("kith-tcp", G_LOG_LEVEL_WARNING, "*nonsense*");
  g_settings_set_string (self->settings, "listen-address", "127.0.0.1");
  g_test_assert_expected_messages ();
  g_strfreev (addresses);
  addresses = kith_stream_transport_dup_addresses (KITH_STREAM_TRANSPORT (self->transport));
  g_assert_cmpuint (g_strv_length (addresses), ==, 3);
}

static void
test_port_changes (Fixture *self, gconstpointer data)
{
  guint16 old = self->port;
  g_autoptr (GIOStream) before = NULL;
  g_autoptr (GIOStream) after = NULL;

  before = dial_self (self);
  wait_until (self->accepted->len == 1);
  self->port = find_port ();
  g_settings_set (self->settings, "peer-port", "q", self->port);
  g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_CONNECTED);
  g_assert_true (is_free (old));
  after = dial_self (self);
  wait_until (self->accepted->len == 2);
  check_socket (before);                     /* links that are up stay */
}

static void
test_port_taken (Fixture *self, gconstpointer data)
{
  g_autoptr (GSocketListener) other = g_socket_listener_new ();
  guint16 taken = find_port (), good = self->port;
  g_auto (GStrv) addresses = NULL;
  g_autofree char *port = g_strdup_printf ("*%u*", taken);

  g_assert_true (g_socket_listener_add_inet_port (other, taken, NULL, NULL));
  g_test_expect_message ("kith-tcp", G_LOG_LEVEL_WARNING, port);
  g_settings_set (self->settings, "peer-port", "q", taken);
  g_test_assert_expected_messages ();
  g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_DISCONNECTED);
  g_assert_error (kith_transport_get_error (self->transport), KITH_ERROR, KITH_ERROR_CONFLICT);
  g_assert_nonnull (strstr (kith_transport_get_error (self->transport)->message, "peer-port"));
  addresses = kith_stream_transport_dup_addresses (KITH_STREAM_TRANSPORT (self->transport));
  g_assert_cmpuint (g_strv_length (addresses), ==, 0);
  g_settings_set (self->settings, "peer-port", "q", good);
  g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_CONNECTED);
  g_assert_null (kith_transport_get_error (self->transport));
  g_socket_listener_close (other);
}

/* Who switches it on hears at once why it cannot work. */
static void
test_taken_at_start (Fixture *self, gconstpointer data)
{
  g_autoptr (GSocketListener) other = g_socket_listener_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GLogLevelFlags fatal;

  switch_plugin (self, FALSE);
  g_assert_true (g_socket_listener_add_inet_port (other, self->port, NULL, NULL));
  fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);         /* the loader warns of it */
  kith_loader_enable_async (self->loader, "tcp", NULL, on_done, &result);
  wait_until (result != NULL);
  g_log_set_always_fatal (fatal);
  g_assert_false (kith_loader_enable_finish (self->loader, result, &error));
  g_assert_nonnull (strstr (error->message, "taken"));
  g_assert_cmpint (kith_loader_find (self->loader, "tcp")->state, ==, KITH_PLUGIN_FAILED);
  g_assert_null (self->transport);
  g_socket_listener_close (other);
  switch_plugin (self, TRUE);
  g_assert_nonnull (self->transport);
}

static void
test_bad_listen_address (Fixture *self, gconstpointer data)
{
  g_test_expect_message ("kith-tcp", G_LOG_LEVEL_WARNING, "*must be an IP address*");
  g_settings_set_string (self->settings, "listen-address", "everywhere");
  g_test_assert_expected_messages ();
  g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_CONNECTED);
  switch_plugin (self, FALSE);
  g_test_expect_message ("kith-tcp", G_LOG_LEVEL_WARNING, "*cannot reach us*must be an IP address*");
  switch_plugin (self, TRUE);
  g_test_assert_expected_messages ();
  g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_DISCONNECTED);
  g_test_expect_message ("kith-tcp", G_LOG_LEVEL_WARNING, "*192.0.2.1*");         /* of nobody here */
  g_settings_set_string (self->settings, "listen-address", "192.0.2.1");
  g_test_assert_expected_messages ();
  g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_DISCONNECTED);
  g_settings_reset (self->settings, "listen-address");
  g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_CONNECTED);
}

/* No descriptors left, and then some again: the port answers again. */
static void
test_out_of_descriptors (Fixture *self, gconstpointer data)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, self->port);
  GSocket *sockets[8] = { NULL };
  g_autoptr (GIOStream) stream = NULL;
  struct rlimit limit, low;
  int fds[1024], n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (sockets); i++)
    sockets[i] = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  getrlimit (RLIMIT_NOFILE, &limit);
  low = limit;
  low.rlim_cur = 256;
  setrlimit (RLIMIT_NOFILE, &low);
  while (n < 1024 && (fds[n] = dup (0)) >= 0)
    n++;
  g_test_expect_message ("kith-tcp", G_LOG_LEVEL_WARNING, "*no file descriptors*");
  for (guint i = 0; i < G_N_ELEMENTS (sockets); i++)
    g_assert_true (g_socket_connect (sockets[i], address, NULL, NULL));
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_test_assert_expected_messages ();
  g_assert_cmpuint (self->accepted->len, ==, 0);
  while (n > 0)
    close (fds[--n]);
  setrlimit (RLIMIT_NOFILE, &limit);
  wait_until (self->accepted->len == G_N_ELEMENTS (sockets) - 1);              /* one was hung up on */
  stream = dial_self (self);
  wait_until (self->accepted->len == G_N_ELEMENTS (sockets));
  for (guint i = 0; i < G_N_ELEMENTS (sockets); i++)
    g_object_unref (sockets[i]);
}

static void
test_off_and_on (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    {
      switch_plugin (self, FALSE);
      g_assert_true (is_free (self->port));
      switch_plugin (self, TRUE);
      g_assert_cmpint (kith_transport_get_state (self->transport), ==, KITH_TRANSPORT_CONNECTED);
    }
}

/* --- with links over it */

static void
on_opened (KithLink *link, gpointer data)
{
  (*(guint *) data)++;
}

static void
test_links (Fixture *self, gconstpointer data)
{
  static const KithLinkFuncs funcs = { .opened = on_opened };
  guint8 seed[32] = { 1 }, identity[2][32], sign_secret[64], secret[2][32];
  g_autoptr (KithLink) from = NULL, to = NULL;
  g_autoptr (GError) error = NULL;
  KithLinkDoor *doors[2];
  guint opened = 0;
  gint64 started;

  for (guint i = 0; i < 2; i++)
    {
      seed[1] = (guint8) i;
      crypto_sign_seed_keypair (identity[i], sign_secret, seed);
      g_assert_cmpint (crypto_sign_ed25519_sk_to_curve25519 (secret[i], sign_secret), ==, 0);
      doors[i] = kith_link_door_new (self->world, secret[i], identity[i]);
      kith_link_door_set_hello (doors[i], i == 0 ? "alice" : "bob", 1, NULL, NULL, "1");
    }
  started = g_get_monotonic_time ();
  from = kith_link_dial (doors[0], dial_self (self), "tcp", "tcp:bob", identity[1], &funcs, &opened, &error);
  g_assert_no_error (error);
  wait_until (self->accepted->len == 1);
  to = kith_link_accept (doors[1], g_ptr_array_steal_index (self->accepted, 0), "tcp", self->from, &funcs, &opened,
                         &error);
  g_assert_no_error (error);
  wait_until (opened == 2);
  g_test_message ("dialled and open after %.2f ms", (double) (g_get_monotonic_time () - started) / 1000);
  g_assert_cmpstr (kith_link_get_hello (to)->username, ==, "alice");
  kith_link_door_free (doors[0]);
  kith_link_door_free (doors[1]);
}

#define add(path, func) g_test_add ("/tcp/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (sodium_init (), >=, 0);
  add ("streams", test_streams);
  add ("ipv6", test_ipv6);
  add ("names", test_names);
  add ("bad-addresses", test_bad_addresses);
  add ("nobody-there", test_nobody_there);
  add ("addresses", test_addresses);
  add ("port-changes", test_port_changes);
  add ("port-taken", test_port_taken);
  add ("taken-at-start", test_taken_at_start);
  add ("bad-listen-address", test_bad_listen_address);
  add ("out-of-descriptors", test_out_of_descriptors);
  add ("off-and-on", test_off_and_on);
  add ("links", test_links);
  return g_test_run ();
}
