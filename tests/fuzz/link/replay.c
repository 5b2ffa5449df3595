/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target over the files of a corpus, without libFuzzer: replay DIRECTORY */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

static gboolean
replay (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *bytes = NULL;
  g_autofree uint8_t *exact = NULL;
  g_autoptr (GError) error = NULL;
  gsize n;

  if (!g_file_get_contents (path, &bytes, &n, &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return FALSE;
    }
  exact = g_malloc (MAX (n, 1));      /* no NUL behind it: a sanitizer sees the first byte too many */
  memcpy (exact, bytes, n);
  LLVMFuzzerTestOneInput (exact, n);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  GDir *folder = argc == 2 ? g_dir_open (argv[1], 0, &error) : NULL;
  const char *name;
  guint count = 0;

  if (folder == NULL)
    {
      fprintf (stderr, "%s\n", error == NULL ? "usage: replay DIRECTORY" : error->message);
      return 2;
    }
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      if (!replay (argv[1], name))
        return 1;
      count++;
    }
  g_dir_close (folder);
  printf ("1..1\nok 1 - %u inputs\n", count);
  return count > 0 ? 0 : 1;
}
