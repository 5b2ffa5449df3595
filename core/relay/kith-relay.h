/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kith's mailbox API and /signal as a program of its own: spec/mailbox.md §6, spec/signaling.md. Needs no identity. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  const char *data;        /* folder, 0700 */
  const char *listen;      /* ADDR:PORT; NULL: 127.0.0.1:8765 */
  const char *url;         /* what its clients call it (behind TLS); NULL: http://ADDR:PORT */
  const char *invite;      /* file with the word that a sign-up needs; NULL: everybody may sign up */
  guint cap_mib;           /* of the database; 0: 1024 */
  guint sign_ups;          /* at once from one address, then 30 an hour; 0: 30 */
  gboolean open;           /* presence for everybody, as first-generation servers told it */
} KithRelayOptions;

/* Prints on stdout what its clients paste, then "ready"; runs until SIGTERM. The exit status. */
int kith_relay_run (const KithRelayOptions *options);

G_END_DECLS
