/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Presence without a link: a heartbeat each minute that also brings the friends' heartbeats and addresses; and what we
 * let each friend see of ours (kith_grant). */
#include "kith-supabase-private.h"

#include <string.h>

#define BEAT_MS 60000
#define SOON_MS 1500
#define ONLINE_US (G_GINT64_CONSTANT (300) * G_USEC_PER_SEC)
#define ADDRESS_LEASE_S 600
#define MOST_PEERS 1000
#define MOST_ADDRESSES 8
#define MOST_ADDRESS_BYTES 2000
#define MOST_SEALED 3072u
#define GRANT_AGAIN_MS (G_GINT64_CONSTANT (12) * 3600 * 1000)
#define WITHOUT_ADDRESSES "-"

struct _KithSupabaseBeat
{
  guint timer, soon;
  gint64 last_us;         /* the last time that we asked for it */
  gboolean beating, granting;
  GPtrArray *todo;        /* of char *: keys of the people who are to be looked at in this round */
};

static void beat (KithSupabase *self);
static void grant_on (KithSupabase *self);

/* --- what the friends' heartbeats say */

static gboolean
take_addresses (KithSupabasePerson *person, GBytes *plain)
{
  gsize n;
  const char *text = g_bytes_get_data (plain, &n);
  g_autoptr (JsonNode) root = kith_json_parse (text, (gssize) n, NULL);
  JsonObject *object = kith_supabase_get_object (root);
  JsonArray *list = object != NULL ? kith_supabase_get_array (object, "a") : NULL;
  g_autoptr (GStrvBuilder) found = g_strv_builder_new ();
  gint64 said_ms;

  if (list == NULL || g_strcmp0 (kith_supabase_get_string (object, "k", 16), "addresses") != 0
      || !kith_supabase_get_int (object, "ts", 0, G_MAXINT64, &said_ms) || said_ms < person->said_ms)
    return FALSE;
  for (guint i = 0; i < MIN (json_array_get_length (list), MOST_ADDRESSES); i++)
    {
      const char *address = kith_supabase_get_element (list, i);

      if (address != NULL && strlen (address) <= 256)
        g_strv_builder_add (found, address);
    }
  person->said_ms = said_ms;
  g_strfreev (person->addresses);
  person->addresses = g_strv_builder_end (found);
  return TRUE;
}

/* Opened once; the same envelope in the next minute says nothing new. */
static void
open_addresses (KithSupabase *self, KithSupabasePerson *person, KithFriend *friend, const char *text)
{
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
  g_autoptr (GBytes) sealed = NULL;
  g_autoptr (GBytes) plain = NULL;
  g_autoptr (GError) error = NULL;

  if (g_strcmp0 (hash, person->sealed) == 0)
    return;
  g_free (person->sealed);
  person->sealed = g_steal_pointer (&hash);
  sealed = kith_supabase_decode (text, 1, MOST_SEALED);
  plain = sealed != NULL ? kith_host_unseal (self->host, friend, sealed, &error) : NULL;
  if (plain == NULL || !take_addresses (person, plain))
    g_message ("The addresses that the offline server gives for %s are not used%s%s",
               kith_friend_get_username (friend), error != NULL ? ": " : "", error != NULL ? error->message : "");
}

static void
take_peer (KithSupabase *self, JsonObject *peer, gint64 now_us, GHashTable *seen)
{
  const char *account = kith_supabase_get_uuid (peer, "user_id");
  const char *sealed = kith_supabase_get_string (peer, "sealed", MOST_SEALED / 3 * 4);
  KithSupabasePerson *person = account != NULL ? kith_supabase_people_find_account (self, account) : NULL;
  g_autoptr (KithFriend) friend = person != NULL ? kith_supabase_people_find_friend (self, person) : NULL;
  gint64 last_us, age_us = ONLINE_US;

  if (friend == NULL)
    return;
  if (sealed != NULL)
    open_addresses (self, person, friend, sealed);
  if (kith_supabase_get_time (peer, "last_seen", &last_us))
    age_us = MAX (now_us - last_us, 0);
  if (age_us >= ONLINE_US)
    return;
  g_hash_table_add (seen, person);
  person->seen = TRUE;
  kith_host_give_evidence (self->host, friend, KITH_PRESENCE_ONLINE, (guint) ((ONLINE_US - age_us) / 1000));
  for (char **address = person->addresses; address != NULL && *address != NULL; address++)
    kith_host_offer_address (self->host, friend, *address, ADDRESS_LEASE_S);
}

/* Who was there and is not any more: what was said of them does not count until it runs out. */
static void
end_evidence (KithSupabase *self, GHashTable *seen)
{
  GPtrArray *people = kith_supabase_people_get (self);

  for (guint i = 0; i < people->len; i++)
    {
      KithSupabasePerson *person = g_ptr_array_index (people, i);
      g_autoptr (KithFriend) friend = NULL;

      if (!person->seen || g_hash_table_contains (seen, person))
        continue;
      person->seen = FALSE;
      friend = kith_supabase_people_find_friend (self, person);
      if (friend != NULL)
        kith_host_give_evidence (self->host, friend, KITH_PRESENCE_OFFLINE, 1);
    }
}

