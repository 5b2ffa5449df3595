/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Numbered table files; the file knows the number that it has as PRAGMA user_version. */

#include "kith-db.h"

G_BEGIN_DECLS

typedef struct
{
  int         version;
  const char *name;
  const char *sql;
} KithSchemaPart;

typedef struct
{
  const KithSchemaPart *parts;   /* versions never go down along the list */
  gsize                 n_parts;
} KithSchema;

/* schema/NNN-name.sql, compiled in. */
extern const KithSchema kith_schema;

int      kith_schema_get_version (const KithSchema *schema);
/* Inside a transaction: everything newer than @from, and the new number. */
gboolean kith_schema_apply (const KithSchema *schema, KithDb *db, int from, GError **error);

/* Before it is opened: other tables than those of the daemon (the relay's; tests of migrations). Its first part must be
 * 001-core.sql, which the store itself needs. */
typedef struct _KithStore KithStore;
void     kith_store_set_schema (KithStore *store, const KithSchema *schema);

G_END_DECLS
