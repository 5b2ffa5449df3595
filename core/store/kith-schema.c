/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-schema.h"

int
kith_schema_get_version (const KithSchema *schema)
{
  return schema->n_parts > 0 ? schema->parts[schema->n_parts - 1].version : 0;
}

gboolean
kith_schema_apply (const KithSchema *schema, KithDb *db, int from, GError **error)
{
  g_autofree char *number = g_strdup_printf ("PRAGMA user_version = %d", kith_schema_get_version (schema));

  for (gsize i = 0; i < schema->n_parts; i++)
    {
      const KithSchemaPart *part = &schema->parts[i];

      if (part->version > from && !kith_db_exec (db, part->sql, error))
        {
          g_prefix_error (error, "Table file %s: ", part->name);
          return FALSE;
        }
    }
  return kith_db_exec (db, number, error);
}
