/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-locale.h"

#include <locale.h>

void
kith_locale_init (void)
{
  const char *dir = g_getenv ("KITH_LOCALE_DIR");

  setlocale (LC_ALL, "");
  bindtextdomain (KITH_TEXT_DOMAIN, dir != NULL ? dir : KITH_LOCALEDIR);
  bind_textdomain_codeset (KITH_TEXT_DOMAIN, "UTF-8");
  textdomain (KITH_TEXT_DOMAIN);
}
