/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which friend is which account at this server. It is the server's word, and decides nothing but who may see our
 * heartbeat and which of the server's heartbeats is whose. */
#include "kith-supabase-private.h"

#include <string.h>

#define MOST_PEOPLE 450          /* what fits the 64 KiB of a value */
#define MOST_LOOKUPS 5           /* at a time */
#define ASK_AGAIN_US (G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC)

struct _KithSupabasePeople
{
  GPtrArray *people;             /* of KithSupabasePerson */
  GHashTable *asked;             /* key → gint64: when the directory did not know them */
  gboolean loaded, busy, changed, saving;
  guint lookups;
  void (*done) (KithSupabase *self);
};

static void
person_free (gpointer data)
{
  KithSupabasePerson *person = data;

  g_free (person->key);
  g_free (person->account);
  g_free (person->granted);
  g_free (person->sealed);
  g_strfreev (person->addresses);
  g_free (person);
}

static KithSupabasePerson *
find_key (KithSupabasePeople *people, const char *key)
{
  for (guint i = 0; i < people->people->len; i++)
    {
      KithSupabasePerson *person = g_ptr_array_index (people->people, i);

      if (strcmp (person->key, key) == 0)
        return person;
    }
  return NULL;
}

static KithSupabasePerson *
add_person (KithSupabasePeople *people, const char *key, const char *account)
{
  KithSupabasePerson *person = find_key (people, key);

  if (person == NULL)
    {
      if (people->people->len >= MOST_PEOPLE)
        return NULL;
      person = g_new0 (KithSupabasePerson, 1);
      person->key = g_strdup (key);
      g_ptr_array_add (people->people, person);
    }
  if (person->account != NULL && g_ascii_strcasecmp (person->account, account) == 0)
    return person;
  g_free (person->account);
  g_clear_pointer (&person->granted, g_free);
  person->account = g_ascii_strdown (account, -1);
  people->changed = TRUE;
  return person;
}

/* --- kept: [[key, account, granted, when], …] */

static char *
store_key (KithSupabase *self)
{
  return g_strconcat ("people-", self->config->name, NULL);
}

static void
take_row (KithSupabasePeople *people, JsonNode *node)
{
  JsonArray *row = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  const char *key, *account, *granted;
  KithSupabasePerson *person;

  if (row == NULL || json_array_get_length (row) != 4)
    return;
  key = kith_supabase_get_element (row, 0);
  account = kith_supabase_get_element (row, 1);
  granted = kith_supabase_get_element (row, 2);
  if (key == NULL || account == NULL || !g_uuid_string_is_valid (account))
    return;
  person = add_person (people, key, account);
  if (person == NULL || granted == NULL)
    return;
  g_free (person->granted);
  person->granted = g_strdup (granted);
  person->granted_ms = json_array_get_int_element (row, 3);
}

static void
on_saved (GObject *host, GAsyncResult *result, gpointer data)
{
  KithSupabase *self = data;
  g_autoptr (GError) error = NULL;

  self->people->saving = FALSE;
  if (!kith_host_save_finish (KITH_HOST (host), result, &error) && !self->stopped)
    {
      self->people->changed = TRUE;
      g_message ("Who is who at the offline server is not kept: %s", error->message);
    }
  kith_supabase_unref (self);
}

void
kith_supabase_people_save (KithSupabase *self)
{
  KithSupabasePeople *people = self->people;
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_ARRAY);
  g_autofree char *key = store_key (self);
  g_autoptr (GBytes) value = NULL;
  JsonArray *rows;

  if (!people->changed || people->saving || self->stopped)
    return;
  rows = json_array_new ();
  for (guint i = 0; i < people->people->len; i++)
    {
      KithSupabasePerson *person = g_ptr_array_index (people->people, i);
      JsonArray *row = json_array_new ();

      json_array_add_string_element (row, person->key);
      json_array_add_string_element (row, person->account);
      if (person->granted != NULL)
        json_array_add_string_element (row, person->granted);
      else
        json_array_add_null_element (row);
      json_array_add_int_element (row, person->granted_ms);
      json_array_add_array_element (rows, row);
    }
  json_node_take_array (node, rows);
  value = kith_json_print (node);
  people->changed = FALSE;
  people->saving = TRUE;
  kith_host_save_async (self->host, key, value, self->cancellable, on_saved, kith_supabase_ref (self));
}

/* --- those who are not known yet */

static void look_on (KithSupabase *self);

static gboolean
was_asked (KithSupabase *self, const char *key)
{
  const gint64 *at_us = g_hash_table_lookup (self->people->asked, key);

  return at_us != NULL && kith_host_get_time_us (self->host) - *at_us < ASK_AGAIN_US;
}

static void
on_looked_up (GObject *source, GAsyncResult *result, gpointer data)
{
  KithSupabase *self = data;
  KithListing *listing = g_task_propagate_pointer (G_TASK (result), NULL);

  g_clear_pointer (&listing, kith_listing_free);    /* what there is to know was learned already */
  if (!self->stopped)
    look_on (self);
  kith_supabase_unref (self);
}

