/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a request to a job of the store and back: the table of functions, their arguments, the prologue, the answer. */
#define G_LOG_DOMAIN "kith-relay"
#include <math.h>
#include <string.h>

#include "kith-log.h"
#include "kith-relay-private.h"

#define MICRO 1000000.0

/* --- who asks */

/* FALSE: answered. *signed_in FALSE: nobody. */
static gboolean
ask_token (KithRelay *self, KithExchange *exchange, KithRelayClaims *claims, gboolean *signed_in)
{
  const char *sent = kith_exchange_get_header (exchange, "Authorization");
  const char *why;

  *signed_in = sent != NULL && g_ascii_strncasecmp (sent, "Bearer ", 7) == 0 && !g_str_has_prefix (sent + 7, "sb_");
  if (!*signed_in)
    return TRUE;
  why = kith_relay_token_check (self, sent + 7, claims);
  if (why != NULL)
    kith_relay_answer_error (exchange, 401, "PGRST301", why, 0);
  return why == NULL;
}

gboolean
kith_relay_need_session (KithRelayCall *call, KithDb *db, GError **error)
{
  gint64 there;

  if (kith_relay_get_int (db, &there, error, "SELECT 1 FROM sessions WHERE id = ? AND user = ?", "ss",
                          call->claims.session, call->claims.user))
    return TRUE;
  if (*error != NULL)
    return FALSE;
  return kith_relay_fail (call, 401, "kith_no_session", "sign in first", 0, error);
}

gboolean
kith_relay_need_me (KithRelayCall *call, KithDb *db, GError **error)
{
  g_autofree char *account = NULL;

  if (!kith_relay_need_session (call, db, error))
    return FALSE;
  if (kith_relay_get_text (db, &account, error, "SELECT account FROM devices WHERE id = ?", "s", call->claims.user))
    {
      g_strlcpy (call->account, account, sizeof call->account);
      return TRUE;
    }
  if (*error != NULL)
    return FALSE;
  return kith_relay_fail (call, 403, "kith_not_registered", "this device is not registered", 0, error);
}

gboolean
kith_relay_need_room (KithRelayCall *call, KithDb *db, GError **error)
{
  gint64 bytes = 0;

  if (!kith_relay_get_int (db, &bytes, error,
                           "SELECT (a.page_count - b.freelist_count) * c.page_size FROM pragma_page_count a,"
                           " pragma_freelist_count b, pragma_page_size c", ""))
    return FALSE;
  if (bytes < call->relay->cap_bytes)
    return TRUE;
  return kith_relay_fail (call, 507, "kith_relay_full", "this relay is full: its operator allows it no more disk", 300,
                          error);
}

gboolean
kith_relay_take (KithRelayCall *call, KithDb *db, const char *key, double per_s, double burst, double cost,
                 double *wait_s, GError **error)
{
  KithStmt *stmt = kith_relay_bind (db, "SELECT tokens, at_ms FROM buckets WHERE key = ?", "s", key);
  KithStep step = kith_stmt_step (stmt, error);
  double tokens = burst;
  gint64 at_ms = call->now_ms;

  if (step == KITH_STEP_ERROR)
    return FALSE;
  if (step == KITH_STEP_ROW)
    {
      at_ms = MAX (kith_stmt_get_int64 (stmt, 1), call->now_ms);
      tokens = (double) kith_stmt_get_int64 (stmt, 0) / MICRO +
               per_s * (double) (at_ms - kith_stmt_get_int64 (stmt, 1)) / 1000;
      tokens = MIN (tokens, burst);
    }
  kith_stmt_reset (stmt);
  *wait_s = tokens < cost ? (cost - tokens) / per_s : 0;
  if (*wait_s > 0)
    return TRUE;
  return kith_relay_exec (db, error, "INSERT INTO buckets VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET"
                          " tokens = excluded.tokens, at_ms = excluded.at_ms", "sii",
                          key, (gint64) floor ((tokens - cost) * MICRO), at_ms);
}

/* --- the job */

static void
forget_answer (KithRelayCall *call)
{
  call->status = 0;
  call->retry_s = 0;
  g_clear_pointer (&call->code, g_free);
  g_clear_pointer (&call->message, g_free);
  g_clear_pointer (&call->body, g_bytes_unref);
  g_clear_pointer (&call->rung, g_hash_table_unref);
}

gboolean
kith_relay_fail (KithRelayCall *call, guint status, const char *code, const char *message, int retry_s, GError **error)
{
  forget_answer (call);
  call->status = status;
  call->code = g_strdup (code);
  call->message = g_strdup (message);
  call->retry_s = retry_s;
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_REFUSED, message);
  return FALSE;
}

gboolean
kith_relay_bad (KithRelayCall *call, const char *what, GError **error)
{
  return kith_relay_fail (call, 400, "kith_bad_request", what, 0, error);
}

gboolean
kith_relay_refuse (KithRelayCall *call, guint status, const char *code, const char *message)
{
  forget_answer (call);
  call->status = status;
  call->code = g_strdup (code);
  call->message = g_strdup (message);
  return TRUE;
}

void
kith_relay_call_finish (KithRelayCall *call, KithJsonWriter *writer)
{
  g_clear_pointer (&call->body, g_bytes_unref);
  call->body = kith_json_writer_finish (writer);
}

KithRelayCall *
kith_relay_call_new (KithRelay *self, KithExchange *exchange, KithRelayRun run)
{
  KithRelayCall *call = g_new0 (KithRelayCall, 1);

  call->relay = self;
  call->exchange = g_object_ref (exchange);
  call->run = run;
  return call;
}

static void
call_free (gpointer data)
{
  KithRelayCall *call = data;

  forget_answer (call);
  g_clear_pointer (&call->args, json_object_unref);
  g_object_unref (call->exchange);
  g_free (call->own);
  g_free (call);
}

