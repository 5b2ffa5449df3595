/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-people.h"
#include <string.h>

struct _KithPeople
{
  GHashTable *by_id;     /* owns KithPerson */
  GHashTable *by_ik;     /* GBytes → KithPerson */
  GHashTable *by_name;
  GListStore *friends;   /* of KithFriend */
};

static void
person_free (gpointer data)
{
  KithPerson *person = data;

  g_clear_object (&person->friend);
  kith_person_row_clear (&person->row);
  g_free (person);
}

KithPeople *
kith_people_new (void)
{
  KithPeople *self = g_new0 (KithPeople, 1);

  self->by_id = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, person_free);
  self->by_ik = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  self->friends = g_list_store_new (KITH_TYPE_FRIEND);
  return self;
}

void
kith_people_free (KithPeople *self)
{
  g_hash_table_unref (self->by_ik);
  g_hash_table_unref (self->by_name);
  g_object_unref (self->friends);
  g_hash_table_unref (self->by_id);
  g_free (self);
}

static void
drop_friend (KithPeople *self, KithPerson *person)
{
  guint position = 0;

  if (person->friend != NULL && g_list_store_find (self->friends, person->friend, &position))
    g_list_store_remove (self->friends, position);
  g_clear_object (&person->friend);
}

static void
update_friend (KithPeople *self, KithPerson *person)
{
  const KithPersonRow *row = &person->row;
  g_autoptr (GBytes) ik = g_bytes_new (row->ik, sizeof row->ik);

  /* A friend object is for one identity key: after an accepted change it is another one. */
  if (row->state != KITH_PERSON_FRIEND
      || (person->friend != NULL && !g_bytes_equal (ik, kith_friend_get_identity_key (person->friend))))
    drop_friend (self, person);
  if (row->state != KITH_PERSON_FRIEND)
    return;
  if (person->friend == NULL)
    {
      person->friend = kith_friend_new (ik, row->name);
      g_list_store_append (self->friends, person->friend);
    }
  kith_friend_set_username (person->friend, row->name);
  kith_friend_set_verified (person->friend, row->verified);
  kith_friend_set_blocked (person->friend, row->blocked);
  kith_friend_set_last_seen_ms (person->friend, row->last_seen_ms);
}

KithPerson *
kith_people_apply (KithPeople *self, const KithPersonRow *row)
{
  KithPerson *person = g_hash_table_lookup (self->by_id, &row->id);

  if (person == NULL)
    {
      person = g_new0 (KithPerson, 1);
      kith_person_row_copy (&person->row, row);
      g_hash_table_insert (self->by_id, &person->row.id, person);
    }
  else
    {
      g_autoptr (GBytes) old = g_bytes_new (person->row.ik, 32);

      g_hash_table_remove (self->by_name, person->row.name);
      g_hash_table_remove (self->by_ik, old);
      kith_person_row_copy (&person->row, row);
    }
  g_hash_table_insert (self->by_name, person->row.name, person);
  g_hash_table_insert (self->by_ik, g_bytes_new (person->row.ik, 32), person);
  update_friend (self, person);
  return person;
}

void
kith_people_forget (KithPeople *self, gint64 id)
{
  KithPerson *person = g_hash_table_lookup (self->by_id, &id);
  g_autoptr (GBytes) ik = NULL;

  if (person == NULL)
    return;
  ik = g_bytes_new (person->row.ik, 32);
  person->row.state = KITH_PERSON_NONE;
  update_friend (self, person);
  g_hash_table_remove (self->by_name, person->row.name);
  g_hash_table_remove (self->by_ik, ik);
  g_hash_table_remove (self->by_id, &id);
}

KithPerson *
kith_people_find_id (KithPeople *self, gint64 id)
{
  return g_hash_table_lookup (self->by_id, &id);
}

KithPerson *
kith_people_find_ik (KithPeople *self, const guint8 *ik)
{
  g_autoptr (GBytes) key = g_bytes_new_static (ik, 32);

  return g_hash_table_lookup (self->by_ik, key);
}

KithPerson *
kith_people_find_name (KithPeople *self, const char *name)
{
  return name == NULL ? NULL : g_hash_table_lookup (self->by_name, name);
}

KithPerson *
kith_people_find_friend (KithPeople *self, KithFriend *friend)
{
  gsize n = 0;
  const guint8 *ik = g_bytes_get_data (kith_friend_get_identity_key (friend), &n);
  KithPerson *person = n == 32 ? kith_people_find_ik (self, ik) : NULL;

  return person != NULL && person->friend == friend ? person : NULL;
}

GListModel *
kith_people_get_friends (KithPeople *self)
{
  return G_LIST_MODEL (self->friends);
}

static int
compare_people (gconstpointer a, gconstpointer b)
{
  const KithPerson *left = *(KithPerson *const *) a, *right = *(KithPerson *const *) b;

  return left->row.id < right->row.id ? -1 : left->row.id > right->row.id;
}

GPtrArray *
kith_people_list (KithPeople *self)
{
  GPtrArray *list = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer person = NULL;

  g_hash_table_iter_init (&iter, self->by_id);
  while (g_hash_table_iter_next (&iter, NULL, &person))
    g_ptr_array_add (list, person);
  g_ptr_array_sort (list, compare_people);
  return list;
}

gboolean
kith_person_is_friend (const KithPerson *person)
{
  return person->row.state == KITH_PERSON_FRIEND && !person->row.blocked;
}
