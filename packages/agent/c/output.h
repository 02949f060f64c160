// One stream to the host: how much it may still send, how much it sent.
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t type;
  uint64_t credit, sent;
} Output;

void output_credit(Output *output, uint32_t size);
// How many bytes the next frame may have: 0 while the host does not want any.
size_t output_room(const Output *output);
// Ends the frame begun with `frame_begin`.
void output_sent(Output *output, uint32_t id, size_t size);

// An output that is fed from a process' pipe or terminal.
typedef struct {
  Output output;
  // -1 after the end of the file.
  int fd;
  // Bytes that were in the pipe when the process ended: what comes later belongs to processes left behind. -1: read everything.
  int64_t remaining;
  // Nobody can write any more: the end of the file follows what is there.
  bool no_writers;
  short ready;
} PipeReader;

// Watches, if the host wants more.
void pipe_reader_watch(PipeReader *reader);
// At most one frame. `stream` is the number in the message about the end of the file.
void pipe_reader_step(PipeReader *reader, uint32_t id, uint8_t stream);
// The process ended: read what is there now, and no more unless the others that can write end as well.
void pipe_reader_process_ended(PipeReader *reader);
bool pipe_reader_is_drained(const PipeReader *reader);

#endif
