/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reading side of a connection as libsoup sees it: at most one slice a dispatch, so that nobody starves the others,
 * and limits on what may come in each phase. */
#pragma once

#include "kith-pipe.h"

G_BEGIN_DECLS

#define KITH_TYPE_GUARD_STREAM (kith_guard_stream_get_type ())
G_DECLARE_FINAL_TYPE (KithGuardStream, kith_guard_stream, KITH, GUARD_STREAM, GInputStream)

GInputStream *kith_guard_stream_new (KithPipe *pipe);   /* borrows it: the pipe owns the stream */
void          kith_guard_stream_detach (GInputStream *stream);

G_END_DECLS
