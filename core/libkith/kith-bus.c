/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kith-bus-private.h"

#include "kith-registry.h"

typedef enum
{
  FACT_EVENT,
  FACT_EPHEMERAL,
  FACT_LINK,
  FACT_EVIDENCE,
  FACT_CLIENT,
  N_FACTS,
} FactKind;

/* What is being told; the queue holds those that were told by handlers. */
typedef struct
{
  FactKind kind;
  GQuark detail;
  KithEvent *event;
  KithFriend *friend;
  JsonObject *data;
  char *transport;
  KithPresence says;
  guint lease_ms;
  guint64 client;
} Fact;

struct _KithBus
{
  GObject parent_instance;

  KithBus *root; /* itself for the root; NULL once cut */
  char *id;
  guint64 calls; /* into what is connected here */
  gint64 spent_us;

  /* The root's. */
  KithWorld *world;
  GPtrArray *ports; /* the root's own place is the first */
  KithRegistry *events;
  KithRegistry *kinds;
  GQueue told;
  gboolean telling;
  KithSlowFunc slow_func;
  gpointer slow_data;
};

G_DEFINE_FINAL_TYPE (KithBus, kith_bus, G_TYPE_OBJECT)

static guint signals[N_FACTS];
static const char *const signal_names[N_FACTS] = { "event", "ephemeral", "link", "evidence", "client" };

static void
fact_free (Fact *fact)
{
  g_clear_pointer (&fact->event, kith_event_unref);
  g_clear_object (&fact->friend);
  g_clear_pointer (&fact->data, json_object_unref);
  g_free (fact->transport);
  g_free (fact);
}

static void
kith_bus_dispose (GObject *object)
{
  KithBus *self = KITH_BUS (object);
  Fact *fact;

  if (self->ports != NULL)
    while (self->ports->len > 1)
      kith_bus_cut (g_ptr_array_index (self->ports, self->ports->len - 1));
  while ((fact = g_queue_pop_head (&self->told)) != NULL)
    fact_free (fact);
  G_OBJECT_CLASS (kith_bus_parent_class)->dispose (object);
}

static void
kith_bus_finalize (GObject *object)
{
  KithBus *self = KITH_BUS (object);

  g_clear_pointer (&self->ports, g_ptr_array_unref);
  g_clear_pointer (&self->events, kith_registry_free);
  g_clear_pointer (&self->kinds, kith_registry_free);
  g_clear_pointer (&self->world, kith_world_unref);
  g_free (self->id);
  G_OBJECT_CLASS (kith_bus_parent_class)->finalize (object);
}

static void
kith_bus_class_init (KithBusClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GType type = G_TYPE_FROM_CLASS (class);
  const GSignalFlags flags = G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED;

  object_class->dispose = kith_bus_dispose;
  object_class->finalize = kith_bus_finalize;

  /**
   * KithBus::event:
   * @self: a port
   * @event: what became true
   *
   * A registered event, with its name as the detail.
   *
   * Since: 1.0
   */
  signals[FACT_EVENT] = g_signal_new ("event", type, flags, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                      KITH_TYPE_EVENT | G_SIGNAL_TYPE_STATIC_SCOPE);

  /**
   * KithBus::ephemeral:
   * @self: a port
   * @from: who said it over their live link
   * @data: what they said
   *
   * A registered kind of ephemeral, with its kind as the detail.
   *
   * Since: 1.0
   */
  signals[FACT_EPHEMERAL] = g_signal_new ("ephemeral", type, flags, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                          KITH_TYPE_FRIEND, JSON_TYPE_OBJECT | G_SIGNAL_TYPE_STATIC_SCOPE);

  /**
   * KithBus::link:
   * @self: a port
   * @with: a friend
   * @transport: the id of the transport
   *
   * A link came up (`link::up`) or went (`link::down`).
   *
   * Since: 1.0
   */
  signals[FACT_LINK] = g_signal_new ("link", type, flags, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, KITH_TYPE_FRIEND,
                                     G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE);

  /**
   * KithBus::evidence:
   * @self: a port
   * @about: a friend
   * @says: what was seen of their presence
   * @lease_ms: for how long it counts
   *
   * Evidence of a friend's presence, with its source (a plugin's id) as the detail.
   *
   * Since: 1.0
   */
  signals[FACT_EVIDENCE] = g_signal_new ("evidence", type, flags, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                                         KITH_TYPE_FRIEND, KITH_TYPE_PRESENCE, G_TYPE_UINT);

  /**
   * KithBus::client:
   * @self: a port
   * @client: its number
   *
   * A window of `/events` opened (`client::opened`) or closed (`client::closed`).
   *
   * Since: 1.0
   */
  signals[FACT_CLIENT] = g_signal_new ("client", type, flags, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_UINT64);
}

