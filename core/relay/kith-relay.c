/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The relay as a program: its files, its door, its clock, its end. */
#define G_LOG_DOMAIN "kith-relay"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kith-key-store.h"
#include "kith-log.h"
#include "kith-relay-private.h"
#include "kith-schema.h"

#define USUAL_LISTEN "127.0.0.1:8765"
#define USUAL_PORT 8765
#define USUAL_CAP_MIB 1024
#define KEY_PREFIX "sb_publishable_"
#define SWEEP_MS 5000
#define PURGE_MS 60000
#define CLOSE_GRACE_MS 500
#define DESCRIPTORS 8192

extern const KithSchema kith_relay_schema;

static const char *const kept_headers[] = { "apikey", "Authorization", "X-Supabase-Api-Version", "X-Forwarded-For",
                                            NULL };
static const KithDoorPolicy policy = {
  "relay", FALSE, FALSE, FALSE, FALSE,
  "apikey, X-Client-Info, X-Supabase-Api-Version, Accept-Profile, Content-Profile, Prefer, X-Retry-Count", kept_headers
};

/* --- small secrets in files of their own */

/* Reads the file, or makes it (0600) with so many random bytes. */
static gboolean
obtain (KithRelay *self, const char *path, guint8 *bytes, gsize n, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  gboolean made = fd < 0 && errno == ENOENT;
  gssize got;

  if (made)
    {
      kith_world_fill_random (self->world, bytes, n);
      fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
  got = fd < 0 ? -1 : made ? write (fd, bytes, n) : read (fd, bytes, n);
  if (fd >= 0 && got == (gssize) n && made && fsync (fd) < 0)
    got = -1;
  if (fd >= 0)
    close (fd);
  if (got == (gssize) n)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "%s: %s", path,
               got < 0 ? g_strerror (errno) : "not of the length that it should have");
  return FALSE;
}

static gboolean
load_secrets (KithRelay *self, const KithRelayOptions *options, GError **error)
{
  g_autofree char *signing = g_build_filename (options->data, "relay-tokens.key", NULL);
  g_autofree char *naming = g_build_filename (options->data, "relay-api.key", NULL);
  g_autofree char *word = NULL;
  guint8 name[16];

  self->secret = sodium_malloc (32);
  if (self->secret == NULL || !obtain (self, signing, self->secret, 32, error) ||
      !obtain (self, naming, name, sizeof name, error))
    return FALSE;
  word = g_malloc0 (33);
  sodium_bin2hex (word, 33, name, sizeof name);
  self->api_key = g_strconcat (KEY_PREFIX, word, NULL);
  if (options->invite == NULL)
    return TRUE;
  if (!g_file_get_contents (options->invite, &self->invite, NULL, error))
    return FALSE;
  g_strstrip (self->invite);
  if (strlen (self->invite) >= 8 && strspn (self->invite, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_") ==
      strlen (self->invite))
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "%s: an invitation is at least 8 of A-Z a-z 0-9 - _",
               options->invite);
  return FALSE;
}

static gboolean
open_store (KithRelay *self, const char *data, GError **error)
{
  g_autofree char *path = g_build_filename (data, "relay.db", NULL);
  g_autofree char *key_path = g_build_filename (data, "relay.key", NULL);
  g_autoptr(KithKeyStore) keys = kith_key_file_new (key_path);
  g_auto(GStrv) copies = kith_store_list_copies (path);
  gboolean exists = g_access (path, F_OK) == 0 || (copies != NULL && copies[0] != NULL);
  g_autoptr(KithDbKey) key = kith_key_store_obtain (keys, exists, NULL, error);

  if (key == NULL)
    return FALSE;
  kith_store_set_schema (self->store, &kith_relay_schema);
  return kith_store_open (self->store, path, (const guint8 *) key, KITH_STORE_OPEN_CREATE, error);
}

/* --- the door */

