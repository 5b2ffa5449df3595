/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <kith/kith.h>
#include "kith-world.h"
#include "kith-bus-private.h"
#include "kith-store.h"
#include "kith-keys.h"
#include "kith-link.h"

G_BEGIN_DECLS

/* The chat room: who our people are, what was said, and how it reaches them. Everything here is main thread; every
 * …_async is answered after the durable commit. Names of people are local names (content.md §2). JSON answers are whole
 * bodies in the shape of local-api.md §2. */
#define KITH_TYPE_CHAT (kith_chat_get_type ())
G_DECLARE_FINAL_TYPE (KithChat, kith_chat, KITH, CHAT, GObject)

/* Properties (live): "username" (ours), "allow-presence", "allow-typing", "allow-receipts" (the global switches),
 * "status" (KithPresence, read-only: use set_status). Signals: "connection" (const char *transport) when a transport's
 * state changed; "people" when something of a friend did that the database has: blocked, removed, … */
KithChat *kith_chat_new (KithWorld *world, KithStore *store, KithKeys *keys, KithBus *bus, const char *username);
void kith_chat_start_async (KithChat *self,
                            GCancellable *c,
                            GAsyncReadyCallback cb,
                            gpointer data); /* loads people and the outbox; recovery */
gboolean  kith_chat_start_finish (KithChat *self, GAsyncResult *r, GError **error);
/* For links from now on: seconds of silence before a PING, the same after a quiet minute, and until one is dead. */
void kith_chat_set_link_times (KithChat *self, guint ping_s, guint quiet_ping_s, guint dead_s);
void kith_chat_stop (KithChat *self); /* CLOSE(0) to every link; no dialling */

/* --- people (kith-chat-people.c) */
GListModel *kith_chat_get_friends (KithChat *self);                   /* none; of KithFriend */
KithFriend *kith_chat_find_friend (KithChat *self, const char *name); /* none, nullable */
/* FALSE: no friend any more. The pinned identity key, and the newest device (0: none is known yet). */
gboolean kith_chat_get_device (KithChat *self, KithFriend *friend, guint8 ik[32], guint32 *device);
guint       kith_chat_count_friends   (KithChat *self);
guint64     kith_chat_count_unread    (KithChat *self);   /* over all friends */
GBytes *kith_chat_print_friends (KithChat *self);                  /* full; the bare array of GET /friends */
GBytes *kith_chat_print_friend (KithChat *self, const char *name); /* full, nullable */
char *kith_chat_make_invite (KithChat *self);                      /* full; kith:NAME?ik=…&a=… */
void kith_chat_add_async (KithChat *self,
                          const char *username,
                          const char *invite,
                          const char *note,
                          GCancellable *c,
                          GAsyncReadyCallback cb,
                          gpointer data); /* exactly one of username, invite */
char *kith_chat_add_finish (KithChat *self,
                            GAsyncResult *r,
                            GError **error); /* full: local name; CONFLICT already, UNKNOWN, INVALID */
/* one verb each; all are finished by kith_chat_change_finish () */
void kith_chat_remove_async (KithChat *self, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data);
void kith_chat_set_blocked_async (
    KithChat *self, const char *name, gboolean blocked, GCancellable *c, GAsyncReadyCallback cb, gpointer data);
void kith_chat_set_verified_async (
    KithChat *self, const char *name, gboolean verified, GCancellable *c, GAsyncReadyCallback cb, gpointer data);
typedef enum { KITH_SWITCH_KEEP = -2, KITH_SWITCH_GLOBAL = -1, KITH_SWITCH_OFF = 0, KITH_SWITCH_ON = 1 } KithSwitch;
void kith_chat_set_allow_async (KithChat *self,
                                const char *name,
                                KithSwitch presence,
                                KithSwitch typing,
                                KithSwitch receipts,
                                GCancellable *c,
                                GAsyncReadyCallback cb,
                                gpointer data);
