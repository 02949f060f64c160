// The guest's clocks.
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

// A point in time that never comes.
#define NEVER UINT64_MAX

static inline uint64_t clock_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// Milliseconds that deadlines are counted in; stands still while the machine is stopped.
static inline uint64_t now_ms(void) { return clock_ns(CLOCK_MONOTONIC) / 1000000u; }

#endif