static GInetSocketAddress *
parse_address (const char *text, GError **error)
{
  g_autoptr(GSocketConnectable) parsed = g_network_address_parse (text, USUAL_PORT, error);
  g_autoptr(GSocketAddress) address = NULL;

  if (parsed == NULL)
    return NULL;
  address = g_inet_socket_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed)),
                                                   g_network_address_get_port (G_NETWORK_ADDRESS (parsed)));
  if (address == NULL)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "--listen %s: ADDR:PORT with the number of an interface, as"
                 " 127.0.0.1:8765 or [::]:8765", text);
  return (GInetSocketAddress *) g_steal_pointer (&address);
}

static gboolean
listen_at (KithRelay *self, const KithRelayOptions *options, GError **error)
{
  const char *text = options->listen != NULL ? options->listen : USUAL_LISTEN;
  g_autoptr(GInetSocketAddress) address = parse_address (text, error);
  g_autofree char *host = NULL;
  KithDoorLimits limits;
  gboolean v6;

  if (address == NULL)
    return FALSE;
  kith_door_get_limits (self->door, &limits);
  limits.max_connections = 4096;
  limits.max_websockets = 3584;
  limits.max_body_bytes = 5 * 1024 * 1024;
  limits.client_budget_bytes = 512 * 1024;
  limits.ping_interval_ms = 20000;
  limits.pong_timeout_ms = 20000;
  kith_door_set_policy (self->door, &policy);
  kith_door_set_limits (self->door, &limits);
  if (!kith_door_listen_address (self->door, KITH_WAY_API, address, error))
    return FALSE;
  host = g_inet_address_to_string (g_inet_socket_address_get_address (address));
  v6 = g_socket_address_get_family (G_SOCKET_ADDRESS (address)) == G_SOCKET_FAMILY_IPV6;
  self->url = options->url != NULL ? g_strdup (options->url)
              : g_strdup_printf (v6 ? "http://[%s]:%u" : "http://%s:%u", host,
                                 kith_door_get_port (self->door, KITH_WAY_API));
  return TRUE;
}

/* The names that a signature may name: not what the client's Host says, or a relay in between could pass it on. */
static gboolean
make_signal (KithRelay *self, gboolean open, GError **error)
{
  g_autoptr(GUri) uri = g_uri_parse (self->url, G_URI_FLAGS_NONE, error);
  const char *host = uri != NULL ? g_uri_get_host (uri) : NULL;
  gboolean local;

  if (uri == NULL)
    return FALSE;
  if (host == NULL || (g_strcmp0 (g_uri_get_scheme (uri), "http") != 0 &&
                       g_strcmp0 (g_uri_get_scheme (uri), "https") != 0) || strpbrk (self->url, "'\n") != NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "--url %s: https://HOST, or http://HOST:PORT", self->url);
      return FALSE;
    }
  local = strcmp (host, "127.0.0.1") == 0 || strcmp (host, "::1") == 0;
  self->signal = kith_signal_new (self->world, (const char *const[]) { host, local ? "localhost" : NULL, NULL }, open);
  return TRUE;
}

/* --- its clock */

static gboolean
on_sweep (gpointer data)
{
  kith_bells_sweep (((KithRelay *) data)->bells);
  return G_SOURCE_CONTINUE;
}

typedef struct
{
  KithRelay *relay;
  gboolean more;
} KithPurge;

static void start_purge (KithRelay *self);

static gboolean
run_purge (KithDb *db, gpointer data, GError **error)
{
  KithPurge *purge = data;

  return kith_relay_purge (db, kith_world_get_date_ms (purge->relay->world), &purge->more, error);
}

static void
on_purged (gpointer data, const GError *error)
{
  KithPurge *purge = data;

  if (error != NULL)
    kith_warning ("what has expired could not be removed: %s", error->message);
  else if (purge->more && !purge->relay->stopping)
    start_purge (purge->relay);
}

static void
start_purge (KithRelay *self)
{
  KithPurge *purge = g_new0 (KithPurge, 1);

  purge->relay = self;
  kith_store_submit (self->store, KITH_LANE_BULK, run_purge, on_purged, purge, g_free);
}

