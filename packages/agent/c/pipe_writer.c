#include "pipe_writer.h"

#include "memory.h"
#include "outbox.h"
#include "poller.h"
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A file takes everything at once: other calls come in between.
enum { STEP_LIMIT = 128 * 1024 };

void pipe_writer_push(PipeWriter *writer, const void *bytes, size_t size) {
  if (writer->fd < 0 || !size) return;
  if (writer->start == writer->end) writer->start = writer->end = 0;
  if (writer->capacity - writer->end < size && writer->start) {
    memmove(writer->bytes, writer->bytes + writer->start, writer->end - writer->start);
    writer->end -= writer->start;
    writer->start = 0;
  }
  if (writer->capacity - writer->end < size) {
    writer->capacity = writer->capacity * 2 > writer->end + size ? writer->capacity * 2 : writer->end + size;
    writer->bytes = resize(writer->bytes, writer->capacity);
  }
  memcpy(writer->bytes + writer->end, bytes, size);
  writer->end += size;
}

void pipe_writer_watch(PipeWriter *writer) {
  writer->ready = 0;
  // Without anything to write only POLLERR or POLLHUP is of interest: the last reader is gone.
  if (writer->fd >= 0) poller_watch(writer->fd, writer->start < writer->end ? POLLOUT : 0, &writer->ready);
}

void pipe_writer_close(PipeWriter *writer) {
  if (writer->fd >= 0) close(writer->fd);
  writer->fd = -1;
  free(writer->bytes);
  writer->bytes = NULL;
  writer->start = writer->end = writer->capacity = 0;
}

size_t pipe_writer_step(PipeWriter *writer) {
  if (writer->fd < 0) return 0;
  size_t before = writer->end - writer->start;
  bool broken = writer->ready & (POLLERR | POLLHUP | POLLNVAL);
  if (broken) writer->error = EPIPE;
  while (!broken && writer->start < writer->end && before - (writer->end - writer->start) < STEP_LIMIT) {
    size_t left = writer->end - writer->start;
    ssize_t count = write(writer->fd, writer->bytes + writer->start, left < STEP_LIMIT ? left : STEP_LIMIT);
    if (count > 0) writer->start += (size_t)count;
    else if (count < 0 && errno == EINTR) continue;
    else if (count < 0 && errno == EAGAIN) break;
    else broken = true;
    if (broken) writer->error = errno;
  }
  size_t left = writer->end - writer->start;
  if (broken || (writer->ended && !left)) {
    pipe_writer_close(writer);
    return before;
  }
  return before - left;
}

bool stdin_credit_take(StdinCredit *credit, size_t size) {
  // After the news of a closed stdin, bytes that were under way are dropped and not counted.
  if (credit->closed_told) return true;
  if (size > credit->granted) return false;
  credit->granted -= size;
  return true;
}

static void send_credit(StdinCredit *credit, uint32_t id, size_t size, bool closed) {
  credit->granted += size;
  Writer writer = {.at = frame_begin()};
  write_u32(&writer, (uint32_t)size);
  write_u8(&writer, closed);
  frame_end(STDIN_CREDIT, id, 5);
}

void stdin_credit_grant(StdinCredit *credit, uint32_t id) { send_credit(credit, id, STDIN_LIMIT, false); }

void stdin_credit_return(StdinCredit *credit, uint32_t id, size_t size, bool closed) {
  if (credit->closed_told) return;
  credit->owed += size;
  if (!closed && credit->owed < STDIN_LIMIT / 2) return;
  size_t owed = credit->owed;
  credit->owed = 0;
  credit->closed_told = closed;
  send_credit(credit, id, owed, closed);
}
