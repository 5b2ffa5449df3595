/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-loader-impl.h"

#include "kith-bus-private.h"
#include "kith-graph.h"
#include "kith-log.h"
#include "kith-loader-config.h"

#define ENABLED_KEY "enabled-plugins"
#define DISABLED_KEY "disabled-plugins"

struct _KithLoader
{
  GObject parent_instance;

  KithUnitShared shared;
  GSettings *settings;
  GStrv path;
  GStrv builtins;
  GPtrArray *units; /* of KithUnit, sorted by id */
  GPtrArray *waiting; /* of GTask: what was asked for and has not settled */
  gboolean running;
  guint arranging; /* an idle */
};

G_DEFINE_FINAL_TYPE (KithLoader, kith_loader, G_TYPE_OBJECT)

static guint changed_signal;

static const char *const state_names[] = {
  [KITH_PLUGIN_OFF] = "off",
  [KITH_PLUGIN_ACTIVATING] = "activating",
  [KITH_PLUGIN_ACTIVE] = "active",
  [KITH_PLUGIN_DEACTIVATING] = "deactivating",
  [KITH_PLUGIN_FAILED] = "failed",
  [KITH_PLUGIN_SKIPPED] = "skipped",
};

const char *
kith_plugin_state_to_string (KithPluginState state)
{
  return (gsize) state < G_N_ELEMENTS (state_names) ? state_names[state] : "off";
}

static KithUnit *
find_unit (KithLoader *self, const char *id)
{
  for (guint i = 0; i < self->units->len; i++)
    {
      KithUnit *unit = g_ptr_array_index (self->units, i);

      if (g_strcmp0 (unit->id, id) == 0)
        return unit;
    }
  return NULL;
}

static gboolean
list_has (GSettings *settings, const char *key, const char *id)
{
  g_auto (GStrv) list = g_settings_get_strv (settings, key);

  return g_strv_contains ((const char *const *) list, id);
}

static void
update_enabled (KithLoader *self, KithUnit *unit)
{
  if (self->settings == NULL)
    return;
  if (list_has (self->settings, DISABLED_KEY, unit->id))
    unit->info.enabled = FALSE;
  else
    unit->info.enabled = unit->info.builtin || list_has (self->settings, ENABLED_KEY, unit->id);
}

static void
list_change (GSettings *settings, const char *key, const char *id, gboolean there)
{
  g_auto (GStrv) old = g_settings_get_strv (settings, key);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) list = NULL;

  if (g_strv_contains ((const char *const *) old, id) == there)
    return;
  for (gsize i = 0; old[i] != NULL; i++)
    if (!g_str_equal (old[i], id))
      g_strv_builder_add (builder, old[i]);
  if (there)
    g_strv_builder_add (builder, id);
  list = g_strv_builder_end (builder);
  g_settings_set_strv (settings, key, (const char *const *) list);
}

/* What the user says is kept; the default is kept by saying nothing. */
static void
keep_enabled (KithLoader *self, KithUnit *unit, gboolean enabled)
{
  unit->info.enabled = enabled;
  if (self->settings == NULL)
    return;
  list_change (self->settings, DISABLED_KEY, unit->id, !enabled && unit->info.builtin);
  list_change (self->settings, ENABLED_KEY, unit->id, enabled && !unit->info.builtin);
}

