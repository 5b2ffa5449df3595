/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib/gi18n.h>

G_BEGIN_DECLS

#define KITH_TEXT_DOMAIN "kith"

/* The user's language, for kithd and kithctl; first thing in main. What goes over the API and into the log stays
 * English: programs and reports read it. KITH_LOCALE_DIR: translations that are not installed. */
void kith_locale_init (void);

G_END_DECLS
