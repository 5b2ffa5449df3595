/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The network changes, costs, or was away while the computer slept. Nobody waits for minutes here: which timers are
 * set tells how long somebody would. */
#include "test-supabase.h"

#include <string.h>

#include "kith-world-impl.h"

/* --- a network monitor that says what a test wants */

#define TEST_TYPE_MONITOR (test_monitor_get_type ())
G_DECLARE_FINAL_TYPE (TestMonitor, test_monitor, TEST, MONITOR, GObject)

struct _TestMonitor
{
  GObject parent_instance;
  gboolean metered;
};

enum
{
  PROP_AVAILABLE = 1,
  PROP_METERED,
  PROP_CONNECTIVITY,
};

static gboolean
test_monitor_initable_init (GInitable *initable, GCancellable *cancellable, GError **error)
{
  return TRUE;
}

static void
test_monitor_init_initable (GInitableIface *iface)
{
  iface->init = test_monitor_initable_init;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (TestMonitor, test_monitor, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, test_monitor_init_initable)
                               G_IMPLEMENT_INTERFACE (G_TYPE_NETWORK_MONITOR, NULL))

static void
test_monitor_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  if (id == PROP_CONNECTIVITY)
    g_value_set_enum (value, G_NETWORK_CONNECTIVITY_FULL);
  else
    g_value_set_boolean (value, id == PROP_AVAILABLE || TEST_MONITOR (object)->metered);
}

static void
test_monitor_class_init (TestMonitorClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->get_property = test_monitor_get_property;
  g_object_class_override_property (object_class, PROP_AVAILABLE, "network-available");
  g_object_class_override_property (object_class, PROP_METERED, "network-metered");
  g_object_class_override_property (object_class, PROP_CONNECTIVITY, "connectivity");
}

static void
test_monitor_init (TestMonitor *self)
{
}

static void
change_network (gboolean metered)
{
  GNetworkMonitor *monitor = g_network_monitor_get_default ();

  TEST_MONITOR (monitor)->metered = metered;
  g_object_notify (G_OBJECT (monitor), "network-metered");
  g_signal_emit_by_name (monitor, "network-changed", TRUE);
}

void
test_network_init (void)
{
  g_setenv ("GIO_USE_NETWORK_MONITOR", "test", TRUE);
  g_io_extension_point_register (G_NETWORK_MONITOR_EXTENSION_POINT_NAME);
  g_io_extension_point_implement (G_NETWORK_MONITOR_EXTENSION_POINT_NAME, TEST_TYPE_MONITOR, "test", 100);
  g_assert_true (TEST_IS_MONITOR (g_network_monitor_get_default ()));
}

/* --- a world of which one can see the timers */

typedef struct
{
  guint ms;
  GSourceFunc func;
  gpointer data;
  GDestroyNotify destroy;
} Timer;

static const KithWorldImpl *real;
static KithWorldImpl watched;
static GPtrArray *timers;      /* that run now */

static gboolean
on_timer (gpointer data)
{
  return ((Timer *) data)->func (((Timer *) data)->data);
}

static void
on_timer_gone (gpointer data)
{
  Timer *timer = data;

  g_ptr_array_remove_fast (timers, timer);
  if (timer->destroy != NULL)
    timer->destroy (timer->data);
  g_free (timer);
}

static guint
add_timer (KithWorld *world, guint ms, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  Timer *timer = g_new (Timer, 1);

  *timer = (Timer) { ms, func, data, destroy };
  g_ptr_array_add (timers, timer);
  return real->add_timer (world, ms, on_timer, timer, on_timer_gone);
}

void
test_timers_watch (KithWorld *world)
{
  if (timers == NULL)
    timers = g_ptr_array_new ();
  g_assert_cmpuint (timers->len, ==, 0);
  real = world->impl;
  watched = *real;
  watched.add_timer = add_timer;
  world->impl = &watched;
}

static guint
count_timers (guint least_ms, guint most_ms)
{
  guint n = 0;

  for (guint i = 0; i < timers->len; i++)
    {
      guint ms = ((Timer *) g_ptr_array_index (timers, i))->ms;

      n += ms >= least_ms && ms <= most_ms;
    }
  return n;
}

/* Jitter: a fifth less, and a moment more. The heartbeat is a minute sharp. */
#define N_USUAL_POLLS count_timers (48000, 59999)
#define N_STRETCHED_POLLS count_timers (4 * 48000, 4 * 60000)
/* Back-off: half of it at least. */
#define N_FIRST_RETRIES count_timers (500, 1001)
#define N_LONG_WAITS count_timers (250000, 302000)
#define N_REQUESTS count_timers (30000, 30000)
#define N_PROBES count_timers (5000, 5000)
#define N_GOOD_BYES count_timers (700, 700)

/* --- the tests */

static void
test_metered (Fixture *self, gconstpointer data)
{
  fixture_connect (self);
  wait_until (N_USUAL_POLLS == 1);
  g_assert_cmpuint (N_STRETCHED_POLLS, ==, 0);
  change_network (TRUE);
  wait_until (N_STRETCHED_POLLS == 1);
  g_assert_cmpuint (N_USUAL_POLLS, ==, 0);
  change_network (FALSE);
  wait_until (N_USUAL_POLLS == 1);
  g_assert_cmpuint (N_STRETCHED_POLLS, ==, 0);
}