void kith_chat_accept_identity_async (KithChat *self,
                                      const char *name,
                                      const char *fingerprint,
                                      const char *invite,
                                      GCancellable *c,
                                      GAsyncReadyCallback cb,
                                      gpointer data);
void kith_chat_accept_request_async (
    KithChat *self, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data);
void kith_chat_refuse_request_async (
    KithChat *self, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data);
gboolean    kith_chat_change_finish         (KithChat *self, GAsyncResult *r, GError **error);
void        kith_chat_list_requests_async   (KithChat *self, GCancellable *c, GAsyncReadyCallback cb, gpointer data);
void kith_chat_safety_number_async (
    KithChat *self, const char *name, GCancellable *c, GAsyncReadyCallback cb, gpointer data);
char *
kith_chat_safety_number_finish (KithChat *self, GAsyncResult *r, GError **error); /* full; 60 digits in groups of 5 */

/* Who is in an identity backup (e2ee.md §12): {username, contacts:[{username, ik, verified, blocked, addresses}]}. [in
 * a read or a job] */
GBytes     *kith_contacts_print   (KithDb *db, const char *username, GError **error);                        /* full */
/* [in a job] The contacts of a backup become friends here, and learn at the next start that we are another device.
 * *username: full. */
gboolean    kith_contacts_restore (KithDb *db, GBytes *json, gint64 now_ms, char **username, GError **error);

/* --- what is said (kith-chat-messages.c) */
typedef struct { char *msg_id; gboolean delivered; const char *delivery_method; gint64 timestamp_ms; } KithPosted;
void        kith_posted_free          (KithPosted *posted);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithPosted, kith_posted_free)
void kith_chat_post_async (KithChat *self,
                           const char *to,
                           const char *text,
                           const char *reply_to,
                           const char *client_id,
                           GCancellable *c,
                           GAsyncReadyCallback cb,
                           gpointer data); /* waits as POST /messages does */
KithPosted *kith_chat_post_finish     (KithChat *self, GAsyncResult *r, GError **error);
void kith_chat_page_async (KithChat *self,
                           const char *peer,
                           guint limit,
                           guint64 offset,
                           const char *before,
                           GCancellable *c,
                           GAsyncReadyCallback cb,
                           gpointer data); /* → print_finish */
/* The newest `limit` messages with all words of `query`, of one friend (peer) or all, before a message's id or a time
 * (ISO 8601): {messages:[Message and snippet], has_more}. */
void kith_chat_search_async (KithChat *self,
                             const char *query,
                             const char *peer,
                             const char *before,
                             guint limit,
                             GCancellable *c,
                             GAsyncReadyCallback cb,
                             gpointer data); /* → print_finish */
void kith_chat_trace_async (
    KithChat *self, const char *msg_id, GCancellable *c, GAsyncReadyCallback cb, gpointer data); /* → print_finish */
void kith_chat_edit_async (KithChat *self,
                           const char *msg_id,
                           const char *text,
                           GCancellable *c,
                           GAsyncReadyCallback cb,
                           gpointer data); /* → print_finish */
void kith_chat_delete_async (KithChat *self,
                             const char *msg_id,
                             gboolean for_everyone,
                             GCancellable *c,
                             GAsyncReadyCallback cb,
                             gpointer data); /* → change_finish */
void kith_chat_react_async (KithChat *self,
                            const char *msg_id,
                            const char *emoji,
                            gboolean removed,
                            GCancellable *c,
                            GAsyncReadyCallback cb,
                            gpointer data); /* → change_finish */
void kith_chat_resend_async (
    KithChat *self, const char *msg_id, GCancellable *c, GAsyncReadyCallback cb, gpointer data); /* → print_finish */
void kith_chat_mark_read_async (KithChat *self,
                                KithFriend *peer,
                                const char *msg_id,
                                gboolean tell_peer,
                                GCancellable *c,
                                GAsyncReadyCallback cb,
                                gpointer data); /* → change_finish */
GBytes *
kith_chat_print_finish (KithChat *self, GAsyncResult *r, GError **error); /* full: JSON; also of list_requests */

