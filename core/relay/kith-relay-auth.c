/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of the auth service that an anonymous session needs: sign up, renew with rotation and detection of reuse,
 * who am I, sign out. */
#include <sodium.h>
#include <string.h>

#include "kith-relay-private.h"

#define REUSE_MS 10000                       /* a lost answer may be asked for again this long */
#define KEEP_USED_MS G_GINT64_CONSTANT (604800000)
#define SIGN_UPS_PER_S (30.0 / 3600)         /* of one address, once its burst is used up */
#define MOST_ADDRESSES 10000

typedef struct
{
  double tokens;
  double burst;
  gint64 at_us;
} KithSignUps;

static char *
hash (const char *token)
{
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, token, -1);
}

static void
write_user (KithJsonWriter *w, const char *user, gint64 created_ms)
{
  kith_json_writer_begin_object (w);
  kith_json_writer_member_string (w, "id", user);
  kith_json_writer_member_string (w, "aud", "authenticated");
  kith_json_writer_member_string (w, "role", "authenticated");
  kith_json_writer_member_string (w, "email", "");
  kith_json_writer_member_string (w, "phone", "");
  kith_json_writer_key (w, "app_metadata");
  kith_json_writer_raw (w, "{}", 2);
  kith_json_writer_key (w, "user_metadata");
  kith_json_writer_raw (w, "{}", 2);
  kith_json_writer_key (w, "identities");
  kith_json_writer_raw (w, "[]", 2);
  kith_json_writer_member_time_ms (w, "created_at", created_ms);
  kith_json_writer_member_time_ms (w, "updated_at", created_ms);
  kith_json_writer_member_bool (w, "is_anonymous", TRUE);
  kith_json_writer_end_object (w);
}

/* A new refresh token, and with it the answer that begins or goes on with a session. call->own: the old one's hash. If
 * that one was used before, what it was exchanged for then counts as used, too: there is one living branch. */
static gboolean
grant (KithRelayCall *call, KithDb *db, const char *user, const char *session, gint64 created_ms, GError **error)
{
  gint64 expires_s = call->now_ms / 1000 + KITH_RELAY_TOKEN_S;
  g_autofree char *access = kith_relay_token_make (call->relay, user, session, expires_s);
  g_autofree char *refresh = kith_relay_random_word (call->relay, 24);
  g_autofree char *hashed = hash (refresh);
  g_auto(KithJsonWriter) w = { NULL };

  if (!kith_relay_exec (db, error, "INSERT INTO refresh_tokens (hash, session) VALUES (?, ?)", "ss", hashed, session)
      || !kith_relay_exec (db, error, "UPDATE sessions SET last = ? WHERE id = ?", "ss", hashed, session)
      || !kith_relay_exec (db, error,
                           "UPDATE refresh_tokens SET used_ms = ? WHERE used_ms = 0 AND hash = (SELECT next FROM"
                           " refresh_tokens WHERE hash = ?)",
                           "is", call->now_ms, call->own)
      || !kith_relay_exec (db, error,
                           "UPDATE refresh_tokens SET next = ?, used_ms = CASE used_ms WHEN 0 THEN ? ELSE"
                           " used_ms END WHERE hash = ?",
                           "sis", hashed, call->now_ms, call->own)
      || !kith_relay_exec (db, error, "DELETE FROM refresh_tokens WHERE session = ? AND used_ms > 0 AND used_ms < ?",
                           "si", session, call->now_ms - KEEP_USED_MS))
    return FALSE;
  kith_json_writer_init (&w);
  kith_json_writer_begin_object (&w);
  kith_json_writer_member_string (&w, "access_token", access);
  kith_json_writer_member_string (&w, "token_type", "bearer");
  kith_json_writer_member_int (&w, "expires_in", KITH_RELAY_TOKEN_S);
  kith_json_writer_member_int (&w, "expires_at", expires_s);
  kith_json_writer_member_string (&w, "refresh_token", refresh);
  kith_json_writer_key (&w, "user");
  write_user (&w, user, created_ms);
  kith_json_writer_end_object (&w);
  kith_relay_call_finish (call, &w);
  return TRUE;
}

static gboolean
sign_up (KithRelayCall *call, KithDb *db, GError **error)
{
  g_autofree char *user = kith_world_new_uuid (call->relay->world);
  g_autofree char *session = kith_world_new_uuid (call->relay->world);

  return kith_relay_need_room (call, db, error) &&
         kith_relay_exec (db, error, "INSERT INTO users VALUES (?, ?)", "si", user, call->now_ms) &&
         kith_relay_exec (db, error, "INSERT INTO sessions VALUES (?, ?, '', ?)", "ssi", session, user, call->now_ms) &&
         grant (call, db, user, session, call->now_ms, error);
}

