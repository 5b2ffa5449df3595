/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Offline delivery: mailboxes, directory and heartbeats at a Supabase project or at kith's own relay. */
#include "kith-supabase-transport.h"

#define KITH_TYPE_SUPABASE_PLUGIN (kith_supabase_plugin_get_type ())
G_DECLARE_FINAL_TYPE (KithSupabasePlugin, kith_supabase_plugin, KITH, SUPABASE_PLUGIN, KithPlugin)

struct _KithSupabasePlugin
{
  KithPlugin parent_instance;
  KithSupabaseTransport *transport;
};

G_DEFINE_FINAL_TYPE (KithSupabasePlugin, kith_supabase_plugin, KITH_TYPE_PLUGIN)

static gboolean
kith_supabase_plugin_activate (KithPlugin *plugin, KithHost *host, GError **error)
{
  KithSupabasePlugin *self = KITH_SUPABASE_PLUGIN (plugin);

  if (kith_host_get_settings (host) == NULL)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_FAILED,
                           "its settings schema im.kith.Kith.Plugin.supabase is not installed");
      return FALSE;
    }
  self->transport = kith_supabase_transport_new (host);
  if (!kith_host_add_transport (host, KITH_TRANSPORT (self->transport), error)
      || !kith_host_add_directory (host, KITH_DIRECTORY (self->transport), error))
    return FALSE;
  kith_supabase_transport_start (self->transport);
  return TRUE;
}

static void
on_stopped (gpointer data)
{
  g_autoptr (GTask) task = data;

  g_task_return_boolean (task, TRUE);
}

static void
kith_supabase_plugin_deactivate_async (KithPlugin *plugin, GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer user_data)
{
  KithSupabasePlugin *self = KITH_SUPABASE_PLUGIN (plugin);
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (KithSupabaseTransport) transport = g_steal_pointer (&self->transport);

  g_task_set_source_tag (task, kith_supabase_plugin_deactivate_async);
  if (transport != NULL)
    kith_supabase_transport_stop (transport, on_stopped, task);
  else
    on_stopped (task);
}

static gboolean
kith_supabase_plugin_deactivate_finish (KithPlugin *plugin, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
kith_supabase_plugin_dispose (GObject *object)
{
  g_clear_object (&KITH_SUPABASE_PLUGIN (object)->transport);
  G_OBJECT_CLASS (kith_supabase_plugin_parent_class)->dispose (object);
}

static void
kith_supabase_plugin_class_init (KithSupabasePluginClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_supabase_plugin_dispose;
  KITH_PLUGIN_CLASS (class)->activate = kith_supabase_plugin_activate;
  KITH_PLUGIN_CLASS (class)->deactivate_async = kith_supabase_plugin_deactivate_async;
  KITH_PLUGIN_CLASS (class)->deactivate_finish = kith_supabase_plugin_deactivate_finish;
}

static void
kith_supabase_plugin_init (KithSupabasePlugin *self)
{
}

KITH_DEFINE_PLUGIN (kith_supabase_plugin, "supabase")
