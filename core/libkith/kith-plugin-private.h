/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"

G_BEGIN_DECLS

/* The loader's side of a plugin: the host is set before activation and taken away after the cut. */
KITH_PRIVATE void kith_plugin_set_host (KithPlugin *self, KithHost *host);
KITH_PRIVATE void kith_plugin_activate_async (KithPlugin *self, KithHost *host, GCancellable *cancellable,
                                              GAsyncReadyCallback callback, gpointer user_data);
KITH_PRIVATE gboolean kith_plugin_activate_finish (KithPlugin *self, GAsyncResult *result, GError **error);
KITH_PRIVATE void kith_plugin_deactivate_async (KithPlugin *self, GCancellable *cancellable,
                                                GAsyncReadyCallback callback, gpointer user_data);
KITH_PRIVATE gboolean kith_plugin_deactivate_finish (KithPlugin *self, GAsyncResult *result, GError **error);

G_END_DECLS
