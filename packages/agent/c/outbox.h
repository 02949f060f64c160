// Frames on their way to the host, in order, and when they have to leave.
#ifndef OUTBOX_H
#define OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Drops what waits, and numbers frames anew with this session's key.
void outbox_reset(uint32_t key);
// Bytes before the first frame: the HELLO.
void outbox_append(const void *bytes, size_t size);
// One data frame may be added: data that the host does not take stays with its process, so memory is bounded.
bool outbox_has_room(void);
// Too many answers wait: read no further requests.
bool outbox_is_full(void);

// A frame is written in place: `frame_begin` gives room for PAYLOAD_MAX bytes, `frame_end` sends the first `size` of them.
// A frame that was begun and not ended never existed.
uint8_t *frame_begin(void);
void frame_end(uint8_t type, uint32_t id, size_t size);
// The same for a frame that can wait a few milliseconds for company: the host wakes once for a short command.
void frame_end_lazily(uint8_t type, uint32_t id, size_t size);
void frame_send(uint8_t type, uint32_t id, const void *payload, size_t size);

bool outbox_wants_to_write(void);
void outbox_watch(void);
void outbox_flush(void);

#endif
