#include "output.h"

#include "outbox.h"
#include "poller.h"
#include "wire.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

void output_credit(Output *output, uint32_t size) { output->credit += size; }

size_t output_room(const Output *output) {
  if (!outbox_has_room()) return 0;
  return output->credit < PAYLOAD_MAX ? (size_t)output->credit : PAYLOAD_MAX;
}

void output_sent(Output *output, uint32_t id, size_t size) {
  output->credit -= size;
  output->sent += size;
  frame_end(output->type, id, size);
}

bool pipe_reader_is_drained(const PipeReader *reader) { return reader->fd < 0 || reader->remaining == 0; }

void pipe_reader_watch(PipeReader *reader) {
  reader->ready = 0;
  if (reader->fd < 0) return;
  if (pipe_reader_is_drained(reader)) {
    // For POLLHUP only.
    poller_watch(reader->fd, 0, &reader->ready);
  } else if (output_room(&reader->output)) {
    poller_watch(reader->fd, POLLIN, &reader->ready);
    if (reader->remaining > 0 || reader->no_writers) poller_wake_at(0);
  }
}

static void end_of_file(PipeReader *reader, uint32_t id, uint8_t stream) {
  close(reader->fd);
  reader->fd = -1;
  *frame_begin() = stream;
  frame_end_lazily(END_OF_FILE, id, 1);
}

static int waiting_bytes(const PipeReader *reader) {
  int count = 0;
  return ioctl(reader->fd, FIONREAD, &count) < 0 ? 0 : count;
}

static void writers_gone(PipeReader *reader) {
  reader->no_writers = true;
  reader->remaining = -1;
}

static void read_frame(PipeReader *reader, uint32_t id, uint8_t stream, size_t size) {
  ssize_t count = read(reader->fd, frame_begin(), size);
  if (count > 0) {
    if (reader->remaining > 0) reader->remaining -= count;
    output_sent(&reader->output, id, (size_t)count);
    if (reader->no_writers && (size_t)count < size) end_of_file(reader, id, stream);
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    // A terminal whose last process is gone gives EIO.
    end_of_file(reader, id, stream);
  } else if (reader->remaining > 0) {
    reader->remaining = 0;
  }
}

void pipe_reader_step(PipeReader *reader, uint32_t id, uint8_t stream) {
  if (reader->fd < 0) return;
  if (pipe_reader_is_drained(reader) && (reader->ready & POLLHUP)) writers_gone(reader);
  if (pipe_reader_is_drained(reader) || !(reader->ready || reader->remaining > 0 || reader->no_writers)) return;
  size_t size = output_room(&reader->output);
  if (reader->remaining > 0 && (int64_t)size > reader->remaining) size = (size_t)reader->remaining;
  if (size) read_frame(reader, id, stream, size);
  // The end needs no credit.
  else if (reader->no_writers && !waiting_bytes(reader)) end_of_file(reader, id, stream);
}

void pipe_reader_process_ended(PipeReader *reader) {
  struct pollfd state = {.fd = reader->fd, .events = POLLIN};
  if (reader->fd < 0) return;
  if (poll(&state, 1, 0) == 1 && (state.revents & POLLHUP)) writers_gone(reader);
  else reader->remaining = waiting_bytes(reader);
}
