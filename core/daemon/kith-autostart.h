/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting after login inside a Flatpak, where only the desktop can arrange that: org.freedesktop.portal.Background.
 * Main thread. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _KithAutostart KithAutostart;

/* For people: "off", "asked", "on", "refused: …", "failed: …". */
typedef void (*KithAutostartFunc) (const char *state, gpointer data);

/* Whether GLib goes through portals here, and the start after login with it; elsewhere units and autostart files do. */
gboolean       kith_autostart_is_wanted (void);
/* Follows the setting "autostart" from now on. */
KithAutostart *kith_autostart_new       (GDBusConnection *bus, GSettings *main, KithAutostartFunc func, gpointer data);
void           kith_autostart_free      (KithAutostart *self);

G_END_DECLS
