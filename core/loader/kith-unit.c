/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-unit.h"

#include "kith-bus-private.h"
#include "kith-log.h"
#include "kith-module.h"
#include "kith-plugin-private.h"

/* Activating or deactivating once. The callback of a plugin may come after its deadline, or never: the attempt is
 * counted, so that whoever comes late finds that it has ended. */
typedef struct _KithAttempt
{
  gatomicrefcount refs;
  KithUnit *unit; /* NULL once ended */
  KithPlugin *plugin;
  guint deadline;
} KithAttempt;

typedef struct
{
  KithUnit *unit;
  GWeakRef plugin;
  KithPluginState state;
  char *error;
  guint looks;
} Farewell;

/* A task that just called back still holds its object for a moment. */
#define FAREWELL_LOOKS 3

static KithAttempt *
attempt_ref (KithAttempt *attempt)
{
  g_atomic_ref_count_inc (&attempt->refs);
  return attempt;
}

static void
attempt_unref (KithAttempt *attempt)
{
  if (!g_atomic_ref_count_dec (&attempt->refs))
    return;
  g_clear_object (&attempt->plugin);
  g_free (attempt);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithAttempt, attempt_unref)

static KithAttempt *
attempt_begin (KithUnit *unit, guint deadline_ms, GSourceFunc on_deadline)
{
  KithAttempt *attempt = g_new0 (KithAttempt, 1);

  g_atomic_ref_count_init (&attempt->refs);
  attempt->unit = unit;
  attempt->plugin = g_object_ref (unit->plugin);
  unit->attempt = attempt;
  attempt->deadline = kith_world_add_timer (unit->shared->world, deadline_ms, on_deadline, attempt, NULL);
  return attempt;
}

/* Gives the unit, or NULL when somebody came first. */
static KithUnit *
attempt_end (KithAttempt *attempt)
{
  KithUnit *unit = g_steal_pointer (&attempt->unit);

  if (unit == NULL)
    return NULL;
  unit->attempt = NULL;
  kith_world_drop_timer (unit->shared->world, attempt->deadline);
  attempt->deadline = 0;
  g_clear_object (&attempt->plugin);
  attempt_unref (attempt);
  return unit;
}

static void
unit_tell (KithUnit *unit)
{
  unit->info.error = unit->error;
  unit->info.slow_what = unit->slow_what;
  unit->shared->moved (unit, unit->shared->moved_data);
}

void
kith_unit_set_state (KithUnit *unit, KithPluginState state, char *error)
{
  if (unit->info.state == state && g_strcmp0 (unit->error, error) == 0)
    {
      g_free (error);
      return;
    }
  unit->info.state = state;
  g_free (unit->error);
  unit->error = error;
  unit_tell (unit);
}

void
kith_unit_note_slow (KithUnit *unit, const char *what, guint ms)
{
  unit->info.slow_count++;
  if (ms > unit->info.slow_ms)
    {
      unit->info.slow_ms = ms;
      g_free (unit->slow_what);
      unit->slow_what = g_strdup (what);
    }
  unit_tell (unit);
}

gboolean
kith_unit_is_moving (const KithUnit *unit)
{
  return unit->info.state == KITH_PLUGIN_ACTIVATING || unit->info.state == KITH_PLUGIN_DEACTIVATING;
}

KithUnit *
kith_unit_new (const KithUnitShared *shared, KithManifest *manifest, const char *id, const char *path, GError *error)
{
  KithUnit *unit = g_new0 (KithUnit, 1);

  unit->shared = shared;
  unit->manifest = manifest;
  unit->id = g_strdup (manifest != NULL ? manifest->id : id);
  unit->path = g_strdup (manifest != NULL ? manifest->path : path);
  unit->info.id = unit->id;
  unit->info.path = unit->path;
  unit->info.name = manifest != NULL ? manifest->name : unit->id;
  unit->info.version = manifest != NULL ? manifest->version : "";
  if (error != NULL)
    {
      unit->error = g_strdup (error->message);
      unit->info.error = unit->error;
      unit->info.state = KITH_PLUGIN_FAILED;
      g_error_free (error);
    }
  return unit;
}

/* Ends what an activation left behind. The plugin's own reference is the last one, unless it leaks. */
static void
unit_release (KithUnit *unit)
{
  if (unit->host != NULL)
    kith_host_cut (unit->host);
  if (unit->plugin != NULL)
    kith_plugin_set_host (unit->plugin, NULL);
  g_clear_object (&unit->plugin);
  g_clear_object (&unit->host);
  g_clear_object (&unit->cancellable);
  unit->stopping = FALSE;
}

