/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-json-private.h"
#include "kith-json-writer.h"
#include "kith-table-message.h"

G_BEGIN_DECLS

/* A message as JSON (local-api.md §2.2), for events and for pages alike, and what is checked about its parts. Any
 * thread. */
#define KITH_ID_TEXT 37

gboolean kith_id_parse (const char *text, guint8 *id); /* a UUID v4, lower case */
gboolean kith_id_parse_span (const KithJsonSpan *span, guint8 *id);
const char *kith_id_print (const guint8 *id, char *out /* KITH_ID_TEXT */); /* out */
void kith_id_make (gpointer world /* KithWorld */, guint8 *id);             /* a new UUID v4 */

#define KITH_TEXT_MAX 10000
#define KITH_NOTE_MAX 300
#define KITH_EMOJI_BYTES_MAX 32

/* Valid UTF-8 is taken for granted. KITH_ERROR_INVALID names the field. */
gboolean kith_text_check (const char *field, const char *text, guint max, GError **error);
gboolean kith_emoji_check (const char *emoji, GError **error); /* one grapheme cluster, 32 bytes at most */

typedef struct
{
  KithDb *db;             /* for the reactions */
  const char *own, *peer; /* usernames */
  gint64 read_to;         /* how far we have read, and how far they have */
  gint64 peer_read;
} KithMessageView;

void kith_message_write (KithJsonWriter *w, const KithMessageRow *row, const KithMessageView *view);
/* One of a search: with "snippet". */
void kith_message_write_found (
    KithJsonWriter *w, const KithMessageRow *row, const KithMessageView *view, const char *snippet);
/* A line of an export: with "peer" and their "signing_key". */
void kith_message_write_kept (
    KithJsonWriter *w, const KithMessageRow *row, const KithMessageView *view, const guint8 *peer_key);
GBytes *kith_message_print (const KithMessageRow *row, const KithMessageView *view);

/* Data of the events about a message: {msg_id, peer, …}. */
GBytes *kith_message_print_sign (const guint8 *id, const char *peer, const char *reason /* nullable */);
GBytes *kith_message_print_edit (const guint8 *id, const char *peer, const char *text, gint64 edited_ms);
GBytes *
kith_message_print_reaction (const guint8 *id, const char *peer, const char *from, const char *emoji, gboolean removed);

G_END_DECLS
