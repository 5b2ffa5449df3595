/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-wait.h"

static gboolean
on_deadline (gpointer data)
{
  g_cancellable_cancel (((KithWait *)data)->cancellable);
  return G_SOURCE_REMOVE;
}

void
kith_wait_begin (KithWait *wait, guint deadline_ms)
{
  wait->context = g_main_context_new ();
  wait->cancellable = g_cancellable_new ();
  g_main_context_push_thread_default (wait->context);
  wait->deadline = g_timeout_source_new (deadline_ms);
  g_source_set_callback (wait->deadline, on_deadline, wait, NULL);
  g_source_attach (wait->deadline, wait->context);
}

gboolean
kith_wait_until (KithWait *wait, const gboolean *done)
{
  while (!*done && !g_cancellable_is_cancelled (wait->cancellable))
    g_main_context_iteration (wait->context, TRUE);
  return *done;
}

void
kith_wait_end (KithWait *wait)
{
  g_source_destroy (wait->deadline);
  g_source_unref (wait->deadline);
  /* What the service's client library left to do here. */
  while (g_main_context_iteration (wait->context, FALSE))
    ;
  g_main_context_pop_thread_default (wait->context);
  g_main_context_unref (wait->context);
  g_object_unref (wait->cancellable);
}
