/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-registry.h"

#include "kith-event-private.h"

static void
registered_free (gpointer data)
{
  KithRegistered *self = data;

  g_free (self->name);
  g_free (self->owner);
  g_free (self);
}

KithRegistry *
kith_registry_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, registered_free);
}

void
kith_registry_free (KithRegistry *self)
{
  g_hash_table_unref (self);
}

gboolean
kith_registry_add (KithRegistry *self, const char *name, const KithEventSpec *spec, const char *owner, GError **error)
{
  KithRegistered *known = g_hash_table_lookup (self, name);

  if (known != NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_CONFLICT, "\"%s\" is registered already, by %s", name, known->owner);
      return FALSE;
    }
  if (!kith_name_is_event (name))
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID,
                   "\"%s\" is no name for an event: a-z 0-9 . _ -, 64 characters at most", name);
      return FALSE;
    }
  known = g_new0 (KithRegistered, 1);
  known->spec = spec;
  known->name = g_strdup (name);
  known->owner = g_strdup (owner);
  known->detail = g_quark_from_string (name);
  g_hash_table_insert (self, known->name, known);
  return TRUE;
}

const KithRegistered *
kith_registry_find (KithRegistry *self, const char *name)
{
  return g_hash_table_lookup (self, name);
}

static gboolean
is_of_owner (gpointer key, gpointer value, gpointer data)
{
  return g_str_equal (((KithRegistered *) value)->owner, data);
}

void
kith_registry_drop_owner (KithRegistry *self, const char *owner)
{
  g_hash_table_foreach_remove (self, is_of_owner, (gpointer) owner);
}

void
kith_registry_foreach (KithRegistry *self, KithEventSpecFunc func, gpointer data)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (self), (GCompareFunc) strcmp);

  for (GList *l = names; l != NULL; l = l->next)
    {
      KithRegistered *known = g_hash_table_lookup (self, l->data);

      func (known->spec, known->owner, data);
    }
}
