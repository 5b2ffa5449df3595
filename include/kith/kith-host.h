/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-bus.h"
#include "kith-request.h"
#include "kith-transport.h"

G_BEGIN_DECLS

#define KITH_TYPE_HOST (kith_host_get_type ())

/**
 * KithHost:
 *
 * What a plugin may do: one host per activation of one plugin. Main thread only, but for [method@Kith.Host.post].
 *
 * Everything that is added to it ends with the deactivation; afterwards every call is a harmless no-op, or fails
 * with %KITH_ERROR_CLOSED, and so do the calls that were under way.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (KithHost, kith_host, KITH, HOST, GObject)

/**
 * kith_host_get_id:
 * @self: a host
 *
 * The plugin's id.
 *
 * Returns: (transfer none): the id
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_host_get_id (KithHost *self);

/**
 * kith_host_get_bus:
 * @self: a host
 *
 * The plugin's own port to the bus.
 *
 * Returns: (transfer none): the port
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithBus *kith_host_get_bus (KithHost *self);

/**
 * kith_host_get_settings:
 * @self: a host
 *
 * The plugin's settings.
 *
 * Returns: (transfer none) (nullable): the settings, or %NULL when the manifest names no schema
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GSettings *kith_host_get_settings (KithHost *self);

/**
 * kith_host_get_friends:
 * @self: a host
 *
 * Everybody whom the user has added.
 *
 * Returns: (transfer none): a list of [class@Kith.Friend]
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GListModel *kith_host_get_friends (KithHost *self);

/**
 * kith_host_find_friend:
 * @self: a host
 * @username: a local name
 *
 * Looks a friend up by name.
 *
 * Returns: (transfer none) (nullable): the friend
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithFriend *kith_host_find_friend (KithHost *self, const char *username);

/**
 * kith_host_get_username:
 * @self: a host
 *
 * What the user calls themself.
 *
 * Returns: (transfer none): the name
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_host_get_username (KithHost *self);

/**
 * kith_host_get_identity_key:
 * @self: a host
 *
 * Our own public identity key.
 *
 * Returns: (transfer none): 32 bytes
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_host_get_identity_key (KithHost *self);

/**
 * kith_host_get_status:
 * @self: a host
 *
 * Our own status (property "status", which notifies).
 *
 * Returns: the status
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithPresence kith_host_get_status (KithHost *self);

/**
 * kith_host_add_event:
 * @self: a host
 * @spec: (transfer none): a static description
 * @error: return location for an error
 *
 * Registers an event that this plugin publishes. Names of third parties begin with `x.ID.`; built-in plugins use
 * plain names.
 *
 * Errors: %KITH_ERROR_CONFLICT when somebody else has it, %KITH_ERROR_INVALID for a name that is not this plugin's,
 * %KITH_ERROR_CLOSED.
 *
 * Returns: whether it was registered
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_add_event (KithHost *self, const KithEventSpec *spec, GError **error);

/**
 * kith_host_add_command:
 * @self: a host
 * @spec: (transfer none): a static description
 * @func: (scope notified): called on the main thread
 * @data: for @func
 * @destroy: (nullable): frees @data when it is withdrawn
 * @error: return location for an error
 *
 * Registers a command that windows may give. Names of third parties begin with `x.ID.`; built-in plugins use plain
 * names.
 *
 * Errors: %KITH_ERROR_CONFLICT when somebody else has it, %KITH_ERROR_INVALID for a name that is not this plugin's,
 * %KITH_ERROR_CLOSED. When it fails, @destroy is not called.
 *
 * Returns: whether it was registered
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_add_command (KithHost *self, const KithEventSpec *spec, KithRequestFunc func,
                                                      gpointer data, GDestroyNotify destroy, GError **error);

/**
 * kith_host_add_route:
 * @self: a host
 * @spec: (transfer none): a static description
 * @func: (scope notified): called on the main thread
 * @data: for @func
 * @destroy: (nullable): frees @data when it is withdrawn
 * @error: return location for an error
 *
 * Registers a REST route: below `/plugins/ID/` for third parties, at the root for built-in plugins.
 *
 * Errors: %KITH_ERROR_CONFLICT, %KITH_ERROR_INVALID, %KITH_ERROR_CLOSED. When it fails, @destroy is not called.
 *
 * Returns: whether it was registered
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_add_route (KithHost *self, const KithRouteSpec *spec, KithRequestFunc func,
                                                    gpointer data, GDestroyNotify destroy, GError **error);

/**
 * kith_host_add_content:
 * @self: a host
 * @kind: the kind, `x.ID.NAME`
 * @func: (scope notified): called on the main thread
 * @data: for @func
 * @destroy: (nullable): frees @data when it is withdrawn
 * @error: return location for an error
 *
 * Registers a kind of content of this plugin's own. What waits in its inbox is handed over soon after: up to 10,000
 * contents of one friend, of which the oldest goes when more come.
 *
 * Errors: %KITH_ERROR_CONFLICT, %KITH_ERROR_INVALID, %KITH_ERROR_CLOSED. When it fails, @destroy is not called.
 *
 * Returns: whether it was registered
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_add_content (KithHost *self, const char *kind, KithContentFunc func,
                                                      gpointer data, GDestroyNotify destroy, GError **error);

/**
 * kith_host_add_ephemeral:
 * @self: a host
 * @kind: the kind
 * @error: return location for an error
 *
 * Registers a kind of ephemeral: from now on friends' links tell it as `ephemeral::KIND`. Names of third parties
 * begin with `x.ID.`; built-in plugins use plain names.
 *
 * Errors: %KITH_ERROR_CONFLICT when somebody else has it, %KITH_ERROR_INVALID for a name that is not this plugin's,
 * %KITH_ERROR_CLOSED.
 *
 * Returns: whether it was registered
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_add_ephemeral (KithHost *self, const char *kind, GError **error);

/**
 * kith_host_add_transport:
 * @self: a host
 * @transport: (transfer none): a transport
 * @error: return location for an error
 *
 * Offers a transport.
 *
 * Errors: %KITH_ERROR_CONFLICT when its id or scheme is taken, %KITH_ERROR_CLOSED.
 *
 * Returns: whether it was taken
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_add_transport (KithHost *self, KithTransport *transport, GError **error);

/**
 * kith_host_add_directory:
 * @self: a host
 * @directory: (transfer none): a directory
 * @error: return location for an error
 *
 * Offers a directory.
 *
 * Errors: %KITH_ERROR_CONFLICT, %KITH_ERROR_CLOSED.
 *
 * Returns: whether it was taken
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_add_directory (KithHost *self, KithDirectory *directory, GError **error);

/**
 * kith_host_publish:
 * @self: a host
 * @event: (transfer full): one of this plugin's registered events
 *
 * Tells an event: to windows and on the bus. A journaled one is shown after its commit.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_publish (KithHost *self, KithEvent *event);

/**
 * kith_host_post:
 * @self: a host
 * @event: (transfer full): one of this plugin's registered events
 *
 * From any thread: [method@Kith.Host.publish] on the main thread, in the order of the calls.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_post (KithHost *self, KithEvent *event);

/**
 * kith_host_send_async:
 * @self: a host
 * @to: a friend
 * @kind: a kind of this plugin's own (`x.ID.NAME`), or `message`
 * @data: (transfer full): its members
 * @cancellable: (nullable): a cancellable
 * @callback: called on the main thread
 * @user_data: for @callback
 *
 * Sends a content to a friend, end-to-end encrypted, over whatever route there is, now or later.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_send_async (KithHost *self, KithFriend *to, const char *kind, JsonObject *data,
                                                 GCancellable *cancellable, GAsyncReadyCallback callback,
                                                 gpointer user_data);

/**
 * kith_host_send_finish:
 * @self: a host
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Kith.Host.send_async]: durably queued.
 *
 * Errors: %KITH_ERROR_INVALID, %KITH_ERROR_REFUSED, %KITH_ERROR_TOO_LARGE, %KITH_ERROR_STORE, %KITH_ERROR_CLOSED.
 *
 * Returns: (transfer full): the content's id
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 char *kith_host_send_finish (KithHost *self, GAsyncResult *result, GError **error);

/**
 * kith_host_send_ephemeral:
 * @self: a host
 * @to: a friend
 * @kind: a kind that this plugin registered
 * @data: (transfer full): its members
 *
 * Says something over the friend's live link; never stored, never queued.
 *
 * Returns: %FALSE when there is no live link
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_send_ephemeral (KithHost *self, KithFriend *to, const char *kind,
                                                         JsonObject *data);

/**
 * kith_host_mark_read_async:
 * @self: a host
 * @peer: whose conversation
 * @msg_id: everything received up to this one becomes read
 * @tell_peer: whether a read receipt goes to @peer
 * @cancellable: (nullable): a cancellable
 * @callback: called on the main thread
 * @user_data: for @callback
 *
 * Moves the read position of a conversation forward.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_mark_read_async (KithHost *self, KithFriend *peer, const char *msg_id,
                                                      gboolean tell_peer, GCancellable *cancellable,
                                                      GAsyncReadyCallback callback, gpointer user_data);

/**
 * kith_host_mark_read_finish:
 * @self: a host
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Kith.Host.mark_read_async].
 *
 * Errors: %KITH_ERROR_UNKNOWN for a message that is not of that conversation, %KITH_ERROR_STORE, %KITH_ERROR_CLOSED.
 *
 * Returns: whether it is stored
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_mark_read_finish (KithHost *self, GAsyncResult *result, GError **error);

/**
 * kith_host_ask_async:
 * @self: a host
 * @method: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`
 * @path: a path of the REST API as in a request line: `/requests/bob/accept`, `/messages?peer=bob`
 * @body: (transfer full) (nullable): the body, or %NULL for none
 * @cancellable: (nullable): a cancellable; the request is answered all the same
 * @callback: called on the main thread
 * @user_data: for @callback
 *
 * Asks what any local program may ask over TCP: the same routes, those of plugins included, the same checks, the same
 * answers, and no `/admin`.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_ask_async (KithHost *self, const char *method, const char *path, JsonObject *body,
                                                GCancellable *cancellable, GAsyncReadyCallback callback,
                                                gpointer user_data);

/**
 * kith_host_ask_finish:
 * @self: a host
 * @result: what the callback got
 * @answer: (out) (optional) (nullable) (transfer full): the body of the answer; a string when it is plain text, %NULL
 *   when there is none
 * @error: return location for an error
 *
 * The end of [method@Kith.Host.ask_async].
 *
 * Errors: those of the route, each by its code: %KITH_ERROR_INVALID (400, 405), %KITH_ERROR_REFUSED (403),
 * %KITH_ERROR_UNKNOWN (404), %KITH_ERROR_CONFLICT (409), …; %KITH_ERROR_BUSY while the daemon is starting, or stopping,
 * or has no database, %KITH_ERROR_CLOSED.
 *
 * Returns: whether it was done
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_ask_finish (KithHost *self, GAsyncResult *result, JsonNode **answer,
                                                     GError **error);

/**
 * kith_host_give_evidence:
 * @self: a host
 * @about: a friend
 * @says: what was seen
 * @lease_ms: for how long it counts
 *
 * Tells what was seen of a friend's presence, as `evidence::ID` on the bus.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_give_evidence (KithHost *self, KithFriend *about, KithPresence says,
                                                    guint lease_ms);

/**
 * kith_host_set_presence:
 * @self: a host
 * @of: a friend
 * @presence: what was decided
 *
 * Decides a friend's presence. Only for the plugin that provides `presence`; a no-op for others.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_set_presence (KithHost *self, KithFriend *of, KithPresence presence);

/**
 * kith_host_offer_address:
 * @self: a host
 * @of: a friend
 * @address: a URI (`tcp:host:port`)
 * @lease_s: for how long it is worth a try
 *
 * Tells where a friend may be reached.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_offer_address (KithHost *self, KithFriend *of, const char *address,
                                                    guint lease_s);

/**
 * kith_host_seal:
 * @self: a host
 * @to: a friend
 * @plain: up to 4 KiB
 * @error: return location for an error
 *
 * Seals something small to a friend's identity (end-to-end specification, section 9).
 *
 * Returns: (transfer full): the sealed bytes
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_host_seal (KithHost *self, KithFriend *to, GBytes *plain, GError **error);

/**
 * kith_host_unseal:
 * @self: a host
 * @from: who must have sealed it
 * @sealed: the bytes
 * @error: return location for an error
 *
 * Opens what [method@Kith.Host.seal] made at a friend's.
 *
 * Errors: %KITH_ERROR_PROTOCOL when it is not from @from to us.
 *
 * Returns: (transfer full): the plain bytes
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_host_unseal (KithHost *self, KithFriend *from, GBytes *sealed, GError **error);

/**
 * kith_host_certify:
 * @self: a host
 * @purpose: `kith/mailbox/1 device`, `kith/signal/1 auth` or `challenge`
 * @about: what is signed; its shape depends on @purpose
 * @error: return location for an error
 *
 * Signs with our identity, for these purposes only. The first gives the whole certificate, `challenge` takes bare 32
 * bytes.
 *
 * Errors: %KITH_ERROR_REFUSED for another purpose.
 *
 * Returns: (transfer full): the signature or certificate
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_host_certify (KithHost *self, const char *purpose, GBytes *about, GError **error);

/**
 * kith_host_derive:
 * @self: a host
 * @purpose: `kith/mailbox/1 recovery` or `kith/mailbox/1 marks`
 * @error: return location for an error
 *
 * Derives 32 secret bytes from the identity seed, for these purposes only.
 *
 * Errors: %KITH_ERROR_REFUSED for another purpose.
 *
 * Returns: (transfer full): 32 bytes
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_host_derive (KithHost *self, const char *purpose, GError **error);

/**
 * kith_host_dup_addresses:
 * @self: a host
 *
 * Our own address URIs, of all stream transports (property "addresses" notifies).
 *
 * Returns: (transfer full): the addresses
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GStrv kith_host_dup_addresses (KithHost *self);

/**
 * kith_host_load_async:
 * @self: a host
 * @key: a key of this plugin's own
 * @cancellable: (nullable): a cancellable
 * @callback: called on the main thread
 * @user_data: for @callback
 *
 * Reads from the plugin's own small store: 1,024 keys of up to 64 KiB each.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_load_async (KithHost *self, const char *key, GCancellable *cancellable,
                                                 GAsyncReadyCallback callback, gpointer user_data);

/**
 * kith_host_load_finish:
 * @self: a host
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Kith.Host.load_async].
 *
 * Errors: %KITH_ERROR_UNKNOWN when there is none, %KITH_ERROR_STORE, %KITH_ERROR_CLOSED.
 *
 * Returns: (transfer full): the value
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_host_load_finish (KithHost *self, GAsyncResult *result, GError **error);

/**
 * kith_host_save_async:
 * @self: a host
 * @key: a key of this plugin's own
 * @value: (nullable): the value, or %NULL to forget
 * @cancellable: (nullable): a cancellable
 * @callback: called on the main thread
 * @user_data: for @callback
 *
 * Writes to the plugin's own small store.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_save_async (KithHost *self, const char *key, GBytes *value,
                                                 GCancellable *cancellable, GAsyncReadyCallback callback,
                                                 gpointer user_data);

/**
 * kith_host_save_finish:
 * @self: a host
 * @result: what the callback got
 * @error: return location for an error
 *
 * The end of [method@Kith.Host.save_async]: durable.
 *
 * Errors: %KITH_ERROR_TOO_LARGE, %KITH_ERROR_STORE, %KITH_ERROR_CLOSED.
 *
 * Returns: whether it is stored
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_host_save_finish (KithHost *self, GAsyncResult *result, GError **error);

/**
 * kith_host_get_time_us:
 * @self: a host
 *
 * The only clock that a plugin may read for durations.
 *
 * Returns: monotonic microseconds
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gint64 kith_host_get_time_us (KithHost *self);

/**
 * kith_host_get_date_ms:
 * @self: a host
 *
 * The only calendar that a plugin may read.
 *
 * Returns: Unix milliseconds
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gint64 kith_host_get_date_ms (KithHost *self);

/**
 * kith_host_add_timer:
 * @self: a host
 * @interval_ms: how often; from ten seconds on it is rounded to share wake-ups with others
 * @func: (scope notified): called on the main thread, again and again until it returns %G_SOURCE_REMOVE
 * @data: for @func
 * @destroy: (nullable): frees @data
 *
 * Calls a function every so often. It ends with the deactivation.
 *
 * Returns: its number, or 0 when deactivated (then @destroy was called)
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 guint kith_host_add_timer (KithHost *self, guint interval_ms, GSourceFunc func, gpointer data,
                                                 GDestroyNotify destroy);

/**
 * kith_host_drop_timer:
 * @self: a host
 * @timer: a number that [method@Kith.Host.add_timer] gave; 0 is ignored
 *
 * Ends a timer.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_host_drop_timer (KithHost *self, guint timer);

G_END_DECLS
