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

void pipe_reader_watch(PipeReader *reader) {
  reader->ready = 0;
  if (reader->fd < 0 || pipe_reader_is_drained(reader) || !output_room(&reader->output)) return;
  poller_watch(reader->fd, POLLIN, &reader->ready);
  if (reader->remaining > 0) poller_wake_at(0);
}

void pipe_reader_end(PipeReader *reader, uint32_t id, uint8_t stream) {
  close(reader->fd);
  reader->fd = -1;
  *frame_begin() = stream;
  frame_end_lazily(END_OF_FILE, id, 1);
}

void pipe_reader_step(PipeReader *reader, uint32_t id, uint8_t stream) {
  if (reader->fd < 0 || pipe_reader_is_drained(reader) || !(reader->ready || reader->remaining > 0)) return;
  size_t size = output_room(&reader->output);
  if (!size) return;
  if (reader->remaining > 0 && (int64_t)size > reader->remaining) size = (size_t)reader->remaining;
  ssize_t count = read(reader->fd, frame_begin(), size);
  if (count > 0) {
    if (reader->remaining > 0) reader->remaining -= count;
    output_sent(&reader->output, id, (size_t)count);
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    // A terminal whose last process is gone gives EIO.
    pipe_reader_end(reader, id, stream);
  } else if (reader->remaining > 0) {
    reader->remaining = 0;
  }
}

void pipe_reader_process_ended(PipeReader *reader) {
  int waiting = 0;
  if (reader->fd >= 0 && ioctl(reader->fd, FIONREAD, &waiting) < 0) waiting = 0;
  reader->remaining = waiting;
}

bool pipe_reader_is_drained(const PipeReader *reader) { return reader->fd < 0 || reader->remaining == 0; }

bool pipe_reader_is_held_open(const PipeReader *reader) {
  struct pollfd state = {.fd = reader->fd, .events = POLLIN};
  return reader->fd >= 0 && !(poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) && !(state.revents & POLLIN));
}
