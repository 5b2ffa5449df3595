/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-loader.h"
#include "kith-manifest.h"

/* What looking for plugins needs of the loader. */
const char *const *kith_loader_get_path (KithLoader *self);
gboolean kith_loader_is_builtin_id (KithLoader *self, const char *id);
/* Takes @manifest and @error; one of them is NULL. */
void kith_loader_take_unit (KithLoader *self, KithManifest *manifest, const char *id, const char *path,
                             gboolean builtin, GError *error);
