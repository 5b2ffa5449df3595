/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into kithd by faults.py.
 * KITH_FAULT_CONTROL: a file "ERRNO PERCENT CALLS", e.g. "5 30 ws": so many of the writes (w), syncs (s) and
 * truncations (t) of KITH_FAULT_DB and its log fail; a third of the failing writes write their first half before. No
 * file: none fail. KITH_FAULT_CONNECT: "PORT:PORT,…": who dials the first at 127.0.0.1 gets the second. */
/* The plain names and those of 64 bits are two functions here. */
#undef _FILE_OFFSET_BITS
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))

/* dlsym() gives what ISO C knows no cast for. */
#define NEXT(name) \
  static __typeof__ (name) *next; \
  if (next == NULL) \
    *(void **) &next = dlsym (RTLD_NEXT, #name)

static unsigned chance = 1;

static int
is_database (int fd)
{
  static const char *const ends[] = { "", "-wal", "-journal" };
  const char *path = getenv ("KITH_FAULT_DB");
  struct stat there, this;
  char        name[4096];

  if (path == NULL || fstat (fd, &this) != 0 || !S_ISREG (this.st_mode))
    return 0;
  for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
    {
      snprintf (name, sizeof name, "%s%s", path, ends[i]);
      if (stat (name, &there) == 0 && there.st_ino == this.st_ino && there.st_dev == this.st_dev)
        return 1;
    }
  return 0;
}

/* The errno that this call shall fail with, 0: none. */
static int
find_fault (int fd, char call)
{
  const char *control = getenv ("KITH_FAULT_CONTROL");
  char        text[64] = "", calls[16] = "";
  int         number = 0, percent = 0, file, before = errno;
  ssize_t     n;

  if (control == NULL || (file = open (control, O_RDONLY | O_CLOEXEC)) < 0)
    {
      errno = before;
      return 0;
    }
  n = read (file, text, sizeof text - 1);
  close (file);
  errno = before;
  if (n <= 0 || sscanf (text, "%d %d %15s", &number, &percent, calls) != 3 || strchr (calls, call) == NULL)
    return 0;
  if ((int) (rand_r (&chance) % 100) >= percent || !is_database (fd))
    return 0;
  return number;
}

EXPORT ssize_t
pwrite64 (int fd, const void *data, size_t n, off64_t at)
{
  NEXT (pwrite64);
  int fault = find_fault (fd, 'w');

  if (fault == 0)
    return next (fd, data, n, at);
  if (rand_r (&chance) % 3 == 0)
    next (fd, data, n / 2, at);
  errno = fault;
  return -1;
}

EXPORT ssize_t
pwrite (int fd, const void *data, size_t n, off_t at)
{
  return pwrite64 (fd, data, n, at);
}

EXPORT ssize_t
write (int fd, const void *data, size_t n)
{
  NEXT (write);
  int fault = find_fault (fd, 'w');

  if (fault == 0)
    return next (fd, data, n);
  errno = fault;
  return -1;
}

EXPORT int
fsync (int fd)
{
  NEXT (fsync);
  int fault = find_fault (fd, 's');

  if (fault == 0)
    return next (fd);
  errno = fault;
  return -1;
}

EXPORT int
fdatasync (int fd)
{
  NEXT (fdatasync);
  int fault = find_fault (fd, 's');

  if (fault == 0)
    return next (fd);
  errno = fault;
  return -1;
}

EXPORT int
ftruncate64 (int fd, off64_t size)
{
  NEXT (ftruncate64);
  int fault = find_fault (fd, 't');

  if (fault == 0)
    return next (fd, size);
  errno = fault;
  return -1;
}

EXPORT int
ftruncate (int fd, off_t size)
{
  return ftruncate64 (fd, size);
}

EXPORT int
connect (int fd, const struct sockaddr *address, socklen_t n)
{
  NEXT (connect);
  const char        *map = getenv ("KITH_FAULT_CONNECT");
  struct sockaddr_in other;

  if (map == NULL || n < sizeof other || address->sa_family != AF_INET)
    return next (fd, address, n);
  memcpy (&other, address, sizeof other);
  for (; map != NULL && *map != '\0'; map = strchr (map, ',') != NULL ? strchr (map, ',') + 1 : NULL)
    {
      int from, to;

      if (sscanf (map, "%d:%d", &from, &to) == 2 && from == ntohs (other.sin_port))
        {
          other.sin_port = htons ((unsigned short) to);
          break;
        }
    }
  return next (fd, (struct sockaddr *) &other, sizeof other);
}
