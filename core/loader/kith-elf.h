/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kith/kith.h>

G_BEGIN_DECLS

/* Whether a shared object is all there. dlopen() maps what the headers promise: of a file that was cut short (a full
 * disk, an interrupted copy) it touches pages that do not exist, and the process dies of SIGBUS. */
gboolean kith_elf_is_whole (const char *path, GError **error);

G_END_DECLS