/* --- history out and in (kith-export.c, kith-import.c) */
typedef struct { GBytes *bytes; char *next /* nullable: that was the end */; guint64 done, total; } KithExported;
void        kith_exported_free        (KithExported *exported);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithExported, kith_exported_free)
/* A page of one conversation, or of all of them (peer NULL), after the place that the page before gave as `next`: JSON
 * Lines, or something to read. */
void kith_chat_export_async (KithChat *self,
                             const char *peer,
                             gboolean text,
                             const char *after,
                             guint limit,
                             GCancellable *c,
                             GAsyncReadyCallback cb,
                             gpointer data);
KithExported *kith_chat_export_finish (KithChat *self, GAsyncResult *r, GError **error);
/* Lines of such an export become history, before everything that is there; those whose msg_id is known are passed over.
 * Errors name the line, counted from first_line. → print_finish: {imported, known} */
void kith_chat_import_async (KithChat *self,
                             JsonArray *lines /* full */,
                             guint first_line,
                             GCancellable *c,
                             GAsyncReadyCallback cb,
                             gpointer data);

/* --- plugins' own contents, ephemerals, transports */
void kith_chat_send_async (KithChat *self,
                           KithFriend *to,
                           const char *kind,
                           JsonObject *data /* full */,
                           GCancellable *c,
                           GAsyncReadyCallback cb,
                           gpointer data_);                                    /* "message" or "x.ID.NAME" */
char *kith_chat_send_finish (KithChat *self, GAsyncResult *r, GError **error); /* full: content id */
gboolean kith_chat_add_kind (KithChat *self, const char *kind, KithContentFunc func, gpointer data, GError **error);
void        kith_chat_drop_kind       (KithChat *self, const char *kind);
/* Of all kinds but those of these (enabled) plugins nothing is kept any more. */
void        kith_chat_keep_kinds      (KithChat *self, const char *const *plugins);
gboolean kith_chat_send_ephemeral (KithChat *self,
                                   KithFriend *to,
                                   const char *kind,
                                   JsonObject *data /* full */); /* FALSE = no live link */
gboolean    kith_chat_add_transport   (KithChat *self, KithTransport *transport, GError **error);
void        kith_chat_drop_transport  (KithChat *self, KithTransport *transport);
gboolean    kith_chat_add_directory   (KithChat *self, KithDirectory *directory, GError **error);
void        kith_chat_drop_directory  (KithChat *self, KithDirectory *directory);
/* For /metrics; nothing before start. */
void kith_chat_get_traffic (KithChat *self, KithLinkCounts *counts, KithLinkTrafficFunc func, gpointer data);
/* What mailboxes of one transport took and brought, since the start. */
typedef struct
{
  const char *transport;                                /* interned */
  guint64 parcels_in, bytes_in, parcels_out, bytes_out; /* sealed */
} KithMailTraffic;

typedef void (*KithMailTrafficFunc) (const KithMailTraffic *traffic, gpointer data);
void kith_chat_foreach_mail_traffic (KithChat *self, KithMailTrafficFunc func, gpointer data);
gboolean kith_chat_is_connected (KithChat *self, const char *transport); /* is that transport? */
GBytes *kith_chat_print_connections (KithChat *self); /* full; GET /connection */
void        kith_chat_offer_address   (KithChat *self, KithFriend *of, const char *address, guint lease_s);
GStrv kith_chat_dup_addresses (KithChat *self);  /* full; ours */
/* See kith_links_network_changed() and kith_post_wake(). */
void kith_chat_network_changed (KithChat *self);

/* --- presence */
KithPresence kith_chat_get_status       (KithChat *self);
void kith_chat_set_status_async (KithChat *self,
                                 KithPresence status,
                                 GCancellable *c,
                                 GAsyncReadyCallback cb,
                                 gpointer data); /* durable → change_finish */
void
kith_chat_set_presence (KithChat *self, KithFriend *of, KithPresence presence); /* what the presence plugin decided */

G_END_DECLS
