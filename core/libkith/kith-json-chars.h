/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-json-private.h"

/* What check and scan share: the raw text of string tokens that have been checked. */

/* Four hex digits. */
gunichar kith_json_hex4 (const char *p);
/* Gives one decoded code point; @p moves behind it. */
gunichar kith_json_next_char (const char **p);
/* Compares two raw string tokens (without quotes) by what they decode to; a total order. */
int kith_json_compare_raw (const char *a, gsize a_length, const char *b, gsize b_length);

typedef struct
{
  const char *raw; /* without the quotes */
  gsize length;
  guint32 hash; /* of what it decodes to */
  gboolean escaped;
} KithJsonKey;

void kith_json_key_init (KithJsonKey *key, const char *raw, gsize length, gboolean escaped);
int kith_json_key_compare (gconstpointer a, gconstpointer b);

/* The one walk through a document. @member is called for each member of the top-level object, or is NULL. */
typedef void (*KithJsonMemberFunc) (const KithJsonKey *key, const KithJsonSpan *value, gpointer data);
const char *kith_json_walk (const char *text, gsize n, guint max_depth, guint max_values, KithJsonMemberFunc member,
                            gpointer data);