static void
wake_up (Fixture *self)
{
  kith_mailbox_transport_collect (KITH_MAILBOX_TRANSPORT (self->transport));
}

/* Five minutes were to be waited. */
static void
check_at_once (Fixture *self, const char *function, gboolean slept)
{
  test_server_fail (self->server, function, 1, FAULT_ANSWER, 503, "300", NULL);
  fixture_configure (self, self->server->url, TEST_KEY);
  wait_until (N_LONG_WAITS > 0 && N_REQUESTS == 0);
  g_assert_false (is_state (self, CONNECTED));
  g_assert_cmpuint (test_server_count (self->server, function), ==, 1);
  if (slept)
    wake_up (self);
  else
    change_network (FALSE);
  wait_until (is_state (self, CONNECTED));
  g_assert_cmpuint (N_LONG_WAITS, ==, 0);
}

static void
test_network_changed (Fixture *self, gconstpointer data)
{
  check_at_once (self, data, FALSE);
}

static void
test_resume (Fixture *self, gconstpointer data)
{
  check_at_once (self, data, TRUE);
}

/* What failed on the old network says nothing of the new one: each begins with the shortest wait. */
static void
test_backoff_begins_anew (Fixture *self, gconstpointer data)
{
  fixture_connect (self);
  wait_until (N_USUAL_POLLS == 1);      /* the bell has woken it */
  test_server_fail (self->server, "kith_fetch", 8, FAULT_ANSWER, 500, NULL, HTML);
  for (guint i = 0; i < 7; i++)
    {
      test_server_forget (self->server);
      change_network (FALSE);
      wait_until (test_server_count (self->server, "kith_fetch") == 1 && N_FIRST_RETRIES == 1);
    }
  wait_until (is_state (self, CONNECTED));
}

/* The bell is kept when it answers, and rung off when it does not. */
static void
test_bell_is_probed (Fixture *self, gconstpointer data)
{
  fixture_connect (self);
  wait_until (N_USUAL_POLLS == 1);
  change_network (FALSE);
  g_assert_cmpuint (N_PROBES, ==, 1);
  change_network (FALSE);
  g_assert_cmpuint (N_PROBES, ==, 1);
  wait_until (N_PROBES == 0);
  g_assert_cmpuint (self->server->n_joined, ==, 1);
  self->server->mute = TRUE;
  change_network (FALSE);
  wait_until (self->server->n_joined == 2);
  g_assert_cmpuint (N_PROBES, ==, 0);
}

/* Another server is named while a mute one is being told good-bye, whose time is up only later. */
static void
test_no_time_for_good_byes (Fixture *self, gconstpointer data)
{
  fixture_connect (self);
  wait_until (N_USUAL_POLLS == 1 && N_REQUESTS == 0);
  test_server_forget (self->server);
  test_server_fail (self->server, "kith_beat", 1, FAULT_HANG, 0, NULL, NULL);
  test_server_fail (self->server, "kith_release", 1, FAULT_HANG, 0, NULL, NULL);
  fixture_configure (self, "http://127.0.0.1:1", TEST_KEY);
  wait_until (test_server_count (self->server, "kith_release") == 1);
  fixture_configure (self, "http://127.0.0.1:2", TEST_KEY);
  wait_until (N_GOOD_BYES == 0);
  fixture_pass_ms (self, 1000);
}

/* What it needs is loaded in a thread: which may end when nobody wants it any more. */
static void
test_https (Fixture *self, gconstpointer data)
{
  g_autofree char *url = g_strconcat ("https", self->server->url + strlen ("http"), NULL);

  fixture_configure (self, url, TEST_KEY);
  wait_until (is_state (self, CONNECTING));
  fixture_configure (self, "", TEST_KEY);
  wait_until (is_state (self, DISCONNECTED));
  fixture_configure (self, url, TEST_KEY);
  wait_until (fixture_get_error (self) != NULL);        /* the server speaks no TLS */
  g_assert_true (is_state (self, CONNECTING));
  g_assert_cmpuint (self->server->seen->len, ==, 0);
  fixture_connect (self);
}

void
add_network_tests (void)
{
  add_test ("metered", test_metered, NULL);
  add_test ("network-changed-signup", test_network_changed, "signup");
  add_test ("network-changed-register", test_network_changed, "kith_register");
  add_test ("network-changed-fetch", test_network_changed, "kith_fetch");
  add_test ("resume-signup", test_resume, "signup");
  add_test ("resume-register", test_resume, "kith_register");
  add_test ("resume-fetch", test_resume, "kith_fetch");
  add_test ("bell-is-probed", test_bell_is_probed, NULL);
  add_test ("https", test_https, NULL);
  add_test ("no-time-for-good-byes", test_no_time_for_good_byes, NULL);
  add_test ("backoff-begins-anew", test_backoff_begins_anew, NULL);
}
