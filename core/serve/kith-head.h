/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bouncer looks at in the head of a request. Filled header by header, so that no duplicate hides. */
#pragma once

#include "kith-exchange.h"

G_BEGIN_DECLS

typedef struct
{
  KithWay way;
  guint16 port;              /* ours; 0 on the Unix socket */
  gboolean http_1_0;
  const char *method;
  const char *uri_host;      /* of the URI that the parser built, without brackets; NULL on the Unix socket is fine */
  int uri_port;
  gboolean uri_userinfo;
  const char *path;          /* raw */
  const char *query;         /* raw; NULL: none */
  /* filled by kith_head_add() */
  guint n_headers;
  gsize header_bytes;
  guint n_host, n_origin, n_length, n_transfer, n_type, n_authorization, n_site;
  const char *host;
  const char *origin;
  const char *length;
  const char *transfer;
  const char *type;
  const char *authorization;
  const char *site;             /* Sec-Fetch-Site */
  const char *asked_method;     /* Access-Control-Request-Method */
  gboolean asks_private;        /* Access-Control-Request-Private-Network */
  gboolean upgrade_websocket;
} KithHead;

/* Keeps the pointers. */
void     kith_head_add         (KithHead *head, const char *name, const char *value);
gboolean kith_head_has_body    (const KithHead *head);
gboolean kith_head_is_preflight (const KithHead *head);

G_END_DECLS
