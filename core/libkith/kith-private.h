/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <kith/kith.h>

/* What the house's own rooms use of libkith; in no installed header, so no part of the plugin ABI. */
#define KITH_PRIVATE extern __attribute__ ((visibility ("default")))
