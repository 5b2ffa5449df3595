/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One client of /events. Used by kith-windows.c alone. */
#pragma once

#include "kith-catalog.h"
#include "kith-socket.h"
#include "kith-tail.h"

G_BEGIN_DECLS

typedef struct _KithClient KithClient;

typedef struct
{
  void (*caught_up) (KithClient *window, gpointer data);   /* once: everything since its position was given */
  void (*shown)     (gint64 seq, gpointer data);           /* left for the client */
  void (*lost)      (KithClient *window, gpointer data);   /* the journal was trimmed past it */
  void (*closed)    (KithClient *window, gpointer data);   /* last; the window is freed after it */
} KithClientFuncs;

/* Everything that a window needs of the daemon; outlives it. */
typedef struct
{
  const KithClientFuncs *funcs;
  gpointer data;
  KithCatalog *catalog;
} KithClientHome;

extern const KithSocketFuncs kith_client_socket_funcs;   /* data: the window */

KithClient *kith_client_new        (const KithClientHome *home);
/* The socket is there: frames may be sent. */
void        kith_client_take       (KithClient *self, KithSocket *socket);
/* Gives what came after `from`, then goes live; log NULL: there is no journal, live at once. */
void        kith_client_follow     (KithClient *self, KithLog *log, gint64 from, gsize window_bytes);
/* Who never got a socket. */
void        kith_client_drop       (KithClient *self);

gboolean    kith_client_send       (KithClient *self, GBytes *frame);
void        kith_client_close      (KithClient *self, guint code, const char *reason);
gboolean    kith_client_is_live    (KithClient *self);
/* Live, and yet the newest entry did not fit: it does not read. */
gboolean    kith_client_is_overrun (KithClient *self);
gint64      kith_client_get_from   (KithClient *self);
guint64     kith_client_get_client (KithClient *self);
GList      *kith_client_get_link   (KithClient *self);   /* for the list of all windows; its data is the window */

G_END_DECLS
