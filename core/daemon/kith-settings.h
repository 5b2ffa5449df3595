/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The settings of one profile, from dconf or from a key file. Main thread. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define KITH_TYPE_SETTINGS (kith_settings_get_type ())
G_DECLARE_FINAL_TYPE (KithSettings, kith_settings, KITH, SETTINGS, GObject)

/* Signal "changed" (const char *key), detailed: a setting of the house has another value now, and it is a good one.
 * Every GSettings that is given out here has what is in force: a value that cannot be is named in the log, once, and
 * what was in force stays. Writing to one lasts. */
/* file NULL: the desktop's own backend at the profile's path. INVALID: a file that is not there or cannot be read. One
 * that is no key file stays as it is, and the defaults count. */
KithSettings *kith_settings_new          (const char *profile, const char *file, GError **error);
GSettings    *kith_settings_get_main     (KithSettings *self);   /* none; im.kith.Kith */
/* full, nullable: settings of a plugin, with the schema of its manifest. NULL with an error when it is not
 * installed. */
GSettings    *kith_settings_open_plugin  (KithSettings *self, const char *plugin, const char *schema_id,
                                          GError **error);
/* full: the setting, else the login name made fit; INVALID: the setting is no username */
char         *kith_settings_dup_username (KithSettings *self, GError **error);
/* full; "key" or "PLUGIN.key": what is in force */
GSettings    *kith_settings_find         (KithSettings *self, const char *name, const char **key, GError **error);
/* Where it lasts; NULL: the default. UNKNOWN, INVALID, REFUSED. */
gboolean      kith_settings_write        (KithSettings *self, const char *name, GVariant *value, GError **error);
typedef void (*KithSettingsEachFunc) (const char *name, GSettings *settings, GSettingsSchemaKey *key, gpointer data);
void          kith_settings_each         (KithSettings *self, KithSettingsEachFunc func, gpointer data);
/* Keys of other services: written, and never shown again, in no answer and no log. */
gboolean      kith_settings_is_secret    (const char *key);
/* g_free: the value as GVariant text, or what stands for a secret. */
char         *kith_settings_print        (const char *key, GVariant *value);
gboolean      kith_profile_is_valid      (const char *profile);

G_END_DECLS
