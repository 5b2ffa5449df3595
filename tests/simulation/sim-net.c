/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim.h"

#include <string.h>

#define CAPACITY (64 * 1024)

/* --- one connection: two ends, each with what comes to it */

typedef struct
{
  gint64 due_us;
  GBytes *bytes; /* NULL: the end */
} Chunk;

typedef struct
{
  Conn *conn;
  guint side;
  Node *node;
  GByteArray *here; /* can be read */
  GQueue flight;    /* of Chunk */
  gsize in_flight;
  gint64 last_due_us;
  guint timer;
  gboolean ended, reset, closed; /* closed: by this side itself */
  GPtrArray *sources;            /* none */
} End;

struct _Conn
{
  grefcount refs;
  Sim *sim;
  End ends[2];
  gboolean hole; /* nothing arrives any more, and nobody is told */
};

typedef struct
{
  GSource source;
  GObject *stream;
  End *end;
  gboolean writing;
} NetSource;

static gboolean
end_is_readable (End *end)
{
  return end->here->len > 0 || end->ended || end->reset;
}

static gboolean
end_is_writable (End *end)
{
  End *other = &end->conn->ends[!end->side];

  return end->reset || other->here->len + other->in_flight < CAPACITY;
}

static void
end_update (End *end)
{
  for (guint i = 0; i < end->sources->len; i++)
    {
      NetSource *source = g_ptr_array_index (end->sources, i);
      gboolean ready = source->writing ? end_is_writable (end) : end_is_readable (end);

      g_source_set_ready_time (&source->source, ready ? 0 : -1);
    }
}

static void
chunk_free (gpointer data)
{
  Chunk *chunk = data;

  g_clear_pointer (&chunk->bytes, g_bytes_unref);
  g_free (chunk);
}

static void
end_drop_flight (End *end)
{
  if (end->timer != 0)
    kith_world_drop_timer (end->conn->sim->world, end->timer);
  end->timer = 0;
  g_queue_clear_full (&end->flight, chunk_free);
  end->in_flight = 0;
}

static Conn *
conn_ref (Conn *conn)
{
  g_ref_count_inc (&conn->refs);
  return conn;
}

static void
conn_unref (Conn *conn)
{
  if (!g_ref_count_dec (&conn->refs))
    return;
  for (guint i = 0; i < 2; i++)
    {
      end_drop_flight (&conn->ends[i]);
      g_byte_array_unref (conn->ends[i].here);
      g_ptr_array_unref (conn->ends[i].sources);
    }
  g_ptr_array_remove (conn->sim->conns, conn);
  g_free (conn);
}

static gboolean arrive (gpointer data);

static void
end_schedule (End *end)
{
  Sim *sim = end->conn->sim;
  Chunk *first = g_queue_peek_head (&end->flight);
  gint64 wait_us;

  if (end->timer != 0 || first == NULL || sim->parted[end->conn->ends[0].node->index][end->conn->ends[1].node->index])
    return;
  wait_us = MAX (first->due_us - kith_world_get_time_us (sim->world), 0);
  end->timer = kith_world_add_timer (sim->world, (guint)((wait_us + 999) / 1000), arrive, end, NULL);
}

static gboolean
arrive (gpointer data)
{
  End *end = data;
  Conn *conn = conn_ref (end->conn);
  gint64 now_us = kith_world_get_time_us (conn->sim->world);
  Chunk *chunk;

  end->timer = 0;
  while ((chunk = g_queue_peek_head (&end->flight)) != NULL && chunk->due_us <= now_us
         && !conn->sim->parted[conn->ends[0].node->index][conn->ends[1].node->index])
    {
      g_queue_pop_head (&end->flight);
      if (chunk->bytes == NULL)
        end->ended = TRUE;
      else
        {
          end->in_flight -= g_bytes_get_size (chunk->bytes);
          g_byte_array_append (end->here, g_bytes_get_data (chunk->bytes, NULL),
                               (guint)g_bytes_get_size (chunk->bytes));
        }
      chunk_free (chunk);
    }
  end_schedule (end);
  end_update (end);
  conn_unref (conn);
  return G_SOURCE_REMOVE;
}

static void
end_send (End *end, GBytes *bytes)
{
  Sim *sim = end->conn->sim;
  Chunk *chunk;

  if (end->conn->hole || end->reset || end->closed)
    {
      g_clear_pointer (&bytes, g_bytes_unref);
      return;
    }
  chunk = g_new (Chunk, 1);
  chunk->bytes = bytes;
  chunk->due_us = kith_world_get_time_us (sim->world) + (gint64)sim_below (sim, sim->delay_ms + 1) * 1000;
  chunk->due_us = MAX (chunk->due_us, end->last_due_us);
  end->last_due_us = chunk->due_us;
  end->in_flight += bytes != NULL ? g_bytes_get_size (bytes) : 0;
  g_queue_push_tail (&end->flight, chunk);
  end_schedule (end);
}

