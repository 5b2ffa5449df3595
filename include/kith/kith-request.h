/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-event.h"
#include "kith-friend.h"

G_BEGIN_DECLS

#define KITH_TYPE_REQUEST (kith_request_get_type ())

/**
 * KithRequest:
 *
 * What a client asks: a REST call, a command of a window, or a desktop action. Answered exactly once, by whoever
 * holds it; one that is dropped without an answer answers 500. Main thread only.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (KithRequest, kith_request, KITH, REQUEST, GObject)

/**
 * KithRequestFunc:
 * @request: (transfer full): what is asked; yours to answer, now or later
 * @user_data: what was given at registration
 *
 * Handles a request, on the main thread. Parameters and body have been checked against the specification.
 *
 * Since: 1.0
 */
typedef void (*KithRequestFunc) (KithRequest *request, gpointer user_data);

/**
 * kith_request_get_method:
 * @self: a request
 *
 * The HTTP method.
 *
 * Returns: (transfer none) (nullable): the method, or %NULL for a command of a window
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_request_get_method (KithRequest *self);

/**
 * kith_request_get_param:
 * @self: a request
 * @name: a parameter of the path (`:id`) or of the query
 *
 * Returns: (transfer none) (nullable): its value, or %NULL when it was not given
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_request_get_param (KithRequest *self, const char *name);

/**
 * kith_request_get_body:
 * @self: a request
 *
 * The members of the body, or of a command's data.
 *
 * Returns: (transfer none) (nullable): the object, or %NULL when there is none
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 JsonObject *kith_request_get_body (KithRequest *self);

/**
 * kith_request_get_client:
 * @self: a request
 *
 * The window that gave a command; the same number as in `client::opened`.
 *
 * Returns: the number, or 0 when it is not a window
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 guint64 kith_request_get_client (KithRequest *self);

/**
 * kith_request_get_cancellable:
 * @self: a request
 *
 * Is cancelled when the asker has gone; the request wants its answer all the same.
 *
 * Returns: (transfer none): the cancellable
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GCancellable *kith_request_get_cancellable (KithRequest *self);

/**
 * kith_request_answer:
 * @self: (transfer full): a request
 * @status: an HTTP status; a command of a window needs none, 200 says that it was done
 * @body: (transfer full) (nullable): the answer
 *
 * Answers, and gives the request away.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_request_answer (KithRequest *self, guint status, JsonNode *body);

/**
 * kith_request_fail:
 * @self: (transfer full): a request
 * @error: (transfer full): why not; a code of %KITH_ERROR becomes its status, anything else 500
 *
 * Answers with an error, and gives the request away.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_request_fail (KithRequest *self, GError *error);

/**
 * KithRouteStatus:
 * @status: an HTTP status; 0 ends a list
 * @doc: when it is answered, in one line
 *
 * One way in which a route may answer. Lists of them are static and end with `{ 0 }`.
 *
 * Since: 1.0
 */
typedef struct
{
  guint status;
  const char *doc;
} KithRouteStatus;

/**
 * KithRouteFlags:
 * @KITH_ROUTE_NONE: the answer is an object
 * @KITH_ROUTE_LIST: the answer is a bare array of objects
 * @KITH_ROUTE_TEXT: the answer is plain text
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  KITH_ROUTE_NONE = 0,
  KITH_ROUTE_LIST = 1 << 0,
  KITH_ROUTE_TEXT = 1 << 1,
} KithRouteFlags;

/**
 * KithRouteSpec:
 * @method: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`
 * @path: without a slash in front, parameters as `:name` (`polls/:id`); lies below `/plugins/ID/` for third parties
 * @params: (nullable): parameters of path and query
 * @body: (nullable): members of the body, or %NULL when it takes none
 * @answer: (nullable): members of the answer; a debug build checks what is answered
 * @doc: one line for the catalog
 * @statuses: (nullable): every status of its own, good ones first; %NULL: 200 with an answer, 204 without. Those that
 *   any route may answer (400 malformed, 500, 503, …) need not be listed
 * @flags: the form of the answer
 * @types: (nullable) (array zero-terminated=1): content types of a %KITH_ROUTE_TEXT answer; %NULL: `text/plain`
 *
 * Describes a REST route. Must be static.
 *
 * Since: 1.0
 */
typedef struct
{
  const char *method;
  const char *path;
  const KithField *params;
  const KithField *body;
  const KithField *answer;
  const char *doc;
  const KithRouteStatus *statuses;
  KithRouteFlags flags;
  const char *const *types;
} KithRouteSpec;

#define KITH_TYPE_CONTENT (kith_content_get_type ())

/**
 * KithContent:
 *
 * What a friend sent to a plugin: it stays in the plugin's inbox, over restarts too, until the plugin says done.
 * Main thread only.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (KithContent, kith_content, KITH, CONTENT, GObject)

/**
 * KithContentFunc:
 * @content: (transfer full): what came; call [method@Kith.Content.done] when it has been dealt with
 * @user_data: what was given at registration
 *
 * Takes a content, on the main thread. The same one (see [method@Kith.Content.get_id]) may come again after a crash.
 *
 * Since: 1.0
 */
typedef void (*KithContentFunc) (KithContent *content, gpointer user_data);

/**
 * kith_content_get_friend:
 * @self: a content
 *
 * Returns: (transfer none): who sent it
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithFriend *kith_content_get_friend (KithContent *self);

/**
 * kith_content_get_kind:
 * @self: a content
 *
 * Returns: (transfer none): its kind, `x.ID.NAME`
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_content_get_kind (KithContent *self);

/**
 * kith_content_get_id:
 * @self: a content
 *
 * Returns: (transfer none): its id, a UUID; the same again is the same content
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_content_get_id (KithContent *self);

/**
 * kith_content_get_data:
 * @self: a content
 *
 * Returns: (transfer none): its members, sealed
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 JsonObject *kith_content_get_data (KithContent *self);

/**
 * kith_content_done:
 * @self: (transfer full): a content
 *
 * Says that it was dealt with: only now is it taken off the plugin's inbox.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_content_done (KithContent *self);

G_END_DECLS