/* One step for one unit towards what is wanted. */
static void
arrange_unit (KithLoader *self, KithUnit *unit)
{
  g_autofree char *why = NULL;

  unit->wanted = self->running && unit->info.enabled && unit->manifest != NULL;
  switch (unit->info.state)
    {
    case KITH_PLUGIN_ACTIVE:
      if (!kith_graph_may_stay (self->units, unit) && !kith_graph_is_needed (self->units, unit))
        kith_unit_stop (unit);
      break;
    case KITH_PLUGIN_ACTIVATING:
      if (!unit->wanted)
        kith_unit_stop (unit);
      break;
    case KITH_PLUGIN_OFF:
    case KITH_PLUGIN_SKIPPED:
      if (!unit->wanted)
        kith_unit_set_state (unit, KITH_PLUGIN_OFF,
                             g_strdup (unit->info.state == KITH_PLUGIN_OFF ? unit->error : NULL));
      else if (!kith_graph_is_possible (self->units, unit, &why))
        kith_unit_set_state (unit, KITH_PLUGIN_SKIPPED, g_strdup_printf ("\"%s\" %s", unit->id, why));
      else if (kith_graph_is_ready (self->units, unit))
        kith_unit_start (unit);
      break;
    case KITH_PLUGIN_FAILED:
      if (!unit->wanted && unit->manifest != NULL)
        kith_unit_set_state (unit, KITH_PLUGIN_OFF, g_strdup (unit->error));
      break;
    case KITH_PLUGIN_DEACTIVATING:
    default:
      break;
    }
}

static gboolean
any_moving (KithLoader *self)
{
  for (guint i = 0; i < self->units->len; i++)
    if (kith_unit_is_moving (g_ptr_array_index (self->units, i)))
      return TRUE;
  return FALSE;
}

/* The task data is the id that it is about; NULL: all of them. */
static void
settle_task (KithLoader *self, GTask *task)
{
  const char *id = g_task_get_task_data (task);
  KithUnit *unit = id != NULL ? find_unit (self, id) : NULL;

  if (unit != NULL && g_task_get_source_tag (task) == kith_loader_enable_async && unit->info.enabled
      && unit->info.state != KITH_PLUGIN_ACTIVE && self->running)
    g_task_return_new_error (task, KITH_ERROR, KITH_ERROR_FAILED, "the plugin \"%s\" did not start: %s", id,
                             unit->error != NULL ? unit->error : "it did not say why");
  else
    g_task_return_boolean (task, TRUE);
}

static gboolean
arrange (gpointer data)
{
  g_autoptr (KithLoader) self = g_object_ref (data);
  g_autoptr (GPtrArray) settled = NULL;

  self->arranging = 0;
  /* What is wanted must be known of all before anything moves. */
  for (guint i = 0; i < self->units->len; i++)
    {
      KithUnit *unit = g_ptr_array_index (self->units, i);

      unit->wanted = self->running && unit->info.enabled && unit->manifest != NULL;
    }
  for (guint i = 0; i < self->units->len; i++)
    arrange_unit (self, g_ptr_array_index (self->units, i));
  /* A step may have made another possible: then this comes again. */
  if (self->arranging != 0 || any_moving (self))
    return G_SOURCE_REMOVE;
  settled = g_steal_pointer (&self->waiting);
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < settled->len; i++)
    settle_task (self, g_ptr_array_index (settled, i));
  return G_SOURCE_REMOVE;
}

static void
arrange_soon (KithLoader *self)
{
  if (self->arranging == 0)
    self->arranging = kith_world_add_idle (self->shared.world, arrange, self, NULL);
}

static void
on_unit_moved (KithUnit *unit, gpointer data)
{
  KithLoader *self = data;

  g_signal_emit (self, changed_signal, 0, unit->id);
  arrange_soon (self);
}

static void
on_settings_changed (GSettings *settings, const char *key, KithLoader *self)
{
  for (guint i = 0; i < self->units->len; i++)
    {
      KithUnit *unit = g_ptr_array_index (self->units, i);
      gboolean before = unit->info.enabled;

      update_enabled (self, unit);
      if (before == unit->info.enabled)
        continue;
      /* Switching on is also how one asks to try again. */
      if (unit->info.enabled && unit->info.state == KITH_PLUGIN_FAILED && unit->manifest != NULL)
        kith_unit_set_state (unit, KITH_PLUGIN_OFF, NULL);
      g_signal_emit (self, changed_signal, 0, unit->id);
    }
  arrange_soon (self);
}

