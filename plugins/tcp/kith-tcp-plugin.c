/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links over TCP: dials tcp:HOST:PORT, listens on peer-port. It carries bytes and nothing else: who is there and what
 * is said is the link's. */
#include "kith-tcp-transport.h"

#define KITH_TYPE_TCP_PLUGIN (kith_tcp_plugin_get_type ())
G_DECLARE_FINAL_TYPE (KithTcpPlugin, kith_tcp_plugin, KITH, TCP_PLUGIN, KithPlugin)

struct _KithTcpPlugin
{
  KithPlugin parent_instance;
  KithTcpTransport *transport;
};

G_DEFINE_FINAL_TYPE (KithTcpPlugin, kith_tcp_plugin, KITH_TYPE_PLUGIN)

static gboolean
kith_tcp_plugin_activate (KithPlugin *plugin, KithHost *host, GError **error)
{
  KithTcpPlugin *self = KITH_TCP_PLUGIN (plugin);

  if (kith_host_get_settings (host) == NULL)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_FAILED,
                           "its settings schema im.kith.Kith.Plugin.tcp is not installed");
      return FALSE;
    }
  self->transport = kith_tcp_transport_new (host);
  if (!kith_host_add_transport (host, KITH_TRANSPORT (self->transport), error))
    return FALSE;
  if (kith_tcp_transport_start (self->transport, error))
    return TRUE;
  kith_tcp_transport_stop (self->transport);
  return FALSE;
}

static void
kith_tcp_plugin_deactivate (KithPlugin *plugin)
{
  KithTcpPlugin *self = KITH_TCP_PLUGIN (plugin);

  if (self->transport != NULL)
    kith_tcp_transport_stop (self->transport);
  g_clear_object (&self->transport);
}

static void
kith_tcp_plugin_dispose (GObject *object)
{
  g_clear_object (&KITH_TCP_PLUGIN (object)->transport);
  G_OBJECT_CLASS (kith_tcp_plugin_parent_class)->dispose (object);
}

static void
kith_tcp_plugin_class_init (KithTcpPluginClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_tcp_plugin_dispose;
  KITH_PLUGIN_CLASS (class)->activate = kith_tcp_plugin_activate;
  KITH_PLUGIN_CLASS (class)->deactivate = kith_tcp_plugin_deactivate;
}

static void
kith_tcp_plugin_init (KithTcpPlugin *self)
{
}

KITH_DEFINE_PLUGIN (kith_tcp_plugin, "tcp")
