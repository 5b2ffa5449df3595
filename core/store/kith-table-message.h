/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-db.h"

G_BEGIN_DECLS

#define KITH_ID_BYTES 16

/* Conversations: the tables "message", "conversation", "message_edit" and "reaction". Inside jobs and reads only. Every
 * function that gives a boolean fails with an error, but for what says otherwise. */
typedef struct
{
  gint64 row, person, pos;
  guint8 id[KITH_ID_BYTES];
  gboolean sent, delivered, direct, deleted, failed, reacted, has_reply;
  gboolean has_prev; /* kith-table-gap.h */
  guint8 reply_to[KITH_ID_BYTES], prev[KITH_ID_BYTES];
  char *text; /* own, but while a KithMessageFunc reads */
  gint64 ts_ms, rev, edited_ms;
} KithMessageRow;

void kith_message_row_clear (KithMessageRow *row);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithMessageRow, kith_message_row_clear)

/* Fills row and pos; row is 0 when that id is there already: nothing was changed. */
gboolean kith_table_message_add (KithDb *db, KithMessageRow *row, const char *client_id, GError **error);
/* History of an import: before everything that is in the conversation, with a row below 0; also edited, deleted,
 * failed, reacted. Otherwise as add(). */
gboolean kith_table_message_add_before (KithDb *db, KithMessageRow *row, GError **error);
/* For statements that select the columns in the table's order. The text is lent by the statement. */
void kith_message_row_read (KithStmt *stmt, KithMessageRow *out);
/* FALSE without an error: there is none. */
gboolean kith_table_message_get (KithDb *db, const guint8 *id, KithMessageRow *out, GError **error);
gboolean kith_table_message_get_client (KithDb *db, const char *client_id, KithMessageRow *out, GError **error);
/* Writes text, rev, edited, delivered, direct, deleted, failed, reacted. */
gboolean kith_table_message_save (KithDb *db, const KithMessageRow *row, GError **error);
/* Marks a message of ours as delivered; *changed: it was not before. */
gboolean kith_table_message_set_delivered (KithDb *db, gint64 row, gboolean direct, gboolean *changed, GError **error);
gboolean kith_table_message_set_failed (KithDb *db, gint64 row, gboolean failed, GError **error);

typedef gboolean (*KithMessageFunc) (const KithMessageRow *row, gpointer data); /* FALSE: enough */
/* Oldest first, positions from `first` to `last`. */
gboolean kith_table_message_each (
    KithDb *db, gint64 person, gint64 first, gint64 last, KithMessageFunc func, gpointer data, GError **error);
/* How many there are: from *first to *last without gaps; 0: 1 to 0. */
gint64 kith_table_message_span (KithDb *db, gint64 person, gint64 *first, gint64 *last);
gint64 kith_table_message_count (KithDb *db, gint64 person);
/* The next one with whom something was said. */
gboolean kith_table_message_next_person (KithDb *db, gint64 after, gint64 *person);
/* Received and not deleted after a position. */
gint64 kith_table_message_unread (KithDb *db, gint64 person, gint64 read_to);

/* The newest received message up to a position: its position and id; 0: none. */
gint64 kith_table_message_last_received (KithDb *db, gint64 person, gint64 pos, guint8 *id);

/* conversation */
gint64 kith_table_conversation_peer_read (KithDb *db, gint64 person);
gint64 kith_table_conversation_tell_read (KithDb *db, gint64 person);
gboolean kith_table_conversation_set_peer_read (KithDb *db, gint64 person, gint64 pos, GError **error);
gboolean kith_table_conversation_set_tell_read (KithDb *db, gint64 person, gint64 pos, GError **error);
/* Told: cleared unless something newer came. */
gboolean kith_table_conversation_told_read (KithDb *db, gint64 person, gint64 pos, GError **error);

/* edits, reactions */
#define KITH_EDITS_MAX 200 /* of one message are remembered */
gboolean kith_table_edit_add (KithDb *db, gint64 message, gint64 rev, gboolean mine, gint64 at_ms, GError **error);
#define KITH_REACTIONS_MAX 64 /* emoji of one sender on one message */
/* The rev of what is known of (message, sender, emoji), 0: nothing. */
gint64 kith_table_reaction_rev (KithDb *db, gint64 message, gboolean mine, const char *emoji, gboolean *removed);
/* *changed: FALSE when an equal or higher rev is there, or the sender has KITH_REACTIONS_MAX. */
gboolean kith_table_reaction_set (KithDb *db,
                                  gint64 message,
                                  gboolean mine,
                                  const char *emoji,
                                  gint64 rev,
                                  gboolean removed,
                                  gboolean *changed,
                                  GError **error);
typedef void (*KithReactionFunc) (const char *emoji, gboolean mine, gpointer data);
gboolean kith_table_reaction_each (KithDb *db, gint64 message, KithReactionFunc func, gpointer data, GError **error);
/* Everything that a deleted message leaves: reactions and edits. */
gboolean kith_table_message_strip (KithDb *db, gint64 message, GError **error);

G_END_DECLS