static void
on_slow (const char *plugin_id, const char *what, guint ms, gpointer data)
{
  KithUnit *unit = find_unit (data, plugin_id);

  kith_warning_about (&(KithLogAbout) { .plugin = plugin_id }, "The plugin \"%s\" kept the loop for %u ms: %s",
                      plugin_id, ms, what);
  if (unit != NULL)
    kith_unit_note_slow (unit, what, ms);
}

static void
kith_loader_dispose (GObject *object)
{
  KithLoader *self = KITH_LOADER (object);

  if (self->shared.world != NULL)
    {
      kith_world_drop_timer (self->shared.world, self->arranging);
      self->arranging = 0;
      kith_bus_set_slow_func (self->shared.bus, NULL, NULL);
    }
  if (self->settings != NULL)
    g_signal_handlers_disconnect_by_data (self->settings, self);
  g_clear_object (&self->settings);
  g_clear_pointer (&self->waiting, g_ptr_array_unref);
  g_clear_pointer (&self->units, g_ptr_array_unref);
  g_clear_object (&self->shared.bus);
  g_clear_pointer (&self->shared.world, kith_world_unref);
  g_clear_pointer (&self->path, g_strfreev);
  g_clear_pointer (&self->builtins, g_strfreev);
  G_OBJECT_CLASS (kith_loader_parent_class)->dispose (object);
}

static void
kith_loader_class_init (KithLoaderClass *class)
{
  G_OBJECT_CLASS (class)->dispose = kith_loader_dispose;
  changed_signal = g_signal_new ("changed", G_TYPE_FROM_CLASS (class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE);
}

static void
kith_loader_init (KithLoader *self)
{
  self->units = g_ptr_array_new_with_free_func ((GDestroyNotify) kith_unit_free);
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  self->builtins = g_strsplit (KITH_BUILTIN_PLUGINS, ";", -1);
  self->shared.activate_ms = 10000;
  self->shared.deactivate_ms = 1000;
  self->shared.moved = on_unit_moved;
  self->shared.moved_data = self;
}

KithLoader *
kith_loader_new (KithWorld *world, KithBus *bus, const KithHostFuncs *funcs, gpointer backend, GSettings *settings,
                 KithSettingsFunc settings_func, gpointer settings_data, const char *const *path)
{
  KithLoader *self = g_object_new (KITH_TYPE_LOADER, NULL);

  self->shared.world = kith_world_ref (world);
  self->shared.bus = g_object_ref (bus);
  self->shared.funcs = funcs;
  self->shared.backend = backend;
  self->shared.settings_func = settings_func;
  self->shared.settings_data = settings_data;
  self->path = path != NULL ? g_strdupv ((char **) path) : kith_loader_dup_default_path ();
  kith_bus_set_slow_func (bus, on_slow, self);
  if (settings != NULL)
    {
      self->settings = g_object_ref (settings);
      g_signal_connect (settings, "changed::" ENABLED_KEY, G_CALLBACK (on_settings_changed), self);
      g_signal_connect (settings, "changed::" DISABLED_KEY, G_CALLBACK (on_settings_changed), self);
    }
  return self;
}

void
kith_loader_set_builtins (KithLoader *self, const char *const *ids)
{
  g_strfreev (self->builtins);
  self->builtins = g_strdupv ((char **) ids);
}

void
kith_loader_set_deadlines (KithLoader *self, guint activate_ms, guint deactivate_ms)
{
  if (activate_ms > 0)
    self->shared.activate_ms = activate_ms;
  if (deactivate_ms > 0)
    self->shared.deactivate_ms = deactivate_ms;
}

gboolean
kith_loader_is_builtin_id (KithLoader *self, const char *id)
{
  return g_strv_contains ((const char *const *) self->builtins, id);
}

const char *const *
kith_loader_get_path (KithLoader *self)
{
  return (const char *const *) self->path;
}

static int
unit_compare (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(KithUnit *const *) a)->id, (*(KithUnit *const *) b)->id);
}

