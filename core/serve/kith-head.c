/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-head.h"

#include <string.h>

static gboolean
is (const char *name, const char *wanted)
{
  return g_ascii_strcasecmp (name, wanted) == 0;
}

static void
note (guint *count, const char **slot, const char *value)
{
  (*count)++;
  *slot = value;
}

void
kith_head_add (KithHead *head, const char *name, const char *value)
{
  head->n_headers++;
  head->header_bytes += strlen (name) + strlen (value) + 4;
  if (is (name, "Host"))
    note (&head->n_host, &head->host, value);
  else if (is (name, "Origin"))
    note (&head->n_origin, &head->origin, value);
  else if (is (name, "Content-Length"))
    note (&head->n_length, &head->length, value);
  else if (is (name, "Transfer-Encoding"))
    note (&head->n_transfer, &head->transfer, value);
  else if (is (name, "Content-Type"))
    note (&head->n_type, &head->type, value);
  else if (is (name, "Authorization"))
    note (&head->n_authorization, &head->authorization, value);
  else if (is (name, "Sec-Fetch-Site"))
    note (&head->n_site, &head->site, value);
  else if (is (name, "Access-Control-Request-Method"))
    head->asked_method = value;
  else if (is (name, "Access-Control-Request-Private-Network"))
    head->asks_private = TRUE;
  else if (is (name, "Upgrade"))
    head->upgrade_websocket = is (value, "websocket");
}

gboolean
kith_head_has_body (const KithHead *head)
{
  return head->n_transfer > 0 || (head->n_length > 0 && strspn (head->length, "0") != strlen (head->length));
}

gboolean
kith_head_is_preflight (const KithHead *head)
{
  return strcmp (head->method, "OPTIONS") == 0 && head->n_origin == 1 && head->asked_method != NULL;
}
