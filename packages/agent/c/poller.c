#include "poller.h"

#include "clock.h"
#include "memory.h"

#include <limits.h>

static struct pollfd *fds;
static short **targets;
static unsigned count, capacity;
static uint64_t wake_at = NEVER;

void poller_watch(int fd, short events, short *ready) {
  *ready = 0;
  if (count == capacity) {
    capacity = capacity ? capacity * 2 : 32;
    fds = resize(fds, capacity * sizeof *fds);
    targets = resize(targets, capacity * sizeof *targets);
  }
  fds[count] = (struct pollfd){.fd = fd, .events = events};
  targets[count++] = ready;
}

void poller_wake_at(uint64_t time) {
  if (time < wake_at) wake_at = time;
}

void poller_wait(void) {
  int timeout = -1;
  if (wake_at != NEVER) {
    uint64_t now = now_ms();
    uint64_t left = wake_at > now ? wake_at - now : 0;
    timeout = left > INT_MAX ? INT_MAX : (int)left;
  }
  if (poll(fds, count, timeout) > 0)
    for (unsigned i = 0; i < count; i++) *targets[i] = fds[i].revents;
  count = 0;
  wake_at = NEVER;
}
