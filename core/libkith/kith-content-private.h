/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"

G_BEGIN_DECLS

/* Called at most once, when the plugin is done with it; a content that is dropped without it stays in the inbox. */
typedef void (*KithContentDoneFunc) (KithContent *content, gpointer data);

/* @data is taken over and sealed. */
KITH_PRIVATE KithContent *kith_content_new (KithFriend *from, const char *kind, const char *id, JsonObject *data,
                                            KithContentDoneFunc done, gpointer user_data, GDestroyNotify destroy);

G_END_DECLS
