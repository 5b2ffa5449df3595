/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SEGMENTS 256

static gboolean
fail (GError **error, const char *path, const char *what)
{
  g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "%s cannot be opened: %s", path, what);
  return FALSE;
}

static gboolean
read_at (int fd, void *buffer, gsize n, guint64 offset)
{
  return pread (fd, buffer, n, (off_t) offset) == (gssize) n;
}

static gboolean
check_segments (int fd, const ElfW (Ehdr) *header, guint64 size, const char *path, GError **error)
{
  for (guint i = 0; i < header->e_phnum; i++)
    {
      ElfW (Phdr) segment;

      if (!read_at (fd, &segment, sizeof segment, header->e_phoff + (guint64) i * sizeof segment))
        return fail (error, path, "it is cut short");
      if (segment.p_type == PT_LOAD
          && (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
        return fail (error, path, "it is cut short");
    }
  return TRUE;
}

static gboolean
check_file (int fd, const char *path, GError **error)
{
  ElfW (Ehdr) header;
  struct stat st;

  if (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode))
    return fail (error, path, "it is no ordinary file");
  if (!read_at (fd, &header, sizeof header, 0) || memcmp (header.e_ident, ELFMAG, SELFMAG) != 0
      || header.e_ident[EI_CLASS] != (sizeof (gpointer) == 8 ? ELFCLASS64 : ELFCLASS32) || header.e_type != ET_DYN)
    return fail (error, path, "it is no shared object for this machine");
  if (header.e_phentsize != sizeof (ElfW (Phdr)) || header.e_phnum > MAX_SEGMENTS)
    return fail (error, path, "its header is broken");
  return check_segments (fd, &header, (guint64) st.st_size, path, error);
}

gboolean
kith_elf_is_whole (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  gboolean whole;

  if (fd < 0)
    return fail (error, path, g_strerror (errno));
  whole = check_file (fd, path, error);
  close (fd);
  return whole;
}
