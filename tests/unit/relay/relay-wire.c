/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test's end of a WebSocket: whole text messages, masked with zeros. */
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay-fixture.h"

static gboolean
on_readable (int fd, GIOCondition condition, gpointer data)
{
  Wire *wire = data;
  guint8 part[4096];
  gssize n = recv (fd, part, sizeof part, MSG_DONTWAIT);

  if (n > 0)
    g_byte_array_append (wire->in, part, (guint) n);
  else if (n == 0 && wire->close_code == 0)
    wire->close_code = 1006;
  return G_SOURCE_CONTINUE;
}

static void
read_more (Wire *wire)
{
  guint before = wire->in->len, source = g_unix_fd_add (wire->fd, G_IO_IN | G_IO_HUP, on_readable, wire);

  while (wire->in->len == before && wire->close_code == 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
}

Wire *
wire_open (Relay *f, const char *path)
{
  struct sockaddr_in there = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) },
                               .sin_port = htons (kith_door_get_port (f->relay.door, KITH_WAY_API)) };
  g_autofree char *head = g_strdup_printf (
    "GET %s HTTP/1.1\r\nHost: relay\r\napikey: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, f->key);
  Wire *wire = g_new0 (Wire, 1);
  const char *end;

  wire->at = f;
  wire->in = g_byte_array_new ();
  wire->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (wire->fd, (struct sockaddr *) &there, sizeof there), ==, 0);
  g_assert_cmpint (send (wire->fd, head, strlen (head), MSG_NOSIGNAL), ==, (gssize) strlen (head));
  do
    read_more (wire);
  while (wire->close_code == 0 &&
         g_strstr_len ((const char *) wire->in->data, wire->in->len, "\r\n\r\n") == NULL);
  end = g_strstr_len ((const char *) wire->in->data, wire->in->len, "\r\n\r\n");
  g_assert_nonnull (end);
  g_assert_true (g_str_has_prefix ((const char *) wire->in->data, "HTTP/1.1 101 "));
  g_byte_array_remove_range (wire->in, 0, (guint) (end + 4 - (const char *) wire->in->data));
  return wire;
}

void
wire_say (Wire *wire, const char *text)
{
  g_autofree char *quoted = g_strdelimit (g_strdup (text), "'", '"');
  gsize n = strlen (quoted);
  g_autoptr(GByteArray) out = g_byte_array_new ();
  guint8 head[8] = { 0x81, n < 126 ? 0x80 | (guint8) n : 0x80 | 126, (guint8) (n >> 8), (guint8) n };

  g_byte_array_append (out, head, n < 126 ? 2 : 4);
  g_byte_array_append (out, (const guint8 *) "\0\0\0\0", 4);
  g_byte_array_append (out, (const guint8 *) quoted, (guint) n);
  g_assert_cmpint (send (wire->fd, out->data, out->len, MSG_NOSIGNAL), ==, out->len);
}

/* The length of the first frame, its payload at *at; 0: not all of it is there. */
static gsize
measure (Wire *wire, gsize *at)
{
  const guint8 *in = wire->in->data;
  gsize n = wire->in->len, size;

  if (n < 2)
    return 0;
  size = in[1] & 127;
  *at = size == 126 ? 4 : 2;
  g_assert_cmpuint (size, <, 127);
  if (n < *at)
    return 0;
  if (size == 126)
    size = (gsize) in[2] << 8 | in[3];
  return n < *at + size ? 0 : *at + size;
}

char *
wire_next (Wire *wire)
{
  char *text = NULL;
  gsize at = 0, n;

  while (text == NULL)
    {
      while ((n = measure (wire, &at)) == 0 && wire->close_code == 0)
        read_more (wire);
      if (n == 0)
        return NULL;
      if ((wire->in->data[0] & 15) == 8)
        wire->close_code = n >= at + 2 ? (guint) wire->in->data[at] << 8 | wire->in->data[at + 1] : 1005;
      else if ((wire->in->data[0] & 15) == 1)
        text = g_strndup ((const char *) wire->in->data + at, n - at);
      g_byte_array_remove_range (wire->in, 0, (guint) n);
      if (wire->close_code != 0)
        break;
    }
  return text;
}

char *
wire_expect (Wire *wire, const char *part)
{
  g_autofree char *quoted = g_strdelimit (g_strdup (part), "'", '"');
  char *text = wire_next (wire);

  if (text == NULL || strstr (text, quoted) == NULL)
    g_error ("expected %s, got %s (closed: %u)", quoted, text, wire->close_code);
  return text;
}

void
wire_free (Wire *wire)
{
  close (wire->fd);
  g_byte_array_unref (wire->in);
  g_free (wire);
}
