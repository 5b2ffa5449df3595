/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-event-private.h"
#include "kith-host-impl.h"

/* One thing that the plugin waits for: the outer task is the plugin's, the inner one the daemon's. At the cut the outer
 * one is answered; what the daemon says later is thrown away. */
typedef struct
{
  KithHost *host;
  GTask *outer; /* NULL once answered */
  GDestroyNotify free_result; /* of a pointer; NULL = a boolean */
} KithCall;

typedef struct
{
  KithHost *host;
  KithEvent *event;
} Posted;

void
kith_host_init_calls (KithHost *self)
{
  self->calls = g_ptr_array_new ();
}

void
kith_host_close_calls (KithHost *self)
{
  while (self->calls->len > 0)
    {
      KithCall *call = g_ptr_array_steal_index (self->calls, 0);
      g_autoptr (GTask) outer = g_steal_pointer (&call->outer);

      g_task_return_new_error (outer, KITH_ERROR, KITH_ERROR_CLOSED, "the plugin \"%s\" has been deactivated",
                               self->id);
    }
}

static void
on_inner_done (GObject *source, GAsyncResult *result, gpointer data)
{
  KithCall *call = data;
  g_autoptr (GError) error = NULL;
  gpointer pointer = NULL;
  gboolean good = FALSE;

  if (call->free_result != NULL)
    pointer = g_task_propagate_pointer (G_TASK (result), &error);
  else
    good = g_task_propagate_boolean (G_TASK (result), &error);
  if (call->outer == NULL)
    {
      if (pointer != NULL)
        call->free_result (pointer);
    }
  else
    {
      g_ptr_array_remove (call->host->calls, call);
      if (error != NULL)
        g_task_return_error (call->outer, g_steal_pointer (&error));
      else if (call->free_result != NULL)
        g_task_return_pointer (call->outer, pointer, call->free_result);
      else
        g_task_return_boolean (call->outer, good);
      g_clear_object (&call->outer);
    }
  g_object_unref (call->host);
  g_free (call);
}

/* The daemon's task, or NULL when the plugin has its answer already. */
static GTask *
call_begin (KithHost *self, gboolean able, const char *what, gpointer tag, GDestroyNotify free_result,
            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) outer = g_task_new (self, cancellable, callback, user_data);
  GError *error = NULL;
  KithCall *call;
  GTask *inner;

  g_task_set_source_tag (outer, tag);
  /* What became durable is told, whoever cancelled meanwhile. */
  g_task_set_check_cancellable (outer, FALSE);
  if (!kith_host_refuse_cut (self, &error) && !able)
    kith_host_refuse_ability (self, what, &error);
  if (error != NULL)
    {
      g_task_return_error (outer, error);
      return NULL;
    }
  call = g_new0 (KithCall, 1);
  call->host = g_object_ref (self);
  call->outer = g_steal_pointer (&outer);
  call->free_result = free_result;
  g_ptr_array_add (self->calls, call);
  inner = g_task_new (self, cancellable, on_inner_done, call);
  g_task_set_source_tag (inner, tag);
  g_task_set_check_cancellable (inner, FALSE);
  return inner;
}

void
kith_host_publish (KithHost *self, KithEvent *event)
{
  const char *owner;

  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (event != NULL);
  if (!self->cut)
    {
      owner = kith_bus_find_event_owner (self->port, kith_event_get_name (event));
      if (g_strcmp0 (owner, self->id) != 0)
        g_warning ("The plugin \"%s\" published \"%s\", which it has not registered", self->id,
                   kith_event_get_name (event));
      else if (self->funcs->publish != NULL)
        self->funcs->publish (self->backend, self, g_steal_pointer (&event));
      else
        kith_bus_tell_event (self->port, event);
    }
  g_clear_pointer (&event, kith_event_unref);
}

static gboolean
publish_posted (gpointer data)
{
  Posted *posted = data;

  kith_host_publish (posted->host, g_steal_pointer (&posted->event));
  return G_SOURCE_REMOVE;
}

static void
posted_free (gpointer data)
{
  Posted *posted = data;

  g_clear_pointer (&posted->event, kith_event_unref);
  g_object_unref (posted->host);
  g_free (posted);
}

