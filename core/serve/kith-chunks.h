/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks at a chunked body as it passes to libsoup, which takes "-1" for a size and "zz" for the end. RFC 9112 §7.1,
 * without extensions and trailers: nobody sends them. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  guint8 state;
  guint8 digits;
  guint64 left;
} KithChunks;   /* starts zeroed */

/* FALSE: these bytes are no part of a chunked body. */
gboolean kith_chunks_check (KithChunks *self, const guint8 *data, gsize n);

G_END_DECLS