static gboolean
run_call (KithDb *db, gpointer data, GError **error)
{
  KithRelayCall *call = data;
  g_autoptr(GError) why = NULL;

  forget_answer (call);
  call->now_ms = kith_world_get_date_ms (call->relay->world);
  if (call->run (call, db, &why))
    return TRUE;
  if (why == NULL)
    g_set_error_literal (&why, KITH_ERROR, KITH_ERROR_FAILED, "the relay's tables do not fit its program");
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

static void
ring (gpointer key, gpointer value, gpointer data)
{
  kith_bells_ring (data, key, *(gint64 *) value);
}

static void
call_done (gpointer data, const GError *error)
{
  KithRelayCall *call = data;

  /* A code without an error: refused, but what it wrote stays. */
  if (call->code != NULL && (error == NULL || g_error_matches (error, KITH_ERROR, KITH_ERROR_REFUSED)))
    kith_relay_answer_error (call->exchange, call->status, call->code, call->message,
                             call->auth_errors ? KITH_RELAY_AUTH_SHAPE : call->retry_s);
  else if (error != NULL)
    {
      gboolean full = g_error_matches (error, KITH_ERROR, KITH_ERROR_STORE);

      kith_warning ("%s: %s", kith_exchange_get_path (call->exchange), error->message);
      kith_relay_answer_error (call->exchange, full ? 507 : 503, "kith_relay_busy", "the relay cannot store this now",
                               30);
    }
  else
    kith_exchange_answer (call->exchange, call->body != NULL ? 200 : 204, call->body, NULL);
  if (error == NULL && call->rung != NULL && !call->relay->stopping)
    g_hash_table_foreach (call->rung, ring, call->relay->bells);
}

void
kith_relay_call_submit (KithRelayCall *call)
{
  GBytes *body = kith_exchange_get_body (call->exchange);

  kith_store_submit_sized (call->relay->store, KITH_LANE_FRONT, body != NULL ? g_bytes_get_size (body) : 0, run_call,
                           call_done, call, call_free);
}

/* --- /rest/v1 */

void
kith_relay_rpc (KithRelay *self, KithExchange *exchange, const char *name)
{
  static const char *const allow[] = { "Allow", "POST, OPTIONS", NULL };
  const KithRelayFunction *function = kith_relay_find_function (name);
  GBytes *body = kith_exchange_get_body (exchange);
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) args = NULL;
  KithRelayClaims claims = { 0 };
  KithRelayCall *call;
  gboolean signed_in;
  const char *mistyped;

  if (strcmp (kith_exchange_get_method (exchange), "POST") != 0)
    {
      kith_exchange_answer_error (exchange, 405, "functions are called with POST", allow);
      return;
    }
  if (!ask_token (self, exchange, &claims, &signed_in))
    return;
  args = kith_relay_parse_args (body, &error);
  mistyped = NULL;
  if (args == NULL)
    kith_relay_answer_error (exchange, 400, "PGRST102", error->message, 0);
  else if (function == NULL || !kith_relay_args_fit (function, args))
    kith_relay_answer_error (exchange, 404, "PGRST202", "there is no such function with these arguments", 0);
  else if (!signed_in || function->run == NULL)
    kith_relay_answer_error (exchange, signed_in ? 403 : 401, "42501", "permission denied for this function", 0);
  else if ((mistyped = kith_relay_find_mistyped (function, args)) != NULL)
    kith_relay_answer_error (exchange, 400, "22P02", mistyped, 0);
  else
    {
      call = kith_relay_call_new (self, exchange, function->run);
      call->claims = claims;
      call->args = g_steal_pointer (&args);
      kith_relay_call_submit (call);
    }
}

static gboolean
read_bells (KithRelayCall *call, KithDb *db, GError **error)
{
  g_auto(KithJsonWriter) w = { NULL };
  gint64 seq;

  if (!kith_relay_need_session (call, db, error))
    return FALSE;
  kith_json_writer_init (&w);
  kith_json_writer_begin_array (&w);
  if (kith_relay_get_int (db, &seq, error, "SELECT seq FROM bells WHERE device = ?", "s", call->claims.user))
    {
      kith_json_writer_begin_object (&w);
      kith_json_writer_member_string (&w, "device", call->claims.user);
      kith_json_writer_member_int (&w, "seq", seq);
      kith_json_writer_end_object (&w);
    }
  kith_json_writer_end_array (&w);
  kith_relay_call_finish (call, &w);
  return *error == NULL;
}

void
kith_relay_get_bells (KithRelay *self, KithExchange *exchange)
{
  static const char *const known[] = { "device,seq", "seq,device", "device, seq", "*", NULL };
  GHashTable *query = kith_exchange_get_query (exchange);
  const char *wanted = g_hash_table_lookup (query, "select");
  KithRelayClaims claims = { 0 };
  KithRelayCall *call;
  gboolean signed_in;

  if (!ask_token (self, exchange, &claims, &signed_in))
    return;
  if (!signed_in)
    kith_relay_answer_error (exchange, 401, "42501", "permission denied for table bells", 0);
  else if (strcmp (kith_exchange_get_method (exchange), "GET") != 0)
    kith_relay_answer_error (exchange, 403, "42501", "permission denied for table bells", 0);
  else if (g_hash_table_size (query) != 1 || wanted == NULL || !g_strv_contains (known, wanted))
    kith_relay_answer_error (exchange, 404, "PGRST205", "only select=device,seq", 0);
  else
    {
      call = kith_relay_call_new (self, exchange, read_bells);
      call->claims = claims;
      kith_store_read (self->store, run_call, call_done, call, call_free);
    }
}
