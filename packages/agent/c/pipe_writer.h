// Bytes on their way into a pipe, terminal or file, with a buffer in front.
#ifndef PIPE_WRITER_H
#define PIPE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What the agent holds for one call at most: the credit that a host begins with.
enum { STDIN_LIMIT = 512 * 1024 };

typedef struct {
  // -1: closed, and what still comes is dropped.
  int fd;
  uint8_t *bytes;
  size_t start, end, capacity;
  // No more bytes will come: close when the buffer is empty.
  bool ended;
  // Why it was closed before its end.
  int error;
  short ready;
} PipeWriter;

void pipe_writer_push(PipeWriter *writer, const void *bytes, size_t size);
// Also notices that nobody reads any more.
void pipe_writer_watch(PipeWriter *writer);
// Writes what the descriptor takes now. Returns how many bytes left the buffer, dropped ones included.
size_t pipe_writer_step(PipeWriter *writer);
void pipe_writer_close(PipeWriter *writer);

// The host's side of a buffer: what it may still send, and what it is owed back.
typedef struct {
  size_t granted, owed;
  bool closed_told;
} StdinCredit;

// False when the host sent more than it was granted.
bool stdin_credit_take(StdinCredit *credit, size_t size);
// Bytes left the buffer: tells the host, in large portions, and once when nobody reads any more.
void stdin_credit_return(StdinCredit *credit, uint32_t id, size_t size, bool closed);
void stdin_credit_grant(StdinCredit *credit, uint32_t id);

#endif
