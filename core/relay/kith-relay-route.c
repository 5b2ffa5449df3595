/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which path is what. There is nothing else: 404. */
#include <sodium.h>
#include <string.h>

#include "kith-relay-private.h"

#define NEW_AUTH_VERSION "2024-01-01"

static GBytes *
make_error (guint status, const char *code, const char *message, gboolean auth, gboolean new_auth)
{
  g_auto(KithJsonWriter) w = { NULL };

  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  if (auth && !new_auth)
    {
      kith_json_writer_member_int (&w, "code", status);
      kith_json_writer_member_string (&w, "error_code", code);
      kith_json_writer_member_string (&w, "msg", message);
    }
  else
    {
      kith_json_writer_member_string (&w, "code", code);
      kith_json_writer_member_string (&w, "message", message);
    }
  if (!auth)
    {
      kith_json_writer_member_null (&w, "details");
      kith_json_writer_member_null (&w, "hint");
    }
  kith_json_writer_end_object (&w);
  return kith_json_writer_finish (&w);
}

void
kith_relay_answer_error (KithExchange *exchange, guint status, const char *code, const char *message, int retry_s)
{
  const char *version = kith_exchange_get_header (exchange, "X-Supabase-Api-Version");
  gboolean auth = retry_s == KITH_RELAY_AUTH_SHAPE;
  gboolean new_auth = auth && g_strcmp0 (version, NEW_AUTH_VERSION) >= 0;
  g_autoptr(GBytes) body = make_error (status, code, message, auth, new_auth);
  const char *headers[6] = { NULL };
  char seconds[16];
  guint n = 0;

  if (retry_s > 0)
    {
      g_snprintf (seconds, sizeof seconds, "%d", retry_s);
      headers[n++] = "Retry-After";
      headers[n++] = seconds;
    }
  if (new_auth)
    {
      headers[n++] = "X-Supabase-Api-Version";
      headers[n++] = NEW_AUTH_VERSION;
    }
  kith_exchange_answer (exchange, status, body, headers);
}

/* The key alone, or the key, a dot and an invitation (which only a sign-up looks at). */
static gboolean
knows_key (KithRelay *self, KithExchange *exchange)
{
  const char *sent = kith_exchange_get_header (exchange, "apikey");
  gsize n = strlen (self->api_key);

  if (sent == NULL)
    sent = g_hash_table_lookup (kith_exchange_get_query (exchange), "apikey");
  return sent != NULL && strlen (sent) >= n && sodium_memcmp (sent, self->api_key, n) == 0 &&
         (sent[n] == '\0' || sent[n] == '.');
}

static void
route (KithRelay *self, KithExchange *exchange, const char *path)
{
  if (g_str_has_prefix (path, "/auth/v1/"))
    kith_relay_auth (self, exchange, path + strlen ("/auth/v1"));
  else if (g_str_has_prefix (path, "/rest/v1/rpc/"))
    kith_relay_rpc (self, exchange, path + strlen ("/rest/v1/rpc/"));
  else if (strcmp (path, "/rest/v1/bells") == 0)
    kith_relay_get_bells (self, exchange);
  else if (strcmp (path, "/realtime/v1/websocket") == 0)
    kith_bells_connect (self->bells, exchange);
  else
    kith_exchange_answer_error (exchange, 404, "this is kith's mailbox API; there is nothing else here", NULL);
}

void
kith_relay_handle (KithExchange *exchange, gpointer data)
{
  KithRelay *self = data;
  const char *path = kith_exchange_get_path (exchange);

  if (strcmp (path, "/signal") == 0)
    kith_signal_connect (self->signal, exchange);
  else if (!knows_key (self, exchange))
    kith_exchange_answer_error (exchange, 401, "no API key, or a wrong one: paste the section that the relay prints",
                                NULL);
  else
    route (self, exchange, path);
}
