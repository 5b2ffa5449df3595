/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-call.h"

#include "kith-request-private.h"
#include "kith-told.h"

typedef struct
{
  const KithCaller *caller;
  gpointer data;
  GBytes *printed;
  GStrv headers;              /* nullable */
  const KithRouteSpec *spec;  /* nullable: of a route, what it may answer */
} KithCall;

static G_DEFINE_QUARK (kith-call, kith_call)

static void
kith_call_free (gpointer data)
{
  KithCall *call = data;

  if (call->caller->destroy != NULL)
    call->caller->destroy (call->data);
  g_clear_pointer (&call->printed, g_bytes_unref);
  g_strfreev (call->headers);
  g_free (call);
}

/* NULL: JSON. Without checks nobody asks. */
G_GNUC_UNUSED static const char *
get_type (KithCall *call)
{
  for (char **header = call->headers; header != NULL && *header != NULL; header += 2)
    if (g_ascii_strcasecmp (*header, "Content-Type") == 0)
      return header[1];
  return NULL;
}

static void
on_answer (guint status, JsonNode *body, GError *error, gpointer data)
{
  KithCall *call = data;
  GBytes *json = g_steal_pointer (&call->printed);

  if (json == NULL && body != NULL)
    json = kith_json_print (body);
  g_clear_pointer (&body, json_node_unref);
  if (call->spec != NULL)
    kith_told_answer (call->spec, status, get_type (call), json, error);
  call->caller->answer (status, json, error, (const char *const *) call->headers, call->data);
}

KithRequest *
kith_call_new (const KithCaller *caller, gpointer data, const char *method, GHashTable *params, JsonObject *body,
               guint64 client, GCancellable *cancellable)
{
  KithCall *call = g_new0 (KithCall, 1);
  JsonNode *node = NULL;
  KithRequest *request;

  call->caller = caller;
  call->data = data;
  if (body != NULL)
    {
      node = json_node_new (JSON_NODE_OBJECT);
      json_node_take_object (node, body);
    }
  request = kith_request_new (method, params, node, client, cancellable, on_answer, call, kith_call_free);
  g_object_set_qdata (G_OBJECT (request), kith_call_quark (), call);
  return request;
}

void
kith_call_set_spec (KithRequest *request, const KithRouteSpec *spec)
{
  ((KithCall *) g_object_get_qdata (G_OBJECT (request), kith_call_quark ()))->spec = spec;
}

void
kith_call_answer_headers (KithRequest *request, guint status, const char *const *headers, GBytes *body)
{
  KithCall *call = g_object_get_qdata (G_OBJECT (request), kith_call_quark ());

  g_return_if_fail (call != NULL && call->printed == NULL);
  call->printed = body;
  call->headers = g_strdupv ((GStrv) headers);
  kith_request_answer (request, status, NULL);
}

void
kith_call_answer_type (KithRequest *request, guint status, const char *content_type, GBytes *body)
{
  const char *const headers[] = { "Content-Type", content_type, NULL };

  kith_call_answer_headers (request, status, headers, body);
}

void
kith_call_answer (KithRequest *request, guint status, GBytes *json)
{
  kith_call_answer_headers (request, status, NULL, json);
}

void
kith_call_finish (KithRequest *request, GError *error, guint status, GBytes *json)
{
  if (error == NULL)
    {
      kith_call_answer (request, status, json);
      return;
    }
  g_clear_pointer (&json, g_bytes_unref);
  kith_request_fail (request, error);
}

const char *
kith_error_to_code (const GError *error)
{
  static const char *const codes[] = { "failed",    "invalid",  "refused",     "unknown", "conflict", "too_large",
                                       "too_fast",  "unreachable", "busy",     "store",   "protocol", "closed" };

  if (error == NULL || error->domain != KITH_ERROR || error->code < 0 || error->code >= (int) G_N_ELEMENTS (codes))
    return codes[KITH_ERROR_FAILED];
  return codes[error->code];
}
