#include "outbox.h"

#include "clock.h"
#include "memory.h"
#include "poller.h"
#include "port.h"
#include "wire.h"

#include <string.h>

enum { DATA_LIMIT = 2 * FRAME_MAX, ANSWER_LIMIT = 8 * FRAME_MAX, LAZY_MS = 5 };

static uint8_t *bytes;
static size_t start, end, capacity;
static uint32_t sequence, key;
// When the waiting bytes have to leave.
static uint64_t due = NEVER;

void outbox_reset(uint32_t session_key) {
  start = end = 0;
  sequence = 0;
  key = session_key;
  due = NEVER;
}

static void reserve(size_t size) {
  if (start) {
    memmove(bytes, bytes + start, end - start);
    end -= start;
    start = 0;
  }
  if (capacity - end >= size) return;
  capacity = end + size + DATA_LIMIT;
  bytes = resize(bytes, capacity);
}

void outbox_append(const void *given, size_t size) {
  reserve(size);
  memcpy(bytes + end, given, size);
  end += size;
  due = 0;
}

bool outbox_has_room(void) { return end - start < DATA_LIMIT; }

bool outbox_is_full(void) { return end - start >= ANSWER_LIMIT; }

uint8_t *frame_begin(void) {
  if (capacity - end < FRAME_MAX) reserve(FRAME_MAX);
  return bytes + end + HEADER_SIZE;
}

static void seal(uint8_t type, uint32_t id, size_t size) {
  Writer writer = {.at = bytes + end};
  write_u8(&writer, MAGIC_0);
  write_u8(&writer, MAGIC_1);
  write_u8(&writer, type);
  write_u8(&writer, 0);
  write_u32(&writer, id);
  write_u32(&writer, (uint32_t)size);
  write_u32(&writer, sequence);
  put_u32(writer.at + size, sequence ^ key);
  sequence++;
  end += HEADER_SIZE + size + TRAILER_SIZE;
}

void frame_end(uint8_t type, uint32_t id, size_t size) {
  seal(type, id, size);
  due = 0;
}

void frame_end_lazily(uint8_t type, uint32_t id, size_t size) {
  seal(type, id, size);
  if (due == NEVER) due = now_ms() + LAZY_MS;
}

void frame_send(uint8_t type, uint32_t id, const void *payload, size_t size) {
  uint8_t *frame = frame_begin();
  if (size) memcpy(frame, payload, size);
  frame_end(type, id, size);
}

bool outbox_wants_to_write(void) { return start < end && due <= now_ms(); }

void outbox_watch(void) {
  if (due != NEVER && due != 0) poller_wake_at(due);
}

void outbox_flush(void) {
  while (outbox_wants_to_write()) {
    size_t waiting = end - start;
    // One write is one element of the virtio ring.
    size_t count = port_write(bytes + start, waiting < FRAME_MAX ? waiting : FRAME_MAX);
    if (!count) return;
    start += count;
  }
  if (start == end) {
    start = end = 0;
    due = NEVER;
  }
}
