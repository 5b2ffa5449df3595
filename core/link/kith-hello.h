/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-link.h"

G_BEGIN_DECLS

#define KITH_HELLO_MAX_ADDRESSES 8
#define KITH_HELLO_MAX_FEATURES 32

/* Reads and checks a HELLO. FALSE with the reason: nothing was filled in. */
gboolean kith_link_hello_parse (KithLinkHello *hello, const guint8 *json, gsize n, GError **error);
/* Its JSON, at most KITH_FRAME_MAX_HELLO bytes: addresses that do not fit are left out, from the end. */
GBytes  *kith_link_hello_print (const KithLinkHello *hello);
void     kith_link_hello_clear (KithLinkHello *hello);

G_END_DECLS
