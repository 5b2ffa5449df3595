/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-friend.h"

G_BEGIN_DECLS

/**
 * KithTransportState:
 * @KITH_TRANSPORT_DISCONNECTED: off, or failed (the error says why)
 * @KITH_TRANSPORT_CONNECTING: on its way
 * @KITH_TRANSPORT_AUTHENTICATING: reached a server, proving who we are
 * @KITH_TRANSPORT_CONNECTED: works; a transport without a server is connected when it listens
 *
 * Since: 1.0
 */
typedef enum
{
  KITH_TRANSPORT_DISCONNECTED,
  KITH_TRANSPORT_CONNECTING,
  KITH_TRANSPORT_AUTHENTICATING,
  KITH_TRANSPORT_CONNECTED,
} KithTransportState;

#define KITH_TYPE_TRANSPORT_STATE (kith_transport_state_get_type ())
KITH_AVAILABLE_IN_1_0 GType kith_transport_state_get_type (void) G_GNUC_CONST;

#define KITH_TYPE_TRANSPORT (kith_transport_get_type ())

/**
 * KithTransport:
 *
 * Something that brings bytes to friends. Not derived from directly, but through [class@Kith.StreamTransport] or
 * [class@Kith.MailboxTransport]. Main thread only.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (KithTransport, kith_transport, KITH, TRANSPORT, GObject)

struct _KithTransportClass
{
  GObjectClass parent_class;

  /*< private >*/
  gpointer padding[8];
};

/**
 * kith_transport_get_id:
 * @self: a transport
 *
 * Its name in `/connection` (construct-only property "id").
 *
 * Returns: (transfer none): the name
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_transport_get_id (KithTransport *self);

/**
 * kith_transport_get_state:
 * @self: a transport
 *
 * Returns: the state (property "state", which notifies)
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithTransportState kith_transport_get_state (KithTransport *self);

/**
 * kith_transport_set_state:
 * @self: a transport
 * @state: the new state
 * @why: (nullable): what went wrong, or %NULL
 *
 * For the implementation: says how it is. The daemon tells it as the event `connection`.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_transport_set_state (KithTransport *self, KithTransportState state, const GError *why);

#define KITH_TYPE_STREAM_TRANSPORT (kith_stream_transport_get_type ())

/**
 * KithStreamTransport:
 *
 * Dials and listens: hands connected streams to the daemon, whose link does the rest (authentication, encryption,
 * acknowledgements). So it needs no cryptography.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (KithStreamTransport, kith_stream_transport, KITH, STREAM_TRANSPORT, KithTransport)

/**
 * KithStreamTransportClass:
 * @scheme: whose addresses it dials (`tcp` of `tcp:host:port`); static
 * @dial_async: opens a stream to an address; main thread
 * @dial_finish: (transfer full): gives the stream; both its ends implement [iface@Gio.PollableInputStream] and
 *   [iface@Gio.PollableOutputStream]. Errors: %KITH_ERROR_INVALID for an address that is none, else whatever the
 *   network says
 * @dup_addresses: our own addresses of this scheme, for invites and HELLO; at most 8 are used
 *
 * Since: 1.0
 */
struct _KithStreamTransportClass
{
  KithTransportClass parent_class;

  const char *scheme;
  void (*dial_async) (KithStreamTransport *self, const char *address, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data);
  GIOStream *(*dial_finish) (KithStreamTransport *self, GAsyncResult *result, GError **error);
  GStrv (*dup_addresses) (KithStreamTransport *self);

  /*< private >*/
  gpointer padding[8];
};

/**
 * kith_stream_transport_accept:
 * @self: a transport
 * @stream: (transfer full): a stream that somebody opened to us; pollable both ways
 * @from: where it comes from, as text for limits and the log (an IP address without a port)
 *
 * For the implementation: hands an incoming stream to the daemon, which closes it if it has no room.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_stream_transport_accept (KithStreamTransport *self, GIOStream *stream,
                                                        const char *from);

/**
 * kith_stream_transport_addresses_changed:
 * @self: a transport
 *
 * For the implementation: what `dup_addresses` gives is another list now.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_stream_transport_addresses_changed (KithStreamTransport *self);

/**
 * KithParcel:
 *
 * A sealed envelope for a mailbox, or from ours. Immutable, any thread.
 *
 * Since: 1.0
 */
typedef struct _KithParcel KithParcel;

#define KITH_TYPE_PARCEL (kith_parcel_get_type ())
KITH_AVAILABLE_IN_1_0 GType kith_parcel_get_type (void) G_GNUC_CONST;

