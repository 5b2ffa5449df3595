/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the user has not seen yet, one entry a conversation, and when each is put up: at once, and then at most once a
 * second; few at a time. Main thread. */
#pragma once

#include "kith-notifier.h"

G_BEGIN_DECLS

typedef struct _KithNoticeBoard KithNoticeBoard;

KithNoticeBoard *kith_notice_board_new  (KithHost *host);
void             kith_notice_board_free (KithNoticeBoard *self);
/* Takes everything down; the task (full) returns TRUE. */
void             kith_notice_board_clear (KithNoticeBoard *self, GTask *task);

void kith_notice_board_add_message  (KithNoticeBoard *self, const char *username, const char *msg_id,
                                     const char *text);
void kith_notice_board_add_request  (KithNoticeBoard *self, const char *username, const char *text /* nullable */);
/* How many are unread; none: it is taken down. */
void kith_notice_board_set_unread   (KithNoticeBoard *self, const char *username, guint count);
/* Another text for a message that may be shown; NULL: it was deleted. */
void kith_notice_board_change_text  (KithNoticeBoard *self, const char *username, const char *msg_id,
                                     const char *text);
void kith_notice_board_drop_chat    (KithNoticeBoard *self, const char *username);
void kith_notice_board_drop_request (KithNoticeBoard *self, const char *username);
/* A setting, or our own status, is another. */
void kith_notice_board_refresh      (KithNoticeBoard *self);

G_END_DECLS
