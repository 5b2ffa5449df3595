/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POST /rest/v1/rpc/kith_*: with a token, and once more with another one when the server does not take it. */
#include "kith-supabase-private.h"

typedef struct
{
  KithSupabase *supabase;   /* full */
  char *function;
  GBytes *body;
  char *token;              /* that is being tried */
  gboolean again;           /* with a renewed one */
  KithSupabaseFunc func;
  gpointer data;
} Call;

static void
call_free (Call *call)
{
  kith_supabase_unref (call->supabase);
  g_bytes_unref (call->body);
  g_free (call->function);
  g_free (call->token);
  g_free (call);
}

static void
call_end (Call *call, const KithSupabaseAnswer *answer)
{
  if (answer->error == NULL && !call->supabase->stopped)
    kith_supabase_worked (call->supabase);
  else if (answer->error != NULL)
    g_debug ("kith_%s: %s", call->function, answer->error->message);
  call->func (call->supabase, answer, call->data);
  call_free (call);
}

static void
call_fail (Call *call, const GError *error)
{
  KithSupabaseAnswer answer = { .code = "", .error = error };

  call_end (call, &answer);
}

static void on_token (KithSupabase *self, const char *token, const GError *error, gpointer data);

static void
on_answer (const KithSupabaseAnswer *answer, gpointer data)
{
  Call *call = data;

  if (answer->status != 401 || call->again || call->supabase->stopped)
    {
      call_end (call, answer);
      return;
    }
  call->again = TRUE;
  kith_supabase_session_get_token (call->supabase, call->token, on_token, call);
}

static void
on_token (KithSupabase *self, const char *token, const GError *error, gpointer data)
{
  Call *call = data;
  g_autofree char *path = g_strconcat ("/rest/v1/rpc/kith_", call->function, NULL);
  g_autoptr (GError) closed = NULL;

  if (self->stopped)
    {
      closed = g_error_new_literal (KITH_ERROR, KITH_ERROR_CLOSED, "the server is not used any more");
      call_fail (call, closed);
      return;
    }
  if (token == NULL)
    {
      call_fail (call, error);
      return;
    }
  g_free (call->token);
  call->token = g_strdup (token);
  kith_supabase_http_post (self->http, path, call->body, token, on_answer, call);
}

void
kith_supabase_call (KithSupabase *self, const char *function, JsonObject *args, KithSupabaseFunc func, gpointer data)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  Call *call = g_new0 (Call, 1);

  json_node_take_object (node, args);
  call->supabase = kith_supabase_ref (self);
  call->function = g_strdup (function);
  call->body = kith_json_print (node);
  call->func = func;
  call->data = data;
  kith_supabase_session_get_token (self, NULL, on_token, call);
}

gboolean
kith_supabase_may_pass (const KithSupabaseAnswer *answer)
{
  return answer->error != NULL
         && (answer->status < 400 || answer->status >= 500 || answer->status == 429 || answer->status == 401
             || answer->status == 408);
}

GError *
kith_supabase_answer_error (const KithSupabaseAnswer *answer)
{
  gint code = answer->error->code;

  if (answer->status == 429)
    code = KITH_ERROR_TOO_FAST;
  else if (code != KITH_ERROR_CLOSED)
    code = KITH_ERROR_UNREACHABLE;
  return g_error_new (KITH_ERROR, code, "the offline server: %s", answer->error->message);
}

void
kith_supabase_nonsense (KithSupabase *self, const char *function)
{
  g_autoptr (GError) error = g_error_new (KITH_ERROR, KITH_ERROR_PROTOCOL,
                                          "the server's answer to kith_%s is not what it should be", function);

  g_message ("%s", error->message);
  kith_supabase_set_trouble (self, error);
}