static void
on_beaten (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  JsonObject *object = kith_supabase_get_object (answer->root);
  JsonArray *peers = object != NULL ? kith_supabase_get_array (object, "peers") : NULL;
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  gint64 now_us;

  if (self->stopped)
    return;
  self->beat->beating = FALSE;
  if (answer->error != NULL)
    {
      if (answer->status == 0)
        {
          kith_supabase_set_trouble (self, answer->error);
          kith_supabase_give_way (self, 0);
        }
      return;
    }
  if (peers == NULL || !kith_supabase_get_time (object, "now", &now_us))
    {
      g_message ("The offline server's answer to kith_beat is not what it should be");
      return;
    }
  for (guint i = 0; i < MIN (json_array_get_length (peers), MOST_PEERS); i++)
    {
      JsonObject *peer = kith_supabase_get_object (json_array_get_element (peers, i));

      if (peer != NULL)
        take_peer (self, peer, now_us, seen);
    }
  end_evidence (self, seen);
}

static void
call_beat (KithSupabase *self, gboolean visible, KithSupabaseFunc func, gpointer data)
{
  JsonObject *args = json_object_new ();

  json_object_set_boolean_member (args, "p_visible", visible);
  kith_supabase_call (self, "beat", args, func, data);
}

/* --- what the friends see of us */

static char *
print_addresses (KithSupabase *self)
{
  g_auto (GStrv) addresses = kith_host_dup_addresses (self->host);
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_ARRAY);
  g_autoptr (GBytes) text = NULL;
  JsonArray *list = json_array_new ();
  gsize n = 0;

  for (guint i = 0; addresses != NULL && addresses[i] != NULL && i < MOST_ADDRESSES; i++)
    {
      n += strlen (addresses[i]) + 3;
      if (n <= MOST_ADDRESS_BYTES)
        json_array_add_string_element (list, addresses[i]);
    }
  json_node_take_array (node, list);
  text = kith_json_print (node);
  return g_strndup (g_bytes_get_data (text, NULL), g_bytes_get_size (text));
}

static char *
seal_addresses (KithSupabase *self, KithFriend *friend, const char *list)
{
  g_autofree char *text
    = g_strdup_printf ("{\"k\":\"addresses\",\"a\":%s,\"ts\":%" G_GINT64_FORMAT "}", list,
                       kith_host_get_date_ms (self->host));
  g_autoptr (GBytes) plain = g_bytes_new (text, strlen (text));
  g_autoptr (GBytes) sealed = kith_host_seal (self->host, friend, plain, NULL);

  return sealed != NULL ? kith_supabase_encode (sealed) : NULL;
}

typedef struct
{
  char *key;
  char *granted;      /* NULL: taken back */
} Grant;

static void
on_granted (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  Grant *grant = data;
  KithSupabasePerson *person = kith_supabase_people_find_key (self, grant->key);

  if (!self->stopped && person != NULL && answer->status == 404)
    kith_supabase_people_forget (self, person);       /* the account is another one now */
  else if (!self->stopped && person != NULL && answer->error == NULL)
    kith_supabase_people_granted (self, person, grant->granted);
  if (!self->stopped && answer->error != NULL && kith_supabase_may_pass (answer))
    g_ptr_array_set_size (self->beat->todo, 0);       /* in the next round */
  g_free (grant->key);
  g_free (grant->granted);
  g_free (grant);
  if (!self->stopped)
    grant_on (self);
}

static void
call_grant (KithSupabase *self, KithSupabasePerson *person, const char *granted, const char *sealed)
{
  Grant *grant = g_new0 (Grant, 1);
  JsonObject *args = json_object_new ();

  grant->key = g_strdup (person->key);
  grant->granted = g_strdup (granted);
  json_object_set_string_member (args, "p_peer", person->account);
  if (sealed != NULL)
    json_object_set_string_member (args, "p_sealed", sealed);
  kith_supabase_call (self, granted != NULL ? "grant" : "ungrant", args, on_granted, grant);
}

/* TRUE: the server is being told. */
static gboolean
look_at (KithSupabase *self, KithSupabasePerson *person)
{
  g_autoptr (KithFriend) friend = kith_supabase_people_find_friend (self, person);
  g_autofree char *list = NULL;
  g_autofree char *hash = NULL;
  g_autofree char *sealed = NULL;
  gint64 age_ms = kith_host_get_date_ms (self->host) - person->granted_ms;

  if (friend == NULL || !kith_friend_allows (friend, KITH_ALLOW_PRESENCE))
    {
      if (person->granted != NULL)
        {
          call_grant (self, person, NULL, NULL);
          return TRUE;
        }
      if (friend == NULL)
        kith_supabase_people_forget (self, person);
      return FALSE;
    }
  list = print_addresses (self);
  hash = g_compute_checksum_for_string (G_CHECKSUM_MD5, list, -1);
  if (g_strcmp0 (person->granted, hash) == 0 && age_ms >= 0 && age_ms < GRANT_AGAIN_MS)
    return FALSE;
  sealed = seal_addresses (self, friend, list);
  if (sealed == NULL && g_strcmp0 (person->granted, WITHOUT_ADDRESSES) == 0)
    return FALSE;
  call_grant (self, person, sealed != NULL ? hash : WITHOUT_ADDRESSES, sealed);
  return TRUE;
}

