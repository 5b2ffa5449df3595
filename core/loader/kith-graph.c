/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-graph.h"

static gboolean
provides (KithUnit *unit, const char *feature)
{
  return unit->manifest != NULL && g_strv_contains ((const char *const *) unit->manifest->provides, feature);
}

static gboolean
requires (KithUnit *unit, KithUnit *provider)
{
  for (gsize i = 0; unit->manifest != NULL && unit->manifest->requires[i] != NULL; i++)
    if (provides (provider, unit->manifest->requires[i]))
      return TRUE;
  return FALSE;
}

/* Active units cannot require each other in a circle, so this ends. */
gboolean
kith_graph_may_stay (GPtrArray *units, KithUnit *unit)
{
  return unit->info.state == KITH_PLUGIN_ACTIVE && unit->wanted && kith_graph_is_ready (units, unit);
}

gboolean
kith_graph_is_ready (GPtrArray *units, KithUnit *unit)
{
  for (gsize i = 0; unit->manifest->requires[i] != NULL; i++)
    {
      gboolean found = FALSE;

      for (guint k = 0; k < units->len && !found; k++)
        {
          KithUnit *other = g_ptr_array_index (units, k);

          found = other != unit && provides (other, unit->manifest->requires[i]) && kith_graph_may_stay (units, other);
        }
      if (!found)
        return FALSE;
    }
  return TRUE;
}

gboolean
kith_graph_is_needed (GPtrArray *units, KithUnit *unit)
{
  for (guint i = 0; i < units->len; i++)
    {
      KithUnit *other = g_ptr_array_index (units, i);

      if (other != unit && (other->info.state == KITH_PLUGIN_ACTIVE || kith_unit_is_moving (other))
          && requires (other, unit))
        return TRUE;
    }
  return FALSE;
}

static gboolean is_possible (GPtrArray *units, KithUnit *unit, GPtrArray *chain, char **why);

/* Why @provider does not help: it is off, it failed, or it is itself in want of something. */
static gboolean
provider_helps (GPtrArray *units, KithUnit *provider, GPtrArray *chain, char **why)
{
  g_autofree char *deeper = NULL;

  if (!provider->wanted)
    *why = g_strdup_printf ("of \"%s\", which is switched off", provider->id);
  else if (provider->info.state == KITH_PLUGIN_FAILED)
    *why = g_strdup_printf ("of \"%s\", which failed: %s", provider->id, provider->error);
  else if (!is_possible (units, provider, chain, &deeper))
    *why = g_strdup_printf ("of \"%s\", which %s", provider->id, deeper);
  return *why == NULL;
}

static char *
describe_circle (GPtrArray *chain, KithUnit *unit)
{
  GString *text = g_string_new ("requires itself: ");
  guint first = 0;

  g_ptr_array_find (chain, unit, &first);
  for (guint i = first; i < chain->len; i++)
    g_string_append_printf (text, "%s → ", ((KithUnit *) g_ptr_array_index (chain, i))->id);
  g_string_append (text, unit->id);
  return g_string_free (text, FALSE);
}

static gboolean
is_feature_possible (GPtrArray *units, const char *feature, GPtrArray *chain, char **why)
{
  g_autofree char *first = NULL;

  for (guint k = 0; k < units->len; k++)
    {
      KithUnit *other = g_ptr_array_index (units, k);
      g_autofree char *reason = NULL;

      if (!provides (other, feature))
        continue;
      if (provider_helps (units, other, chain, &reason))
        return TRUE;
      if (first == NULL)
        first = g_steal_pointer (&reason);
    }
  if (first == NULL)
    *why = g_strdup_printf ("requires \"%s\", which no plugin provides", feature);
  else
    *why = g_strdup_printf ("requires \"%s\" %s", feature, first);
  return FALSE;
}

static gboolean
is_possible (GPtrArray *units, KithUnit *unit, GPtrArray *chain, char **why)
{
  gboolean possible = TRUE;

  if (unit->info.state == KITH_PLUGIN_ACTIVE)
    return TRUE;
  if (g_ptr_array_find (chain, unit, NULL))
    {
      *why = describe_circle (chain, unit);
      return FALSE;
    }
  g_ptr_array_add (chain, unit);
  for (gsize i = 0; possible && unit->manifest->requires[i] != NULL; i++)
    possible = is_feature_possible (units, unit->manifest->requires[i], chain, why);
  g_ptr_array_set_size (chain, (gint) chain->len - 1);
  return possible;
}

gboolean
kith_graph_is_possible (GPtrArray *units, KithUnit *unit, char **why)
{
  g_autoptr (GPtrArray) chain = g_ptr_array_new ();

  return is_possible (units, unit, chain, why);
}
