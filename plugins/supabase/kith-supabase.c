/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole: sets up (session, registration), then lets the parts run; one back-off for the server; the state that the
 * windows see. */
#include "kith-supabase-private.h"

#define FAREWELL_MS 700

static void kick (KithSupabase *self);

static gboolean
on_timer (gpointer data)
{
  KithSupabase *self = data;

  self->timer = 0;
  self->backoff.closed_until_us = 0;
  kick (self);
  return G_SOURCE_REMOVE;
}

/* --- what the user sees */

void
kith_supabase_tell (KithSupabase *self)
{
  KithTransport *transport = KITH_TRANSPORT (self->transport);

  if (self->stopped || self->leaving)
    return;
  if (self->lost)
    kith_transport_set_state (transport, KITH_TRANSPORT_DISCONNECTED, self->trouble);
  else if (self->trouble != NULL || !kith_supabase_session_has_token (self))
    kith_transport_set_state (transport, KITH_TRANSPORT_CONNECTING, self->trouble);
  else if (self->ready && self->fetched)
    kith_transport_set_state (transport, KITH_TRANSPORT_CONNECTED, NULL);
  else
    kith_transport_set_state (transport, KITH_TRANSPORT_AUTHENTICATING, NULL);
}

void
kith_supabase_set_trouble (KithSupabase *self, const GError *error)
{
  if (self->stopped || self->lost)
    return;
  self->lost = kith_supabase_session_is_lost (self);
  g_clear_error (&self->trouble);
  if (error != NULL)
    {
      self->trouble = g_error_copy (error);
      self->fetched = FALSE;
    }
  if (self->lost)
    kith_supabase_outgoing_kick (self);
  kith_supabase_tell (self);
}

/* --- back-off */

void
kith_supabase_give_way (KithSupabase *self, guint retry_after_s)
{
  guint wait_ms;

  if (self->stopped || self->lost)
    return;
  wait_ms = kith_supabase_backoff_fail (&self->backoff, self->chance, kith_host_get_time_us (self->host),
                                        retry_after_s);
  kith_host_drop_timer (self->host, self->timer);
  self->timer = kith_supabase_after (self, wait_ms, on_timer, self);
}

gboolean
kith_supabase_is_waiting (KithSupabase *self)
{
  return kith_supabase_backoff_is_closed (&self->backoff, kith_host_get_time_us (self->host));
}

void
kith_supabase_worked (KithSupabase *self)
{
  gboolean waited = self->timer != 0;

  kith_host_drop_timer (self->host, self->timer);
  kith_supabase_backoff_clear (&self->backoff);
  /* What waited goes on soon, but not from within somebody's answer. */
  self->timer = waited ? kith_supabase_after (self, 1, on_timer, self) : 0;
}

double
kith_supabase_chance (KithSupabase *self, double least, double most)
{
  return g_rand_double_range (self->chance, least, most);
}

void
kith_supabase_try_later (KithSupabase *self, KithSupabaseBackoff *backoff, guint *timer, guint retry_after_s,
                         GSourceFunc func)
{
  guint wait_ms;

  backoff->closed_until_us = 0;
  wait_ms = kith_supabase_backoff_fail (backoff, self->chance, kith_host_get_time_us (self->host), retry_after_s);
  kith_host_drop_timer (self->host, *timer);
  *timer = kith_supabase_after (self, wait_ms, func, self);
}

void
kith_supabase_retry_now (KithSupabase *self, KithSupabaseBackoff *backoff, guint *timer)
{
  kith_supabase_backoff_clear (backoff);
  kith_host_drop_timer (self->host, *timer);
  *timer = 0;
}

guint
kith_supabase_after (KithSupabase *self, guint ms, GSourceFunc func, gpointer data)
{
  return kith_host_add_timer (self->host, MAX (ms, 1), func, data, NULL);
}

/* --- setting up */

static void
run_parts (KithSupabase *self)
{
  kith_supabase_incoming_kick (self);
  kith_supabase_outgoing_kick (self);
  kith_supabase_bell_kick (self);
  kith_supabase_beat_kick (self);
  kith_supabase_marks_kick (self);
}

static void
on_registered (KithSupabase *self, const GError *error, gboolean may_pass, guint retry_after_s)
{
  guint wait_ms;

  if (self->stopped)
    return;
  self->setting_up = FALSE;
  if (error != NULL)
    {
      if (!may_pass)
        g_message ("%s", error->message);
      kith_supabase_set_trouble (self, error);
      self->setup_backoff.closed_until_us = 0;
      wait_ms = kith_supabase_backoff_fail (&self->setup_backoff, self->chance, kith_host_get_time_us (self->host),
                                            retry_after_s);
      kith_supabase_give_way (self, (wait_ms + 999) / 1000);
      return;
    }
  self->ready = TRUE;
  kith_supabase_backoff_clear (&self->setup_backoff);
  kith_supabase_set_trouble (self, NULL);
  run_parts (self);
}

static void
kick (KithSupabase *self)
{
  if (self->stopped || self->leaving || self->lost || !self->can_connect || kith_supabase_is_waiting (self))
    return;
  if (self->ready)
    run_parts (self);
  else if (!self->setting_up)
    {
      self->setting_up = TRUE;
      kith_supabase_tell (self);
      kith_supabase_register (self, on_registered);
    }
}

void
kith_supabase_hurry (KithSupabase *self)
{
  if (self->stopped || self->lost)
    return;
  kith_supabase_retry_now (self, &self->backoff, &self->timer);
  kith_supabase_backoff_clear (&self->setup_backoff);
  kith_supabase_incoming_hurry (self);
  kith_supabase_outgoing_hurry (self);
  kith_supabase_bell_hurry (self);
  kick (self);
}

