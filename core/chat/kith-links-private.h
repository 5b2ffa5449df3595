/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kith-dialler.h"
#include "kith-links.h"
#include "kith-transport-private.h"

G_BEGIN_DECLS

struct _KithLinks
{
  KithLinks **box;          /* reference-counted: what jobs under way keep of us */
  KithWorld *world;
  KithStore *store;
  KithKeys *keys;
  KithBus *bus;
  KithPeople *people;
  const KithLinksHooks *hooks;
  gpointer chat;
  char *username;
  KithLinkDoor *door;
  KithDialler *dialler;
  GPtrArray *carriers;      /* of KithCarrier: the transports */
  GPtrArray *lines;         /* of KithLine: every link, whatever its state */
  GHashTable *current;      /* person → KithLine: the link on which we send */
  gboolean offline, stopped;
};

/* A link and what we know of its other end. Lives until closed() or until it is cut; jobs under way hold a reference.
 */
typedef struct
{
  gatomicrefcount ref;
  KithLinks *owner;         /* NULL once it is gone */
  KithLink *link;
  KithLinkPeer peer;
  gint64 dialled_for;       /* the person whom the dialler wanted; 0: they came to us */
  gboolean settled;         /* took its place, or lost it */
} KithLine;

KithLine *kith_line_ref      (KithLine *line);
void      kith_line_unref    (KithLine *line);
KithLine *kith_line_new      (KithLinks *self, const char *transport, const char *from);
void      kith_line_settle   (KithLine *line);              /* its device is known: which of two links is it to be? */
void      kith_line_leave    (KithLine *line);              /* no longer the current one */
void      kith_line_forget   (KithLine *line);              /* no callback comes any more */
extern const KithLinkFuncs kith_line_funcs;

void      kith_links_update_hello (KithLinks *self);
void kith_links_take_stream (KithLinks *self,
                             KithStreamTransport *transport,
                             GIOStream *stream /* full */,
                             const char *from);

G_END_DECLS