static void
end_reset (End *end)
{
  end_drop_flight (end);
  g_byte_array_set_size (end->here, 0);
  end->reset = TRUE;
  end_update (end);
}

static void
conn_cut (Conn *conn, gboolean silently)
{
  conn->hole = TRUE;
  for (guint i = 0; i < 2; i++)
    if (silently)
      end_drop_flight (&conn->ends[i]);
    else
      end_reset (&conn->ends[i]);
}

void
sim_cut_all (Sim *sim, Node *node, gboolean silently)
{
  for (guint i = 0; i < sim->conns->len; i++)
    {
      Conn *conn = g_ptr_array_index (sim->conns, i);

      for (guint k = 0; k < 2; k++)
        if (conn->ends[k].node == node)
          {
            /* Its own end dies with it in any case. */
            conn->hole = TRUE;
            end_drop_flight (&conn->ends[!k]);
            if (!silently)
              end_reset (&conn->ends[!k]);
            end_reset (&conn->ends[k]);
          }
    }
}

gboolean
sim_cut_some (Sim *sim, gboolean silently)
{
  Conn *conn;

  if (sim->conns->len == 0)
    return FALSE;
  conn = g_ptr_array_index (sim->conns, sim_below (sim, sim->conns->len));
  sim_trace (sim, "%s %s-%s", silently ? "hole" : "cut", conn->ends[0].node->name, conn->ends[1].node->name);
  conn_cut (conn, silently);
  return TRUE;
}

void
sim_part (Sim *sim, guint a, guint b, gboolean parted)
{
  sim->parted[a][b] = sim->parted[b][a] = parted;
  for (guint i = 0; i < sim->conns->len; i++)
    {
      Conn *conn = g_ptr_array_index (sim->conns, i);

      end_schedule (&conn->ends[0]);
      end_schedule (&conn->ends[1]);
    }
}

/* --- sources */

static gboolean
source_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback == NULL || ((GPollableSourceFunc)callback) (((NetSource *)source)->stream, data);
}

static void
source_finalize (GSource *source)
{
  NetSource *self = (NetSource *)source;

  g_ptr_array_remove (self->end->sources, self);
  conn_unref (self->end->conn);
  g_object_unref (self->stream);
}

static GSourceFuncs source_funcs = { NULL, NULL, source_dispatch, source_finalize, NULL, NULL };

static GSource *
end_create_source (End *end, gpointer stream, gboolean writing)
{
  NetSource *self = (NetSource *)g_source_new (&source_funcs, sizeof (NetSource));

  self->stream = g_object_ref (stream);
  self->end = end;
  self->writing = writing;
  conn_ref (end->conn);
  g_ptr_array_add (end->sources, self);
  end_update (end);
  return &self->source;
}

/* --- the input of an end */

#define SIM_TYPE_INPUT (sim_input_get_type ())
G_DECLARE_FINAL_TYPE (SimInput, sim_input, SIM, INPUT, GInputStream)
struct _SimInput
{
  GInputStream parent_instance;
  End *end;
};
static void sim_input_pollable (GPollableInputStreamInterface *iface);
G_DEFINE_FINAL_TYPE_WITH_CODE (SimInput,
                               sim_input,
                               G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, sim_input_pollable))

static gssize
input_read (GPollableInputStream *stream, void *buffer, gsize count, GError **error)
{
  End *end = SIM_INPUT (stream)->end;
  Sim *sim = end->conn->sim;
  gsize n = MIN (count, end->here->len);

  if (n == 0 && end->ended && !end->reset)
    return 0;
  if (n == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, end->reset ? G_IO_ERROR_CONNECTION_CLOSED : G_IO_ERROR_WOULD_BLOCK,
                           end->reset ? "the connection was reset" : "nothing there");
      return -1;
    }
  if (n > 1 && sim_percent (sim, sim->chop))
    n = 1 + sim_below (sim, (guint)n - 1);
  memcpy (buffer, end->here->data, n);
  g_byte_array_remove_range (end->here, 0, (guint)n);
  end_update (end);
  end_update (&end->conn->ends[!end->side]);
  return (gssize)n;
}

static gboolean
input_is_readable (GPollableInputStream *stream)
{
  return end_is_readable (SIM_INPUT (stream)->end);
}

static GSource *
input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  return end_create_source (SIM_INPUT (stream)->end, stream, FALSE);
}

