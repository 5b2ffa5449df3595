/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-bus-private.h"

/* The names that are known on the bus, who has them, and their interned details. */
typedef struct
{
  const KithEventSpec *spec; /* NULL for a kind of ephemeral */
  char *name;
  char *owner;
  GQuark detail;
} KithRegistered;

typedef GHashTable KithRegistry;

KithRegistry *kith_registry_new (void);
void kith_registry_free (KithRegistry *self);
gboolean kith_registry_add (KithRegistry *self, const char *name, const KithEventSpec *spec, const char *owner,
                            GError **error);
const KithRegistered *kith_registry_find (KithRegistry *self, const char *name);
void kith_registry_drop_owner (KithRegistry *self, const char *owner);
/* In the order of names. */
void kith_registry_foreach (KithRegistry *self, KithEventSpecFunc func, gpointer data);
