/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-notice-entry.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define PREVIEW_CHARS 200

void
kith_notice_entry_free (gpointer data)
{
  KithNoticeEntry *entry = data;

  g_free (entry->id);
  g_free (entry->username);
  g_free (entry->msg_id);
  g_free (entry->text);
  g_free (entry);
}

/* What a stranger can do with a text: make it long, or draw with it. */
static char *
make_preview (const char *text)
{
  g_autofree char *cut = g_utf8_substring (text, 0, MIN (g_utf8_strlen (text, -1), PREVIEW_CHARS));
  GString *preview = g_string_new (NULL);
  gboolean blank = FALSE;

  for (const char *p = cut; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (g_unichar_isspace (c) || g_unichar_iscntrl (c))
        blank = preview->len > 0;
      else
        {
          if (blank)
            g_string_append_c (preview, ' ');
          g_string_append_unichar (preview, c);
          blank = FALSE;
        }
    }
  if (strlen (cut) < strlen (text))
    g_string_append (preview, "…");
  return g_string_free (preview, FALSE);
}

static char *
make_count (const KithNoticeEntry *entry)
{
  if (entry->username == NULL)
    return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "New messages in %u more conversation",
                                         "New messages in %u more conversations", entry->count), entry->count);
  return g_strdup_printf (g_dngettext (GETTEXT_PACKAGE, "%u new message", "%u new messages", entry->count),
                          entry->count);
}

char *
kith_notice_entry_make_body (const KithNoticeEntry *entry, gboolean show_text)
{
  g_autofree char *preview = show_text && entry->text != NULL ? make_preview (entry->text) : NULL;
  g_autofree char *count = NULL;

  if (entry->request)
    return preview != NULL ? g_steal_pointer (&preview) : g_strdup (_("Wants to write to you"));
  if (preview != NULL && entry->count <= 1)
    return g_steal_pointer (&preview);
  count = make_count (entry);
  if (preview == NULL)
    return g_steal_pointer (&count);
  return g_strconcat (count, "\n", preview, NULL);
}

char *
kith_notice_entry_make_title (const KithNoticeEntry *entry)
{
  if (entry->request)
    return g_strdup_printf (_("Message request from %s"), entry->username);
  return g_strdup (entry->username != NULL ? entry->username : "Kith");
}
