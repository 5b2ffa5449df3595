/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-bus-private.h"
#include "kith-event-private.h"
#include "kith-friend-private.h"

static const KithEventSpec one_spec = { "x.one.said", KITH_KEEP_NONE, NULL, NULL, "", { NULL } };
static const KithEventSpec two_spec = { "x.two.said", KITH_KEEP_NONE, NULL, NULL, "", { NULL } };
static const KithEventSpec bad_spec = { "Not A Name", KITH_KEEP_NONE, NULL, NULL, "", { NULL } };

typedef struct
{
  KithWorld *world;
  KithBus *bus;
  KithBus *ports[2];
  KithFriend *friend;
  GString *log;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);

  f->world = kith_world_new_virtual (1);
  f->bus = kith_bus_new (f->world);
  f->ports[0] = kith_bus_add_port (f->bus, "one");
  f->ports[1] = kith_bus_add_port (f->bus, "two");
  f->friend = kith_friend_new (key, "alice");
  f->log = g_string_new (NULL);
  g_assert_true (kith_bus_add_event (f->ports[0], &one_spec, "one", NULL));
  g_assert_true (kith_bus_add_event (f->bus, &two_spec, "two", NULL));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 2; i++)
    if (f->ports[i] != NULL)
      {
        kith_bus_cut (f->ports[i]);
        g_assert_finalize_object (f->ports[i]);
      }
  g_assert_finalize_object (f->bus);
  g_assert_finalize_object (f->friend);
  kith_world_unref (f->world);
  g_string_free (f->log, TRUE);
}

static void
tell (Fixture *f, const char *name)
{
  g_autoptr (KithEvent) event = kith_event_new (name, json_object_new ());

  kith_bus_tell_event (f->bus, event);
}

static void
on_event (KithBus *port, KithEvent *event, Fixture *f)
{
  g_string_append_printf (f->log, "%s:%s ", kith_bus_get_port_id (port), kith_event_get_name (event));
}

static void
on_event_tell (KithBus *port, KithEvent *event, Fixture *f)
{
  on_event (port, event, f);
  tell (f, "x.two.said");
  g_string_append (f->log, "told ");
}

/* Every port in the same order; what a handler tells comes after the present emission. */
static void
test_run_to_completion (Fixture *f, gconstpointer data)
{
  g_signal_connect (f->ports[1], "event", G_CALLBACK (on_event), f);
  g_signal_connect (f->ports[0], "event::x.one.said", G_CALLBACK (on_event_tell), f);
  g_signal_connect (f->bus, "event", G_CALLBACK (on_event), f);
  tell (f, "x.one.said");
  g_assert_cmpstr (f->log->str, ==,
                   "core:x.one.said one:x.one.said told two:x.one.said core:x.two.said two:x.two.said ");
}

static void
on_event_cut (KithBus *port, KithEvent *event, Fixture *f)
{
  on_event (port, event, f);
  kith_bus_cut (f->ports[1]);
  kith_bus_cut (f->ports[0]);
}

/* A port that is cut hears nothing more, not even of what is being told. */
static void
test_cut (Fixture *f, gconstpointer data)
{
  g_signal_connect (f->ports[0], "event", G_CALLBACK (on_event_cut), f);
  g_signal_connect (f->ports[0], "event", G_CALLBACK (on_event), f);
  g_signal_connect (f->ports[1], "event", G_CALLBACK (on_event), f);
  tell (f, "x.one.said");
  tell (f, "x.one.said");
  g_assert_cmpstr (f->log->str, ==, "one:x.one.said ");
  g_assert_false (kith_bus_knows_event (f->ports[0], "x.one.said"));
  g_assert_true (kith_bus_knows_event (f->bus, "x.one.said"));
}

static void
note_spec (const KithEventSpec *spec, const char *owner, gpointer data)
{
  g_string_append_printf (data, "%s=%s ", spec->name, owner);
}

