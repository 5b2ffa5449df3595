/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-catalog.h"

G_BEGIN_DECLS

#define KITH_HOUSE "kith"   /* owner of the events that no plugin brings */

typedef struct
{
  char *owner;   /* NULL: the house */
  const KithRouteSpec *spec;
  char **segments;
  guint n_segments;
  KithRequestFunc func;
  gpointer data;
  GDestroyNotify destroy;
} KithRoute;

typedef struct
{
  char *owner;
  const KithEventSpec *spec;
  const char **names;
  guint n_names;
  KithRequestFunc func;
  gpointer data;
  GDestroyNotify destroy;
} KithCommand;

struct _KithCatalog
{
  GObject parent_instance;

  KithBus *bus;
  GPtrArray *routes;      /* of KithRoute */
  GHashTable *commands;   /* name → KithCommand */
};

G_END_DECLS
