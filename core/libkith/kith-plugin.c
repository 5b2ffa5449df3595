/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-plugin-private.h"

typedef struct
{
  KithHost *host;
} KithPluginPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (KithPlugin, kith_plugin, G_TYPE_OBJECT)

static KithPluginPrivate *
get_private (KithPlugin *self)
{
  return kith_plugin_get_instance_private (self);
}

static void
default_activate_async (KithPlugin *self, KithHost *host, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  KithPluginClass *class = KITH_PLUGIN_GET_CLASS (self);
  GError *error = NULL;

  g_task_set_source_tag (task, default_activate_async);
  if (class->activate != NULL && !class->activate (self, host, &error))
    {
      if (error == NULL)
        error = g_error_new_literal (KITH_ERROR, KITH_ERROR_FAILED, "the plugin did not start and did not say why");
      g_task_return_error (task, error);
    }
  else
    g_task_return_boolean (task, TRUE);
}

static void
default_deactivate_async (KithPlugin *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  KithPluginClass *class = KITH_PLUGIN_GET_CLASS (self);

  g_task_set_source_tag (task, default_deactivate_async);
  if (class->deactivate != NULL)
    class->deactivate (self);
  g_task_return_boolean (task, TRUE);
}

static gboolean
default_finish (KithPlugin *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
kith_plugin_dispose (GObject *object)
{
  g_clear_object (&get_private (KITH_PLUGIN (object))->host);
  G_OBJECT_CLASS (kith_plugin_parent_class)->dispose (object);
}

static void
kith_plugin_class_init (KithPluginClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_plugin_dispose;
  class->activate_async = default_activate_async;
  class->activate_finish = default_finish;
  class->deactivate_async = default_deactivate_async;
  class->deactivate_finish = default_finish;
}

static void
kith_plugin_init (KithPlugin *self)
{
}

KithHost *
kith_plugin_get_host (KithPlugin *self)
{
  g_return_val_if_fail (KITH_IS_PLUGIN (self), NULL);
  return get_private (self)->host;
}

void
kith_plugin_set_host (KithPlugin *self, KithHost *host)
{
  g_set_object (&get_private (self)->host, host);
}

void
kith_plugin_activate_async (KithPlugin *self, KithHost *host, GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data)
{
  KITH_PLUGIN_GET_CLASS (self)->activate_async (self, host, cancellable, callback, user_data);
}

gboolean
kith_plugin_activate_finish (KithPlugin *self, GAsyncResult *result, GError **error)
{
  return KITH_PLUGIN_GET_CLASS (self)->activate_finish (self, result, error);
}

void
kith_plugin_deactivate_async (KithPlugin *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  KITH_PLUGIN_GET_CLASS (self)->deactivate_async (self, cancellable, callback, user_data);
}

gboolean
kith_plugin_deactivate_finish (KithPlugin *self, GAsyncResult *result, GError **error)
{
  return KITH_PLUGIN_GET_CLASS (self)->deactivate_finish (self, result, error);
}
