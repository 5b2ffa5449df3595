/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-host-private.h"
#include "kith-world.h"

G_BEGIN_DECLS

typedef enum
{
  KITH_PLUGIN_OFF,          /* switched off by the user, or newly found and never switched on */
  KITH_PLUGIN_ACTIVATING,
  KITH_PLUGIN_ACTIVE,
  KITH_PLUGIN_DEACTIVATING,
  KITH_PLUGIN_FAILED,       /* wanted, but refused: the error says why */
  KITH_PLUGIN_SKIPPED,      /* wanted, but something that it requires is missing: the error prints the chain */
} KithPluginState;

/* One plugin, as /plugins shows it. */
typedef struct
{
  const char *id;
  const char *name;         /* for people; the id when the manifest gives none */
  const char *version;
  const char *path;         /* of the manifest */
  gboolean builtin;
  gboolean enabled;         /* what the user wants, or the default */
  KithPluginState state;
  const char *error;        /* nullable: the last error */
  const char *slow_what;    /* nullable: the slowest handler over 50 ms … */
  guint slow_ms;            /* … how long it kept the loop … */
  guint slow_count;         /* … and how often that happened */
  gboolean leaked;          /* it was stopped once and its object lived on */
} KithPluginInfo;

/* Gives the settings of a plugin (full), or NULL with an error when its schema is not there. */
typedef GSettings *(*KithSettingsFunc) (const char *schema_id, const char *plugin_id, gpointer data, GError **error);

#define KITH_TYPE_LOADER (kith_loader_get_type ())
/* Signal "changed" (const char *id): a plugin's info is another now. Main thread. */
G_DECLARE_FINAL_TYPE (KithLoader, kith_loader, KITH, LOADER, GObject)

/* @settings (nullable): has the keys enabled-plugins and disabled-plugins (as), which enable and disable write.
 * @path: directories to search, the first one with an id wins; NULL = kith_loader_dup_default_path(). @bus: the
 * root; @backend must outlive the loader. */
KithLoader *kith_loader_new (KithWorld *world, KithBus *bus, const KithHostFuncs *funcs, gpointer backend,
                             GSettings *settings, KithSettingsFunc settings_func, gpointer settings_data,
                             const char *const *path);
/* $KITH_PLUGIN_PATH (directories, each with <id>.plugin directly inside), then the installed directory, then
 * ~/.local/lib/kith/plugins-1, then the Flatpak extension point. */
GStrv kith_loader_dup_default_path (void);

/* Reads the manifests; what is already known stays. Returns how many plugins are known. */
guint kith_loader_discover (KithLoader *self);
/* Sets the ids that are on unless the user says otherwise; the default are those that kith brings. */
void kith_loader_set_builtins (KithLoader *self, const char *const *ids);
/* Without it the caller ends, and says why itself: its failure is no warning. */
void kith_loader_set_vital (KithLoader *self, const char *id, gboolean vital);
/* For tests: milliseconds, 0 = leave. Defaults 10,000 and 1,000. */
void kith_loader_set_deadlines (KithLoader *self, guint activate_ms, guint deactivate_ms);

/* Starts everything that is enabled, in the order that Requires asks for. Never fails as a whole: each plugin's info
 * tells. */
void kith_loader_activate_all_async (KithLoader *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data);
gboolean kith_loader_activate_all_finish (KithLoader *self, GAsyncResult *result, GError **error);
/* Stops everything, dependents first. */
void kith_loader_deactivate_all_async (KithLoader *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer user_data);
gboolean kith_loader_deactivate_all_finish (KithLoader *self, GAsyncResult *result, GError **error);

/* Live, and kept in the settings. Enabling also starts what it requires if that is enabled; disabling first stops
 * what requires it. KITH_ERROR_UNKNOWN: no such plugin. An activation that fails is the error of enable. */
void kith_loader_enable_async (KithLoader *self, const char *id, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
gboolean kith_loader_enable_finish (KithLoader *self, GAsyncResult *result, GError **error);
void kith_loader_disable_async (KithLoader *self, const char *id, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
gboolean kith_loader_disable_finish (KithLoader *self, GAsyncResult *result, GError **error);

/* Sorted by id; elements (none) live as long as the loader and change with "changed". Container. */
GPtrArray *kith_loader_list (KithLoader *self);
const KithPluginInfo *kith_loader_find (KithLoader *self, const char *id);
const char *kith_plugin_state_to_string (KithPluginState state);

/* Our own status or addresses changed: tells every active host. */
void kith_loader_notify_status (KithLoader *self);
void kith_loader_notify_addresses (KithLoader *self);

G_END_DECLS