void
kith_loader_take_unit (KithLoader *self, KithManifest *manifest, const char *id, const char *path, gboolean builtin,
                       GError *error)
{
  KithUnit *unit = kith_unit_new (&self->shared, manifest, id, path, error);

  unit->info.builtin = builtin;
  unit->info.enabled = builtin;
  update_enabled (self, unit);
  g_ptr_array_add (self->units, unit);
  g_ptr_array_sort (self->units, unit_compare);
}

static void
wait_task (KithLoader *self, gpointer tag, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
           gpointer user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  g_task_set_task_data (task, g_strdup (id), g_free);
  g_ptr_array_add (self->waiting, task);
  arrange_soon (self);
}

void
kith_loader_activate_all_async (KithLoader *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data)
{
  self->running = TRUE;
  wait_task (self, kith_loader_activate_all_async, NULL, cancellable, callback, user_data);
}

gboolean
kith_loader_activate_all_finish (KithLoader *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
kith_loader_deactivate_all_async (KithLoader *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  self->running = FALSE;
  wait_task (self, kith_loader_deactivate_all_async, NULL, cancellable, callback, user_data);
}

gboolean
kith_loader_deactivate_all_finish (KithLoader *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Whether @id can be switched at all; if not, the task has its error. */
static KithUnit *
unit_to_switch (KithLoader *self, const char *id, gpointer tag, GAsyncReadyCallback callback, gpointer user_data)
{
  KithUnit *unit = find_unit (self, id);

  if (unit == NULL)
    g_task_report_new_error (self, callback, user_data, tag, KITH_ERROR, KITH_ERROR_UNKNOWN,
                             "there is no plugin \"%s\"", id);
  return unit;
}

void
kith_loader_enable_async (KithLoader *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer user_data)
{
  KithUnit *unit = unit_to_switch (self, id, kith_loader_enable_async, callback, user_data);

  if (unit == NULL)
    return;
  keep_enabled (self, unit, TRUE);
  if (unit->info.state == KITH_PLUGIN_FAILED && unit->manifest != NULL)
    kith_unit_set_state (unit, KITH_PLUGIN_OFF, NULL);
  wait_task (self, kith_loader_enable_async, id, cancellable, callback, user_data);
}

gboolean
kith_loader_enable_finish (KithLoader *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
kith_loader_disable_async (KithLoader *self, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer user_data)
{
  KithUnit *unit = unit_to_switch (self, id, kith_loader_disable_async, callback, user_data);

  if (unit == NULL)
    return;
  keep_enabled (self, unit, FALSE);
  wait_task (self, kith_loader_disable_async, id, cancellable, callback, user_data);
}

gboolean
kith_loader_disable_finish (KithLoader *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

GPtrArray *
kith_loader_list (KithLoader *self)
{
  GPtrArray *list = g_ptr_array_sized_new (self->units->len);

  for (guint i = 0; i < self->units->len; i++)
    g_ptr_array_add (list, &((KithUnit *) g_ptr_array_index (self->units, i))->info);
  return list;
}

void
kith_loader_set_vital (KithLoader *self, const char *id, gboolean vital)
{
  KithUnit *unit = find_unit (self, id);

  if (unit != NULL)
    unit->vital = vital;
}

const KithPluginInfo *
kith_loader_find (KithLoader *self, const char *id)
{
  KithUnit *unit = find_unit (self, id);

  return unit != NULL ? &unit->info : NULL;
}

void
kith_loader_notify_status (KithLoader *self)
{
  for (guint i = 0; i < self->units->len; i++)
    {
      KithUnit *unit = g_ptr_array_index (self->units, i);

      if (unit->host != NULL)
        kith_host_notify_status (unit->host);
    }
}

void
kith_loader_notify_addresses (KithLoader *self)
{
  for (guint i = 0; i < self->units->len; i++)
    {
      KithUnit *unit = g_ptr_array_index (self->units, i);

      if (unit->host != NULL)
        kith_host_notify_addresses (unit->host);
    }
}
