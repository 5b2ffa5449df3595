/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One WebSocket client. Frames are encoded once for all (kith_frame_text) and queued by reference; what is queued
 * leaves with one writev per client and turn of the loop. Main thread. spec/performance.md "direct". */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define KITH_TYPE_SOCKET (kith_socket_get_type ())
G_DECLARE_FINAL_TYPE (KithSocket, kith_socket, KITH, SOCKET, GObject)

typedef struct
{
  /* One whole text message: valid UTF-8, at most max-message-bytes, followed by a NUL that is not counted. The bytes
   * are only good during the call. */
  void (*message) (KithSocket *socket, const char *text, gsize n, gpointer data);
  /* A binary message came (and was dropped): the api answers an error event. */
  void (*binary)  (KithSocket *socket, gsize n, gpointer data);
  /* Once a turn in which something left: so many bytes of the frames given to kith_socket_send_frame() went to the
   * kernel, in order (a frame that left in part counts in part). kith_socket_get_pending() says what is still here. */
  void (*written) (KithSocket *socket, gsize n, gpointer data);
  /* Exactly once and last, for whatever reason; never from inside kith_socket_send_frame() or kith_socket_close().
   * code: what the client said, or our own, 1006 without any. */
  void (*closed)  (KithSocket *socket, guint code, gpointer data);
} KithSocketFuncs;

/* A whole unmasked text frame, good for any number of sockets. text: valid UTF-8. */
GBytes     *kith_frame_text            (GBytes *text);
GBytes     *kith_frame_text_take       (char *text, gsize n);   /* text was allocated by g_malloc() */

/* Queues a reference. FALSE: closed, closing, or this frame is over the client's budget, which closes with 1013. */
gboolean    kith_socket_send_frame     (KithSocket *self, GBytes *frame);
gboolean    kith_socket_send_text      (KithSocket *self, const char *text, gssize n);   /* frames it; for one client */
gsize       kith_socket_get_pending    (KithSocket *self);   /* bytes queued and not yet with the kernel */
gsize       kith_socket_get_room       (KithSocket *self);   /* budget less pending */
gboolean    kith_socket_is_open        (KithSocket *self);   /* FALSE from the first sign of closing on */
/* Says goodbye with that code after what is queued; whoever does not take it within close-timeout-ms is cut.
 * code: 1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 4000–4999. */
void        kith_socket_close          (KithSocket *self, guint code, const char *reason);
guint64     kith_socket_get_client     (KithSocket *self);   /* the number that its exchange had */
const char *kith_socket_get_origin     (KithSocket *self);

G_END_DECLS
