/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * KITH_ABI:
 *
 * The number of the plugin ABI: the directory `kith/plugins-1`, the soname `libkith.so.1` and a manifest's `ABI=1`.
 * Raised only by a break; additions keep it.
 *
 * Since: 1.0
 */
#define KITH_ABI 1

/**
 * KITH_MAJOR_VERSION:
 *
 * The major version of the headers that a plugin is compiled against.
 *
 * Since: 1.0
 */
#define KITH_MAJOR_VERSION 1

/**
 * KITH_MINOR_VERSION:
 *
 * The minor version of the headers that a plugin is compiled against.
 *
 * Since: 1.0
 */
#define KITH_MINOR_VERSION 0

/**
 * KITH_CHECK_VERSION:
 * @major: the major version that is needed
 * @minor: the minor version that is needed
 *
 * Whether the headers are at least of this version; for the preprocessor.
 *
 * Since: 1.0
 */
#define KITH_CHECK_VERSION(major, minor)                                                                              \
  (KITH_MAJOR_VERSION > (major) || (KITH_MAJOR_VERSION == (major) && KITH_MINOR_VERSION >= (minor)))

#ifndef KITH_AVAILABLE_IN_1_0
#define KITH_AVAILABLE_IN_1_0 extern __attribute__ ((visibility ("default")))
#endif

G_END_DECLS
