/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-request-private.h"

struct _KithRequest
{
  GObject parent_instance;

  char *method;
  GHashTable *params;
  JsonNode *body;
  guint64 client;
  GCancellable *cancellable;

  KithAnswerFunc answer;
  gpointer data;
  GDestroyNotify destroy;
  gboolean closed;
};

G_DEFINE_FINAL_TYPE (KithRequest, kith_request, G_TYPE_OBJECT)

static void
request_answer (KithRequest *self, guint status, JsonNode *body, GError *error)
{
  KithAnswerFunc answer = g_steal_pointer (&self->answer);

  if (answer != NULL)
    answer (status, body, error, self->data);
  else
    {
      /* Closing answers for a plugin that is being stopped; what it says afterwards is no mistake. */
      if (!self->closed)
        g_critical ("A request was answered twice");
      g_clear_pointer (&body, json_node_unref);
      g_clear_error (&error);
    }
  if (self->destroy != NULL)
    g_steal_pointer (&self->destroy) (self->data);
}

static void
kith_request_dispose (GObject *object)
{
  KithRequest *self = KITH_REQUEST (object);

  if (self->answer != NULL)
    {
      g_critical ("A request was dropped without an answer");
      request_answer (self, 500, NULL,
                      g_error_new_literal (KITH_ERROR, KITH_ERROR_FAILED, "the request was dropped without an answer"));
    }
  G_OBJECT_CLASS (kith_request_parent_class)->dispose (object);
}

static void
kith_request_finalize (GObject *object)
{
  KithRequest *self = KITH_REQUEST (object);

  g_free (self->method);
  g_clear_pointer (&self->params, g_hash_table_unref);
  g_clear_pointer (&self->body, json_node_unref);
  g_clear_object (&self->cancellable);
  G_OBJECT_CLASS (kith_request_parent_class)->finalize (object);
}

static void
kith_request_class_init (KithRequestClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_request_dispose;
  G_OBJECT_CLASS (class)->finalize = kith_request_finalize;
}

static void
kith_request_init (KithRequest *self)
{
}

KithRequest *
kith_request_new (const char *method, GHashTable *params, JsonNode *body, guint64 client, GCancellable *cancellable,
                  KithAnswerFunc answer, gpointer data, GDestroyNotify destroy)
{
  KithRequest *self = g_object_new (KITH_TYPE_REQUEST, NULL);

  self->method = g_strdup (method);
  self->params = params;
  self->body = body;
  self->client = client;
  self->cancellable = cancellable != NULL ? g_object_ref (cancellable) : g_cancellable_new ();
  self->answer = answer;
  self->data = data;
  self->destroy = destroy;
  return self;
}

void
kith_request_close (KithRequest *self, GError *error)
{
  if (self->answer == NULL)
    {
      g_error_free (error);
      return;
    }
  self->closed = TRUE;
  request_answer (self, kith_error_to_status (error), NULL, error);
}

const char *
kith_request_get_method (KithRequest *self)
{
  g_return_val_if_fail (KITH_IS_REQUEST (self), NULL);
  return self->method;
}

const char *
kith_request_get_param (KithRequest *self, const char *name)
{
  g_return_val_if_fail (KITH_IS_REQUEST (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);
  return self->params != NULL ? g_hash_table_lookup (self->params, name) : NULL;
}

JsonObject *
kith_request_get_body (KithRequest *self)
{
  g_return_val_if_fail (KITH_IS_REQUEST (self), NULL);
  return self->body != NULL && JSON_NODE_HOLDS_OBJECT (self->body) ? json_node_get_object (self->body) : NULL;
}

guint64
kith_request_get_client (KithRequest *self)
{
  g_return_val_if_fail (KITH_IS_REQUEST (self), 0);
  return self->client;
}

GCancellable *
kith_request_get_cancellable (KithRequest *self)
{
  g_return_val_if_fail (KITH_IS_REQUEST (self), NULL);
  return self->cancellable;
}

void
kith_request_answer (KithRequest *self, guint status, JsonNode *body)
{
  g_return_if_fail (KITH_IS_REQUEST (self));
  request_answer (self, status, body, NULL);
  g_object_unref (self);
}

void
kith_request_fail (KithRequest *self, GError *error)
{
  g_return_if_fail (KITH_IS_REQUEST (self));
  g_return_if_fail (error != NULL);
  request_answer (self, kith_error_to_status (error), NULL, error);
  g_object_unref (self);
}
