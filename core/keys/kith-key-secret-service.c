/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The desktop's keyring, by libsecret. A keyring that waits for its user (or for nothing at all) must not hold the
 * daemon: each call runs on a context of its own, with a deadline. */
#include <kith/kith.h>
#include <libsecret/secret.h>
#include <sodium.h>
#include <string.h>

#include "kith-key-source.h"
#include "kith-wait.h"

static const SecretSchema schema = { "im.kith.Kith.Key",
                                     SECRET_SCHEMA_NONE,
                                     { { "slot", SECRET_SCHEMA_ATTRIBUTE_STRING }, { NULL, 0 } },
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0 };

typedef struct
{
  KithWait wait;
  GAsyncResult *result;
  gboolean answered;
} Call;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  Call *call = data;

  call->result = g_object_ref (result);
  call->answered = TRUE;
}

static void
call_begin (Call *call)
{
  memset (call, 0, sizeof *call);
  kith_wait_begin (&call->wait, KITH_KEY_DEADLINE_MS);
}

/* At the deadline libsecret is cancelled, and answers that. */
static void
call_wait (Call *call)
{
  kith_wait_until (&call->wait, &call->answered);
  while (!call->answered)
    g_main_context_iteration (call->wait.context, TRUE);
}

static void
call_end (Call *call)
{
  g_clear_object (&call->result);
  kith_wait_end (&call->wait);
}

static gboolean
explain (GError *problem, GError **error)
{
  const char *why = g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? "it did not answer within 5 seconds"
                                                                               : problem->message;

  g_set_error (error, KITH_ERROR, KITH_ERROR_STORE,
               "The Secret Service (keyring) failed: %s. Unlock or start it, then: kithctl key unlock", why);
  g_error_free (problem);
  return FALSE;
}

static gboolean
look_up (const KithKeySlot *slot, guint8 secret[32], gboolean *found, GError **error)
{
  char name[33];
  Call call;
  GError *problem = NULL;
  char *text;
  gsize n = 0;

  *found = FALSE;
  sodium_bin2hex (name, sizeof name, slot->salt, sizeof slot->salt);
  call_begin (&call);
  secret_password_lookup (&schema, call.wait.cancellable, on_answer, &call, "slot", name, NULL);
  call_wait (&call);
  text = secret_password_lookup_nonpageable_finish (call.result, &problem);
  call_end (&call);
  if (problem != NULL)
    return explain (problem, error);
  if (text == NULL)
    return TRUE;
  *found = sodium_base642bin (secret, 32, text, strlen (text), NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0
           && n == 32;
  secret_password_free (text);
  if (*found)
    return TRUE;
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_STORE, "The keyring's entry for kith is not one of ours");
  return FALSE;
}

static gboolean
keyring_get (gpointer data, const KithKeySlot *slot, guint8 secret[32], gboolean *found, GError **error)
{
  return look_up (slot, secret, found, error);
}

static gboolean
keyring_make (gpointer data, KithKeySlot *slot, guint8 secret[32], GError **error)
{
  g_autofree char *label = g_strdup_printf ("kith: key of the message store (%s)", (const char *)data);
  char name[33], text[64];
  Call call;
  GError *problem = NULL;
  guint8 again[32];
  gboolean found = FALSE, kept;

  kith_e2ee_sodium_random.fill (NULL, KITH_E2EE_DRAW_SALT, secret, 32);
  sodium_bin2hex (name, sizeof name, slot->salt, sizeof slot->salt);
  sodium_bin2base64 (text, sizeof text, secret, 32, sodium_base64_VARIANT_ORIGINAL);
  call_begin (&call);
  secret_password_store (&schema, SECRET_COLLECTION_DEFAULT, label, text, call.wait.cancellable, on_answer, &call,
                         "slot", name, NULL);
  call_wait (&call);
  kept = secret_password_store_finish (call.result, &problem);
  call_end (&call);
  sodium_memzero (text, sizeof text);
  if (!kept)
    return explain (problem, error);
  /* Believed when it was seen. */
  if (!look_up (slot, again, &found, error))
    return FALSE;
  kept = found && sodium_memcmp (again, secret, 32) == 0;
  sodium_memzero (again, sizeof again);
  if (!kept)
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_STORE, "The keyring took the key and does not give it back");
  return kept;
}

static void
keyring_forget (gpointer data, const KithKeySlot *slot)
{
  char name[33];
  Call call;

  sodium_bin2hex (name, sizeof name, slot->salt, sizeof slot->salt);
  call_begin (&call);
  secret_password_clear (&schema, call.wait.cancellable, on_answer, &call, "slot", name, NULL);
  call_wait (&call);
  secret_password_clear_finish (call.result, NULL);
  call_end (&call);
}

const KithKeySource kith_key_secret_service
    = { KITH_KEY_SECRET_SERVICE, keyring_get, keyring_make, keyring_forget };

/* libsecret's file back end needs no bus (SECRET_BACKEND=file). */
gboolean
kith_key_secret_service_is_there (void)
{
  const char *bus = g_getenv ("DBUS_SESSION_BUS_ADDRESS");
  g_autofree char *socket = g_build_filename (g_get_user_runtime_dir (), "bus", NULL);

  return g_strcmp0 (g_getenv ("SECRET_BACKEND"), "file") == 0
         || (bus != NULL && *bus != '\0' && !g_str_has_prefix (bus, "disabled"))
         || (bus == NULL && g_file_test (socket, G_FILE_TEST_EXISTS));
}
