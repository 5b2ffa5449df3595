/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Path and query of a request, decoded exactly once. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* NULL: broken escapes, NUL or a control character, no UTF-8, an encoded slash, an empty or a dot segment (one slash
 * at the end is kept: it is the route's business). */
char       *kith_target_parse_path  (const char *raw);
/* name → value; "+" is a space. NULL: broken escapes, NUL, no UTF-8, a name twice. raw NULL: empty. */
GHashTable *kith_target_parse_query (const char *raw);

G_END_DECLS
