/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Secret portal (org.freedesktop.portal.Secret), called directly: it gives each application a secret of its own,
 * the same every time. The answer comes as a signal, so listen first, then ask; the secret itself comes through a pipe.
 */
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <kith/kith.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "kith-key-source.h"
#include "kith-wait.h"

#define PORTAL "org.freedesktop.portal.Desktop"
#define PORTAL_PATH "/org/freedesktop/portal/desktop"
#define MAX_SECRET 4096

typedef struct
{
  gboolean answered;
  guint response;
} Waiting;

static void
on_response (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
             GVariant *arguments, gpointer data)
{
  Waiting *waiting = data;

  if (g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(ua{sv})")))
    g_variant_get_child (arguments, 0, "u", &waiting->response);
  else
    waiting->response = 2;
  waiting->answered = TRUE;
}

static char *
request_path (GDBusConnection *bus, const char *token)
{
  g_autofree char *sender = g_strdup (g_dbus_connection_get_unique_name (bus) + 1);

  g_strdelimit (sender, ".", '_');
  return g_strdup_printf (PORTAL_PATH "/request/%s/%s", sender, token);
}

static gboolean
ask (GDBusConnection *bus, const char *token, int fd, GError **error)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) answer = NULL;
  GVariantBuilder options;
  int handle = g_unix_fd_list_append (fds, fd, error);

  if (handle < 0)
    return FALSE;
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "handle_token", g_variant_new_string (token));
  answer = g_dbus_connection_call_with_unix_fd_list_sync (
      bus, PORTAL, PORTAL_PATH, "org.freedesktop.portal.Secret", "RetrieveSecret",
      g_variant_new ("(h@a{sv})", handle, g_variant_builder_end (&options)), G_VARIANT_TYPE ("(o)"),
      G_DBUS_CALL_FLAGS_NONE, KITH_KEY_DEADLINE_MS, fds, NULL, NULL, error);
  return answer != NULL;
}

/* All that the pipe holds; never waits. */
static gssize
drain (int fd, guint8 *out)
{
  gsize have = 0;
  gssize n;

  fcntl (fd, F_SETFL, O_NONBLOCK);
  while (have < MAX_SECRET && (n = read (fd, out + have, MAX_SECRET - have)) > 0)
    have += (gsize)n;
  return (gssize)have;
}

static gboolean
retrieve (GDBusConnection *bus, KithWait *wait, Waiting *waiting, guint8 *out, gsize *n, GError **error)
{
  g_autofree char *token = NULL;
  g_autofree char *path = NULL;
  guint8 chance[8];
  char hex[17];
  int fds[2];
  guint subscription;
  gboolean ok;

  kith_e2ee_sodium_random.fill (NULL, KITH_E2EE_DRAW_SALT, chance, sizeof chance);
  token = g_strconcat ("kith", sodium_bin2hex (hex, sizeof hex, chance, sizeof chance), NULL);
  path = request_path (bus, token);
  if (!g_unix_open_pipe (fds, FD_CLOEXEC, error))
    return FALSE;
  subscription = g_dbus_connection_signal_subscribe (bus, PORTAL, "org.freedesktop.portal.Request", "Response", path,
                                                     NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_response, waiting, NULL);
  ok = ask (bus, token, fds[1], error);
  close (fds[1]);
  if (ok)
    kith_wait_until (wait, &waiting->answered);
  g_dbus_connection_signal_unsubscribe (bus, subscription);
  *n = ok ? (gsize)drain (fds[0], out) : 0;
  close (fds[0]);
  return ok;
}

static gboolean
portal_get (gpointer data, const KithKeySlot *slot, guint8 secret[32], gboolean *found, GError **error)
{
  static const char purpose[] = "kith/store/1 portal";
  Waiting waiting = { FALSE, 2 };
  KithWait wait;
  guint8 *master = sodium_malloc (MAX_SECRET);
  g_autoptr (GError) problem = NULL;
  g_autoptr (GDBusConnection) bus = NULL;
  gsize n = 0;

  *found = FALSE;
  kith_wait_begin (&wait, KITH_KEY_DEADLINE_MS);
  bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &problem);
  if (bus != NULL && retrieve (bus, &wait, &waiting, master, &n, &problem) && waiting.answered && waiting.response == 0
      && n >= 16)
    {
      kith_e2ee_hkdf (slot->salt, sizeof slot->salt, master, n, purpose, sizeof purpose - 1, secret, 32);
      *found = TRUE;
    }
  sodium_free (master);
  kith_wait_end (&wait);
  if (*found)
    return TRUE;
  g_set_error (error, KITH_ERROR, KITH_ERROR_STORE, "The Secret portal failed: %s",
               problem != NULL            ? problem->message
               : !waiting.answered        ? "it did not answer within 5 seconds"
               : waiting.response != 0    ? "it was refused"
                                          : "it gave no secret");
  return FALSE;
}

static gboolean
portal_make (gpointer data, KithKeySlot *slot, guint8 secret[32], GError **error)
{
  gboolean found = FALSE;

  return portal_get (data, slot, secret, &found, error);
}

const KithKeySource kith_key_portal = { KITH_KEY_PORTAL, portal_get, portal_make, NULL };

gboolean
kith_key_portal_is_there (void)
{
  return g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS);
}
