/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two settings: what is accepted as a server, and which keys are never used. */
#include "kith-supabase-config.h"

#include <string.h>

#define MOST_KEY 4096

static gboolean
is_loopback (const char *host)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  return g_ascii_strcasecmp (host, "localhost") == 0 || (address != NULL && g_inet_address_get_is_loopback (address));
}

static gboolean
check_url (const char *text, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GUri) uri = g_uri_parse (text, G_URI_FLAGS_NONE, &why);
  const char *scheme = uri != NULL ? g_uri_get_scheme (uri) : "";
  const char *host = uri != NULL ? g_uri_get_host (uri) : NULL;

  if (uri == NULL || host == NULL || *host == '\0')
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the setting url is no web address: %s",
                 why != NULL ? why->message : "it names no host");
  else if (g_uri_get_userinfo (uri) != NULL || g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL
           || strspn (g_uri_get_path (uri), "/") != strlen (g_uri_get_path (uri)))
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID,
                         "the setting url is more than a server: give https://HOST, without a path");
  else if (strcmp (scheme, "https") != 0 && strcmp (scheme, "http") != 0)
    g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "the setting url begins with %s:, not with https:", scheme);
  else if (strcmp (scheme, "http") == 0 && !is_loopback (host))
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_REFUSED,
                         "the setting url is not encrypted: http is for this machine only, use https");
  else
    return TRUE;
  return FALSE;
}

/* The role that a legacy key, a JWT, carries. */
static char *
find_role (const char *key)
{
  g_auto (GStrv) parts = g_strsplit (key, ".", 4);
  g_autoptr (GString) padded = NULL;
  g_autofree guchar *text = NULL;
  g_autoptr (JsonNode) root = NULL;
  JsonNode *role;
  gsize n;

  if (g_strv_length (parts) != 3)
    return NULL;
  padded = g_string_new (parts[1]);
  g_string_replace (padded, "-", "+", 0);
  g_string_replace (padded, "_", "/", 0);
  while (padded->len % 4 != 0)
    g_string_append_c (padded, '=');
  text = g_base64_decode (padded->str, &n);
  root = kith_json_parse ((const char *) text, (gssize) n, NULL);
  role = root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_object_get_member (json_node_get_object (root), "role")
                                                       : NULL;
  return role != NULL && json_node_get_value_type (role) == G_TYPE_STRING ? json_node_dup_string (role) : NULL;
}

static gboolean
check_key (const char *key, GError **error)
{
  g_autofree char *role = find_role (key);

  if (*key == '\0')
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "the setting url is there, but api-key is not");
  else if (strlen (key) > MOST_KEY || strspn (key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                                   "-._~+/=") != strlen (key))
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID,
                         "the setting api-key is no key: letters, digits and -._~+/= only");
  else if (g_str_has_prefix (key, "sb_secret_"))
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_REFUSED,
                         "the setting api-key is a secret key, which opens everything and is never used here: put the "
                         "publishable key (sb_publishable_…) there, and revoke this one");
  else if (role != NULL && strcmp (role, "anon") != 0)
    g_set_error_literal (error, KITH_ERROR, KITH_ERROR_REFUSED,
                         "the setting api-key is a service_role key, which opens everything and is never used here: "
                         "put the anon key or the publishable key (sb_publishable_…) there, and revoke this one");
  else
    return TRUE;
  return FALSE;
}

KithSupabaseConfig *
kith_supabase_config_new (const char *url, const char *key, GError **error)
{
  g_autofree char *clean_url = g_strstrip (g_strdup (url));
  g_autofree char *clean_key = g_strstrip (g_strdup (key));
  g_autofree char *hash = NULL;
  KithSupabaseConfig *self;

  if (*clean_url == '\0' || !check_url (clean_url, error) || !check_key (clean_key, error))
    return NULL;
  while (g_str_has_suffix (clean_url, "/"))
    clean_url[strlen (clean_url) - 1] = '\0';
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, clean_url, -1);
  self = g_new0 (KithSupabaseConfig, 1);
  self->url = g_steal_pointer (&clean_url);
  self->key = g_steal_pointer (&clean_key);
  self->name = g_strndup (hash, 16);
  return self;
}

void
kith_supabase_config_free (KithSupabaseConfig *self)
{
  g_free (self->url);
  g_free (self->key);
  g_free (self->name);
  g_free (self);
}