static void
kith_bus_init (KithBus *self)
{
  g_queue_init (&self->told);
}

KithBus *
kith_bus_new (KithWorld *world)
{
  KithBus *self = g_object_new (KITH_TYPE_BUS, NULL);

  self->root = self;
  self->id = g_strdup ("core");
  self->world = kith_world_ref (world);
  self->ports = g_ptr_array_new ();
  g_ptr_array_add (self->ports, self);
  self->events = kith_registry_new ();
  self->kinds = kith_registry_new ();
  return self;
}

KithBus *
kith_bus_add_port (KithBus *bus, const char *plugin_id)
{
  KithBus *port;

  g_return_val_if_fail (bus->root != NULL, NULL);
  port = g_object_new (KITH_TYPE_BUS, NULL);
  port->root = bus->root;
  port->id = g_strdup (plugin_id);
  g_ptr_array_add (bus->root->ports, g_object_ref (port));
  return port;
}

void
kith_bus_cut (KithBus *port)
{
  KithBus *root = port->root;

  if (root == NULL || root == port)
    return;
  port->root = NULL;
  g_signal_handlers_destroy (port);
  if (g_ptr_array_remove (root->ports, port))
    g_object_unref (port);
}

const char *
kith_bus_get_port_id (KithBus *port)
{
  return port->id;
}

KithWorld *
kith_bus_get_world (KithBus *bus)
{
  return bus->root != NULL ? bus->root->world : NULL;
}

void
kith_bus_set_slow_func (KithBus *bus, KithSlowFunc func, gpointer data)
{
  bus->root->slow_func = func;
  bus->root->slow_data = data;
}

void
kith_bus_measure (KithBus *port, const char *what, gint64 since_us)
{
  KithBus *root = port->root;
  gint64 took_us;

  if (root == NULL)
    return;
  took_us = kith_world_get_time_us (root->world) - since_us;
  port->calls++;
  port->spent_us += took_us;
  if (took_us > KITH_SLOW_HANDLER_MS * 1000 && root->slow_func != NULL)
    root->slow_func (port->id, what, (guint) (took_us / 1000), root->slow_data);
}

void
kith_bus_foreach_port (KithBus *bus, KithPortFunc func, gpointer data)
{
  for (guint i = 0; bus->root != NULL && i < bus->root->ports->len; i++)
    {
      KithBus *port = g_ptr_array_index (bus->root->ports, i);

      func (port->id, port->calls, port->spent_us, data);
    }
}

gboolean
kith_bus_add_event (KithBus *bus, const KithEventSpec *spec, const char *owner, GError **error)
{
  g_return_val_if_fail (bus->root != NULL, FALSE);
  return kith_registry_add (bus->root->events, spec->name, spec, owner, error);
}

gboolean
kith_bus_add_kind (KithBus *bus, const char *kind, const char *owner, GError **error)
{
  g_return_val_if_fail (bus->root != NULL, FALSE);
  return kith_registry_add (bus->root->kinds, kind, NULL, owner, error);
}

static const KithRegistered *
bus_find (KithBus *bus, gboolean event, const char *name)
{
  if (bus->root == NULL || name == NULL)
    return NULL;
  return kith_registry_find (event ? bus->root->events : bus->root->kinds, name);
}

gboolean
kith_bus_knows_event (KithBus *self, const char *name)
{
  g_return_val_if_fail (KITH_IS_BUS (self), FALSE);
  return bus_find (self, TRUE, name) != NULL;
}

gboolean
kith_bus_knows_kind (KithBus *bus, const char *kind)
{
  return bus_find (bus, FALSE, kind) != NULL;
}

const char *
kith_bus_find_kind_owner (KithBus *bus, const char *kind)
{
  const KithRegistered *known = bus_find (bus, FALSE, kind);

  return known != NULL ? known->owner : NULL;
}

const KithEventSpec *
kith_bus_find_event (KithBus *bus, const char *name)
{
  const KithRegistered *known = bus_find (bus, TRUE, name);

  return known != NULL ? known->spec : NULL;
}

const char *
kith_bus_find_event_owner (KithBus *bus, const char *name)
{
  const KithRegistered *known = bus_find (bus, TRUE, name);

  return known != NULL ? known->owner : NULL;
}

void
kith_bus_drop_owner (KithBus *bus, const char *owner)
{
  if (bus->root == NULL)
    return;
  kith_registry_drop_owner (bus->root->events, owner);
  kith_registry_drop_owner (bus->root->kinds, owner);
}

void
kith_bus_foreach_event (KithBus *bus, KithEventSpecFunc func, gpointer data)
{
  if (bus->root != NULL)
    kith_registry_foreach (bus->root->events, func, data);
}

