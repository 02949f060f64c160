#include "child_stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

static const ChildStdio nothing = {.in = -1, .out = -1, .err = -1, .terminal = -1, .far = {-1, -1, -1}};

// `near` is the agent's end.
static bool open_pipe(int *near, int *far, bool agent_writes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  *near = ends[agent_writes];
  *far = ends[!agent_writes];
  return fcntl(*near, F_SETFL, O_NONBLOCK) == 0;
}

static bool open_stdin(ChildStdio *stdio, bool with_stdin) {
  if (with_stdin) return open_pipe(&stdio->in, &stdio->far[0], true);
  stdio->far[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  return stdio->far[0] >= 0;
}

int child_stdio_open_pipes(ChildStdio *stdio, bool with_stdin) {
  *stdio = nothing;
  bool is_open = open_stdin(stdio, with_stdin) && open_pipe(&stdio->out, &stdio->far[1], false) && open_pipe(&stdio->err, &stdio->far[2], false);
  return is_open ? 0 : errno;
}

int child_stdio_open_terminal(ChildStdio *stdio, uint16_t rows, uint16_t columns) {
  *stdio = nothing;
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  int slave;
  if (openpty(&stdio->terminal, &slave, NULL, NULL, &size) < 0) return errno;
  stdio->far[0] = stdio->far[1] = stdio->far[2] = slave;
  fcntl(stdio->terminal, F_SETFD, FD_CLOEXEC);
  fcntl(slave, F_SETFD, FD_CLOEXEC);
  // For all descriptors of the terminal's end.
  fcntl(stdio->terminal, F_SETFL, O_RDWR | O_NONBLOCK);
  stdio->in = fcntl(stdio->terminal, F_DUPFD_CLOEXEC, 0);
  stdio->out = fcntl(stdio->terminal, F_DUPFD_CLOEXEC, 0);
  return stdio->in >= 0 && stdio->out >= 0 ? 0 : errno;
}

void child_stdio_close_far(ChildStdio *stdio) {
  for (int i = 0; i < 3; i++) {
    bool is_repeated = i > 0 && stdio->far[i] == stdio->far[0];
    if (stdio->far[i] >= 0 && !is_repeated) close(stdio->far[i]);
  }
}