/* The name at the directory: a second person of one name has something added here. */
static gboolean
look_up (KithSupabase *self, KithFriend *friend)
{
  KithSupabasePeople *people = self->people;
  g_autofree char *key = kith_supabase_encode (kith_friend_get_identity_key (friend));
  const char *name = kith_friend_get_username (friend);
  g_autofree char *plain = g_strndup (name, strcspn (name, "~"));
  gint64 *now_us;

  if (kith_friend_get_blocked (friend) || find_key (people, key) != NULL || was_asked (self, key))
    return FALSE;
  now_us = g_new (gint64, 1);
  *now_us = kith_host_get_time_us (self->host);
  g_hash_table_replace (people->asked, g_steal_pointer (&key), now_us);
  people->lookups++;
  kith_supabase_lookup (self, plain, g_task_new (NULL, NULL, on_looked_up, kith_supabase_ref (self)));
  return TRUE;
}

static void
look_on (KithSupabase *self)
{
  KithSupabasePeople *people = self->people;
  GListModel *friends = kith_host_get_friends (self->host);
  guint n = people->lookups < MOST_LOOKUPS && self->ready && !kith_supabase_is_waiting (self)
            ? g_list_model_get_n_items (friends) : 0;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (KithFriend) friend = g_list_model_get_item (friends, i);

      if (look_up (self, friend))
        return;
    }
  kith_supabase_people_save (self);
  people->busy = FALSE;
  people->done (self);
}

static void
on_loaded (GObject *host, GAsyncResult *result, gpointer data)
{
  KithSupabase *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) value = kith_host_load_finish (KITH_HOST (host), result, &error);
  g_autoptr (JsonNode) root = NULL;
  gsize n;

  if (value != NULL)
    {
      const char *text = g_bytes_get_data (value, &n);

      root = kith_json_parse (text, (gssize) n, NULL);
    }
  for (guint i = 0; root != NULL && JSON_NODE_HOLDS_ARRAY (root)
                    && i < json_array_get_length (json_node_get_array (root)); i++)
    take_row (self->people, json_array_get_element (json_node_get_array (root), i));
  self->people->changed = FALSE;
  /* Without a store there is nothing to keep either; the next round looks again. */
  self->people->loaded = error == NULL || g_error_matches (error, KITH_ERROR, KITH_ERROR_UNKNOWN);
  if (!self->stopped)
    look_on (self);
  kith_supabase_unref (self);
}

void
kith_supabase_people_update (KithSupabase *self, void (*done) (KithSupabase *self))
{
  KithSupabasePeople *people = self->people;
  g_autofree char *key = NULL;

  if (people->busy)
    return;
  people->busy = TRUE;
  people->lookups = 0;
  people->done = done;
  if (people->loaded)
    {
      look_on (self);
      return;
    }
  key = store_key (self);
  kith_host_load_async (self->host, key, self->cancellable, on_loaded, kith_supabase_ref (self));
}

/* --- asking the table */

GPtrArray *
kith_supabase_people_get (KithSupabase *self)
{
  return self->people->people;
}

void
kith_supabase_people_learn (KithSupabase *self, GBytes *identity_key, const char *account)
{
  g_autofree char *key = kith_supabase_encode (identity_key);

  add_person (self->people, key, account);
}

void
kith_supabase_people_forget (KithSupabase *self, KithSupabasePerson *person)
{
  g_ptr_array_remove (self->people->people, person);
  self->people->changed = TRUE;
}

void
kith_supabase_people_granted (KithSupabase *self, KithSupabasePerson *person, const char *granted)
{
  g_free (person->granted);
  person->granted = g_strdup (granted);
  person->granted_ms = kith_host_get_date_ms (self->host);
  self->people->changed = TRUE;
}

KithFriend *
kith_supabase_people_find_friend (KithSupabase *self, const KithSupabasePerson *person)
{
  GListModel *friends = kith_host_get_friends (self->host);
  g_autoptr (GBytes) key = kith_supabase_decode (person->key, 32, 32);

  for (guint i = 0; key != NULL && i < g_list_model_get_n_items (friends); i++)
    {
      g_autoptr (KithFriend) friend = g_list_model_get_item (friends, i);

      if (g_bytes_equal (kith_friend_get_identity_key (friend), key))
        return kith_friend_get_blocked (friend) ? NULL : g_steal_pointer (&friend);
    }
  return NULL;
}

KithSupabasePerson *
kith_supabase_people_find_account (KithSupabase *self, const char *account)
{
  for (guint i = 0; i < self->people->people->len; i++)
    {
      KithSupabasePerson *person = g_ptr_array_index (self->people->people, i);

      if (g_ascii_strcasecmp (person->account, account) == 0)
        return person;
    }
  return NULL;
}

KithSupabasePerson *
kith_supabase_people_find_key (KithSupabase *self, const char *key)
{
  return find_key (self->people, key);
}

KithSupabasePeople *
kith_supabase_people_new (void)
{
  KithSupabasePeople *people = g_new0 (KithSupabasePeople, 1);

  people->people = g_ptr_array_new_with_free_func (person_free);
  people->asked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return people;
}

void
kith_supabase_people_free (KithSupabasePeople *people)
{
  g_ptr_array_unref (people->people);
  g_hash_table_unref (people->asked);
  g_free (people);
}

void
kith_supabase_people_stop (KithSupabase *self)
{
  kith_supabase_people_save (self);
}
