/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-version.h"

G_BEGIN_DECLS

/**
 * KITH_ERROR:
 *
 * The error domain of everything in kith; its codes are [error@Kith.Error].
 *
 * Since: 1.0
 */
#define KITH_ERROR (kith_error_quark ())

/**
 * KithError:
 * @KITH_ERROR_FAILED: nothing better is known (REST status 500)
 * @KITH_ERROR_INVALID: the input is wrong, the message names the field (400)
 * @KITH_ERROR_REFUSED: not allowed, blocked or switched off (403)
 * @KITH_ERROR_UNKNOWN: no such friend, message, plugin or route (404)
 * @KITH_ERROR_CONFLICT: exists already, another identity, or the wrong state (409)
 * @KITH_ERROR_TOO_LARGE: larger than the limit that the message names (413)
 * @KITH_ERROR_TOO_FAST: try again later (429)
 * @KITH_ERROR_UNREACHABLE: no route now; kept or not as the function says (503)
 * @KITH_ERROR_BUSY: a queue is at its bound, try again (503)
 * @KITH_ERROR_STORE: disk full, read-only or unreadable: nothing was stored (507)
 * @KITH_ERROR_PROTOCOL: the other end broke a specification (502)
 * @KITH_ERROR_CLOSED: deactivated or shutting down (503)
 *
 * What went wrong, as far as a caller can act on it.
 *
 * Since: 1.0
 */
typedef enum
{
  KITH_ERROR_FAILED,
  KITH_ERROR_INVALID,
  KITH_ERROR_REFUSED,
  KITH_ERROR_UNKNOWN,
  KITH_ERROR_CONFLICT,
  KITH_ERROR_TOO_LARGE,
  KITH_ERROR_TOO_FAST,
  KITH_ERROR_UNREACHABLE,
  KITH_ERROR_BUSY,
  KITH_ERROR_STORE,
  KITH_ERROR_PROTOCOL,
  KITH_ERROR_CLOSED,
} KithError;

/**
 * kith_error_quark:
 *
 * The quark behind %KITH_ERROR. Any thread.
 *
 * Returns: the quark
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GQuark kith_error_quark (void);

G_END_DECLS