void
kith_host_post (KithHost *self, KithEvent *event)
{
  Posted *posted;

  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (event != NULL);
  posted = g_new (Posted, 1);
  posted->host = g_object_ref (self);
  posted->event = event;
  kith_world_post (self->world, publish_posted, posted, posted_free);
}

/* A plugin sends kinds of its own, and messages. */
static gboolean
may_send (KithHost *self, const char *kind)
{
  g_autofree char *prefix = g_strdup_printf ("x.%s.", self->id);

  return g_strcmp0 (kind, KITH_CONTENT_MESSAGE) == 0
         || (kith_name_is_event (kind) && g_str_has_prefix (kind, prefix) && kind[strlen (prefix)] != '\0');
}

void
kith_host_send_async (KithHost *self, KithFriend *to, const char *kind, JsonObject *data, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *inner;

  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (KITH_IS_FRIEND (to));
  inner = call_begin (self, self->funcs->send != NULL, "send contents", kith_host_send_async, g_free, cancellable,
                      callback, user_data);
  if (inner == NULL)
    json_object_unref (data);
  else if (may_send (self, kind))
    self->funcs->send (self->backend, self, to, kind, data, inner);
  else
    {
      json_object_unref (data);
      g_task_return_new_error (inner, KITH_ERROR, KITH_ERROR_INVALID, "the plugin \"%s\" may not send \"%s\"", self->id,
                               kind);
      g_object_unref (inner);
    }
}

