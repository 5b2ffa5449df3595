/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /healthz. */
#include "kith-routes.h"

static void
get_healthz (KithRequest *request, gpointer api)
{
  static const char ok[] = "{\"status\":\"ok\"}";

  kith_call_answer (request, 200, g_bytes_new_static (ok, sizeof ok - 1));
}

static const KithField health_fields[] = {
  { KITH_KEY_STATUS, KITH_FIELD_STRING, 0, 0, "ok" },
  { 0 },
};

const KithHouseRoute kith_routes_health[] = {
  { { "GET", "healthz", NULL, NULL, health_fields, "Whether the daemon answers" }, get_healthz },
  { { 0 } },
};
