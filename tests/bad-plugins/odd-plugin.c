/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <kith/kith.h>

/* One source, many ways to be wrong: ODD_… is defined by the build. */
#define ODD_TYPE_PLUGIN (odd_plugin_get_type ())
G_DECLARE_FINAL_TYPE (OddPlugin, odd_plugin, ODD, PLUGIN, KithPlugin)

struct _OddPlugin
{
  KithPlugin parent_instance;
};

/* The same type name in several modules would clash. */
static gsize odd_type;

static void odd_plugin_class_init (KithPluginClass *class);

GType
odd_plugin_get_type (void)
{
  if (g_once_init_enter (&odd_type))
    {
      g_autofree char *name = g_strdup_printf ("Odd-%s", PLUGIN_ID);
      GTypeInfo info = { .class_size = sizeof (OddPluginClass),
                         .class_init = (GClassInitFunc) odd_plugin_class_init,
                         .instance_size = sizeof (OddPlugin) };

      g_once_init_leave (&odd_type, g_type_register_static (KITH_TYPE_PLUGIN, name, &info, 0));
    }
  return odd_type;
}

#ifdef ODD_MISSING_SYMBOL
void kith_this_function_is_in_no_library (void);
#endif

#ifdef ODD_HANGING
static void
hang (KithPlugin *self, KithHost *host, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
}
#endif

#ifdef ODD_HANGING_STOP
static void
hang_stop (KithPlugin *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
}
#endif

#ifdef ODD_BLOCKING
static void
on_event (KithBus *bus, guint64 client, gpointer data)
{
  g_usleep (80 * 1000);
}
#endif

static G_GNUC_UNUSED gboolean
on_timer (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
odd_plugin_activate (KithPlugin *self, KithHost *host, GError **error)
{
#ifdef ODD_FAILING
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_UNREACHABLE, "the moon is not answering");
  return FALSE;
#endif
#ifdef ODD_MUTE
  return FALSE;
#endif
#ifdef ODD_MISSING_SYMBOL
  kith_this_function_is_in_no_library ();
#endif
#ifdef ODD_BLOCKING
  g_signal_connect (kith_host_get_bus (host), "client::opened", G_CALLBACK (on_event), NULL);
#endif
#ifdef ODD_LEAKING
  g_object_ref (self);
  /* Not even the timer of a plugin that lives on may run on. */
  kith_host_add_timer (host, 100, on_timer, self, NULL);
#endif
#ifdef ODD_PLAIN_NAME
  static const KithEventSpec spec = { "typing", KITH_KEEP_NONE, NULL, NULL, "somebody else's", { NULL } };

  return kith_host_add_event (host, &spec, error);
#endif
  return TRUE;
}

static void
odd_plugin_class_init (KithPluginClass *class)
{
  class->activate = odd_plugin_activate;
#ifdef ODD_HANGING
  class->activate_async = hang;
#endif
#ifdef ODD_HANGING_STOP
  class->deactivate_async = hang_stop;
#endif
}

#ifndef ODD_ABI
#define ODD_ABI KITH_ABI
#endif
#ifndef ODD_ID
#define ODD_ID PLUGIN_ID
#endif
#ifdef ODD_TYPE
#define ODD_GET_TYPE g_object_get_type
#else
#define ODD_GET_TYPE odd_plugin_get_type
#endif

#ifndef ODD_NO_ENTRY
__attribute__ ((visibility ("default"))) extern const KithPluginEntry kith_plugin_entry;
const KithPluginEntry kith_plugin_entry = { sizeof (KithPluginEntry), ODD_ABI, ODD_ID, ODD_GET_TYPE, { NULL } };
#endif
