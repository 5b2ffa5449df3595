/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-contents.h"

/* It only matters to who does not know the sender: kith-requests.c looks at the note; the name is what HELLO says on a
 * link, for those to whom it comes through a mailbox. */
static gboolean
parse (KithSaid *said, const KithJsonSpan *members)
{
  if (members[KITH_SAID_USERNAME].start != NULL)
    said->username = kith_json_span_string (&members[KITH_SAID_USERNAME]);
  if (members[KITH_SAID_NOTE].start == NULL)
    return TRUE;
  said->text = kith_json_span_string (&members[KITH_SAID_NOTE]);
  return said->text != NULL
         && (said->text[0] == '\0' || kith_text_check (KITH_CONTENT_KEY_NOTE, said->text, KITH_NOTE_MAX, NULL));
}

static gboolean
apply_hello (KithApply *apply, const KithSaid *said, GError **error)
{
  return TRUE; /* ignored between friends */
}

GBytes *
kith_content_print_hello (const guint8 *cid, gint64 ts_ms, const char *username, const char *note)
{
  g_auto (KithJsonWriter) w;

  kith_content_begin (&w, KITH_CONTENT_HELLO, cid, ts_ms);
  kith_json_writer_member_string (&w, KITH_CONTENT_KEY_USERNAME, username);
  if (note != NULL && note[0] != '\0')
    kith_json_writer_member_string (&w, KITH_CONTENT_KEY_NOTE, note);
  return kith_content_end (&w);
}

const KithContentType kith_content_hello = { KITH_CONTENT_HELLO, parse, apply_hello };
