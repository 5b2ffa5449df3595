/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells when the world may be another one: the computer woke up, or its network changed. Main thread. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _KithWaking KithWaking;

/* At once, and of what follows closely only the last. */
typedef void (*KithWakingFunc) (const char *why, gpointer data);

/* settled: once, never from here: GNetworkMonitor can be asked without waiting for a bus, or three seconds went by. */
KithWaking *kith_waking_new  (KithWakingFunc func, void (*settled) (gpointer data), gpointer data);
void        kith_waking_free (KithWaking *self);

G_END_DECLS
