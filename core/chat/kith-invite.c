/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-invite.h"
#include "kith-event-private.h"
#include <sodium.h>
#include <string.h>

void
kith_invite_free (KithInvite *invite)
{
  g_free (invite->username);
  g_strfreev (invite->addresses);
  g_free (invite);
}

gboolean
kith_address_is_valid (const char *address)
{
  const char *colon = strchr (address, ':');

  if (colon == NULL || colon == address || colon[1] == '\0' || strlen (address) > KITH_ADDRESS_LENGTH_MAX)
    return FALSE;
  for (const char *p = address; p < colon; p++)
    if (!g_ascii_islower (*p) && !g_ascii_isdigit (*p) && *p != '-' && *p != '+')
      return FALSE;
  for (const char *p = colon; *p != '\0'; p++)
    if (!g_ascii_isgraph (*p))
      return FALSE;
  return TRUE;
}

static gboolean
parse_ik (const char *value, guint8 *ik, GError **error)
{
  guint8 curve[crypto_scalarmult_BYTES];
  gsize n = 0, length = strcspn (value, "=");
  const char *end = NULL;

  /* The four last characters may be padding: some tools add it. */
  if (strspn (value + length, "=") == strlen (value + length) &&
      sodium_base642bin (ik, 32, value, length, NULL, &n, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
      n == 32 && end == value + length && crypto_sign_ed25519_pk_to_curve25519 (curve, ik) == 0)
    return TRUE;
  g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID,
                       "invite: ik is not an identity key; copy the whole invite");
  return FALSE;
}

static gboolean
parse_member (KithInvite *invite, GPtrArray *addresses, const char *member, gboolean *has_ik, GError **error)
{
  const char *equals = strchr (member, '=');
  g_autofree char *value = equals == NULL ? NULL : g_uri_unescape_string (equals + 1, NULL);

  if (equals == NULL || value == NULL)
    {
      g_set_error (error, KITH_ERROR, KITH_ERROR_INVALID, "invite: \"%.32s\" is not NAME=VALUE", member);
      return FALSE;
    }
  if (g_str_has_prefix (member, "ik="))
    {
      if (*has_ik)
        {
          g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "invite: more than one ik");
          return FALSE;
        }
      *has_ik = TRUE;
      return parse_ik (value, invite->ik, error);
    }
  /* An address of a kind that this version does not know is kept: a later plugin may. */
  if (g_str_has_prefix (member, "a=") && kith_address_is_valid (value) && addresses->len < KITH_INVITE_ADDRESSES_MAX)
    g_ptr_array_add (addresses, g_steal_pointer (&value));
  return TRUE;
}

KithInvite *
kith_invite_parse (const char *text, GError **error)
{
  g_autoptr (KithInvite) invite = g_new0 (KithInvite, 1);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) members = NULL;
  const char *query = NULL;
  gboolean has_ik = FALSE;

  if (!g_str_has_prefix (text, "kith:") || (query = strchr (text, '?')) == NULL || strlen (text) > 8192)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "invite: it begins with kith:NAME?ik=");
      return NULL;
    }
  invite->username = g_strndup (text + strlen ("kith:"), query - text - strlen ("kith:"));
  if (!kith_name_is_username (invite->username, FALSE))
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "invite: the name in it is not a username");
      return NULL;
    }
  members = g_strsplit (query + 1, "&", 64);
  for (guint i = 0; members[i] != NULL; i++)
    if (!parse_member (invite, addresses, members[i], &has_ik, error))
      return NULL;
  if (!has_ik)
    {
      g_set_error_literal (error, KITH_ERROR, KITH_ERROR_INVALID, "invite: ik is missing; copy the whole invite");
      return NULL;
    }
  g_ptr_array_add (addresses, NULL);
  invite->addresses = (GStrv) g_ptr_array_steal (addresses, NULL);
  return g_steal_pointer (&invite);
}

char *
kith_invite_print (const char *username, const guint8 *ik, const char *const *addresses)
{
  g_autoptr (GString) text = g_string_new ("kith:");
  char key[64];

  sodium_bin2base64 (key, sizeof key, ik, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  g_string_append_printf (text, "%s?ik=%s", username, key);
  for (guint i = 0; addresses != NULL && addresses[i] != NULL && i < KITH_INVITE_ADDRESSES_MAX; i++)
    {
      g_string_append (text, "&a=");
      g_string_append_uri_escaped (text, addresses[i], NULL, FALSE);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
