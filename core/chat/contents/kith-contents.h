/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-chat-private.h"
#include "kith-message.h"
#include "kith-table-waiting.h"

G_BEGIN_DECLS

/* What is inside the encryption (content.md §1): read strictly, then applied inside the job that decrypted it. One file
 * for each kind. */
#define KITH_CONTENT_BYTES_MAX 60000
#define KITH_KIND_MAX 100
#define KITH_CIDS_MAX 200

typedef struct _KithContentType KithContentType;

typedef struct
{
  const KithContentType *type; /* NULL: a plugin's kind, or one that we do not know */
  GBytes *bytes;               /* own; the whole */
  char kind[KITH_KIND_MAX + 1];
  guint8 cid[KITH_ID_BYTES];
  gint64 ts_ms;
  guint8 id[KITH_ID_BYTES]; /* the message of which it speaks */
  gint64 rev;
  char *text;     /* also the note of a hello */
  char *username; /* of a hello: what they call themselves */
  gboolean has_reply, has_prev, removed;
  guint8 reply_to[KITH_ID_BYTES], prev[KITH_ID_BYTES];
  char emoji[KITH_EMOJI_BYTES_MAX + 1];
  GByteArray *cids; /* KITH_ID_BYTES each */
} KithSaid;

/* Members in the order of kith-contents.c's list. */
enum
{
  KITH_SAID_K,
  KITH_SAID_CID,
  KITH_SAID_TS,
  KITH_SAID_ID,
  KITH_SAID_REV,
  KITH_SAID_TEXT,
  KITH_SAID_REPLY_TO,
  KITH_SAID_EMOJI,
  KITH_SAID_REMOVED,
  KITH_SAID_CIDS,
  KITH_SAID_NOTE,
  KITH_SAID_USERNAME,
  KITH_SAID_PREV,
  KITH_SAID_N
};

/* Where, for whom and how contents are applied. */
typedef struct
{
  KithDb *db;
  KithAfter *after;
  const char *own_name;
  KithPersonRow *person; /* the sender; unread is kept up to date */
  GHashTable *kinds;     /* registered plugins' kinds (a set) */
  gint64 now_ms;
  gboolean direct; /* came over a link */
  const char *transport; /* over which; nullable */
  gboolean quiet;  /* before the message itself is told: no events */
} KithApply;

struct _KithContentType
{
  const char *kind;
  gboolean (*parse) (KithSaid *said, const KithJsonSpan *members);            /* FALSE: invalid */
  gboolean (*apply) (KithApply *apply, const KithSaid *said, GError **error); /* FALSE: the job fails */
};

extern const KithContentType kith_content_message, kith_content_edit, kith_content_delete, kith_content_reaction,
    kith_content_delivered, kith_content_read, kith_content_hello;

/* FALSE: invalid, *why says it. */
gboolean kith_said_parse (KithSaid *said, GBytes *bytes, const char **why);
void kith_said_clear (KithSaid *said);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KithSaid, kith_said_clear)

/* A content of a friend becomes true. Invalid and unknown ones were dropped before. */
gboolean kith_contents_apply (KithApply *apply, const KithSaid *said, GError **error);
/* The message is not there: the content waits for it. */
gboolean kith_contents_wait (KithApply *apply, const KithSaid *said, GError **error);
/* Gives the message of which `said` speaks, in that conversation, unless it is deleted. FALSE: there is none such (no
 * error), or an error; a content that came too early waits from then on. */
gboolean kith_contents_find (KithApply *apply, const KithSaid *said, KithMessageRow *row, GError **error);
/* Journals unless quiet; takes `data`. */
gboolean kith_contents_tell (KithApply *apply, const char *event, GBytes *data, const guint8 *id, GError **error);

/* What local changes share with what a friend sends. */
/* Another text for the row, not saved yet; the search index follows. NULL: none. */
gboolean kith_message_set_text (KithDb *db, KithMessageRow *row, const char *text, GError **error);
/* Wipes text, reactions, edits, journal; nothing is told. */
gboolean kith_message_wipe (KithDb *db, KithMessageRow *row, GError **error);

/* Contents of ours, as bytes. */
void kith_content_begin (KithJsonWriter *w, const char *kind, const guint8 *cid, gint64 ts_ms);
GBytes *kith_content_end (KithJsonWriter *w);
GBytes *kith_content_print_message (const KithMessageRow *row); /* one of ours */
GBytes *kith_content_print_edit (const guint8 *cid, gint64 ts_ms, const guint8 *id, gint64 rev, const char *text);
GBytes *kith_content_print_delete (const guint8 *cid, gint64 ts_ms, const guint8 *id);
GBytes *kith_content_print_reaction (
    const guint8 *cid, gint64 ts_ms, const guint8 *id, gint64 rev, const char *emoji, gboolean removed);
GBytes *kith_content_print_delivered (const guint8 *cid, gint64 ts_ms, const guint8 *cids, gsize n);
GBytes *kith_content_print_read (const guint8 *cid, gint64 ts_ms, const guint8 *id);
GBytes *kith_content_print_hello (const guint8 *cid, gint64 ts_ms, const char *username, const char *note);

G_END_DECLS
