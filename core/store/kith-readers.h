/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A few connections that only read, each on its own worker, opened when first needed. */

#include "kith-answers.h"
#include "kith-db-private.h"

G_BEGIN_DECLS

typedef struct _KithReaders KithReaders;

/* @key is copied into locked memory. */
KithReaders *kith_readers_new (KithWorld *world, KithAnswers *answers, const char *path, const guint8 *key);
void         kith_readers_add (KithReaders *readers, KithJob *job);
/* Answers what has not begun with KITH_ERROR_CLOSED, ends the threads. */
void         kith_readers_free (KithReaders *readers);
/* TRUE when a reader came upon a page that cannot be read. */
gboolean     kith_readers_saw_damage (KithReaders *readers);

G_END_DECLS
