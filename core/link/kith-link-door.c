/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-link-private.h"
#include <sodium.h>
#include <string.h>

#define MAX_KNOWN_STRANGERS 1024     /* whose INITs are counted; the one not heard of for longest makes room */
#define INITS_A_MINUTE 3
#define INITS_A_DAY 20
#define MINUTE_US (G_GINT64_CONSTANT (60) * G_USEC_PER_SEC)
#define DAY_US (G_GINT64_CONSTANT (86400) * G_USEC_PER_SEC)

typedef struct
{
  guint8 identity[32];
  gint64 minute_us, day_us;          /* when each began */
  gint64 seen_us;
  guint in_minute, in_day;
} Stranger;

struct _KithLinkDoor
{
  guint refs;
  gboolean shut;
  KithWorld *world;
  guint8 *secret;                    /* sodium_malloc */
  KithLinkHello hello;
  KithLinkLimits limits;
  KithLinkCounts counts;
  GPtrArray *traffic;                /* of KithLinkTraffic; in the order of their coming */
  GPtrArray *links;                  /* none; in order of birth */
  GHashTable *half_open_from, *strangers_from;   /* address → count */
  GArray *strangers;
};

KithLinkDoor *
kith_link_door_new (KithWorld *world, const guint8 secret[32], const guint8 identity_key[32])
{
  KithLinkDoor *self = g_new0 (KithLinkDoor, 1);

  self->refs = 1;
  self->world = kith_world_ref (world);
  self->secret = sodium_malloc (32);
  g_assert (self->secret != NULL);   /* like GLib itself, without memory */
  memcpy (self->secret, secret, 32);
  sodium_mprotect_readonly (self->secret);
  memcpy (self->hello.identity_key, identity_key, 32);
  self->hello.username = g_strdup ("");
  self->hello.version = g_strdup ("");
  self->limits = (KithLinkLimits) {
    .handshake_ms = 5000, .ping_ms = 15000, .quiet_ping_ms = 60000, .quiet_after_ms = 60000, .dead_ms = 15000,
    .stranger_idle_ms = 60000, .retire_ms = 10000, .max_half_open = 64, .max_half_open_from = 8, .max_strangers = 32,
    .max_strangers_from = 4, .window = KITH_WINDOW_ENVELOPES, .window_bytes = KITH_WINDOW_BYTES,
  };
  self->links = g_ptr_array_new ();
  self->traffic = g_ptr_array_new_with_free_func (g_free);
  self->half_open_from = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->strangers_from = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->strangers = g_array_new (FALSE, FALSE, sizeof (Stranger));
  return self;
}

KithLinkDoor *
kith_link_door_ref (KithLinkDoor *self)
{
  self->refs++;
  return self;
}

void
kith_link_door_unref (KithLinkDoor *self)
{
  if (--self->refs > 0)
    return;
  kith_link_hello_clear (&self->hello);
  g_ptr_array_unref (self->traffic);
  g_ptr_array_unref (self->links);
  g_hash_table_unref (self->half_open_from);
  g_hash_table_unref (self->strangers_from);
  g_array_unref (self->strangers);
  sodium_free (self->secret);
  kith_world_unref (self->world);
  g_free (self);
}

void
kith_link_door_free (KithLinkDoor *self)
{
  if (self == NULL)
    return;
  self->shut = TRUE;
  while (self->links->len > 0)
    kith_link_cut (g_ptr_array_index (self->links, self->links->len - 1));
  kith_link_door_unref (self);
}

KithLinkLimits *
kith_link_door_get_limits (KithLinkDoor *self)
{
  return &self->limits;
}

void
kith_link_door_get_counts (KithLinkDoor *self, KithLinkCounts *counts)
{
  *counts = self->counts;
}

KithLinkTraffic *
kith_link_door_get_traffic (KithLinkDoor *self, const char *transport)
{
  KithLinkTraffic *traffic;

  for (guint i = 0; i < self->traffic->len; i++)
    if (strcmp (((KithLinkTraffic *) self->traffic->pdata[i])->transport, transport) == 0)
      return self->traffic->pdata[i];
  traffic = g_new0 (KithLinkTraffic, 1);
  traffic->transport = g_intern_string (transport);
  g_ptr_array_add (self->traffic, traffic);
  return traffic;
}

void
kith_link_door_foreach_traffic (KithLinkDoor *self, KithLinkTrafficFunc func, gpointer data)
{
  for (guint i = 0; i < self->traffic->len; i++)
    func (self->traffic->pdata[i], data);
}

void
kith_link_door_set_hello (KithLinkDoor *self, const char *username, guint32 device, const char *const *addresses,
                          const char *const *features, const char *version)
{
  guint8 key[32];

  memcpy (key, self->hello.identity_key, 32);
  kith_link_hello_clear (&self->hello);
  memcpy (self->hello.identity_key, key, 32);
  self->hello.username = g_strdup (username);
  self->hello.device = device;
  self->hello.addresses = g_strdupv ((GStrv) addresses);
  self->hello.features = g_strdupv ((GStrv) features);
  self->hello.version = g_strdup (version == NULL ? "" : version);
}

GBytes *
kith_link_door_print_hello (KithLinkDoor *self)
{
  return kith_link_hello_print (&self->hello);
}

