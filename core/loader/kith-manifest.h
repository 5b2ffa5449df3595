/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kith/kith.h>

G_BEGIN_DECLS

/* What <id>.plugin says, read before any code is mapped. */
typedef struct
{
  char *id;
  char *name;
  char *version;
  char *settings; /* nullable: the id of a schema */
  GStrv provides;
  GStrv requires;
  char *path;
  char *module_path; /* <id>.so beside it */
} KithManifest;

/* KITH_ERROR_INVALID names the key that is wrong. */
KithManifest *kith_manifest_load (const char *path, GError **error);
void kith_manifest_free (KithManifest *self);

/* Whether nobody but root and we can change what is at @path, nor put something else in its place: nothing is mapped
 * from where others can write. KITH_ERROR_REFUSED says which part of the path and what to do. */
gboolean kith_path_is_safe (const char *path, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithManifest, kith_manifest_free)

G_END_DECLS
