/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who we are there: registers the name, or, when our own identity has it already, joins its account by the recovery
 * code. Asked at every start, which the server takes as often as we like; so nothing of it is kept here. */
#include "kith-supabase-private.h"

#include <string.h>

typedef void (*Done) (KithSupabase *self, const GError *error, gboolean may_pass, guint retry_after_s);

/* The certificate that ties our device there to our identity. */
static char *
make_certificate (KithSupabase *self, GError **error)
{
  const char *username = kith_host_get_username (self->host);
  g_autoptr (GByteArray) about = g_byte_array_new ();
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) certificate = NULL;
  guint8 uuid[16];

  if (!kith_supabase_parse_uuid (kith_supabase_session_get_device (self), uuid))
    return NULL;
  g_byte_array_append (about, uuid, sizeof uuid);
  g_byte_array_append (about, (const guint8 *) username, (guint) strlen (username));
  bytes = g_bytes_new (about->data, about->len);
  certificate = kith_host_certify (self->host, "kith/mailbox/1 device", bytes, error);
  return certificate != NULL ? kith_supabase_encode (certificate) : NULL;
}

static char *
make_recovery_code (KithSupabase *self, GError **error)
{
  g_autoptr (GBytes) code = kith_host_derive (self->host, "kith/mailbox/1 recovery", error);

  return code != NULL ? kith_supabase_hex (code) : NULL;
}

static GError *
explain (KithSupabase *self, const KithSupabaseAnswer *answer)
{
  const char *code = answer->code;

  if (answer->status == 404 && strcmp (code, "kith_bad_code") == 0)
    return g_error_new (KITH_ERROR, KITH_ERROR_CONFLICT,
                        "kith_username_taken: somebody else is “%s” at the offline server. Choose another username",
                        kith_host_get_username (self->host));
  if (strcmp (code, "kith_too_many_devices") == 0)
    return g_error_new (KITH_ERROR, KITH_ERROR_CONFLICT, "%s: this account has eight devices at the offline server",
                        code);
  if (answer->status == 404)
    return g_error_new (KITH_ERROR, KITH_ERROR_REFUSED,
                        "the server lacks kith's functions (404 %s): apply kith.sql to the Supabase project", code);
  return g_error_copy (answer->error);
}

static void
end (KithSupabase *self, const KithSupabaseAnswer *answer, Done done)
{
  JsonObject *object = kith_supabase_get_object (answer->root);
  g_autoptr (GError) error = NULL;

  if (answer->error != NULL)
    error = explain (self, answer);
  else if (object == NULL || kith_supabase_get_uuid (object, "user_id") == NULL
           || g_strcmp0 (kith_supabase_get_uuid (object, "device_id"), kith_supabase_session_get_device (self)) != 0)
    error = g_error_new_literal (KITH_ERROR, KITH_ERROR_PROTOCOL,
                                 "the server's answer to the registration is not what it should be");
  done (self, error, kith_supabase_may_pass (answer), answer->retry_after_s);
}

static void
on_claimed (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  if (self->stopped)
    return;
  if (answer->error == NULL)
    g_message ("This device joined our account at the offline server by the recovery code");
  end (self, answer, (Done) data);
}

static void
fail_locally (KithSupabase *self, const GError *error, Done done)
{
  KithSupabaseAnswer answer = { .code = "", .error = error };

  end (self, &answer, done);
}

static void
claim (KithSupabase *self, Done done)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *code = make_recovery_code (self, &error);
  g_autofree char *certificate = code != NULL ? make_certificate (self, &error) : NULL;
  JsonObject *args;

  if (certificate == NULL)
    {
      fail_locally (self, error, done);
      return;
    }
  args = json_object_new ();
  json_object_set_string_member (args, "p_code", code);
  json_object_set_string_member (args, "p_cert", certificate);
  kith_supabase_call (self, "link_claim", args, on_claimed, (gpointer) done);
}

static void
on_registered (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  Done done = (Done) data;

  if (self->stopped)
    return;
  if (answer->status == 409 && strcmp (answer->code, "kith_username_taken") == 0)
    claim (self, done);
  else if (answer->status == 409 && strcmp (answer->code, "kith_already_registered") == 0)
    {
      g_message ("The offline server knows this device under an earlier username, by which friends find it there");
      done (self, NULL, FALSE, 0);
    }
  else
    end (self, answer, done);
}

/* With a token only: the certificate names the device that the session gave us. */
static void
on_token (KithSupabase *self, const char *token, const GError *error, gpointer data)
{
  g_autoptr (GError) why = NULL;
  g_autofree char *code = NULL;
  g_autofree char *hash = NULL;
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;
  JsonObject *args;

  if (self->stopped)
    return;
  if (token == NULL)
    {
      ((Done) data) (self, error, TRUE, 0);
      return;
    }
  code = make_recovery_code (self, &why);
  certificate = code != NULL ? make_certificate (self, &why) : NULL;
  if (certificate == NULL)
    {
      fail_locally (self, why, (Done) data);
      return;
    }
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, code, -1);
  key = kith_supabase_encode (kith_host_get_identity_key (self->host));
  args = json_object_new ();
  json_object_set_string_member (args, "p_username", kith_host_get_username (self->host));
  json_object_set_string_member (args, "p_identity_key", key);
  json_object_set_string_member (args, "p_cert", certificate);
  json_object_set_string_member (args, "p_recovery_hash", hash);
  kith_supabase_call (self, "register", args, on_registered, data);
}

void
kith_supabase_register (KithSupabase *self, Done done)
{
  kith_supabase_session_get_token (self, NULL, on_token, (gpointer) done);
}
