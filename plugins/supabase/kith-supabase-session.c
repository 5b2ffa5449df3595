/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The anonymous session: none → active → refreshing → active, or lost. One user for each device; the refresh token is
 * committed before the access token that came with it is used, so that whenever we die the stored one is the newest,
 * or the one before, which the server takes once more. */
#include "kith-supabase-private.h"

#include <string.h>

#define EARLY_S 90
#define MOST_TOKEN 16384
#define MOST_EXPIRY_S 604800

typedef enum
{
  SESSION_UNREAD,     /* not looked for in our store yet */
  SESSION_NONE,       /* there never was one */
  SESSION_HELD,       /* a refresh token; the access token may be old */
  SESSION_LOST,
} SessionState;

struct _KithSupabaseSession
{
  SessionState state;
  gboolean busy;                        /* single flight */
  char *access_token, *refresh_token;
  char *device;                         /* our UUID there */
  gint64 renew_us;
  char *next_access_token;              /* until the refresh token is committed */
  gint64 next_renew_us;
  GPtrArray *waiters;                   /* of Waiter */
};

typedef struct
{
  KithSupabaseTokenFunc func;
  gpointer data;
} Waiter;

/* --- those who wait for a token */

typedef struct
{
  KithSupabase *supabase;
  GPtrArray *waiters;
  GError *error;
} Round;

static gboolean
answer_round (gpointer data)
{
  Round *round = data;
  KithSupabase *self = round->supabase;
  g_autofree char *token = round->error == NULL ? g_strdup (self->session->access_token) : NULL;
  g_autoptr (GError) gone = NULL;
  const GError *error = round->error;

  if (token == NULL && error == NULL)
    error = gone = g_error_new_literal (KITH_ERROR, KITH_ERROR_CLOSED, "the session has ended");
  for (guint i = 0; i < round->waiters->len; i++)
    {
      Waiter *waiter = g_ptr_array_index (round->waiters, i);

      waiter->func (self, token, error, waiter->data);
    }
  g_ptr_array_unref (round->waiters);
  g_clear_error (&round->error);
  kith_supabase_unref (self);
  g_free (round);
  return G_SOURCE_REMOVE;
}

/* Takes the error. From an idle source: nobody is called back before they have asked. */
static void
answer_all (KithSupabase *self, GError *error)
{
  KithSupabaseSession *session = self->session;
  Round *round = g_new0 (Round, 1);

  session->busy = FALSE;
  round->supabase = kith_supabase_ref (self);
  round->waiters = g_steal_pointer (&session->waiters);
  round->error = error;
  session->waiters = g_ptr_array_new_with_free_func (g_free);
  g_idle_add_full (G_PRIORITY_DEFAULT, answer_round, round, NULL);
}

/* --- our own store */

static char *
store_key (KithSupabase *self)
{
  return g_strconcat ("session-", self->config->name, NULL);
}

static void
set_refresh_token (KithSupabaseSession *session, const char *token, const char *device)
{
  g_free (session->refresh_token);
  g_free (session->device);
  session->refresh_token = g_strdup (token);
  session->device = g_strdup (device);
}

/* The number of our own device, which every certificate begins with; it is another one after a restore. */
static gint64
find_device_number (KithSupabase *self)
{
  guint8 about[17] = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) certificate = NULL;
  guint32 number = 0;

  about[16] = 'x';
  bytes = g_bytes_new (about, sizeof about);
  certificate = kith_host_certify (self->host, "kith/mailbox/1 device", bytes, NULL);
  if (certificate != NULL && g_bytes_get_size (certificate) >= sizeof number)
    memcpy (&number, g_bytes_get_data (certificate, NULL), sizeof number);
  return GUINT32_FROM_BE (number);
}

static void
take_stored (KithSupabase *self, GBytes *value)
{
  KithSupabaseSession *session = self->session;
  gsize n;
  const char *text = g_bytes_get_data (value, &n);
  g_autoptr (JsonNode) root = kith_json_parse (text, (gssize) n, NULL);
  JsonObject *object = kith_supabase_get_object (root);
  const char *token = object != NULL ? kith_supabase_get_string (object, "refresh_token", MOST_TOKEN) : NULL;
  const char *device = object != NULL ? kith_supabase_get_uuid (object, "device") : NULL;
  g_autofree char *key = kith_supabase_encode (kith_host_get_identity_key (self->host));
  gint64 number;

  if (token == NULL || device == NULL || !kith_supabase_get_int (object, "number", 0, G_MAXUINT32, &number)
      || g_strcmp0 (kith_supabase_get_string (object, "identity_key", 64), key) != 0
      || number != find_device_number (self))
    {
      g_message ("The stored session belongs to another device: this one signs up for itself");
      session->state = SESSION_NONE;
      return;
    }
  set_refresh_token (session, token, device);
  session->state = SESSION_HELD;
}

static void proceed (KithSupabase *self);

