/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes outside of the database how far it had come, so that an older copy in its place is noticed. Main thread. */
#pragma once

#include "kith-key-store.h"
#include "kith-store.h"

G_BEGIN_DECLS

typedef struct _KithMark KithMark;

/* @key_store must outlive it. */
KithMark *kith_mark_new     (KithWorld *world, KithStore *store, KithKeyStore *key_store, const char *key_path);
void      kith_mark_free    (KithMark *self);
void      kith_mark_expect  (KithMark *self);   /* before the store is opened, once the key is there */
void      kith_mark_opened  (KithMark *self);
void      kith_mark_moved   (KithMark *self);   /* the journal has another newest event */
void      kith_mark_closing (KithMark *self);   /* before it is closed */

G_END_DECLS