void
kith_unit_free (KithUnit *unit)
{
  if (unit->attempt != NULL)
    attempt_end (unit->attempt);
  kith_world_drop_timer (unit->shared->world, unit->farewell);
  unit_release (unit);
  kith_manifest_free (unit->manifest);
  g_free (unit->id);
  g_free (unit->path);
  g_free (unit->error);
  g_free (unit->slow_what);
  g_free (unit);
}

static void
farewell_free (gpointer data)
{
  Farewell *farewell = data;

  g_weak_ref_clear (&farewell->plugin);
  g_free (farewell->error);
  g_free (farewell);
}

/* Everything must be released by now: a plugin object that lives on would act behind the user's back. */
static gboolean
on_farewell (gpointer data)
{
  Farewell *farewell = data;
  g_autoptr (GObject) left = g_weak_ref_get (&farewell->plugin);
  KithUnit *unit = farewell->unit;

  if (left != NULL && ++farewell->looks < FAREWELL_LOOKS)
    return G_SOURCE_CONTINUE;
  if (left != NULL)
    {
      unit->info.leaked = TRUE;
      kith_warning_about (&(KithLogAbout) { .plugin = unit->id },
                          "The plugin \"%s\" was stopped, but something still holds its object", unit->id);
    }
  unit->farewell = 0;
  kith_unit_set_state (unit, farewell->state, g_steal_pointer (&farewell->error));
  return G_SOURCE_REMOVE;
}

static void
unit_say_farewell (KithUnit *unit, KithPluginState state, char *error)
{
  Farewell *farewell = g_new0 (Farewell, 1);

  farewell->unit = unit;
  farewell->state = state;
  farewell->error = error;
  g_weak_ref_init (&farewell->plugin, unit->plugin);
  unit_release (unit);
  unit->farewell = kith_world_add_idle (unit->shared->world, on_farewell, farewell, farewell_free);
}

static void
unit_end_activation (KithUnit *unit, GError *error)
{
  gboolean stopping = unit->stopping;
  g_autofree char *why = NULL;

  if (error == NULL)
    {
      kith_unit_set_state (unit, KITH_PLUGIN_ACTIVE, NULL);
      return;
    }
  why = g_strdup (error->message);
  if (!stopping && unit->vital)
    kith_info_about (&(KithLogAbout) { .plugin = unit->id }, "The plugin \"%s\" does not start: %s", unit->id, why);
  else if (!stopping)
    kith_warning_about (&(KithLogAbout) { .plugin = unit->id }, "The plugin \"%s\" does not start: %s", unit->id, why);
  unit_say_farewell (unit, stopping ? KITH_PLUGIN_OFF : KITH_PLUGIN_FAILED, stopping ? NULL : g_steal_pointer (&why));
}

static void
on_activated (GObject *source, GAsyncResult *result, gpointer data)
{
  KithAttempt *attempt = data;
  g_autoptr (GError) error = NULL;
  gboolean good = kith_plugin_activate_finish (KITH_PLUGIN (source), result, &error);
  KithUnit *unit = attempt_end (attempt);

  attempt_unref (attempt);
  if (unit == NULL)
    return;
  if (!good && error == NULL)
    error = g_error_new_literal (KITH_ERROR, KITH_ERROR_FAILED, "it failed and did not say why");
  unit_end_activation (unit, good ? NULL : error);
}

static gboolean
on_activate_deadline (gpointer data)
{
  g_autoptr (KithAttempt) attempt = attempt_ref (data);
  KithUnit *unit = attempt->unit;
  g_autoptr (GError) error = NULL;

  /* The timer is gone when this returns. Cancelling may end the attempt at once. */
  attempt->deadline = 0;
  error = g_error_new (KITH_ERROR, KITH_ERROR_FAILED, "it did not start within %u ms", unit->shared->activate_ms);
  g_cancellable_cancel (unit->cancellable);
  if (attempt_end (attempt) != NULL)
    unit_end_activation (unit, error);
  return G_SOURCE_REMOVE;
}