static void
test_registry (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *stranger = g_strdup_printf ("x.nobody.knows.%d", 4711);

  g_assert_false (kith_bus_add_event (f->bus, &one_spec, "two", &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_CONFLICT);
  g_clear_error (&error);
  g_assert_false (kith_bus_add_event (f->bus, &bad_spec, "two", &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
  g_assert_true (kith_bus_add_kind (f->bus, "wave", "one", NULL));
  g_assert_cmpstr (kith_bus_find_kind_owner (f->bus, "wave"), ==, "one");
  kith_bus_foreach_event (f->ports[1], note_spec, f->log);
  g_assert_cmpstr (f->log->str, ==, "x.one.said=one x.two.said=two ");
  g_assert_true (kith_bus_find_event (f->bus, "x.two.said") == &two_spec);
  kith_bus_drop_owner (f->bus, "one");
  g_assert_false (kith_bus_knows_event (f->bus, "x.one.said"));
  g_assert_false (kith_bus_knows_kind (f->bus, "wave"));
  g_assert_true (kith_bus_knows_event (f->bus, "x.two.said"));

  /* Names that nobody registered come from strangers: no quark is made of them. */
  g_signal_connect (f->bus, "event", G_CALLBACK (on_event), f);
  g_string_truncate (f->log, 0);
  tell (f, stranger);
  kith_bus_tell_ephemeral (f->bus, stranger, f->friend, NULL);
  g_assert_cmpstr (f->log->str, ==, "");
  g_assert_cmpuint (g_quark_try_string (stranger), ==, 0);
}

static void
on_link (KithBus *bus, KithFriend *friend, const char *transport, Fixture *f)
{
  g_string_append_printf (f->log, "link:%s:%s ", kith_friend_get_username (friend), transport);
}

static void
on_ephemeral (KithBus *bus, KithFriend *from, JsonObject *data, Fixture *f)
{
  g_string_append_printf (f->log, "wave:%d ", (int) json_object_get_int_member (data, "n"));
}

static void
on_evidence (KithBus *bus, KithFriend *about, KithPresence says, guint lease_ms, Fixture *f)
{
  g_string_append_printf (f->log, "evidence:%s:%u ", kith_presence_to_status (says), lease_ms);
}

static void
on_client (KithBus *bus, guint64 client, Fixture *f)
{
  g_string_append_printf (f->log, "client:%" G_GUINT64_FORMAT " ", client);
}

static void
test_signals (Fixture *f, gconstpointer data)
{
  g_autoptr (JsonObject) object = json_object_new ();

  json_object_set_int_member (object, "n", 3);
  kith_bus_add_kind (f->bus, "wave", "one", NULL);
  g_signal_connect (f->ports[0], "link::up", G_CALLBACK (on_link), f);
  g_signal_connect (f->ports[0], "ephemeral::wave", G_CALLBACK (on_ephemeral), f);
  g_signal_connect (f->ports[0], "evidence::supabase", G_CALLBACK (on_evidence), f);
  g_signal_connect (f->ports[0], "client::closed", G_CALLBACK (on_client), f);
  kith_bus_tell_link (f->bus, TRUE, f->friend, "tcp");
  kith_bus_tell_link (f->bus, FALSE, f->friend, "tcp");
  kith_bus_tell_ephemeral (f->bus, "wave", f->friend, object);
  kith_bus_tell_evidence (f->ports[1], "supabase", f->friend, KITH_PRESENCE_AWAY, 500);
  kith_bus_tell_evidence (f->bus, "other", f->friend, KITH_PRESENCE_AWAY, 500);
  kith_bus_tell_client (f->bus, TRUE, 9);
  kith_bus_tell_client (f->bus, FALSE, G_MAXUINT64);
  kith_friend_set_blocked (f->friend, TRUE);
  kith_bus_tell_ephemeral (f->bus, "wave", f->friend, object);
  g_assert_cmpstr (f->log->str, ==, "link:alice:tcp wave:3 evidence:away:500 client:18446744073709551615 ");
}

#define ADD(path, func) g_test_add ("/bus/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("run-to-completion", test_run_to_completion);
  ADD ("cut", test_cut);
  ADD ("registry", test_registry);
  ADD ("signals", test_signals);
  return g_test_run ();
}