static void
sim_input_pollable (GPollableInputStreamInterface *iface)
{
  iface->is_readable = input_is_readable;
  iface->create_source = input_create_source;
  iface->read_nonblocking = input_read;
}

static void
sim_input_finalize (GObject *object)
{
  conn_unref (SIM_INPUT (object)->end->conn);
  G_OBJECT_CLASS (sim_input_parent_class)->finalize (object);
}

static void
sim_input_class_init (SimInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sim_input_finalize;
}

static void
sim_input_init (SimInput *self)
{
}

/* --- the output of an end */

#define SIM_TYPE_OUTPUT (sim_output_get_type ())
G_DECLARE_FINAL_TYPE (SimOutput, sim_output, SIM, OUTPUT, GOutputStream)
struct _SimOutput
{
  GOutputStream parent_instance;
  End *end;
};
static void sim_output_pollable (GPollableOutputStreamInterface *iface);
G_DEFINE_FINAL_TYPE_WITH_CODE (SimOutput,
                               sim_output,
                               G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, sim_output_pollable))

static gssize
output_write (GPollableOutputStream *stream, const void *buffer, gsize count, GError **error)
{
  End *end = SIM_OUTPUT (stream)->end;
  End *other = &end->conn->ends[!end->side];
  Sim *sim = end->conn->sim;
  gsize room = CAPACITY - MIN (CAPACITY, other->here->len + other->in_flight);
  gsize n = MIN (count, room);

  if (end->reset || n == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, end->reset ? G_IO_ERROR_BROKEN_PIPE : G_IO_ERROR_WOULD_BLOCK,
                           end->reset ? "the connection was reset" : "no room");
      return -1;
    }
  if (n > 1 && sim_percent (sim, sim->chop))
    n = 1 + sim_below (sim, (guint)n - 1);
  end_send (other, g_bytes_new (buffer, n));
  return (gssize)n;
}

static gboolean
output_is_writable (GPollableOutputStream *stream)
{
  return end_is_writable (SIM_OUTPUT (stream)->end);
}

static GSource *
output_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  return end_create_source (SIM_OUTPUT (stream)->end, stream, TRUE);
}

static void
sim_output_pollable (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = output_is_writable;
  iface->create_source = output_create_source;
  iface->write_nonblocking = output_write;
}

static void
sim_output_finalize (GObject *object)
{
  conn_unref (SIM_OUTPUT (object)->end->conn);
  G_OBJECT_CLASS (sim_output_parent_class)->finalize (object);
}

static void
sim_output_class_init (SimOutputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = sim_output_finalize;
}

static void
sim_output_init (SimOutput *self)
{
}

/* --- an end */

#define SIM_TYPE_STREAM (sim_stream_get_type ())
G_DECLARE_FINAL_TYPE (SimStream, sim_stream, SIM, STREAM, GIOStream)
struct _SimStream
{
  GIOStream parent_instance;
  End *end;
  SimInput *input;
  SimOutput *output;
};
G_DEFINE_FINAL_TYPE (SimStream, sim_stream, G_TYPE_IO_STREAM)

static GInputStream *
stream_get_input (GIOStream *stream)
{
  return G_INPUT_STREAM (SIM_STREAM (stream)->input);
}

static GOutputStream *
stream_get_output (GIOStream *stream)
{
  return G_OUTPUT_STREAM (SIM_STREAM (stream)->output);
}

static gboolean
stream_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  End *end = SIM_STREAM (stream)->end;

  if (end->closed)
    return TRUE;
  end->closed = TRUE;
  end_send (&end->conn->ends[!end->side], NULL);
  return TRUE;
}

/* GIOStream's own would take a thread. */
static void
stream_close_async (GIOStream *stream, int priority, GCancellable *c, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (stream, NULL, callback, data);

  stream_close (stream, NULL, NULL);
  g_task_return_boolean (task, TRUE);
}