/* Deletes the session of a token that was used long ago: either end may be the thief. */
static gboolean
end_session (KithRelayCall *call, KithDb *db, const char *session, GError **error)
{
  return kith_relay_exec (db, error, "DELETE FROM sessions WHERE id = ?", "s", session) &&
         kith_relay_refuse (call, 400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
}

static gboolean
refresh (KithRelayCall *call, KithDb *db, GError **error)
{
  KithStmt *stmt = kith_relay_bind (db, "SELECT s.id, s.user, t.used_ms, t.next = s.last, u.created_ms FROM"
                                    " refresh_tokens t JOIN sessions s ON s.id = t.session JOIN users u"
                                    " ON u.id = s.user WHERE t.hash = ?", "s", call->own);
  KithStep step = kith_stmt_step (stmt, error);
  g_autofree char *session = NULL;
  g_autofree char *user = NULL;
  gint64 used_ms, created_ms;
  gboolean newest;

  if (step == KITH_STEP_ERROR)
    return FALSE;
  if (step == KITH_STEP_DONE)
    return kith_relay_fail (call, 400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found", 0,
                            error);
  session = kith_stmt_dup_text (stmt, 0);
  user = kith_stmt_dup_text (stmt, 1);
  used_ms = kith_stmt_get_int64 (stmt, 2);
  newest = kith_stmt_get_int64 (stmt, 3) != 0;
  created_ms = kith_stmt_get_int64 (stmt, 4);
  kith_stmt_reset (stmt);
  if (used_ms > 0 && call->now_ms - used_ms > REUSE_MS && !newest)
    return end_session (call, db, session, error);
  return grant (call, db, user, session, created_ms, error);
}

static gboolean
need_session (KithRelayCall *call, KithDb *db, gint64 *created_ms, GError **error)
{
  if (kith_relay_get_int (db, created_ms, error,
                          "SELECT u.created_ms FROM sessions s JOIN users u ON u.id = s.user WHERE s.id = ? AND"
                          " s.user = ?", "ss", call->claims.session, call->claims.user))
    return TRUE;
  return *error != NULL ? FALSE : kith_relay_fail (call, 403, "session_not_found",
                                                   "Session from session_id claim in JWT does not exist", 0, error);
}

static gboolean
get_user (KithRelayCall *call, KithDb *db, GError **error)
{
  g_auto(KithJsonWriter) w = { NULL };
  gint64 created_ms;

  if (!need_session (call, db, &created_ms, error))
    return FALSE;
  kith_json_writer_init (&w);
  write_user (&w, call->claims.user, created_ms);
  kith_relay_call_finish (call, &w);
  return TRUE;
}

static gboolean
sign_out (KithRelayCall *call, KithDb *db, GError **error)
{
  gint64 created_ms;

  return need_session (call, db, &created_ms, error) &&
         kith_relay_exec (db, error, "DELETE FROM sessions WHERE id = ?", "s", call->claims.session);
}

/* --- the limit of sign-ups */

/* Behind a proxy on this machine the address that the proxy saw, which is the last one that it names. */
static char *
find_address (KithExchange *exchange)
{
  g_autofree char *address = kith_exchange_dup_address (exchange);
  const char *said = kith_exchange_get_header (exchange, "X-Forwarded-For");
  const char *comma = said != NULL ? strrchr (said, ',') : NULL;

  if (said == NULL || (strcmp (address, "127.0.0.1") != 0 && strcmp (address, "::1") != 0))
    return g_steal_pointer (&address);
  return g_strstrip (g_strndup (comma != NULL ? comma + 1 : said, 64));
}

static gboolean
is_full_bucket (gpointer key, gpointer value, gpointer data)
{
  const KithSignUps *s = value;

  return s->tokens + SIGN_UPS_PER_S * (double) (*(gint64 *) data - s->at_us) / G_USEC_PER_SEC >= s->burst;
}

static gboolean
may_sign_up (KithRelay *self, KithExchange *exchange)
{
  g_autofree char *address = find_address (exchange);
  gint64 now_us = kith_world_get_time_us (self->world);
  KithSignUps *s = g_hash_table_lookup (self->sign_ups, address);

  if (s == NULL)
    {
      if (g_hash_table_size (self->sign_ups) >= MOST_ADDRESSES)
        g_hash_table_foreach_remove (self->sign_ups, is_full_bucket, &now_us);
      if (g_hash_table_size (self->sign_ups) >= MOST_ADDRESSES)
        return FALSE;
      s = g_new (KithSignUps, 1);
      *s = (KithSignUps) { self->sign_up_burst, self->sign_up_burst, now_us };
      g_hash_table_insert (self->sign_ups, g_steal_pointer (&address), s);
    }
  s->tokens = MIN (self->sign_up_burst, s->tokens + SIGN_UPS_PER_S * (double) (now_us - s->at_us) / G_USEC_PER_SEC);
  s->at_us = now_us;
  if (s->tokens < 1)
    return FALSE;
  s->tokens--;
  return TRUE;
}

static gboolean
is_invited (KithRelay *self, KithExchange *exchange)
{
  const char *sent = kith_exchange_get_header (exchange, "apikey");
  const char *word = sent != NULL ? strchr (sent, '.') : NULL;

  return self->invite == NULL || (word != NULL && strlen (word + 1) == strlen (self->invite) &&
                                  sodium_memcmp (word + 1, self->invite, strlen (self->invite)) == 0);
}

/* --- the paths */

static void
refuse (KithExchange *exchange, guint status, const char *code, const char *message)
{
  kith_relay_answer_error (exchange, status, code, message, KITH_RELAY_AUTH_SHAPE);
}

static JsonObject *
parse_body (KithExchange *exchange)
{
  GBytes *body = kith_exchange_get_body (exchange);
  g_autoptr(JsonNode) root = body != NULL
    ? kith_json_parse (g_bytes_get_data (body, NULL), (gssize) g_bytes_get_size (body), NULL) : NULL;

  if (body == NULL || g_bytes_get_size (body) == 0)
    return json_object_new ();
  return root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_dup_object (root) : NULL;
}

static void
submit (KithRelay *self, KithExchange *exchange, KithRelayRun run, const KithRelayClaims *claims, char *own)
{
  KithRelayCall *call = kith_relay_call_new (self, exchange, run);

  call->auth_errors = TRUE;
  call->own = own;
  if (claims != NULL)
    call->claims = *claims;
  kith_relay_call_submit (call);
}

static void
begin_session (KithRelay *self, KithExchange *exchange)
{
  g_autoptr(JsonObject) body = parse_body (exchange);

  if (body == NULL)
    refuse (exchange, 400, "bad_json", "Could not parse request body as JSON");
  else if (json_object_has_member (body, "email") || json_object_has_member (body, "phone") ||
           json_object_has_member (body, "password"))
    refuse (exchange, 422, "email_provider_disabled", "this relay knows anonymous sign-ins only");
  else if (!is_invited (self, exchange))
    refuse (exchange, 422, "signup_disabled", "this relay asks for an invitation: its operator has the key to paste");
  else if (!may_sign_up (self, exchange))
    refuse (exchange, 429, "over_request_rate_limit", "too many sign-ups from this address");
  else
    submit (self, exchange, sign_up, NULL, NULL);
}

static void
renew_session (KithRelay *self, KithExchange *exchange)
{
  const char *type = g_hash_table_lookup (kith_exchange_get_query (exchange), "grant_type");
  g_autoptr(JsonObject) body = parse_body (exchange);
  JsonNode *token = body != NULL ? json_object_get_member (body, "refresh_token") : NULL;

  if (g_strcmp0 (type, "refresh_token") != 0)
    refuse (exchange, 400, "validation_failed", "grant_type: refresh_token only");
  else if (token == NULL || !JSON_NODE_HOLDS_VALUE (token) || json_node_get_value_type (token) != G_TYPE_STRING)
    refuse (exchange, 400, "validation_failed", "refresh_token is missing");
  else
    submit (self, exchange, refresh, NULL, hash (json_node_get_string (token)));
}

static void
with_session (KithRelay *self, KithExchange *exchange, KithRelayRun run)
{
  const char *sent = kith_exchange_get_header (exchange, "Authorization");
  KithRelayClaims claims = { 0 };

  if (sent == NULL || g_ascii_strncasecmp (sent, "Bearer ", 7) != 0)
    refuse (exchange, 401, "no_authorization", "This endpoint requires a valid Bearer token");
  else if (kith_relay_token_check (self, sent + 7, &claims) != NULL)
    refuse (exchange, 403, "bad_jwt", "invalid JWT: unable to parse or verify signature, or expired");
  else
    submit (self, exchange, run, &claims, NULL);
}

void
kith_relay_auth (KithRelay *self, KithExchange *exchange, const char *path)
{
  const char *method = kith_exchange_get_method (exchange);
  gboolean post = strcmp (method, "POST") == 0, get = strcmp (method, "GET") == 0;

  if (get && strcmp (path, "/settings") == 0)
    {
      static const char text[] = "{\"external\":{\"anonymous_users\":true,\"email\":false,\"phone\":false},"
                                 "\"disable_signup\":false}";
      g_autoptr(GBytes) body = g_bytes_new_static (text, sizeof text - 1);

      kith_exchange_answer (exchange, 200, body, NULL);
    }
  else if (post && strcmp (path, "/signup") == 0)
    begin_session (self, exchange);
  else if (post && strcmp (path, "/token") == 0)
    renew_session (self, exchange);
  else if (get && strcmp (path, "/user") == 0)
    with_session (self, exchange, get_user);
  else if (post && strcmp (path, "/logout") == 0)
    with_session (self, exchange, sign_out);
  else
    refuse (exchange, 404, "not_found", "this is kith's mailbox API; there is nothing else here");
}