static void
load_tls (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_autoptr (GTlsDatabase) database = g_tls_backend_get_default_database (g_tls_backend_get_default ());

  g_task_return_boolean (task, TRUE);
}

static void
on_tls_loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  KithSupabase *self = data;

  self->can_connect = TRUE;
  kick (self);
  kith_supabase_unref (self);
}

/* The first https connection would load a module and every certificate of the system, for a tenth of a second. */
void
kith_supabase_start (KithSupabase *self)
{
  g_autoptr (GTask) task = NULL;

  kith_supabase_marks_start (self);
  kith_supabase_beat_start (self);
  self->can_connect = !g_str_has_prefix (self->config->url, "https:");
  kick (self);
  if (self->can_connect)
    return;
  kith_supabase_tell (self);
  task = g_task_new (NULL, NULL, on_tls_loaded, kith_supabase_ref (self));
  g_task_run_in_thread (task, load_tls);
}

/* --- life */

KithSupabase *
kith_supabase_new (KithHost *host, KithMailboxTransport *transport, KithSupabaseConfig *config)
{
  KithSupabase *self = g_atomic_rc_box_new0 (KithSupabase);

  self->host = g_object_ref (host);
  self->transport = g_object_ref (transport);
  self->config = config;
  self->monitor = g_object_ref (g_network_monitor_get_default ());
  self->http = kith_supabase_http_new (host, config);
  self->cancellable = g_cancellable_new ();
  self->chance = g_rand_new ();
  self->session = kith_supabase_session_new ();
  self->incoming = kith_supabase_incoming_new ();
  self->outgoing = kith_supabase_outgoing_new ();
  self->bell = kith_supabase_bell_new ();
  self->beat = kith_supabase_beat_new ();
  self->people = kith_supabase_people_new ();
  self->marks = kith_supabase_marks_new ();
  return self;
}

KithSupabase *
kith_supabase_ref (KithSupabase *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
kith_supabase_clear (gpointer data)
{
  KithSupabase *self = data;

  kith_supabase_session_free (self->session);
  kith_supabase_incoming_free (self->incoming);
  kith_supabase_outgoing_free (self->outgoing);
  kith_supabase_bell_free (self->bell);
  kith_supabase_beat_free (self->beat);
  kith_supabase_people_free (self->people);
  kith_supabase_marks_free (self->marks);
  kith_supabase_config_free (self->config);
  g_rand_free (self->chance);
  g_clear_error (&self->trouble);
  g_object_unref (self->cancellable);
  g_object_unref (self->monitor);
}

void
kith_supabase_unref (KithSupabase *self)
{
  g_atomic_rc_box_release_full (self, kith_supabase_clear);
}

void
kith_supabase_stop (KithSupabase *self)
{
  if (self->stopped)
    return;
  kith_host_drop_timer (self->host, self->timer);
  self->timer = 0;
  kith_supabase_bell_stop (self);
  kith_supabase_beat_stop (self);
  kith_supabase_incoming_stop (self);
  kith_supabase_marks_stop (self);
  kith_supabase_people_stop (self);
  self->stopped = TRUE;
  kith_supabase_outgoing_stop (self);
  g_cancellable_cancel (self->cancellable);
  g_clear_pointer (&self->http, kith_supabase_http_free);
  g_clear_object (&self->transport);
  g_clear_object (&self->host);
}

/* --- good-bye: the friends see at once that we are gone, and whoever comes next need not wait for the lease */

typedef struct
{
  KithSupabase *supabase;    /* full */
  KithHost *host;            /* full, until it is done: somebody else may stop the server before */
  guint open;
  guint timer;
  GDestroyNotify done;       /* NULL: was called */
  gpointer data;
} Farewell;

static void
farewell_done (Farewell *farewell)
{
  GDestroyNotify done = farewell->done;

  if (done == NULL)
    return;
  farewell->done = NULL;
  kith_host_drop_timer (farewell->host, farewell->timer);
  farewell->timer = 0;
  g_clear_object (&farewell->host);
  kith_supabase_stop (farewell->supabase);
  done (farewell->data);
}

static void
farewell_unref (Farewell *farewell)
{
  if (--farewell->open > 0)
    return;
  farewell_done (farewell);
  kith_supabase_unref (farewell->supabase);
  g_free (farewell);
}

static void
on_farewell (KithSupabase *self, const KithSupabaseAnswer *answer, gpointer data)
{
  farewell_unref (data);
}

static gboolean
on_farewell_deadline (gpointer data)
{
  Farewell *farewell = data;

  farewell->timer = 0;
  farewell_done (farewell);
  return G_SOURCE_REMOVE;
}

void
kith_supabase_leave (KithSupabase *self, GDestroyNotify done, gpointer data)
{
  Farewell *farewell = g_new0 (Farewell, 1);

  *farewell = (Farewell) { kith_supabase_ref (self), g_object_ref (self->host), 1, 0, done, data };
  if (self->ready && !kith_supabase_is_waiting (self))
    {
      self->leaving = TRUE;
      farewell->open += kith_supabase_incoming_release (self, on_farewell, farewell);
      farewell->open += kith_supabase_beat_farewell (self, on_farewell, farewell);
      farewell->timer = kith_supabase_after (self, FAREWELL_MS, on_farewell_deadline, farewell);
    }
  farewell_unref (farewell);
}