char *
kith_host_send_finish (KithHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

gboolean
kith_host_send_ephemeral (KithHost *self, KithFriend *to, const char *kind, JsonObject *data)
{
  g_return_val_if_fail (KITH_IS_HOST (self), FALSE);
  g_return_val_if_fail (KITH_IS_FRIEND (to), FALSE);
  if (!self->cut && self->funcs->send_ephemeral != NULL
      && g_strcmp0 (kith_bus_find_kind_owner (self->port, kind), self->id) == 0)
    return self->funcs->send_ephemeral (self->backend, self, to, kind, data);
  json_object_unref (data);
  return FALSE;
}

void
kith_host_mark_read_async (KithHost *self, KithFriend *peer, const char *msg_id, gboolean tell_peer,
                           GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *inner;

  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (KITH_IS_FRIEND (peer));
  inner = call_begin (self, self->funcs->mark_read != NULL, "mark messages as read", kith_host_mark_read_async, NULL,
                      cancellable, callback, user_data);
  if (inner != NULL)
    self->funcs->mark_read (self->backend, self, peer, msg_id, tell_peer, inner);
}

gboolean
kith_host_mark_read_finish (KithHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
kith_host_ask_async (KithHost *self, const char *method, const char *path, JsonObject *body, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *inner;

  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (method != NULL && path != NULL);
  inner = call_begin (self, self->funcs->ask != NULL, "answer plugins", kith_host_ask_async,
                      (GDestroyNotify) json_node_unref, cancellable, callback, user_data);
  if (inner != NULL)
    self->funcs->ask (self->backend, self, method, path, body, inner);
  else
    g_clear_pointer (&body, json_object_unref);
}

gboolean
kith_host_ask_finish (KithHost *self, GAsyncResult *result, JsonNode **answer, GError **error)
{
  g_autoptr (JsonNode) body = NULL;
  g_autoptr (GError) why = NULL;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  body = g_task_propagate_pointer (G_TASK (result), &why);
  if (answer != NULL)
    *answer = g_steal_pointer (&body);
  if (why == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

void
kith_host_give_evidence (KithHost *self, KithFriend *about, KithPresence says, guint lease_ms)
{
  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (KITH_IS_FRIEND (about));
  if (!self->cut)
    kith_bus_tell_evidence (self->port, self->id, about, says, lease_ms);
}

void
kith_host_set_presence (KithHost *self, KithFriend *of, KithPresence presence)
{
  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (KITH_IS_FRIEND (of));
  if (!self->cut && self->funcs->set_presence != NULL && kith_host_provides (self, "presence"))
    self->funcs->set_presence (self->backend, self, of, presence);
}

void
kith_host_offer_address (KithHost *self, KithFriend *of, const char *address, guint lease_s)
{
  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (KITH_IS_FRIEND (of));
  if (!self->cut && self->funcs->offer_address != NULL && address != NULL)
    self->funcs->offer_address (self->backend, self, of, address, lease_s);
}

GBytes *
kith_host_seal (KithHost *self, KithFriend *to, GBytes *plain, GError **error)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  g_return_val_if_fail (KITH_IS_FRIEND (to), NULL);
  if (kith_host_refuse_cut (self, error))
    return NULL;
  if (self->funcs->seal != NULL)
    return self->funcs->seal (self->backend, self, to, plain, error);
  kith_host_refuse_ability (self, "seal", error);
  return NULL;
}

GBytes *
kith_host_unseal (KithHost *self, KithFriend *from, GBytes *sealed, GError **error)
{
  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  g_return_val_if_fail (KITH_IS_FRIEND (from), NULL);
  if (kith_host_refuse_cut (self, error))
    return NULL;
  if (self->funcs->unseal != NULL)
    return self->funcs->unseal (self->backend, self, from, sealed, error);
  kith_host_refuse_ability (self, "unseal", error);
  return NULL;
}

GBytes *
kith_host_certify (KithHost *self, const char *purpose, GBytes *about, GError **error)
{
  static const char *const purposes[] = { "kith/mailbox/1 device", "kith/signal/1 auth", "challenge", NULL };

  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  g_return_val_if_fail (purpose != NULL, NULL);
  if (kith_host_refuse_cut (self, error))
    return NULL;
  if (!g_strv_contains (purposes, purpose))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "nothing is signed for the purpose \"%s\"", purpose);
      return NULL;
    }
  if (self->funcs->certify != NULL)
    return self->funcs->certify (self->backend, self, purpose, about, error);
  kith_host_refuse_ability (self, "certify", error);
  return NULL;
}

GBytes *
kith_host_derive (KithHost *self, const char *purpose, GError **error)
{
  static const char *const purposes[] = { "kith/mailbox/1 recovery", "kith/mailbox/1 marks", NULL };

  g_return_val_if_fail (KITH_IS_HOST (self), NULL);
  g_return_val_if_fail (purpose != NULL, NULL);
  if (kith_host_refuse_cut (self, error))
    return NULL;
  if (!g_strv_contains (purposes, purpose))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_REFUSED, "nothing is derived for the purpose \"%s\"", purpose);
      return NULL;
    }
  if (self->funcs->derive != NULL)
    return self->funcs->derive (self->backend, self, purpose, error);
  kith_host_refuse_ability (self, "derive", error);
  return NULL;
}

void
kith_host_load_async (KithHost *self, const char *key, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer user_data)
{
  GTask *inner;

  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (key != NULL);
  inner = call_begin (self, self->funcs->load != NULL, "keep values", kith_host_load_async,
                      (GDestroyNotify) g_bytes_unref, cancellable, callback, user_data);
  if (inner != NULL)
    self->funcs->load (self->backend, self, key, inner);
}

GBytes *
kith_host_load_finish (KithHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
kith_host_save_async (KithHost *self, const char *key, GBytes *value, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *inner;

  g_return_if_fail (KITH_IS_HOST (self));
  g_return_if_fail (key != NULL);
  inner = call_begin (self, self->funcs->save != NULL, "keep values", kith_host_save_async, NULL, cancellable,
                      callback, user_data);
  if (inner == NULL)
    return;
  if (value != NULL && g_bytes_get_size (value) > KITH_HOST_MAX_VALUE_BYTES)
    {
      g_task_return_new_error (inner, KITH_ERROR, KITH_ERROR_TOO_LARGE, "the value of \"%s\" is larger than %u bytes",
                               key, KITH_HOST_MAX_VALUE_BYTES);
      g_object_unref (inner);
      return;
    }
  self->funcs->save (self->backend, self, key, value, inner);
}

gboolean
kith_host_save_finish (KithHost *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}
