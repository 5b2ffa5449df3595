/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-loader.h"
#include "kith-manifest.h"

G_BEGIN_DECLS

typedef struct _KithUnit KithUnit;
typedef void (*KithUnitFunc) (KithUnit *unit, gpointer data);

/* What all units of a loader share. */
typedef struct
{
  KithWorld *world;
  KithBus *bus;
  const KithHostFuncs *funcs;
  gpointer backend;
  KithSettingsFunc settings_func;
  gpointer settings_data;
  guint activate_ms;
  guint deactivate_ms;
  KithUnitFunc moved; /* the state is another now; main thread, never from inside start or stop */
  gpointer moved_data;
} KithUnitShared;

/* One known plugin: its manifest, the module once it was opened, and the present activation. */
struct _KithUnit
{
  KithPluginInfo info;
  const KithUnitShared *shared;
  KithManifest *manifest; /* NULL when it could not be read: the error is in the info */
  char *id;
  char *path;
  char *error;
  char *slow_what;
  GType type; /* 0 until the module was opened */

  KithPlugin *plugin;
  KithHost *host;
  GCancellable *cancellable;
  struct _KithAttempt *attempt; /* an activation or deactivation under way */
  gboolean stopping;            /* an activation that is no longer wanted */
  gboolean vital;               /* who waits for it says why it fails */
  gboolean wanted;              /* enabled, and the loader runs */
  guint farewell;               /* waits for the plugin object to be gone */
};

/* @manifest is taken; with NULL, @id and @path name the plugin and @error (taken) says why. */
KithUnit *kith_unit_new (const KithUnitShared *shared, KithManifest *manifest, const char *id, const char *path,
                         GError *error);
void kith_unit_free (KithUnit *unit);

/* From off, failed or skipped; ends in active or failed. */
void kith_unit_start (KithUnit *unit);
/* From active, or while activating; ends in off. */
void kith_unit_stop (KithUnit *unit);
/* Takes @error; for states without an activation. */
void kith_unit_set_state (KithUnit *unit, KithPluginState state, char *error);
void kith_unit_note_slow (KithUnit *unit, const char *what, guint ms);
gboolean kith_unit_is_moving (const KithUnit *unit);

G_END_DECLS
