/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints what validation costs: of a command that a window gives, and (debug builds) of an event that windows see. */
#include <stdio.h>
#include <string.h>

#include "kith-catalog.h"
#include "kith-events.h"
#include "kith-told.h"

#define ROUNDS 200000

static const KithField typing_fields[] = {
  { "to", KITH_FIELD_USERNAME, 0, 0, "the friend" },
  { "typing", KITH_FIELD_BOOLEAN, 0, 0, "whether" },
  { 0 },
};

static const KithEventSpec typing_spec = { "typing", KITH_KEEP_NONE, NULL, typing_fields, "is typing" };

static void
on_typing (KithRequest *request, gpointer data)
{
  kith_request_answer (request, 200, NULL);
}

static void
on_answer (guint status, GBytes *json, GError *error, const char *const *headers, gpointer data)
{
  g_clear_error (&error);
  g_clear_pointer (&json, g_bytes_unref);
}

static const KithCaller caller = { on_answer, NULL };

static void
print (const char *what, gint64 since_us)
{
  printf ("%-60s %8.2f us\n", what, (double) (g_get_monotonic_time () - since_us) / ROUNDS);
}

static void
bench_command (KithCatalog *catalog, const char *what, const char *data)
{
  gint64 since_us = g_get_monotonic_time ();

  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autoptr (GError) error = NULL;

      kith_catalog_command (catalog, "typing", data, strlen (data), 1, NULL, &caller, NULL, &error);
    }
  print (what, since_us);
}

static void
bench_event (KithBus *bus, const char *what, const char *text)
{
  gint64 since_us = g_get_monotonic_time ();

  for (guint i = 0; i < ROUNDS; i++)
    kith_told_event (bus, text, strlen (text), FALSE);
  print (what, since_us);
}

int
main (void)
{
  g_autoptr (KithWorld) world = kith_world_new ();
  g_autoptr (KithBus) bus = kith_bus_new (world);
  g_autoptr (KithCatalog) catalog = kith_catalog_new (bus);
  g_autofree char *text = g_strnfill (300, 'x');
  g_autofree char *message = g_strdup_printf (
    "{\"event\":\"new_message\",\"data\":{\"msg_id\":\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\",\"from\":\"alice\","
    "\"to\":\"bob\",\"text\":\"%s\",\"timestamp\":\"2026-01-15T10:30:00Z\",\"direction\":\"received\","
    "\"delivered\":true,\"delivery_method\":\"direct\",\"read\":false},\"seq\":7}", text);

  kith_events_register (bus);
  kith_catalog_add_command (catalog, NULL, &typing_spec, on_typing, NULL, NULL, NULL);
  printf ("validation, each of %u:\n", ROUNDS);
  bench_command (catalog, "command typing: scanned, checked, handed over, answered",
                 "{\"to\":\"alice\",\"typing\":true}");
  bench_command (catalog, "command typing that is refused", "{\"to\":\"alice\",\"typing\":\"yes\"}");
  bench_event (bus, "event unread (debug builds)", "{\"event\":\"unread\",\"data\":{\"peer\":\"bob\",\"count\":3}}");
  bench_event (bus, "event new_message of 300 bytes (debug builds)", message);
  return 0;
}
