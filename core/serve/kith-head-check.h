/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The head of a request, byte for byte, before libsoup parses it: libsoup forgives much (bare line feeds, folded
 * lines, signs and lists in Content-Length), resolves dot segments unasked, and forgets to free the path of what it
 * then refuses. */
#pragma once

#include "kith-reason.h"

G_BEGIN_DECLS

/* Length of the head with its empty line, or 0: it is not complete yet. */
gsize      kith_head_measure (const char *data, gsize n);
/* head: as long as was measured. */
KithReason kith_head_check   (const char *head, gsize n);

G_END_DECLS