static gboolean
unit_prepare (KithUnit *unit, GError **error)
{
  const KithUnitShared *shared = unit->shared;
  g_autoptr (GSettings) settings = NULL;
  g_autoptr (KithBus) port = NULL;

  if (unit->type == G_TYPE_INVALID)
    unit->type = kith_module_open (unit->manifest, error);
  if (unit->type == G_TYPE_INVALID)
    return FALSE;
  if (unit->manifest->settings != NULL)
    {
      settings = shared->settings_func != NULL
                   ? shared->settings_func (unit->manifest->settings, unit->id, shared->settings_data, error)
                   : NULL;
      if (settings == NULL)
        {
          if (error != NULL && *error == NULL)
            g_set_error (error, KITH_ERROR, KITH_ERROR_UNKNOWN, "its settings schema \"%s\" is not installed",
                         unit->manifest->settings);
          return FALSE;
        }
    }
  port = kith_bus_add_port (shared->bus, unit->id);
  unit->host = kith_host_new (unit->id, shared->funcs, shared->backend, port, settings, shared->world);
  kith_host_set_builtin (unit->host, unit->info.builtin);
  kith_host_set_provides (unit->host, (const char *const *) unit->manifest->provides);
  unit->plugin = g_object_new (unit->type, NULL);
  unit->cancellable = g_cancellable_new ();
  kith_plugin_set_host (unit->plugin, unit->host);
  return TRUE;
}

void
kith_unit_start (KithUnit *unit)
{
  g_autoptr (GError) error = NULL;
  KithAttempt *attempt;
  gint64 start_us;

  if (!unit_prepare (unit, &error))
    {
      kith_warning_about (&(KithLogAbout) { .plugin = unit->id }, "The plugin \"%s\" does not start: %s", unit->id,
                          error->message);
      kith_unit_set_state (unit, KITH_PLUGIN_FAILED, g_strdup (error->message));
      return;
    }
  attempt = attempt_begin (unit, unit->shared->activate_ms, on_activate_deadline);
  kith_unit_set_state (unit, KITH_PLUGIN_ACTIVATING, NULL);
  start_us = kith_world_get_time_us (unit->shared->world);
  kith_plugin_activate_async (unit->plugin, unit->host, unit->cancellable, on_activated, attempt_ref (attempt));
  if (unit->host != NULL)
    kith_bus_measure (kith_host_get_bus (unit->host), "activate", start_us);
}

static void
on_deactivated (GObject *source, GAsyncResult *result, gpointer data)
{
  KithAttempt *attempt = data;
  g_autoptr (GError) error = NULL;
  gboolean good = kith_plugin_deactivate_finish (KITH_PLUGIN (source), result, &error);
  KithUnit *unit = attempt_end (attempt);

  attempt_unref (attempt);
  if (unit == NULL)
    return;
  if (!good)
    kith_warning_about (&(KithLogAbout) { .plugin = unit->id }, "The plugin \"%s\" did not stop cleanly: %s", unit->id,
                        error != NULL ? error->message : "it did not say why");
  unit_say_farewell (unit, KITH_PLUGIN_OFF, NULL);
}

static gboolean
on_deactivate_deadline (gpointer data)
{
  g_autoptr (KithAttempt) attempt = attempt_ref (data);
  KithUnit *unit = attempt->unit;
  g_autofree char *why = g_strdup_printf ("it did not stop within %u ms", unit->shared->deactivate_ms);

  attempt->deadline = 0;
  g_cancellable_cancel (unit->cancellable);
  if (attempt_end (attempt) == NULL)
    return G_SOURCE_REMOVE;
  kith_warning_about (&(KithLogAbout) { .plugin = unit->id }, "The plugin \"%s\": %s", unit->id, why);
  unit_say_farewell (unit, KITH_PLUGIN_OFF, g_steal_pointer (&why));
  return G_SOURCE_REMOVE;
}

void
kith_unit_stop (KithUnit *unit)
{
  KithAttempt *attempt;

  if (unit->info.state == KITH_PLUGIN_ACTIVATING)
    {
      if (unit->stopping || unit->attempt == NULL)
        return;
      unit->stopping = TRUE;
      attempt = unit->attempt;
      kith_world_drop_timer (unit->shared->world, attempt->deadline);
      attempt->deadline = kith_world_add_timer (unit->shared->world, unit->shared->deactivate_ms, on_activate_deadline,
                                                attempt, NULL);
      g_cancellable_cancel (unit->cancellable);
      return;
    }
  if (unit->info.state != KITH_PLUGIN_ACTIVE)
    return;
  g_clear_object (&unit->cancellable);
  unit->cancellable = g_cancellable_new ();
  attempt = attempt_begin (unit, unit->shared->deactivate_ms, on_deactivate_deadline);
  kith_unit_set_state (unit, KITH_PLUGIN_DEACTIVATING, NULL);
  kith_plugin_deactivate_async (unit->plugin, unit->cancellable, on_deactivated, attempt_ref (attempt));
}