/**
 * kith_parcel_new:
 * @id: a UUID; the same one again is the same parcel
 * @mailbox: the UUID of the mailbox to which it goes, or from which it came
 * @sealed: the sealed envelope
 * @expires_ms: when the server may drop it, Unix milliseconds, or 0
 *
 * Returns: (transfer full): the parcel
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithParcel *kith_parcel_new (const char *id, const char *mailbox, GBytes *sealed,
                                                   gint64 expires_ms);

/**
 * kith_parcel_ref:
 * @self: a parcel
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithParcel *kith_parcel_ref (KithParcel *self);

/**
 * kith_parcel_unref:
 * @self: (transfer full): a parcel
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_parcel_unref (KithParcel *self);

/**
 * kith_parcel_get_id:
 * @self: a parcel
 *
 * Returns: (transfer none): its UUID
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_parcel_get_id (KithParcel *self);

/**
 * kith_parcel_get_mailbox:
 * @self: a parcel
 *
 * Returns: (transfer none): the mailbox's UUID
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_parcel_get_mailbox (KithParcel *self);

/**
 * kith_parcel_get_sealed:
 * @self: a parcel
 *
 * Returns: (transfer none): the sealed bytes, the same for ever
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_parcel_get_sealed (KithParcel *self);

/**
 * kith_parcel_get_expires_ms:
 * @self: a parcel
 *
 * Returns: when the server may drop it, Unix milliseconds, or 0
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gint64 kith_parcel_get_expires_ms (KithParcel *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithParcel, kith_parcel_unref)

/**
 * KithDeposit:
 * @KITH_DEPOSIT_STORED: the server has it
 * @KITH_DEPOSIT_DUPLICATE: the server had it already
 * @KITH_DEPOSIT_LATER: try again later
 * @KITH_DEPOSIT_NO_MAILBOX: there is no such mailbox (any more)
 * @KITH_DEPOSIT_CONFLICT: another parcel has this id
 * @KITH_DEPOSIT_REFUSED: not accepted; trying again does not help
 *
 * What became of one parcel.
 *
 * Since: 1.0
 */
typedef enum
{
  KITH_DEPOSIT_STORED,
  KITH_DEPOSIT_DUPLICATE,
  KITH_DEPOSIT_LATER,
  KITH_DEPOSIT_NO_MAILBOX,
  KITH_DEPOSIT_CONFLICT,
  KITH_DEPOSIT_REFUSED,
} KithDeposit;

/**
 * KithFate:
 * @KITH_FATE_STORED: durably stored
 * @KITH_FATE_DUPLICATE: was here already
 * @KITH_FATE_REQUEST: waits in a message request
 * @KITH_FATE_QUARANTINED: unreadable now, kept for later
 * @KITH_FATE_DROPPED: from somebody blocked, or over a limit
 *
 * What became of a parcel that came; each of them is to be acknowledged to the server.
 *
 * Since: 1.0
 */
typedef enum
{
  KITH_FATE_STORED,
  KITH_FATE_DUPLICATE,
  KITH_FATE_REQUEST,
  KITH_FATE_QUARANTINED,
  KITH_FATE_DROPPED,
} KithFate;

#define KITH_TYPE_MAILBOX_TRANSPORT (kith_mailbox_transport_get_type ())

/**
 * KithMailboxTransport:
 *
 * Deposits sealed envelopes in other people's mailboxes and brings what is in ours.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (KithMailboxTransport, kith_mailbox_transport, KITH, MAILBOX_TRANSPORT, KithTransport)

/**
 * KithMailboxTransportClass:
 * @deposit_async: uploads parcels; the array and its [struct@Kith.Parcel]s are (transfer none)
 * @deposit_finish: (transfer full): one [enum@Kith.Deposit] per parcel, in order. Errors: %KITH_ERROR_UNREACHABLE
 * @collect: look now: after a resume, a change of network, or when a window opened
 *
 * Since: 1.0
 */
struct _KithMailboxTransportClass
{
  KithTransportClass parent_class;

  void (*deposit_async) (KithMailboxTransport *self, GPtrArray *parcels, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data);
  GArray *(*deposit_finish) (KithMailboxTransport *self, GAsyncResult *result, GError **error);
  void (*collect) (KithMailboxTransport *self);

  /*< private >*/
  gpointer padding[8];
};

