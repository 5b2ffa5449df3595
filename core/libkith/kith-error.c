/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-request-private.h"

G_DEFINE_QUARK (kith-error-quark, kith_error)

guint
kith_error_to_status (const GError *error)
{
  static const guint statuses[] = {
    [KITH_ERROR_FAILED] = 500,    [KITH_ERROR_INVALID] = 400,     [KITH_ERROR_REFUSED] = 403,
    [KITH_ERROR_UNKNOWN] = 404,   [KITH_ERROR_CONFLICT] = 409,    [KITH_ERROR_TOO_LARGE] = 413,
    [KITH_ERROR_TOO_FAST] = 429,  [KITH_ERROR_UNREACHABLE] = 503, [KITH_ERROR_BUSY] = 503,
    [KITH_ERROR_STORE] = 507,     [KITH_ERROR_PROTOCOL] = 502,    [KITH_ERROR_CLOSED] = 503,
  };

  if (error != NULL && error->domain == KITH_ERROR && error->code >= 0
      && (gsize) error->code < G_N_ELEMENTS (statuses))
    return statuses[error->code];
  return 500;
}
