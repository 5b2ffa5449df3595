/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-private.h"

G_BEGIN_DECLS

/* Called exactly once: with @error NULL, or with status = kith_error_to_status (error) and no body. */
typedef void (*KithAnswerFunc) (guint status, JsonNode *body /* full, nullable */, GError *error /* full, nullable */,
                                gpointer data);

/* @params (string → string) and @body are taken over; both may be NULL. @method NULL: a command of the window
 * @client. */
KITH_PRIVATE KithRequest *kith_request_new (const char *method, GHashTable *params, JsonNode *body, guint64 client,
                                            GCancellable *cancellable, KithAnswerFunc answer, gpointer data,
                                            GDestroyNotify destroy);
/* Answers for a handler that is being stopped, if nobody has answered; takes @error, but not the request. */
KITH_PRIVATE void kith_request_close (KithRequest *self, GError *error);
/* The HTTP status of an error: those of KITH_ERROR by their code, everything else 500. */
KITH_PRIVATE guint kith_error_to_status (const GError *error);

G_END_DECLS