KithWorld *
kith_link_door_get_world (KithLinkDoor *self)
{
  return self->world;
}

gboolean
kith_link_door_is_shut (KithLinkDoor *self)
{
  return self->shut;
}

const guint8 *
kith_link_door_get_secret (KithLinkDoor *self)
{
  return self->secret;
}

void
kith_link_door_add (KithLinkDoor *self, KithLink *link)
{
  g_ptr_array_add (self->links, link);
}

void
kith_link_door_remove (KithLinkDoor *self, KithLink *link)
{
  g_ptr_array_remove (self->links, link);
}

/* --- counts */

static gboolean
count_in (GHashTable *table, const char *address, guint max)
{
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (table, address));

  if (count >= max)
    return FALSE;
  g_hash_table_insert (table, g_strdup (address), GUINT_TO_POINTER (count + 1));
  return TRUE;
}

static void
count_out (GHashTable *table, const char *address)
{
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (table, address));

  if (count > 1)
    g_hash_table_insert (table, g_strdup (address), GUINT_TO_POINTER (count - 1));
  else
    g_hash_table_remove (table, address);
}

gboolean
kith_link_door_enter (KithLinkDoor *self, KithLink *link)
{
  if (self->counts.half_open >= self->limits.max_half_open
      || !count_in (self->half_open_from, link->address, self->limits.max_half_open_from))
    {
      self->counts.refused++;
      return FALSE;
    }
  self->counts.half_open++;
  link->counted_half_open = TRUE;
  return TRUE;
}

void
kith_link_door_leave_half_open (KithLinkDoor *self, KithLink *link)
{
  if (!link->counted_half_open)
    return;
  link->counted_half_open = FALSE;
  self->counts.half_open--;
  count_out (self->half_open_from, link->address);
}

gboolean
kith_link_door_enter_stranger (KithLinkDoor *self, KithLink *link)
{
  if (link->counted_stranger)
    return TRUE;
  if (self->counts.strangers >= self->limits.max_strangers
      || !count_in (self->strangers_from, link->address, self->limits.max_strangers_from))
    return FALSE;
  self->counts.strangers++;
  link->counted_stranger = TRUE;
  return TRUE;
}

void
kith_link_door_leave_stranger (KithLinkDoor *self, KithLink *link)
{
  if (!link->counted_stranger)
    return;
  link->counted_stranger = FALSE;
  self->counts.strangers--;
  count_out (self->strangers_from, link->address);
}

void
kith_link_door_enter_open (KithLinkDoor *self, KithLink *link)
{
  self->counts.links++;
  link->traffic->links++;
  link->counted_open = TRUE;
}

void
kith_link_door_leave (KithLinkDoor *self, KithLink *link)
{
  kith_link_door_leave_half_open (self, link);
  kith_link_door_leave_stranger (self, link);
  if (link->counted_open)
    self->counts.links--;
  link->counted_open = FALSE;
}

void
kith_link_door_count_failed (KithLinkDoor *self)
{
  self->counts.failed++;
}

void
kith_link_door_count_overloaded (KithLinkDoor *self)
{
  self->counts.overloaded++;
}

/* --- what strangers may send */

static Stranger *
find_stranger (KithLinkDoor *self, const guint8 identity[32], gint64 now_us)
{
  Stranger fresh = { .minute_us = now_us, .day_us = now_us, .seen_us = now_us };
  guint oldest = 0;

  for (guint i = 0; i < self->strangers->len; i++)
    {
      Stranger *stranger = &g_array_index (self->strangers, Stranger, i);

      if (sodium_memcmp (stranger->identity, identity, 32) == 0)
        return stranger;
      if (stranger->seen_us < g_array_index (self->strangers, Stranger, oldest).seen_us)
        oldest = i;
    }
  memcpy (fresh.identity, identity, 32);
  if (self->strangers->len < MAX_KNOWN_STRANGERS)
    {
      g_array_append_val (self->strangers, fresh);
      return &g_array_index (self->strangers, Stranger, self->strangers->len - 1);
    }
  g_array_index (self->strangers, Stranger, oldest) = fresh;
  return &g_array_index (self->strangers, Stranger, oldest);
}

gboolean
kith_link_door_take_init (KithLinkDoor *self, const guint8 identity[32])
{
  gint64 now_us = kith_world_get_time_us (self->world);
  Stranger *stranger = find_stranger (self, identity, now_us);

  stranger->seen_us = now_us;
  if (now_us - stranger->minute_us >= MINUTE_US)
    {
      stranger->minute_us = now_us;
      stranger->in_minute = 0;
    }
  if (now_us - stranger->day_us >= DAY_US)
    {
      stranger->day_us = now_us;
      stranger->in_day = 0;
    }
  if (stranger->in_minute >= INITS_A_MINUTE || stranger->in_day >= INITS_A_DAY)
    return FALSE;
  stranger->in_minute++;
  stranger->in_day++;
  return TRUE;
}

/* --- two links to one device */

gboolean
kith_link_newer_wins (const guint8 older_dialer[32], const guint8 newer_dialer[32], gint64 older_up_us)
{
  int order = memcmp (newer_dialer, older_dialer, 32);

  return order == 0 || older_up_us > 10 * G_USEC_PER_SEC || order < 0;
}