static void
on_loaded (GObject *host, GAsyncResult *result, gpointer data)
{
  KithSupabase *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) value = kith_host_load_finish (KITH_HOST (host), result, &error);

  if (self->stopped)
    answer_all (self, NULL);
  else if (value != NULL && find_device_number (self) == 0)
    /* Without our keys nobody can say whose session it is; it must not be taken for another's. */
    answer_all (self, g_error_new_literal (KITH_ERROR, KITH_ERROR_STORE, "our own keys cannot be used now"));
  else if (value != NULL)
    {
      take_stored (self, value);
      proceed (self);
    }
  else if (g_error_matches (error, KITH_ERROR, KITH_ERROR_UNKNOWN))
    {
      self->session->state = SESSION_NONE;
      proceed (self);
    }
  else
    answer_all (self, g_steal_pointer (&error));
  kith_supabase_unref (self);
}

static void
on_saved (GObject *host, GAsyncResult *result, gpointer data)
{
  KithSupabase *self = data;
  KithSupabaseSession *session = self->session;
  g_autoptr (GError) error = NULL;

  if (kith_host_save_finish (KITH_HOST (host), result, &error) && !self->stopped)
    {
      g_free (session->access_token);
      session->access_token = g_steal_pointer (&session->next_access_token);
      session->renew_us = session->next_renew_us;
      session->state = SESSION_HELD;
      kith_supabase_bell_renew (self, session->access_token);
    }
  answer_all (self, g_steal_pointer (&error));
  kith_supabase_unref (self);
}

static void
save (KithSupabase *self)
{
  KithSupabaseSession *session = self->session;
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *identity = kith_supabase_encode (kith_host_get_identity_key (self->host));
  g_autofree char *key = store_key (self);
  g_autoptr (GBytes) value = NULL;
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "refresh_token", session->refresh_token);
  json_object_set_string_member (object, "device", session->device);
  json_object_set_string_member (object, "identity_key", identity);
  json_object_set_int_member (object, "number", find_device_number (self));
  json_node_take_object (node, object);
  value = kith_json_print (node);
  kith_host_save_async (self->host, key, value, self->cancellable, on_saved, kith_supabase_ref (self));
}

/* --- asking the server */

static gboolean
is_loss (const char *code)
{
  static const char *const losses[] = { "refresh_token_not_found", "refresh_token_already_used", "session_not_found",
                                        "session_expired", "user_banned", "user_not_found", "invalid_grant", NULL };

  return g_strv_contains (losses, code);
}

/* What the user can do about it. */
static GError *
explain (const KithSupabaseAnswer *answer)
{
  const char *code = answer->code;

  if (strcmp (code, "anonymous_provider_disabled") == 0)
    return g_error_new (KITH_ERROR, KITH_ERROR_REFUSED,
                        "%s: allow anonymous sign-ins in the Supabase project (Authentication, Sign In / Providers)",
                        code);
  if (strcmp (code, "signup_disabled") == 0)
    return g_error_new (KITH_ERROR, KITH_ERROR_REFUSED,
                        "%s: the server takes nobody new, or the invitation in api-key is missing", code);
  if (answer->status == 401)
    return g_error_new_literal (KITH_ERROR, KITH_ERROR_REFUSED,
                                "the server does not take the api-key (401): it is of another project, or was revoked");
  return g_error_copy (answer->error);
}

static void
fail (KithSupabase *self, const KithSupabaseAnswer *answer)
{
  KithSupabaseSession *session = self->session;
  g_autoptr (GError) error = NULL;

  if (session->state == SESSION_HELD && answer->status >= 400 && answer->status < 500 && is_loss (answer->code))
    {
      session->state = SESSION_LOST;
      g_clear_pointer (&session->access_token, g_free);
      error = g_error_new (KITH_ERROR, KITH_ERROR_REFUSED,
                           "the session at the offline server is lost (%s), and nothing is sent or fetched there; what "
                           "waits is kept. To sign in anew, empty the setting url and set it again", answer->code);
      g_warning ("%s", error->message);
      kith_supabase_set_trouble (self, error);
    }
  else
    {
      error = explain (answer);
      kith_supabase_set_trouble (self, error);
      kith_supabase_give_way (self, answer->retry_after_s);
    }
  answer_all (self, g_steal_pointer (&error));
}

