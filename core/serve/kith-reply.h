/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of an answer. Every answer of the door goes through here: one write, then the connection closes. */
#pragma once

#include "kith-head.h"
#include "kith-pipe.h"

G_BEGIN_DECLS

GBytes *kith_reply_error_body (const char *text);   /* {"error": text} */
/* headers: names and values in turn, or NULL; they replace ours of the same name. origin: NULL, or one that is
 * allowed. */
void    kith_reply            (KithPipe *pipe, guint status, GBytes *body, const char *const *headers,
                               const char *origin, gboolean head_only);
/* Counts, logs, answers. head: NULL when it could not be read. */
void    kith_reply_refuse     (KithPipe *pipe, KithReason reason, const KithHead *head);
void    kith_reply_preflight  (KithPipe *pipe, const KithHead *head);
/* To somebody who got no further than accept(): best effort. */
void    kith_reply_at_accept  (int fd, KithReason reason);

G_END_DECLS
