/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The events of the house itself, as local-api.md §1.1 has them; typing and presence are brought by their plugins. */
#define G_LOG_DOMAIN "kith-api"
#include "kith-events.h"

#include "kith-catalog-private.h"

#define FIELD_OPT KITH_FIELD_OPTIONAL

const char *const kith_values_status[] = { KITH_STATUS_ONLINE, KITH_STATUS_AWAY, KITH_STATUS_BUSY, KITH_STATUS_OFFLINE,
                                           NULL };
const char *const kith_values_own_status[] = { KITH_STATUS_ONLINE, KITH_STATUS_AWAY,    KITH_STATUS_BUSY,
                                               KITH_STATUS_INVISIBLE, KITH_STATUS_OFFLINE, NULL };
static const char *const directions[] = { KITH_DIRECTION_SENT, KITH_DIRECTION_RECEIVED, NULL };
const char *const kith_values_delivery[] = { KITH_METHOD_DIRECT, KITH_METHOD_OFFLINE, NULL };
const char *const kith_values_link_state[] = { "disconnected", "connecting", "authenticating", "connected", NULL };

static const KithField reaction_fields[] = {
  { KITH_KEY_EMOJI, KITH_FIELD_STRING, 0, 32, "one grapheme cluster" },
  { KITH_KEY_FROM, KITH_FIELD_USERNAME, 0, 0, "whose it is" },
  { 0 },
};

/* A Message (local-api.md §2.2): what a search finds is one, too. */
#define MESSAGE_FIELDS                                                                                                 \
  { KITH_KEY_MSG_ID, KITH_FIELD_ID, 0, 0, "the message" },                                                             \
  { KITH_KEY_FROM, KITH_FIELD_USERNAME, 0, 0, "who wrote it" },                                                        \
  { KITH_KEY_TO, KITH_FIELD_USERNAME, 0, 0, "to whom" },                                                               \
  { KITH_KEY_TEXT, KITH_FIELD_STRING, 0, 10000, "empty when it was deleted" },                                         \
  { KITH_KEY_TIMESTAMP, KITH_FIELD_TIME, 0, 0, "when it was sent, by the sender's clock" },                            \
  { KITH_KEY_DIRECTION, KITH_FIELD_STRING, 0, 0, "seen from here", NULL, directions },                                 \
  { KITH_KEY_DELIVERED, KITH_FIELD_BOOLEAN, 0, 0, "the peer's daemon has it on disk" },                                \
  { KITH_KEY_DELIVERY_METHOD, KITH_FIELD_STRING, 0, 0, "over a link, or through a queue", NULL,                        \
    kith_values_delivery },                                                                                            \
  { KITH_KEY_READ, KITH_FIELD_BOOLEAN, FIELD_OPT, 0, "was read" },                                                     \
  { KITH_KEY_REACTIONS, KITH_FIELD_ARRAY, FIELD_OPT, 0, "reactions to it", reaction_fields },                          \
  { KITH_KEY_REPLY_TO, KITH_FIELD_ID, FIELD_OPT, 0, "the message that it answers" },                                   \
  { KITH_KEY_GAP, KITH_FIELD_ID, FIELD_OPT, 0, "what they sent before it and has not come: something is missing" },    \
  { KITH_KEY_EDITED_AT, KITH_FIELD_TIME, FIELD_OPT, 0, "when it was last edited" },                                    \
  { KITH_KEY_DELETED, KITH_FIELD_BOOLEAN, FIELD_OPT, 0, "only its place is left" },                                    \
  { KITH_KEY_FAILED, KITH_FIELD_BOOLEAN, FIELD_OPT, 0, "could not be delivered" }

const KithField kith_fields_message[] = { MESSAGE_FIELDS, { 0 } };

const KithField kith_fields_found[] = {
  MESSAGE_FIELDS,
  { KITH_KEY_SNIPPET, KITH_FIELD_STRING, 0, 0, "the excerpt in which it was found" },
  { 0 },
};