static gboolean
on_purge (gpointer data)
{
  if (!((KithRelay *) data)->stopping)
    start_purge (data);
  return G_SOURCE_CONTINUE;
}

/* --- beginning and end */

static void
on_closed (GObject *door, GAsyncResult *result, gpointer data)
{
  KithRelay *self = data;

  kith_door_close_finish (KITH_DOOR (door), result, NULL);
  kith_store_close (self->store);
  g_main_loop_quit (self->loop);
}

static gboolean
on_signal (gpointer data)
{
  KithRelay *self = data;

  if (self->stopping)
    return G_SOURCE_CONTINUE;
  self->stopping = TRUE;
  kith_door_close_async (self->door, CLOSE_GRACE_MS, on_closed, self);
  return G_SOURCE_CONTINUE;
}

static void
allow_descriptors (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS)
    return;
  limit.rlim_cur = MIN (limit.rlim_max, DESCRIPTORS);
  (void) setrlimit (RLIMIT_NOFILE, &limit);
}

gboolean
kith_relay_open (KithRelay *self, KithWorld *world, const KithRelayOptions *options, GError **error)
{
  allow_descriptors ();
  self->world = kith_world_ref (world);
  if (sodium_init () < 0)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_FAILED, "libsodium cannot start");
      return FALSE;
    }
  self->store = kith_store_new (self->world);
  self->door = kith_door_new ();
  self->bells = kith_bells_new (self);
  self->sign_ups = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->sign_up_burst = options->sign_ups > 0 ? options->sign_ups : 30;
  self->cap_bytes = (gint64) (options->cap_mib > 0 ? options->cap_mib : USUAL_CAP_MIB) * 1024 * 1024;
  if (!load_secrets (self, options, error) || !open_store (self, options->data, error))
    return FALSE;
  kith_door_set_handler (self->door, kith_relay_handle, self, NULL);
  if (!listen_at (self, options, error) || !make_signal (self, options->open, error))
    return FALSE;
  self->sweep = kith_world_add_timer (self->world, SWEEP_MS, on_sweep, self, NULL);
  self->purge = kith_world_add_timer (self->world, PURGE_MS, on_purge, self, NULL);
  return TRUE;
}

static void
say_ready (KithRelay *self)
{
  printf ("[plugins/supabase]\nurl='%s'\napi-key='%s%s%s'\nready\n", self->url, self->api_key,
          self->invite != NULL ? "." : "", self->invite != NULL ? self->invite : "");
  fflush (stdout);
}

static void
run (KithRelay *self)
{
  guint term = g_unix_signal_add (SIGTERM, on_signal, self), interrupt = g_unix_signal_add (SIGINT, on_signal, self);

  self->loop = g_main_loop_new (NULL, FALSE);
  say_ready (self);
  g_main_loop_run (self->loop);
  g_source_remove (term);
  g_source_remove (interrupt);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

void
kith_relay_clear (KithRelay *self)
{
  if (self->sweep != 0)
    kith_world_drop_timer (self->world, self->sweep);
  if (self->purge != 0)
    kith_world_drop_timer (self->world, self->purge);
  g_clear_object (&self->door);
  g_clear_pointer (&self->signal, kith_signal_free);
  g_clear_pointer (&self->bells, kith_bells_free);
  g_clear_object (&self->store);
  g_clear_pointer (&self->sign_ups, g_hash_table_unref);
  sodium_free (self->secret);
  g_free (self->api_key);
  g_free (self->invite);
  g_free (self->url);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_pointer (&self->world, kith_world_unref);
}

int
kith_relay_run (const KithRelayOptions *options)
{
  g_autoptr(KithWorld) world = kith_world_new ();
  g_autoptr(GError) error = NULL;
  KithRelay self = { 0 };
  gboolean good = kith_relay_open (&self, world, options, &error);

  if (good)
    run (&self);
  else
    fprintf (stderr, "kithd: %s\n", error->message);
  kith_relay_clear (&self);
  return good ? 0 : 1;
}
