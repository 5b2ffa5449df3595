/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "kith-world.h"

G_BEGIN_DECLS

/* The token of the API, in a 0600 file. NULL with an error; makes one when there is none, or anew. Wipe and
 * g_free(). */
char *kith_token_obtain (KithWorld *world, const char *path, gboolean anew, GError **error);

G_END_DECLS