const KithField kith_fields_friend[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "the local name" },
  { KITH_KEY_PUBLIC_KEY, KITH_FIELD_STRING, 0, 0, "X25519, base64" },
  { KITH_KEY_SIGNING_KEY, KITH_FIELD_STRING, 0, 0, "Ed25519, base64" },
  { KITH_KEY_ONLINE, KITH_FIELD_BOOLEAN, 0, 0, "what the presence plugin decided" },
  { KITH_KEY_LAST_SEEN, KITH_FIELD_TIME, KITH_FIELD_NULLABLE, 0, "null: never" },
  { KITH_KEY_LAST_IP, KITH_FIELD_STRING, KITH_FIELD_NULLABLE, 0, "where the last link came from or went to" },
  { KITH_KEY_ADDED_AT, KITH_FIELD_TIME, KITH_FIELD_NULLABLE, 0, "when they became a friend" },
  { KITH_KEY_STATUS, KITH_FIELD_STRING, 0, 0, "online, away, busy or offline", NULL, kith_values_status },
  { KITH_KEY_UNREAD, KITH_FIELD_INTEGER, 0, 0, "unread messages" },
  { KITH_KEY_UNREADABLE, KITH_FIELD_INTEGER, 0, 0, "how many of theirs came and could not be read" },
  { KITH_KEY_FINGERPRINT, KITH_FIELD_STRING, 0, 0, "of the identity key" },
  { KITH_KEY_VERIFIED, KITH_FIELD_BOOLEAN, 0, 0, "the safety number was compared" },
  { KITH_KEY_BLOCKED, KITH_FIELD_BOOLEAN, 0, 0, "is blocked" },
  { KITH_KEY_CHANGED_FINGERPRINT, KITH_FIELD_STRING, FIELD_OPT, 0,
    "the directory gives this key instead: nothing is delivered until PUT /friends/:username/identity" },
  { 0 },
};

const KithNamedFields kith_named_fields[] = {
  { "Message", kith_fields_message },
  { "FoundMessage", kith_fields_found },
  { "Reaction", reaction_fields },
  { "Friend", kith_fields_friend },
  { NULL, NULL },
};

static const KithField of_message[] = {
  { KITH_KEY_MSG_ID, KITH_FIELD_ID, 0, 0, "the message" },
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, 0, 0, "whose conversation" },
  { 0 },
};

static const KithField failed_fields[] = {
  { KITH_KEY_MSG_ID, KITH_FIELD_ID, 0, 0, "the message" },
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, 0, 0, "whose conversation" },
  { KITH_KEY_REASON, KITH_FIELD_STRING, 0, 0, "why, for people" },
  { 0 },
};

static const KithField edited_fields[] = {
  { KITH_KEY_MSG_ID, KITH_FIELD_ID, 0, 0, "the message" },
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, 0, 0, "whose conversation" },
  { KITH_KEY_TEXT, KITH_FIELD_STRING, 0, 10000, "what it says now" },
  { KITH_KEY_EDITED_AT, KITH_FIELD_TIME, 0, 0, "when" },
  { 0 },
};

static const KithField reacted_fields[] = {
  { KITH_KEY_MSG_ID, KITH_FIELD_ID, 0, 0, "the message" },
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, 0, 0, "whose conversation" },
  { KITH_KEY_FROM, KITH_FIELD_USERNAME, 0, 0, "who" },
  { KITH_KEY_EMOJI, KITH_FIELD_STRING, 0, 32, "one grapheme cluster" },
  { KITH_KEY_REMOVED, KITH_FIELD_BOOLEAN, 0, 0, "was taken back" },
  { 0 },
};

static const KithField unread_fields[] = {
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, KITH_FIELD_STATE_KEY, 0, "whose conversation" },
  { KITH_KEY_COUNT, KITH_FIELD_INTEGER, 0, 0, "how many are unread" },
  { 0 },
};

static const KithField unreadable_fields[] = {
  { KITH_KEY_PEER, KITH_FIELD_USERNAME, KITH_FIELD_STATE_KEY, 0, "from whom" },
  { KITH_KEY_COUNT, KITH_FIELD_INTEGER, 0, 0, "how many of theirs came and could not be read; 0: none any more" },
  { 0 },
};

static const KithField request_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "the name under which the request stands" },
  { KITH_KEY_FINGERPRINT, KITH_FIELD_STRING, 0, 0, "of the identity key" },
  { KITH_KEY_MESSAGE, KITH_FIELD_STRING, FIELD_OPT, 0, "what they wrote" },
  { 0 },
};

static const KithField name_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "the friend" },
  { 0 },
};

static const KithField identity_fields[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, 0, 0, "the friend" },
  { KITH_KEY_FINGERPRINT, KITH_FIELD_STRING, 0, 0, "of the other identity key" },
  { 0 },
};

static const KithField connection_fields[] = {
  { KITH_KEY_TRANSPORT, KITH_FIELD_STRING, KITH_FIELD_STATE_KEY, 0, "its id" },
  { KITH_KEY_STATE, KITH_FIELD_STRING, 0, 0, "what it is doing", NULL, kith_values_link_state },
  { 0 },
};

const KithField kith_fields_open_chat[] = {
  { KITH_KEY_USERNAME, KITH_FIELD_USERNAME, FIELD_OPT, 0, "whose conversation" },
  { KITH_KEY_INVITE, KITH_FIELD_STRING, FIELD_OPT, 4096, "a kith: URI that the user clicked on: ask them" },
  { 0 },
};

