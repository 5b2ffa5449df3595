/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kith-json.h"

G_BEGIN_DECLS

/**
 * KithFieldType:
 * @KITH_FIELD_STRING: text, `limit` code points at most
 * @KITH_FIELD_INTEGER: a whole number of 64 bits
 * @KITH_FIELD_NUMBER: a finite number
 * @KITH_FIELD_BOOLEAN: true or false
 * @KITH_FIELD_TIME: ISO 8601 in UTC with a `Z`
 * @KITH_FIELD_ID: a UUID v4 in lower case
 * @KITH_FIELD_USERNAME: a username, or a local name with `~`
 * @KITH_FIELD_OBJECT: an object with the members of `fields`
 * @KITH_FIELD_ARRAY: an array of objects with the members of `fields`; when the only one has the name `""`, an array
 *   of such values; without `fields`, of anything
 *
 * What a member holds.
 *
 * Since: 1.0
 */
typedef enum
{
  KITH_FIELD_STRING,
  KITH_FIELD_INTEGER,
  KITH_FIELD_NUMBER,
  KITH_FIELD_BOOLEAN,
  KITH_FIELD_TIME,
  KITH_FIELD_ID,
  KITH_FIELD_USERNAME,
  KITH_FIELD_OBJECT,
  KITH_FIELD_ARRAY,
} KithFieldType;

/**
 * KithFieldFlags:
 * @KITH_FIELD_REQUIRED: the member must be there
 * @KITH_FIELD_OPTIONAL: the member may be missing; who asks may also write null
 * @KITH_FIELD_STATE_KEY: events that agree in this member replace each other (%KITH_KEEP_LATEST)
 * @KITH_FIELD_NULLABLE: the member may be null
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  KITH_FIELD_REQUIRED = 0,
  KITH_FIELD_OPTIONAL = 1 << 0,
  KITH_FIELD_STATE_KEY = 1 << 1,
  KITH_FIELD_NULLABLE = 1 << 2,
} KithFieldFlags;

typedef struct _KithField KithField;

/**
 * KithField:
 * @name: the member's name; %NULL ends a list
 * @type: what it holds
 * @flags: whether it may be missing
 * @limit: the longest text in code points, or the greatest whole number (and none below 0); 0 for none of its own
 * @doc: one line for the catalog
 * @fields: (nullable): members of an object, or of an array's elements
 * @values: (nullable): every value that an enumeration may take, ending with %NULL
 *
 * One member of an event, a command or a body. Lists of them are static and end with `{ 0 }`.
 *
 * Since: 1.0
 */
struct _KithField
{
  const char *name;
  KithFieldType type;
  KithFieldFlags flags;
  guint32 limit;
  const char *doc;
  const KithField *fields;
  const char *const *values;
  /*< private >*/
  gpointer reserved;
};

/**
 * KithKeep:
 * @KITH_KEEP_NONE: seen by who is there (`typing`)
 * @KITH_KEEP_LATEST: the newest value per state and key is given to who comes back; memory only (`presence`)
 * @KITH_KEEP_ALL: in the journal, committed with a number before anyone sees it (`new_message`)
 *
 * How long an event is kept.
 *
 * Since: 1.0
 */
typedef enum
{
  KITH_KEEP_NONE,
  KITH_KEEP_LATEST,
  KITH_KEEP_ALL,
} KithKeep;

/**
 * KithEventSpec:
 * @name: the event's name; a third party's begins with `x.ID.`
 * @keep: how long it is kept
 * @state: (nullable): events of one state replace each other (`friend_online` and `friend_offline`); %NULL: the name
 *   itself
 * @fields: its members
 * @doc: one line for the catalog
 *
 * Describes an event or a command. Must be static: the daemon keeps the pointer while it is registered.
 *
 * Since: 1.0
 */
typedef struct
{
  const char *name;
  KithKeep keep;
  const char *state;
  const KithField *fields;
  const char *doc;
  /*< private >*/
  gpointer reserved[2];
} KithEventSpec;

/**
 * KithEvent:
 *
 * A fact: a name, the bytes of a JSON object, and a number if it is in the journal. Immutable, with an atomic count.
 *
 * Since: 1.0
 */
typedef struct _KithEvent KithEvent;

#define KITH_TYPE_EVENT (kith_event_get_type ())
KITH_AVAILABLE_IN_1_0 GType kith_event_get_type (void) G_GNUC_CONST;

/**
 * kith_event_new:
 * @name: the name, as registered
 * @data: (transfer full): the members
 *
 * Makes an event from an object. Main thread.
 *
 * Returns: (transfer full): the event
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithEvent *kith_event_new (const char *name, JsonObject *data);

/**
 * kith_event_new_bytes:
 * @name: the name, as registered
 * @data: one JSON object
 * @error: return location for an error
 *
 * Makes an event from bytes, which are checked as [func@Kith.json_parse] does. Any thread.
 *
 * Errors: %KITH_ERROR_INVALID when @data is not exactly one JSON object.
 *
 * Returns: (transfer full): the event, or %NULL with an error
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithEvent *kith_event_new_bytes (const char *name, GBytes *data, GError **error);

/**
 * kith_event_ref:
 * @event: an event
 *
 * Takes a reference. Any thread.
 *
 * Returns: (transfer full): @event
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 KithEvent *kith_event_ref (KithEvent *event);

/**
 * kith_event_unref:
 * @event: (transfer full): an event
 *
 * Gives a reference back. Any thread.
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 void kith_event_unref (KithEvent *event);

/**
 * kith_event_get_name:
 * @event: an event
 *
 * Its name. Any thread.
 *
 * Returns: (transfer none): the name
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 const char *kith_event_get_name (KithEvent *event);

/**
 * kith_event_get_seq:
 * @event: an event
 *
 * Its number in the journal. Any thread.
 *
 * Returns: the number, or 0 for an event that is not journaled
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 gint64 kith_event_get_seq (KithEvent *event);

/**
 * kith_event_get_bytes:
 * @event: an event
 *
 * The JSON object as bytes. Any thread.
 *
 * Returns: (transfer none): the bytes, without a NUL
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 GBytes *kith_event_get_bytes (KithEvent *event);

/**
 * kith_event_get_data:
 * @event: an event
 *
 * The JSON object as a tree, made at first use. Main thread only.
 *
 * Returns: (transfer none): the members, sealed; valid as long as @event
 *
 * Since: 1.0
 */
KITH_AVAILABLE_IN_1_0 JsonObject *kith_event_get_data (KithEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KithEvent, kith_event_unref)

G_END_DECLS