/* One after the other. */
static void
grant_on (KithSupabase *self)
{
  KithSupabaseBeat *b = self->beat;

  while (b->todo->len > 0 && self->ready && !self->leaving && !kith_supabase_is_waiting (self))
    {
      g_autofree char *key = g_ptr_array_steal_index_fast (b->todo, b->todo->len - 1);
      KithSupabasePerson *person = kith_supabase_people_find_key (self, key);

      if (person != NULL && look_at (self, person))
        return;
    }
  g_ptr_array_set_size (b->todo, 0);
  b->granting = FALSE;
  kith_supabase_people_save (self);
}

/* Having said good-bye, we are not there again. */
static void
on_people (KithSupabase *self)
{
  KithSupabaseBeat *b = self->beat;
  GPtrArray *people = kith_supabase_people_get (self);

  if (self->leaving)
    return;
  if (!b->beating)
    {
      b->beating = TRUE;
      call_beat (self, kith_host_get_status (self->host) != KITH_PRESENCE_INVISIBLE, on_beaten, NULL);
    }
  if (b->granting)
    return;
  b->granting = TRUE;
  for (guint i = 0; i < people->len; i++)
    g_ptr_array_add (b->todo, g_strdup (((KithSupabasePerson *) g_ptr_array_index (people, i))->key));
  grant_on (self);
}

/* --- when */

static gboolean
on_timer (gpointer data)
{
  beat (data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_soon (gpointer data)
{
  KithSupabase *self = data;

  self->beat->soon = 0;
  beat (self);
  return G_SOURCE_REMOVE;
}

static void
beat (KithSupabase *self)
{
  if (!self->ready || self->leaving || kith_supabase_is_waiting (self))
    return;
  self->beat->last_us = kith_host_get_time_us (self->host);
  kith_supabase_people_update (self, on_people);
}

/* Friends, addresses, our status: soon, and for several changes at once. */
static void
on_change (KithSupabase *self)
{
  if (self->beat->soon == 0)
    self->beat->soon = kith_supabase_after (self, SOON_MS, on_soon, self);
}

static void
on_friends (GListModel *friends, guint position, guint removed, guint added, KithSupabase *self)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (KithFriend) friend = g_list_model_get_item (friends, i);

      g_signal_handlers_disconnect_by_func (friend, on_change, self);
      g_signal_connect_swapped (friend, "notify::allow", G_CALLBACK (on_change), self);
      g_signal_connect_swapped (friend, "notify::blocked", G_CALLBACK (on_change), self);
    }
  on_change (self);
}

void
kith_supabase_beat_start (KithSupabase *self)
{
  GListModel *friends = kith_host_get_friends (self->host);

  self->beat->timer = kith_host_add_timer (self->host, BEAT_MS, on_timer, self, NULL);
  g_signal_connect (friends, "items-changed", G_CALLBACK (on_friends), self);
  g_signal_connect_swapped (self->host, "notify::addresses", G_CALLBACK (on_change), self);
  g_signal_connect_swapped (self->host, "notify::status", G_CALLBACK (on_change), self);
  on_friends (friends, 0, 0, g_list_model_get_n_items (friends), self);
}

/* However often the way there is found again: two a minute are enough. */
void
kith_supabase_beat_kick (KithSupabase *self)
{
  gint64 last_us = self->beat->last_us;

  if (last_us == 0 || kith_host_get_time_us (self->host) - last_us > BEAT_MS / 2 * G_GINT64_CONSTANT (1000))
    on_change (self);
}

gboolean
kith_supabase_beat_farewell (KithSupabase *self, KithSupabaseFunc func, gpointer data)
{
  if (kith_host_get_status (self->host) == KITH_PRESENCE_INVISIBLE)
    return FALSE;
  call_beat (self, FALSE, func, data);
  return TRUE;
}

KithSupabaseBeat *
kith_supabase_beat_new (void)
{
  KithSupabaseBeat *b = g_new0 (KithSupabaseBeat, 1);

  b->todo = g_ptr_array_new_with_free_func (g_free);
  return b;
}

void
kith_supabase_beat_free (KithSupabaseBeat *b)
{
  g_ptr_array_unref (b->todo);
  g_free (b);
}

void
kith_supabase_beat_stop (KithSupabase *self)
{
  GListModel *friends = kith_host_get_friends (self->host);

  kith_host_drop_timer (self->host, self->beat->timer);
  kith_host_drop_timer (self->host, self->beat->soon);
  self->beat->timer = self->beat->soon = 0;
  g_signal_handlers_disconnect_by_data (friends, self);
  g_signal_handlers_disconnect_by_data (self->host, self);
  for (guint i = 0; i < g_list_model_get_n_items (friends); i++)
    {
      g_autoptr (KithFriend) friend = g_list_model_get_item (friends, i);

      g_signal_handlers_disconnect_by_data (friend, self);
    }
}
