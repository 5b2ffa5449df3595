/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-manifest.h"

G_BEGIN_DECLS

/* Opens a plugin's shared object: every symbol bound now, none of its own given to others, never unmapped again (its
 * types cannot be). Gives the plugin's type, or G_TYPE_INVALID with an error that says what is wrong with the file. */
GType kith_module_open (const KithManifest *manifest, GError **error);

G_END_DECLS