static gboolean
stream_close_finish (GIOStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
sim_stream_finalize (GObject *object)
{
  SimStream *self = SIM_STREAM (object);
  Conn *conn = self->end->conn;

  g_object_unref (self->input);
  g_object_unref (self->output);
  G_OBJECT_CLASS (sim_stream_parent_class)->finalize (object);
  conn_unref (conn);
}

static void
sim_stream_class_init (SimStreamClass *klass)
{
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = sim_stream_finalize;
  stream_class->get_input_stream = stream_get_input;
  stream_class->get_output_stream = stream_get_output;
  stream_class->close_fn = stream_close;
  stream_class->close_async = stream_close_async;
  stream_class->close_finish = stream_close_finish;
}

static void
sim_stream_init (SimStream *self)
{
}

static GIOStream *
end_open (End *end)
{
  SimStream *stream = g_object_new (SIM_TYPE_STREAM, NULL);

  stream->end = end;
  stream->input = g_object_new (SIM_TYPE_INPUT, NULL);
  stream->output = g_object_new (SIM_TYPE_OUTPUT, NULL);
  stream->input->end = stream->output->end = end;
  for (guint i = 0; i < 3; i++)
    conn_ref (end->conn);
  return G_IO_STREAM (stream);
}

static Conn *
conn_new (Node *dialler, Node *listener)
{
  Conn *conn = g_new0 (Conn, 1);

  g_ref_count_init (&conn->refs);
  conn->sim = dialler->sim;
  for (guint i = 0; i < 2; i++)
    {
      conn->ends[i].conn = conn;
      conn->ends[i].side = i;
      conn->ends[i].node = i == 0 ? dialler : listener;
      conn->ends[i].here = g_byte_array_new ();
      conn->ends[i].sources = g_ptr_array_new ();
      g_queue_init (&conn->ends[i].flight);
    }
  g_ptr_array_add (conn->sim->conns, conn);
  return conn;
}

/* --- the transport: "sim:NAME" */

#define SIM_TYPE_TRANSPORT (sim_transport_get_type ())
G_DECLARE_FINAL_TYPE (SimTransport, sim_transport, SIM, TRANSPORT, KithStreamTransport)
struct _SimTransport
{
  KithStreamTransport parent_instance;
  Node *node;
};
G_DEFINE_FINAL_TYPE (SimTransport, sim_transport, KITH_TYPE_STREAM_TRANSPORT)

typedef struct
{
  GTask *task;
  Node *from, *to;
  guint life;
} Dial;

static gboolean
dial_end (gpointer data)
{
  Dial *dial = data;
  Sim *sim = dial->from->sim;
  g_autofree char *from = g_strconcat ("sim:", dial->from->name, NULL);
  Conn *conn;

  if (dial->life != dial->from->life || dial->to == NULL || dial->to->transport == NULL
      || sim->parted[dial->from->index][dial->to->index])
    {
      g_task_return_new_error (dial->task, KITH_ERROR, KITH_ERROR_UNREACHABLE, "nobody there");
      return G_SOURCE_REMOVE;
    }
  conn = conn_new (dial->from, dial->to);
  kith_stream_transport_accept (KITH_STREAM_TRANSPORT (dial->to->transport), end_open (&conn->ends[1]), from);
  g_task_return_pointer (dial->task, end_open (&conn->ends[0]), g_object_unref);
  conn_unref (conn);
  return G_SOURCE_REMOVE;
}

static void
dial_free (gpointer data)
{
  Dial *dial = data;

  g_object_unref (dial->task);
  g_free (dial);
}

static void
transport_dial_async (
    KithStreamTransport *transport, const char *address, GCancellable *c, GAsyncReadyCallback cb, gpointer data)
{
  Node *node = SIM_TRANSPORT (transport)->node;
  Sim *sim = node->sim;
  Dial *dial = g_new0 (Dial, 1);
  guint wait_ms = 1 + sim_below (sim, sim->delay_ms + 1);

  dial->task = g_task_new (transport, c, cb, data);
  dial->from = node;
  dial->life = node->life;
  for (guint i = 0; i < sim->n_nodes; i++)
    if (g_str_equal (sim->nodes[i]->name, address + strlen ("sim:")))
      dial->to = sim->nodes[i];
  /* One that cannot get through hangs, or is told. */
  if (dial->to != NULL && sim->parted[node->index][dial->to->index] && sim_percent (sim, 50))
    wait_ms = 12000;
  kith_world_add_timer (sim->world, wait_ms, dial_end, dial, dial_free);
}

static GIOStream *
transport_dial_finish (KithStreamTransport *transport, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GStrv
transport_dup_addresses (KithStreamTransport *transport)
{
  g_auto (GStrv) addresses = g_new0 (char *, 2);

  addresses[0] = g_strconcat ("sim:", SIM_TRANSPORT (transport)->node->name, NULL);
  return g_steal_pointer (&addresses);
}

static void
sim_transport_class_init (SimTransportClass *klass)
{
  KithStreamTransportClass *stream_class = KITH_STREAM_TRANSPORT_CLASS (klass);

  stream_class->scheme = "sim";
  stream_class->dial_async = transport_dial_async;
  stream_class->dial_finish = transport_dial_finish;
  stream_class->dup_addresses = transport_dup_addresses;
}

static void
sim_transport_init (SimTransport *self)
{
}

KithTransport *
sim_transport_new (Node *node)
{
  SimTransport *self = g_object_new (SIM_TYPE_TRANSPORT, "id", "sim", NULL);

  self->node = node;
  return KITH_TRANSPORT (self);
}
