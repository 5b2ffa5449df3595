/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checks of arguments, and statements in one line. */
#include <stdarg.h>
#include <string.h>

#include "kith-relay-private.h"

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

gboolean
kith_relay_is_word (const char *text, const char *chars, gsize least, gsize most)
{
  gsize n = text != NULL ? strlen (text) : 0;

  return text != NULL && n >= least && n <= most && strspn (text, chars) == n;
}

gboolean
kith_relay_is_base64 (const char *text, gsize least, gsize most)
{
  gsize n = text != NULL ? strlen (text) : 0, digits;

  if (text == NULL || n < least || n > most)
    return FALSE;
  digits = strspn (text, BASE64);
  return digits > 0 && n - digits <= 2 && strspn (text + digits, "=") == n - digits;
}

gboolean
kith_relay_is_key (const char *text)
{
  return text != NULL && strlen (text) == 44 && strspn (text, BASE64) == 43 && text[43] == '=';
}

gboolean
kith_relay_is_hex64 (const char *text)
{
  return kith_relay_is_word (text, "0123456789abcdef", 64, 64);
}

const char *
kith_relay_text (KithRelayCall *call, const char *name)
{
  JsonNode *node = call->args != NULL ? json_object_get_member (call->args, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

gint64
kith_relay_int (KithRelayCall *call, const char *name, gint64 usual)
{
  JsonNode *node = call->args != NULL ? json_object_get_member (call->args, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_int (node) : usual;
}

static KithStmt *
bind (KithDb *db, const char *sql, const char *format, va_list values)
{
  KithStmt *stmt = kith_db_prepare (db, sql);

  for (int i = 1; *format != '\0'; format++, i++)
    if (*format == 'i')
      kith_stmt_bind_int64 (stmt, i, va_arg (values, gint64));
    else
      kith_stmt_bind_text (stmt, i, va_arg (values, const char *));
  return stmt;
}

KithStmt *
kith_relay_bind (KithDb *db, const char *sql, const char *format, ...)
{
  KithStmt *stmt;
  va_list values;

  va_start (values, format);
  stmt = bind (db, sql, format, values);
  va_end (values);
  return stmt;
}

gboolean
kith_relay_exec (KithDb *db, GError **error, const char *sql, const char *format, ...)
{
  KithStmt *stmt;
  va_list values;

  va_start (values, format);
  stmt = bind (db, sql, format, values);
  va_end (values);
  return kith_stmt_run (stmt, error);
}

gboolean
kith_relay_get_int (KithDb *db, gint64 *value, GError **error, const char *sql, const char *format, ...)
{
  KithStmt *stmt;
  va_list values;
  gboolean found;

  va_start (values, format);
  stmt = bind (db, sql, format, values);
  va_end (values);
  found = kith_stmt_step (stmt, error) == KITH_STEP_ROW && !kith_stmt_is_null (stmt, 0);
  if (found)
    *value = kith_stmt_get_int64 (stmt, 0);
  kith_stmt_reset (stmt);
  return found;
}

gboolean
kith_relay_get_text (KithDb *db, char **value, GError **error, const char *sql, const char *format, ...)
{
  KithStmt *stmt;
  va_list values;
  gboolean found;

  va_start (values, format);
  stmt = bind (db, sql, format, values);
  va_end (values);
  found = kith_stmt_step (stmt, error) == KITH_STEP_ROW && !kith_stmt_is_null (stmt, 0);
  if (found)
    *value = kith_stmt_dup_text (stmt, 0);
  kith_stmt_reset (stmt);
  return found;
}
