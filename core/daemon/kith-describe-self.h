/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the API is, printed without a daemon: no data, no ports, no settings. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* what: "openapi", "schema", "catalog" or "typescript". Built-in plugins that are found are in it. Returns the exit
 * status. */
int kith_describe_self (const char *what);

G_END_DECLS
