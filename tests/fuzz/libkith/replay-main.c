/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Without libFuzzer: replays a corpus, each file also cut short and with every byte changed once. */
static void
try_around (const char *text, gsize n)
{
  for (gsize i = 0; i <= n; i++)
    {
      /* A copy of the exact size, so that a sanitizer sees one byte too far. */
      g_autofree guint8 *cut = g_memdup2 (text, i);

      LLVMFuzzerTestOneInput (cut, i);
    }
  for (gsize i = 0; i < n; i++)
    {
      static const char others[] = "\0\"\\{[,:u09e\xff\xc3 ";
      g_autofree guint8 *changed = g_memdup2 (text, n);

      for (gsize k = 0; k < sizeof others; k++)
        {
          changed[i] = (guint8) others[k];
          LLVMFuzzerTestOneInput (changed, n);
        }
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = argc > 1 ? g_dir_open (argv[1], 0, &error) : NULL;
  const char *name;
  guint n_files = 0;

  if (dir == NULL)
    {
      g_printerr ("usage: %s CORPUS: %s\n", argv[0], error != NULL ? error->message : "a directory is needed");
      return 1;
    }
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (argv[1], name, NULL);
      g_autofree char *text = NULL;
      gsize n;

      if (!g_file_get_contents (path, &text, &n, &error))
        {
          g_printerr ("%s\n", error->message);
          return 1;
        }
      try_around (text, n);
      n_files++;
    }
  g_print ("%u files\n", n_files);
  return n_files > 0 ? 0 : 1;
}
