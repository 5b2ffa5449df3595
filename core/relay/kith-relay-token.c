/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access tokens: JWT, HS256 and nothing else. */
#include <sodium.h>
#include <string.h>

#include "kith-json-private.h"
#include "kith-relay-private.h"

#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define MOST_TOKEN_BYTES 4096

static char *
encode (const void *data, gsize n)
{
  gsize size = sodium_base64_ENCODED_LEN (n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  char *text = g_malloc (size);

  return sodium_bin2base64 (text, size, data, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

char *
kith_relay_random_word (KithRelay *self, gsize n_bytes)
{
  g_autofree guint8 *bytes = g_malloc (n_bytes);

  kith_world_fill_random (self->world, bytes, n_bytes);
  return encode (bytes, n_bytes);
}

gboolean
kith_relay_parse_uuid (const char *text, char out[KITH_RELAY_UUID])
{
  if (text == NULL || strlen (text) != KITH_RELAY_UUID - 1)
    return FALSE;
  for (guint i = 0; i < KITH_RELAY_UUID - 1; i++)
    {
      gboolean dash = i == 8 || i == 13 || i == 18 || i == 23;

      if (dash ? text[i] != '-' : !g_ascii_isxdigit (text[i]))
        return FALSE;
      out[i] = g_ascii_tolower (text[i]);
    }
  out[KITH_RELAY_UUID - 1] = '\0';
  return TRUE;
}

static void
sign (KithRelay *self, const char *text, gsize n, guint8 mac[crypto_auth_hmacsha256_BYTES])
{
  crypto_auth_hmacsha256 (mac, (const guint8 *) text, n, self->secret);
}

char *
kith_relay_token_make (KithRelay *self, const char *user, const char *session, gint64 expires_s)
{
  g_autofree char *claims = g_strdup_printf (
    "{\"iss\":\"kith\",\"sub\":\"%s\",\"aud\":\"authenticated\",\"role\":\"authenticated\",\"exp\":%" G_GINT64_FORMAT
    ",\"iat\":%" G_GINT64_FORMAT ",\"session_id\":\"%s\",\"is_anonymous\":true}",
    user, expires_s, expires_s - KITH_RELAY_TOKEN_S, session);
  g_autofree char *header = encode (HEADER, strlen (HEADER));
  g_autofree char *payload = encode (claims, strlen (claims));
  g_autofree char *said = g_strconcat (header, ".", payload, NULL);
  g_autofree char *signature = NULL;
  guint8 mac[crypto_auth_hmacsha256_BYTES];

  sign (self, said, strlen (said), mac);
  signature = encode (mac, sizeof mac);
  return g_strconcat (said, ".", signature, NULL);
}

/* A part between dots as a JSON object. */
static JsonObject *
decode_part (const char *text, gsize n)
{
  g_autofree char *raw = g_malloc (n + 1);
  gsize size = 0;

  if (sodium_base642bin ((guint8 *) raw, n, text, n, NULL, &size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
    return NULL;
  return kith_json_parse_object (raw, (gssize) size, NULL);
}

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
         ? json_node_get_string (node) : NULL;
}

static const char *
check_claims (KithRelay *self, JsonObject *said, KithRelayClaims *claims)
{
  JsonNode *expires = json_object_get_member (said, "exp");

  if (g_strcmp0 (get_string (said, "aud"), "authenticated") != 0 ||
      g_strcmp0 (get_string (said, "role"), "authenticated") != 0)
    return "JWT is for somebody else";
  if (expires == NULL || !JSON_NODE_HOLDS_VALUE (expires) || json_node_get_value_type (expires) != G_TYPE_INT64)
    return "JWT has no time";
  claims->expires_s = json_node_get_int (expires);
  if (claims->expires_s <= kith_world_get_date_ms (self->world) / 1000)
    return "JWT expired";
  if (!kith_relay_parse_uuid (get_string (said, "sub"), claims->user) ||
      !kith_relay_parse_uuid (get_string (said, "session_id"), claims->session))
    return "JWT names nobody";
  return NULL;
}

const char *
kith_relay_token_check (KithRelay *self, const char *token, KithRelayClaims *claims)
{
  const char *first = strchr (token, '.'), *second = first != NULL ? strchr (first + 1, '.') : NULL;
  g_autoptr(JsonObject) header = NULL;
  g_autoptr(JsonObject) said = NULL;
  guint8 mac[crypto_auth_hmacsha256_BYTES], sent[crypto_auth_hmacsha256_BYTES];
  gsize n = 0;

  if (second == NULL || strlen (token) > MOST_TOKEN_BYTES || strchr (second + 1, '.') != NULL)
    return "JWT cannot be read";
  if (sodium_base642bin (sent, sizeof sent, second + 1, strlen (second + 1), NULL, &n, NULL,
                         sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 || n != sizeof sent)
    return "JWT signature is wrong";
  sign (self, token, (gsize) (second - token), mac);
  if (sodium_memcmp (mac, sent, sizeof mac) != 0)
    return "JWT signature is wrong";
  header = decode_part (token, (gsize) (first - token));
  said = decode_part (first + 1, (gsize) (second - first - 1));
  if (header == NULL || said == NULL || g_strcmp0 (get_string (header, "alg"), "HS256") != 0)
    return "JWT cannot be read";
  return check_claims (self, said, claims);
}