static const KithField error_fields[] = {
  { KITH_KEY_CODE, KITH_FIELD_STRING, 0, 0, "for programs" },
  { KITH_KEY_MESSAGE, KITH_FIELD_STRING, 0, 0, "for people" },
  { KITH_KEY_EVENT, KITH_FIELD_STRING, FIELD_OPT, 64, "what was refused" },
  { 0 },
};

static const KithField resync_fields[] = {
  { KITH_KEY_EPOCH, KITH_FIELD_STRING, 0, 0, "this journal's life" },
  { KITH_KEY_OLDEST, KITH_FIELD_INTEGER, 0, 0, "the oldest event kept" },
  { KITH_KEY_NEWEST, KITH_FIELD_INTEGER, 0, 0, "the newest" },
  { 0 },
};

static const KithEventSpec specs[] = {
  { KITH_EVENT_NEW_MESSAGE, KITH_KEEP_ALL, NULL, kith_fields_message, "a message was stored" },
  { KITH_EVENT_MESSAGE_DELIVERED, KITH_KEEP_ALL, NULL, of_message, "the peer's daemon has it on disk" },
  { KITH_EVENT_MESSAGE_READ, KITH_KEEP_ALL, NULL, of_message, "the peer has read up to this one" },
  { KITH_EVENT_MESSAGE_FAILED, KITH_KEEP_ALL, NULL, failed_fields, "it will not be tried again by itself" },
  { KITH_EVENT_MESSAGE_EDITED, KITH_KEEP_ALL, NULL, edited_fields, "either side edited" },
  { KITH_EVENT_MESSAGE_DELETED, KITH_KEEP_ALL, NULL, of_message, "deleted for everyone, or here by another client" },
  { KITH_EVENT_REACTION, KITH_KEEP_ALL, NULL, reacted_fields, "a reaction was added or taken back" },
  { KITH_EVENT_UNREAD, KITH_KEEP_LATEST, NULL, unread_fields, "a conversation's unread count changed" },
  { KITH_EVENT_UNREADABLE, KITH_KEEP_LATEST, NULL, unreadable_fields, "messages came that could not be read" },
  { KITH_EVENT_FRIEND_REQUEST, KITH_KEEP_ALL, NULL, request_fields, "a stranger wrote to us" },
  { KITH_EVENT_FRIEND_ADDED, KITH_KEEP_ALL, NULL, name_fields, "the friend list grew" },
  { KITH_EVENT_FRIEND_REMOVED, KITH_KEEP_ALL, NULL, name_fields, "the friend list shrank" },
  { KITH_EVENT_IDENTITY_CHANGED, KITH_KEEP_ALL, NULL, identity_fields, "the directory gives another identity key" },
  { KITH_EVENT_CONNECTION, KITH_KEEP_LATEST, NULL, connection_fields, "the state of a transport" },
  { KITH_EVENT_OPEN_CHAT, KITH_KEEP_NONE, NULL, kith_fields_open_chat,
    "the desktop wants a conversation, an invite or just the window to be shown" },
  { KITH_EVENT_ERROR, KITH_KEEP_NONE, NULL, error_fields, "what this client sent was refused" },
  { KITH_EVENT_RESYNC, KITH_KEEP_NONE, NULL, resync_fields, "load everything anew" },
};

static const KithField since_params[] = {
  { KITH_KEY_SINCE, KITH_FIELD_INTEGER, FIELD_OPT, 0,
    "the seq after which to begin; when it is missing: what no client has seen" },
  { KITH_KEY_EPOCH, KITH_FIELD_STRING, FIELD_OPT, 0, "the life of the journal from which that seq is" },
  { 0 },
};

static const KithRouteStatus opened[] = {
  { 101, "a WebSocket (RFC 6455) on which each text frame is an event of /events/schema.json" },
  { 403, "the page's origin is not in allowed-origins, or the caller is another user" },
  { 426, "this is no WebSocket handshake" },
  { 0 },
};

const KithRouteSpec kith_events_route
    = { "GET", "events", since_params, NULL, NULL, "Everything that happens, as it happens", opened, 0 };

void
kith_events_register (KithBus *bus)
{
  for (guint i = 0; i < G_N_ELEMENTS (specs); i++)
    {
      g_autoptr (GError) error = NULL;

      if (kith_bus_find_event (bus, specs[i].name) == NULL && !kith_bus_add_event (bus, &specs[i], KITH_HOUSE, &error))
        g_critical ("%s", error->message);
    }
}
