/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One asked thing under way: a KithRequest, and who waits for its answer. Main thread. */
#pragma once

#include <kith/kith.h>

G_BEGIN_DECLS

/* error (full, nullable) with its status and no json; or json (full, NULL for none). headers: as
 * kith_exchange_answer(). */
typedef struct
{
  void (*answer) (guint status, GBytes *json, GError *error, const char *const *headers, gpointer data);
  GDestroyNotify destroy;
} KithCaller;

/* params (string → string) and body are taken over; both may be NULL. */
KithRequest *kith_call_new (const KithCaller *caller, gpointer data, const char *method, GHashTable *params,
                            JsonObject *body, guint64 client, GCancellable *cancellable);

/* In debug builds the answer is held against it. */
void kith_call_set_spec    (KithRequest *request, const KithRouteSpec *spec);
/* For the house's own routes, whose answers are printed already: as kith_request_answer(). */
void kith_call_answer      (KithRequest *request /* full */, guint status, GBytes *json /* full, nullable */);
void kith_call_answer_type (KithRequest *request /* full */, guint status, const char *content_type,
                            GBytes *body /* full */);
/* headers: names and values in turn; "Content-Type" is among them. */
void kith_call_answer_headers (KithRequest *request /* full */, guint status, const char *const *headers,
                               GBytes *body /* full */);
/* Takes the error if there is one (kith_request_fail), else answers. */
void kith_call_finish      (KithRequest *request /* full */, GError *error /* full, nullable */, guint status,
                            GBytes *json /* full, nullable */);

/* "invalid", "unknown", …: the code of an error event. */
const char *kith_error_to_code (const GError *error);

G_END_DECLS
