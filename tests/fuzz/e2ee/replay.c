/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target without libFuzzer: replay CORPUS [RUNS]. Every file of the corpus, then RUNS changed ones (the
 * same each time). */
#include <glib.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t n);

#define INPUT_MAX_BYTES (70 * 1024)

static void
run (const guint8 *bytes, gsize n)
{
  /* No byte behind it, so that a sanitizer sees the first one too many. */
  g_autofree guint8 *exact = g_malloc (MAX (n, 1));

  if (n > 0)
    memcpy (exact, bytes, n);
  LLVMFuzzerTestOneInput (exact, n);
}

static GPtrArray *
load (const char *folder)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      char *bytes;
      gsize n;

      if (g_file_get_contents (path, &bytes, &n, NULL))
        g_ptr_array_add (files, g_bytes_new_take (bytes, n));
    }
  return g_steal_pointer (&files);
}

static void
mutate (GRand *rand, GByteArray *input, GPtrArray *files)
{
  guint at = input->len > 0 ? (guint)g_rand_int_range (rand, 0, (gint32)input->len) : 0;
  GBytes *other = g_ptr_array_index (files, (guint)g_rand_int_range (rand, 0, (gint32)files->len));
  gsize n;
  const guint8 *bytes = g_bytes_get_data (other, &n);

  switch (g_rand_int_range (rand, 0, 6))
    {
    case 0:
      if (input->len > 0)
        input->data[at] ^= (guint8)(1 << g_rand_int_range (rand, 0, 8));
      break;
    case 1:
      if (input->len > 0)
        input->data[at] = (guint8) "\x00\x01\x7f\x80\xff\x10\x20\x02"[g_rand_int_range (rand, 0, 8)];
      break;
    case 2:
      g_byte_array_set_size (input, at);
      break;
    case 3:
      if (n > 0 && input->len + n < INPUT_MAX_BYTES)
        g_byte_array_append (input, bytes, (guint)n);
      break;
    case 4:
      if (input->len > at + 4)
        memset (input->data + at, g_rand_boolean (rand) ? 0xff : 0x00, 4);
      break;
    default:
      if (at < n && input->len > at)
        memcpy (input->data + at, bytes + at, MIN (input->len - at, n - at));
      break;
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) files = argc > 1 ? load (argv[1]) : NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  guint64 runs = argc > 2 ? g_ascii_strtoull (argv[2], NULL, 10) : 0;

  if (files == NULL || files->len == 0 || sodium_init () < 0)
    {
      fprintf (stderr, "usage: replay CORPUS [RUNS]\n");
      return 2;
    }
  for (guint i = 0; i < files->len; i++)
    run (g_bytes_get_data (files->pdata[i], NULL), g_bytes_get_size (files->pdata[i]));
  for (guint64 i = 0; i < runs; i++)
    {
      GBytes *from = g_ptr_array_index (files, (guint)g_rand_int_range (rand, 0, (gint32)files->len));
      g_autoptr (GByteArray) input = g_byte_array_new ();
      gint changes = g_rand_int_range (rand, 1, 5);

      g_byte_array_append (input, g_bytes_get_data (from, NULL), (guint)g_bytes_get_size (from));
      while (changes-- > 0)
        mutate (rand, input, files);
      run (input->data, input->len);
    }
  printf ("1..1\nok 1 - %u inputs, %" G_GUINT64_FORMAT " changed ones\n", files->len, runs);
  return 0;
}
