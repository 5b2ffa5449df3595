/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-content-private.h"

struct _KithContent
{
  GObject parent_instance;

  KithFriend *from;
  char *kind;
  char *id;
  JsonObject *data;
  KithContentDoneFunc done;
  gpointer user_data;
  GDestroyNotify destroy;
};

G_DEFINE_FINAL_TYPE (KithContent, kith_content, G_TYPE_OBJECT)

static void
kith_content_finalize (GObject *object)
{
  KithContent *self = KITH_CONTENT (object);

  if (self->destroy != NULL)
    self->destroy (self->user_data);
  g_clear_object (&self->from);
  g_free (self->kind);
  g_free (self->id);
  g_clear_pointer (&self->data, json_object_unref);
  G_OBJECT_CLASS (kith_content_parent_class)->finalize (object);
}

static void
kith_content_class_init (KithContentClass *class)
{
  G_OBJECT_CLASS (class)->finalize = kith_content_finalize;
}

static void
kith_content_init (KithContent *self)
{
}

KithContent *
kith_content_new (KithFriend *from, const char *kind, const char *id, JsonObject *data, KithContentDoneFunc done,
                  gpointer user_data, GDestroyNotify destroy)
{
  KithContent *self = g_object_new (KITH_TYPE_CONTENT, NULL);

  self->from = g_object_ref (from);
  self->kind = g_strdup (kind);
  self->id = g_strdup (id);
  self->data = data;
  json_object_seal (data);
  self->done = done;
  self->user_data = user_data;
  self->destroy = destroy;
  return self;
}

KithFriend *
kith_content_get_friend (KithContent *self)
{
  g_return_val_if_fail (KITH_IS_CONTENT (self), NULL);
  return self->from;
}

const char *
kith_content_get_kind (KithContent *self)
{
  g_return_val_if_fail (KITH_IS_CONTENT (self), NULL);
  return self->kind;
}

const char *
kith_content_get_id (KithContent *self)
{
  g_return_val_if_fail (KITH_IS_CONTENT (self), NULL);
  return self->id;
}

JsonObject *
kith_content_get_data (KithContent *self)
{
  g_return_val_if_fail (KITH_IS_CONTENT (self), NULL);
  return self->data;
}

void
kith_content_done (KithContent *self)
{
  KithContentDoneFunc done;

  g_return_if_fail (KITH_IS_CONTENT (self));
  done = g_steal_pointer (&self->done);
  if (done != NULL)
    done (self, self->user_data);
  g_object_unref (self);
}
