// What a child reads and writes: three pipes, or one terminal.
#ifndef CHILD_STDIO_H
#define CHILD_STDIO_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  // The agent's ends, which do not block; -1 where there is none.
  int in, out, err;
  // Another descriptor of the terminal that in and out belong to.
  int terminal;
  // The child's stdin, stdout, stderr.
  int far[3];
} ChildStdio;

// 0 or an error number. To be closed in either case: the child's ends by `child_stdio_close_far`, the others by their user.
int child_stdio_open_pipes(ChildStdio *stdio, bool with_stdin);
int child_stdio_open_terminal(ChildStdio *stdio, uint16_t rows, uint16_t columns);
void child_stdio_close_far(ChildStdio *stdio);

#endif
