/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writing side of a connection as libsoup sees it. libsoup writes little: pongs and its half of a close. They join
 * the queue at a frame boundary and leave with everything else, so libsoup's own unbounded queue stays empty. */
#pragma once

#include "kith-pipe.h"

G_BEGIN_DECLS

#define KITH_TYPE_DIRECT_STREAM (kith_direct_stream_get_type ())
G_DECLARE_FINAL_TYPE (KithDirectStream, kith_direct_stream, KITH, DIRECT_STREAM, GOutputStream)

GOutputStream *kith_direct_stream_new    (KithPipe *pipe);   /* borrows it: the pipe owns the stream */
void           kith_direct_stream_detach (GOutputStream *stream);

G_END_DECLS
