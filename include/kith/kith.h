/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-bus.h"
#include "kith-error.h"
#include "kith-event.h"
#include "kith-friend.h"
#include "kith-host.h"
#include "kith-json.h"
#include "kith-names.h"
#include "kith-plugin.h"
#include "kith-request.h"
#include "kith-transport.h"
#include "kith-version.h"