/**
 * kith_mailbox_transport_receive_async:
 * @self: a transport
 * @parcel: (transfer none): what came
 * @cancellable: (nullable): a cancellable
 * @callback: called when its fate is durable
 * @user_data: for @callback
 *
 * For the implementation: hands a parcel to the daemon.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_mailbox_transport_receive_async (KithMailboxTransport *self, KithParcel *parcel,
                                                                 GCancellable *cancellable,
                                                                 GAsyncReadyCallback callback, gpointer user_data);

/**
 * kith_mailbox_transport_receive_finish:
 * @self: a transport
 * @result: what the callback got
 * @fate: (out) (optional): what became of it
 * @error: return location for an error
 *
 * The end of [method@Kith.MailboxTransport.receive_async]. On error: do not acknowledge to the server, and stop
 * fetching.
 *
 * Errors: %KITH_ERROR_STORE, %KITH_ERROR_BUSY, %KITH_ERROR_CLOSED.
 *
 * Returns: %FALSE with an error
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gboolean kith_mailbox_transport_receive_finish (KithMailboxTransport *self, GAsyncResult *result,
                                                                      KithFate *fate, GError **error);

/**
 * KithListedMailbox:
 * @mailbox: the mailbox's UUID
 * @certificate: (nullable): the device certificate that binds it, unchecked
 * @created_ms: when it was made, Unix milliseconds
 *
 * One mailbox of a [struct@Kith.Listing].
 *
 * Since: 1.0
 */
typedef struct
{
  char *mailbox;
  GBytes *certificate;
  gint64 created_ms;
} KithListedMailbox;

/**
 * kith_listed_mailbox_new: (skip)
 * @mailbox: the mailbox's UUID
 * @certificate: (nullable): the device certificate
 * @created_ms: when it was made, Unix milliseconds
 *
 * Returns: (transfer full): the mailbox
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithListedMailbox *kith_listed_mailbox_new (const char *mailbox, GBytes *certificate,
                                                                  gint64 created_ms);

/**
 * kith_listed_mailbox_free: (skip)
 * @self: (transfer full): a mailbox
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_listed_mailbox_free (KithListedMailbox *self);

/**
 * KithListing:
 * @username: the name under which the person is listed
 * @identity_key: the identity key, 32 bytes
 * @mailboxes: (element-type KithListedMailbox): their mailboxes
 *
 * What a directory says of a person; nothing of it is checked yet.
 *
 * Since: 1.0
 */
typedef struct
{
  char *username;
  GBytes *identity_key;
  GPtrArray *mailboxes;
  /*< private >*/
  gpointer reserved[2];
} KithListing;

#define KITH_TYPE_LISTING (kith_listing_get_type ())
KITH_AVAILABLE_IN_1_0 GType kith_listing_get_type (void) G_GNUC_CONST;

/**
 * kith_listing_new:
 * @username: the name
 * @identity_key: 32 bytes
 *
 * Makes a listing without mailboxes; add [struct@Kith.ListedMailbox]es to its array, which frees them.
 *
 * Returns: (transfer full): the listing
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithListing *kith_listing_new (const char *username, GBytes *identity_key);

/**
 * kith_listing_copy:
 * @self: a listing
 *
 * Returns: (transfer full): a copy
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithListing *kith_listing_copy (const KithListing *self);

/**
 * kith_listing_free:
 * @self: (transfer full): a listing
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_listing_free (KithListing *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithListedMailbox, kith_listed_mailbox_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithListing, kith_listing_free)

#define KITH_TYPE_DIRECTORY (kith_directory_get_type ())

/**
 * KithDirectory:
 *
 * Knows people by name and keeps their key bundles; usually the same object as a mailbox. Main thread only.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (KithDirectory, kith_directory, KITH, DIRECTORY, GObject)

/**
 * KithDirectoryInterface:
 * @lookup_async: asks who has a name
 * @lookup_finish: (transfer full): the listing. Errors: %KITH_ERROR_UNKNOWN for nobody, %KITH_ERROR_UNREACHABLE
 * @claim_async: takes a key bundle of a mailbox's device, with a one-time prekey while there are any
 * @claim_finish: (transfer full): the bundle in fetch form, unchecked
 * @publish_async: puts up our own bundle and one-time prekeys ([struct@GLib.Bytes])
 * @publish_finish: whether it was; and how many one-time prekeys are left there
 *
 * Since: 1.0
 */
struct _KithDirectoryInterface
{
  GTypeInterface parent_iface;

  void (*lookup_async) (KithDirectory *self, const char *username, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
  KithListing *(*lookup_finish) (KithDirectory *self, GAsyncResult *result, GError **error);
  void (*claim_async) (KithDirectory *self, const char *mailbox, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
  GBytes *(*claim_finish) (KithDirectory *self, GAsyncResult *result, GError **error);
  void (*publish_async) (KithDirectory *self, GBytes *bundle, GPtrArray *prekeys, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*publish_finish) (KithDirectory *self, GAsyncResult *result, guint *left, GError **error);

  /*< private >*/
  gpointer padding[8];
};

G_END_DECLS
