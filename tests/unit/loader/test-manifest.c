/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-fake-daemon.h"
#include "kith-manifest.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct
{
  char *dir;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->dir = g_dir_make_tmp ("kith-manifest-XXXXXX", &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (f->dir, 0, NULL);
  const char *name;

  g_chmod (f->dir, 0700);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->dir, name, NULL);

      g_unlink (path);
    }
  g_rmdir (f->dir);
  g_free (f->dir);
}

static char *
write_file (Fixture *f, const char *name, const char *text)
{
  char *path = g_build_filename (f->dir, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  return path;
}

static void
test_good (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_file (f, "poll.plugin",
                                      "[Plugin]\nId=poll\nName=Polls\nName[de]=Umfragen\nVersion=2.1\nABI=1\n"
                                      "Settings=org.example.Poll\nProvides=polls; votes ;\nRequires=presence\n");
  g_autofree char *module = g_build_filename (f->dir, "poll.so", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (KithManifest) manifest = kith_manifest_load (path, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (manifest->id, ==, "poll");
  g_assert_cmpstr (manifest->version, ==, "2.1");
  g_assert_cmpstr (manifest->settings, ==, "org.example.Poll");
  g_assert_cmpstr (manifest->module_path, ==, module);
  g_assert_cmpuint (g_strv_length (manifest->provides), ==, 2);
  g_assert_cmpstr (manifest->provides[1], ==, "votes");
  g_assert_cmpuint (g_strv_length (manifest->requires), ==, 1);
}

static void
test_bad (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *text;
    const char *error;
  } rows[] = {
    { "", "*has no group [[]Plugin]" },
    { "not a key file", "*cannot be read: *" },
    { "[Other]\nId=poll\n", "*has no group*" },
    { "[Plugin]\nName=x\nABI=1\n", "*has no Id*" },
    { "[Plugin]\nId=Poll\nABI=1\n", "*has the Id \"Poll\"*" },
    { "[Plugin]\nId=../poll\nABI=1\n", "*has the Id \"../poll\"*" },
    { "[Plugin]\nId=vote\nABI=1\n", "*must be named vote.plugin" },
    { "[Plugin]\nId=poll\n", "*has no ABI*" },
    { "[Plugin]\nId=poll\nABI=2\n", "*is for plugin ABI 2*" },
    { "[Plugin]\nId=poll\nABI=one\n", "*is for plugin ABI one*" },
    { "[Plugin]\nId=poll\nABI=1\nRequires=a b;\n", "*\"a b\" in Requires*" },
    { "[Plugin]\nId=poll\nABI=1\nProvides=../x;\n", "*in Provides*" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = write_file (f, "poll.plugin", rows[i].text);
      g_autoptr (GError) error = NULL;
      g_autofree char *pattern = g_strdup (rows[i].error);

      g_test_message ("%s", rows[i].text);
      g_assert_null (kith_manifest_load (path, &error));
      g_assert_error (error, KITH_ERROR, KITH_ERROR_INVALID);
      /* GPattern knows no brackets. */
      if (strchr (pattern, '[') == NULL)
        g_assert_true (g_pattern_match_simple (pattern, error->message));
      else
        g_assert_nonnull (strstr (error->message, "has no group [Plugin]"));
    }
}

/* Neither from a directory nor a file that others can write; a sticky directory above is fine (/tmp). */
static void
test_path (Fixture *f, gconstpointer data)
{
  g_autofree char *path = write_file (f, "poll.so", "");
  g_autofree char *link = g_build_filename (f->dir, "link.so", NULL);
  g_autoptr (GError) error = NULL;

  g_chmod (path, 0755);
  g_assert_true (kith_path_is_safe (path, &error));
  g_assert_no_error (error);
  g_chmod (path, 0757);
  g_assert_false (kith_path_is_safe (path, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "chmod go-w"));
  g_clear_error (&error);
  g_assert_cmpint (symlink (path, link), ==, 0);
  g_assert_false (kith_path_is_safe (link, NULL));
  g_chmod (path, 0755);
  g_assert_true (kith_path_is_safe (link, NULL));
  g_chmod (f->dir, 01777);
  g_assert_false (kith_path_is_safe (path, &error));
  g_assert_error (error, KITH_ERROR, KITH_ERROR_REFUSED);
  g_assert_false (kith_path_is_safe (f->dir, NULL));
  g_chmod (f->dir, 0700);
  g_assert_true (kith_path_is_safe (f->dir, NULL));
  g_assert_false (kith_path_is_safe ("/no/such/file", NULL));
  if (geteuid () == 0)
    {
      g_assert_cmpint (chown (path, 12345, 0), ==, 0);
      g_assert_false (kith_path_is_safe (path, NULL));
    }
}

/* A broken manifest is a plugin that failed, by the name of its file; a name that is none is not listed at all. */
static void
test_discover (Fixture *f, gconstpointer data)
{
  const char *const path[] = { "/no/such/directory", f->dir, NULL };
  g_autofree char *one = write_file (f, "broken.plugin", "[Plugin]\nId=other\nABI=1\n");
  g_autofree char *two = write_file (f, "Not An Id.plugin", "");
  g_autofree char *three = write_file (f, "tcp.plugin", "[Plugin]\nId=tcp\nABI=1\n");
  KithFakeDaemon *daemon = kith_fake_daemon_new (path, NULL);
  g_autoptr (GPtrArray) list = kith_loader_list (daemon->loader);

  g_assert_cmpuint (list->len, ==, 2);
  g_assert_cmpstr (((KithPluginInfo *) g_ptr_array_index (list, 0))->id, ==, "broken");
  g_assert_cmpint (kith_fake_daemon_get_state (daemon, "broken"), ==, KITH_PLUGIN_FAILED);
  g_assert_true (kith_loader_find (daemon->loader, "tcp")->builtin);
  g_assert_true (kith_loader_find (daemon->loader, "tcp")->enabled);
  g_assert_cmpuint (kith_loader_discover (daemon->loader), ==, 2);
  kith_fake_daemon_start_all (daemon);
  g_assert_cmpint (kith_fake_daemon_get_state (daemon, "broken"), ==, KITH_PLUGIN_FAILED);
  g_assert_cmpint (kith_fake_daemon_get_state (daemon, "tcp"), ==, KITH_PLUGIN_FAILED);
  kith_fake_daemon_free (daemon);
}

static void
test_default_path (void)
{
  g_auto (GStrv) path = NULL;

  g_setenv ("KITH_PLUGIN_PATH", "/one::/two", TRUE);
  path = kith_loader_dup_default_path ();
  g_assert_cmpuint (g_strv_length (path), ==, 5);
  g_assert_cmpstr (path[0], ==, "/one");
  g_assert_cmpstr (path[1], ==, "/two");
  g_assert_true (g_str_has_suffix (path[2], "/kith/plugins-1"));
  g_assert_true (g_str_has_suffix (path[3], "/.local/lib/kith/plugins-1"));
}

#define ADD(path, func) g_test_add ("/loader/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("manifest/good", test_good);
  ADD ("manifest/bad", test_bad);
  ADD ("path", test_path);
  ADD ("discover", test_discover);
  g_test_add_func ("/loader/default-path", test_default_path);
  return g_test_run ();
}
