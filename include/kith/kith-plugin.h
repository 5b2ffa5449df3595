/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-host.h"

G_BEGIN_DECLS

#define KITH_TYPE_PLUGIN (kith_plugin_get_type ())

/**
 * KithPlugin:
 *
 * A plugin. A new object is made for every activation, and nothing happens in its init: `activate` starts,
 * `deactivate` stops. After deactivation its host is cut off and the object must be finalized. Main thread only.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (KithPlugin, kith_plugin, KITH, PLUGIN, GObject)

/**
 * KithPluginClass:
 * @activate_async: starts; @host is (transfer none) and valid until deactivation is finished. Deadline 10 s. A
 *   plugin that has nothing to wait for may leave it out and override @activate
 * @activate_finish: whether it started; an error names the plugin in `/plugins`
 * @deactivate_async: stops: everything that the plugin began outside its host. Deadline 1 s
 * @deactivate_finish: whether it stopped cleanly
 * @activate: starts at once; called by the default @activate_async
 * @deactivate: stops at once; called by the default @deactivate_async
 *
 * Since: 1.0
 */
struct _KithPluginClass
{
  GObjectClass parent_class;

  void (*activate_async) (KithPlugin *self, KithHost *host, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data);
  gboolean (*activate_finish) (KithPlugin *self, GAsyncResult *result, GError **error);
  void (*deactivate_async) (KithPlugin *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data);
  gboolean (*deactivate_finish) (KithPlugin *self, GAsyncResult *result, GError **error);
  gboolean (*activate) (KithPlugin *self, KithHost *host, GError **error);
  void (*deactivate) (KithPlugin *self);

  /*< private >*/
  gpointer padding[10];
};

/**
 * kith_plugin_get_host:
 * @self: a plugin
 *
 * Returns: (transfer none) (nullable): its host, or %NULL when it is not active
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithHost *kith_plugin_get_host (KithPlugin *self);

/**
 * KithPluginEntry:
 * @struct_size: `sizeof (KithPluginEntry)`, so that it can grow
 * @abi: %KITH_ABI
 * @id: the same id as in the manifest
 * @get_type: the plugin's type, derived from [class@Kith.Plugin]
 *
 * The one symbol that a module exports; made by [func@Kith.DEFINE_PLUGIN].
 *
 * Since: 1.0
 */
typedef struct
{
  gsize struct_size;
  guint abi;
  const char *id;
  GType (*get_type) (void);
  /*< private >*/
  gpointer reserved[4];
} KithPluginEntry;

/**
 * KITH_DEFINE_PLUGIN:
 * @type_name: the prefix of the type's functions (`x_poll` for `x_poll_get_type`)
 * @plugin_id: the id of the manifest
 *
 * Defines the entry of a module. Once per module, at top level.
 *
 * Since: 1.0
 */
#define KITH_DEFINE_PLUGIN(type_name, plugin_id)                                                                      \
  __attribute__ ((visibility ("default"))) extern const KithPluginEntry kith_plugin_entry;                            \
  const KithPluginEntry kith_plugin_entry                                                                             \
    = { sizeof (KithPluginEntry), KITH_ABI, plugin_id, type_name##_get_type, { NULL } };

G_END_DECLS
