/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "contents/kith-contents.h"

G_BEGIN_DECLS

/* Somebody whom we do not know wrote (content.md §3). [jobs] apply->person: their row, with id 0 when there is none yet
 * (ik and username are set). The content waits; `friend_request` is told once. KITH_ERROR_BUSY: they have too much
 * waiting. */
gboolean kith_requests_keep (KithApply *apply, const KithSaid *said, GError **error);

G_END_DECLS
