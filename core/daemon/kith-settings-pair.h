/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One schema at one path, twice: what the desktop or the file says, and what is in force. GSettings itself would take
 * the default for a value that cannot be, without a word; here the old value stays in force and the log says so once.
 * Used by kith-settings.c alone. Main thread. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The key file behind a backend. */
typedef struct _KithSettingsFile KithSettingsFile;

/* NULL: the backend keeps no file that one could read. */
KithSettingsFile *kith_settings_file_new  (GSettingsBackend *backend);
void              kith_settings_file_free (KithSettingsFile *self);

typedef struct _KithSettingsPair KithSettingsPair;

/* name: for the log, nullable: the daemon's own. The file is kept by the caller. passed (nullable): one key that is
 * told by kith_settings_pair_pass() and by nobody else. */
KithSettingsPair *kith_settings_pair_new      (GSettingsSchema *schema, const char *path, GSettingsBackend *raw,
                                               GSettingsBackend *good, KithSettingsFile *file, const char *name,
                                               const char *passed);
void              kith_settings_pair_free     (KithSettingsPair *self);
GSettings        *kith_settings_pair_get      (KithSettingsPair *self);   /* none: what is in force; may be written */
/* full: the same for somebody else, whose handlers end with it */
GSettings        *kith_settings_pair_open     (KithSettingsPair *self);
GSettingsSchema  *kith_settings_pair_schema   (KithSettingsPair *self);   /* none */
const char       *kith_settings_pair_passed   (KithSettingsPair *self);   /* none, nullable */
void              kith_settings_pair_pass     (KithSettingsPair *self, GVariant *value);
/* Where it lasts. NULL: the default. INVALID: it cannot be. REFUSED: the administrator has locked it, or the file
 * cannot be written. */
gboolean          kith_settings_pair_write    (KithSettingsPair *self, const char *key, GVariant *value,
                                               GError **error);

G_END_DECLS
