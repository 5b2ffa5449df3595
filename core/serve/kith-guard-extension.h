/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sees every WebSocket frame before libsoup acts on it: it is installed, never negotiated. It changes nothing; it says
 * no to messages in too many pieces or too long, to too many frames, and to long control frames. */
#pragma once

#include <libsoup/soup.h>

#include "kith-hall.h"

G_BEGIN_DECLS

#define KITH_TYPE_GUARD_EXTENSION (kith_guard_extension_get_type ())
G_DECLARE_FINAL_TYPE (KithGuardExtension, kith_guard_extension, KITH, GUARD_EXTENSION, SoupWebsocketExtension)

KithGuardExtension *kith_guard_extension_new        (KithHall *hall);
KithReason          kith_guard_extension_get_reason (KithGuardExtension *self);   /* of its no; NONE: it said none */

G_END_DECLS