static void
fact_emit (const Fact *fact, KithBus *port)
{
  guint signal = signals[fact->kind];

  switch (fact->kind)
    {
    case FACT_EVENT:
      g_signal_emit (port, signal, fact->detail, fact->event);
      break;
    case FACT_EPHEMERAL:
      g_signal_emit (port, signal, fact->detail, fact->friend, fact->data);
      break;
    case FACT_LINK:
      g_signal_emit (port, signal, fact->detail, fact->friend, fact->transport);
      break;
    case FACT_EVIDENCE:
      g_signal_emit (port, signal, fact->detail, fact->friend, fact->says, fact->lease_ms);
      break;
    case FACT_CLIENT:
      g_signal_emit (port, signal, fact->detail, fact->client);
      break;
    case N_FACTS:
    default:
      break;
    }
}

/* Ports may come and go meanwhile: a new one does not hear what began before it, a cut one hears no more. */
static void
bus_deliver (KithBus *root, const Fact *fact)
{
  g_autoptr (GPtrArray) ports = g_ptr_array_new_full (root->ports->len, g_object_unref);

  for (guint i = 0; i < root->ports->len; i++)
    g_ptr_array_add (ports, g_object_ref (g_ptr_array_index (root->ports, i)));
  for (guint i = 0; i < ports->len; i++)
    {
      KithBus *port = g_ptr_array_index (ports, i);
      gint64 start_us, took_us;

      if (port->root == NULL)
        continue;
      start_us = kith_world_get_time_us (root->world);
      fact_emit (fact, port);
      took_us = kith_world_get_time_us (root->world) - start_us;
      if (took_us <= KITH_SLOW_HANDLER_MS * 1000)
        {
          port->calls++;
          port->spent_us += took_us;
        }
      else
        {
          g_autofree char *what
            = g_strdup_printf ("%s::%s", signal_names[fact->kind], g_quark_to_string (fact->detail));

          kith_bus_measure (port, what, start_us);
        }
    }
}

/* Takes the fact. What a handler tells is delivered after the present emission. */
static void
bus_tell (KithBus *bus, Fact *fact)
{
  g_autoptr (KithBus) root = g_object_ref (bus->root);

  g_queue_push_tail (&root->told, fact);
  if (root->telling)
    return;
  root->telling = TRUE;
  while ((fact = g_queue_pop_head (&root->told)) != NULL)
    {
      bus_deliver (root, fact);
      fact_free (fact);
    }
  root->telling = FALSE;
}

static Fact *
fact_new (FactKind kind, GQuark detail, KithFriend *friend)
{
  Fact *fact = g_new0 (Fact, 1);

  fact->kind = kind;
  fact->detail = detail;
  if (friend != NULL)
    fact->friend = g_object_ref (friend);
  return fact;
}

void
kith_bus_tell_event (KithBus *bus, KithEvent *event)
{
  const KithRegistered *known = bus_find (bus, TRUE, kith_event_get_name (event));
  Fact *fact;

  if (known == NULL)
    return;
  fact = fact_new (FACT_EVENT, known->detail, NULL);
  fact->event = kith_event_ref (event);
  bus_tell (bus, fact);
}

void
kith_bus_tell_ephemeral (KithBus *bus, const char *kind, KithFriend *from, JsonObject *data)
{
  const KithRegistered *known = bus_find (bus, FALSE, kind);
  Fact *fact;

  if (known == NULL || kith_friend_get_blocked (from))
    return;
  fact = fact_new (FACT_EPHEMERAL, known->detail, from);
  fact->data = json_object_ref (data);
  bus_tell (bus, fact);
}

void
kith_bus_tell_link (KithBus *bus, gboolean up, KithFriend *with, const char *transport)
{
  Fact *fact;

  if (bus->root == NULL)
    return;
  fact = fact_new (FACT_LINK, g_quark_from_static_string (up ? "up" : "down"), with);
  fact->transport = g_strdup (transport);
  bus_tell (bus, fact);
}

void
kith_bus_tell_evidence (KithBus *bus, const char *source, KithFriend *about, KithPresence says, guint lease_ms)
{
  Fact *fact;

  if (bus->root == NULL)
    return;
  /* Sources are the ids of plugins and rooms here, never a peer's words. */
  fact = fact_new (FACT_EVIDENCE, g_quark_from_string (source), about);
  fact->says = says;
  fact->lease_ms = lease_ms;
  bus_tell (bus, fact);
}

void
kith_bus_tell_client (KithBus *bus, gboolean opened, guint64 client)
{
  Fact *fact;

  if (bus->root == NULL)
    return;
  fact = fact_new (FACT_CLIENT, g_quark_from_static_string (opened ? "opened" : "closed"), NULL);
  fact->client = client;
  bus_tell (bus, fact);
}
