/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-options.h"

G_BEGIN_DECLS

/* One daemon from start to stop. Returns the exit status; what keeps it from starting is said in one line on stderr. */
int kith_daemon_run (const KithOptions *options);

G_END_DECLS