static void
on_session (const KithSupabaseAnswer *answer, gpointer data)
{
  KithSupabase *self = data;
  KithSupabaseSession *session = self->session;
  JsonObject *object = kith_supabase_get_object (answer->root);
  JsonObject *user = object != NULL ? kith_supabase_get_object (json_object_get_member (object, "user")) : NULL;
  const char *access = object != NULL ? kith_supabase_get_string (object, "access_token", MOST_TOKEN) : NULL;
  const char *refresh = object != NULL ? kith_supabase_get_string (object, "refresh_token", MOST_TOKEN) : NULL;
  const char *device = user != NULL ? kith_supabase_get_uuid (user, "id") : NULL;
  gint64 expires_s = 0;

  if (self->stopped)
    answer_all (self, NULL);
  else if (answer->error != NULL)
    fail (self, answer);
  else if (access == NULL || *access == '\0' || strpbrk (access, " \r\n") != NULL || refresh == NULL || *refresh == '\0'
           || device == NULL || !kith_supabase_get_int (object, "expires_in", 1, MOST_EXPIRY_S, &expires_s)
           || (session->state == SESSION_HELD && g_ascii_strcasecmp (device, session->device) != 0))
    {
      g_autoptr (GError) error = g_error_new_literal (KITH_ERROR, KITH_ERROR_PROTOCOL,
                                                      "the server's sign-in answer is not what it should be");
      KithSupabaseAnswer odd = { .code = "", .error = error };

      fail (self, &odd);
    }
  else
    {
      set_refresh_token (session, refresh, device);
      g_free (session->next_access_token);
      session->next_access_token = g_strdup (access);
      session->next_renew_us = kith_host_get_time_us (self->host)
                               + MAX (expires_s - EARLY_S, expires_s / 2) * G_USEC_PER_SEC;
      kith_supabase_worked (self);
      save (self);
    }
  kith_supabase_unref (self);
}

static void
sign_up (KithSupabase *self)
{
  static const char text[] = "{\"data\":{},\"gotrue_meta_security\":{}}";
  g_autoptr (GBytes) body = g_bytes_new_static (text, sizeof text - 1);

  kith_supabase_http_post (self->http, "/auth/v1/signup", body, NULL, on_session, kith_supabase_ref (self));
}

static void
refresh (KithSupabase *self)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();
  g_autoptr (GBytes) body = NULL;

  json_object_set_string_member (object, "refresh_token", self->session->refresh_token);
  json_node_take_object (node, object);
  body = kith_json_print (node);
  kith_supabase_http_post (self->http, "/auth/v1/token?grant_type=refresh_token", body, NULL, on_session,
                           kith_supabase_ref (self));
}

static GError *
make_waiting_error (KithSupabase *self)
{
  if (self->trouble != NULL)
    return g_error_copy (self->trouble);
  return g_error_new_literal (KITH_ERROR, KITH_ERROR_UNREACHABLE, "the offline server does not answer; it is tried "
                                                                  "again soon");
}

static void
proceed (KithSupabase *self)
{
  KithSupabaseSession *session = self->session;
  g_autofree char *key = NULL;

  if (self->stopped)
    answer_all (self, NULL);
  else if (session->next_access_token != NULL)
    save (self);            /* it came, but could not be stored */
  else if (session->state == SESSION_UNREAD)
    {
      key = store_key (self);
      kith_host_load_async (self->host, key, self->cancellable, on_loaded, kith_supabase_ref (self));
    }
  else if (session->state == SESSION_LOST || kith_supabase_is_waiting (self))
    answer_all (self, make_waiting_error (self));
  else if (session->state == SESSION_NONE)
    sign_up (self);
  else
    refresh (self);
}

void
kith_supabase_session_get_token (KithSupabase *self, const char *refused, KithSupabaseTokenFunc func, gpointer data)
{
  KithSupabaseSession *session = self->session;
  Waiter *waiter = g_new (Waiter, 1);

  *waiter = (Waiter) { func, data };
  g_ptr_array_add (session->waiters, waiter);
  if (session->busy)
    return;
  session->busy = TRUE;
  if (!self->stopped && session->access_token != NULL && g_strcmp0 (session->access_token, refused) != 0
      && kith_host_get_time_us (self->host) < session->renew_us)
    answer_all (self, NULL);
  else
    proceed (self);
}

/* --- what others want to know */

const char *
kith_supabase_session_get_device (KithSupabase *self)
{
  return self->session->device;
}

gboolean
kith_supabase_session_is_lost (KithSupabase *self)
{
  return self->session->state == SESSION_LOST;
}

gboolean
kith_supabase_session_has_token (KithSupabase *self)
{
  return self->session->access_token != NULL;
}

static void
on_forgotten (GObject *host, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!kith_host_save_finish (KITH_HOST (host), result, &error))
    g_warning ("The lost session is not forgotten: %s", error->message);
}

void
kith_supabase_session_forget (KithSupabase *self)
{
  g_autofree char *key = store_key (self);

  kith_host_save_async (self->host, key, NULL, NULL, on_forgotten, NULL);
}

KithSupabaseSession *
kith_supabase_session_new (void)
{
  KithSupabaseSession *session = g_new0 (KithSupabaseSession, 1);

  session->waiters = g_ptr_array_new_with_free_func (g_free);
  return session;
}

void
kith_supabase_session_free (KithSupabaseSession *session)
{
  g_ptr_array_unref (session->waiters);
  g_free (session->access_token);
  g_free (session->next_access_token);
  g_free (session->refresh_token);
  g_free (session->device);
  g_free (session);
}
