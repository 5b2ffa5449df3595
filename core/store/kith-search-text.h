/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* What the tokenizer of the index (unicode61) gets: the text, where every character that is a word of its own stands
 * alone. Any thread. */
void kith_search_text_append (GString *out, const char *text);
/* The same for a query: each word in quotes, so that nothing the user types is an operator; characters that belong
 * together are one phrase. How many words there are. */
guint kith_search_text_quote (GString *out, const char *text);
/* A word of its own, of a script without gaps between words: it is found anywhere. */
gboolean kith_search_text_is_alone (gunichar c);

G_END_DECLS
