// The session with the host: finds its beginning in the byte stream, checks every frame, hands over what is whole.
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t type, flags;
  uint32_t id;
  const uint8_t *payload;
  uint32_t size;
} Frame;

typedef struct {
  // A new session begins: everything of the former one must end.
  void (*on_begin)(void);
  void (*on_frame)(const Frame *frame);
} SessionHandler;

void session_init(const SessionHandler *handler, uint32_t capabilities);
bool session_is_open(void);
// Reads what the port has, a bounded amount a time, and handles it.
void session_receive(void);
// The host broke the protocol: says why, and ignores everything up to the next SYNC.
void session_distrust(const char *reason);
// Text for the host's log: 0 debug … 3 error; also on stderr, which is the guest's journal.
void session_log(unsigned level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
