/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-json-private.h"

#include <stdio.h>

/* For the agreement test: reads documents as "LENGTH\n" and the bytes; answers "-REASON\n", or "+LENGTH\n" and what was
 * printed of the tree. */
int
main (void)
{
  char line[32];

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      gsize n = (gsize) g_ascii_strtoull (line, NULL, 10);
      g_autofree char *text = g_malloc (n + 1);
      g_autoptr (JsonNode) node = NULL;
      g_autoptr (GBytes) printed = NULL;
      const char *why;

      if (fread (text, 1, n, stdin) != n)
        return 1;
      why = kith_json_check (text, n, KITH_JSON_MAX_DEPTH, KITH_JSON_MAX_VALUES);
      if (why != NULL)
        {
          printf ("-%s\n", why);
          continue;
        }
      node = kith_json_parse (text, (gssize) n, NULL);
      if (node == NULL)
        {
          printf ("-json-glib\n");
          continue;
        }
      printed = kith_json_print (node);
      printf ("+%" G_GSIZE_FORMAT "\n", g_bytes_get_size (printed));
      fwrite (g_bytes_get_data (printed, NULL), 1, g_bytes_get_size (printed), stdout);
    }
  return 0;
}
