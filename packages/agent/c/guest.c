#include "guest.h"

#include "call.h"
#include "clock.h"
#include "file_record.h"
#include "memory.h"
#include "outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { PING_MAX = 64, ENTROPY_MAX = 4096 };

// <linux/random.h>, which musl's headers do not bring.
#define ADD_ENTROPY _IOW('R', 0x03, int[2])
#define RESEED _IO('R', 0x07)

void guest_ping(uint32_t id, Reader *ping) {
  if (ping->left > PING_MAX) {
    send_result(id, EINVAL);
    return;
  }
  struct sysinfo info;
  if (sysinfo(&info) < 0) memset(&info, 0, sizeof info);
  uint8_t *payload = frame_begin();
  Writer writer = {.at = payload};
  write_u32(&writer, (uint32_t)ping->left);
  write_bytes(&writer, ping->at, ping->left);
  write_u64(&writer, clock_ns(CLOCK_BOOTTIME));
  write_u64(&writer, clock_ns(CLOCK_REALTIME));
  write_u32(&writer, (uint32_t)(info.loads[0] * 100 / (1u << SI_LOAD_SHIFT)));
  write_u64(&writer, (uint64_t)info.freeram * info.mem_unit);
  frame_end(PONG, id, (size_t)(writer.at - payload));
}

static int set_clock(uint64_t wall_ns) {
  struct timespec time = {.tv_sec = (time_t)(wall_ns / 1000000000u), .tv_nsec = (long)(wall_ns % 1000000000u)};
  return clock_settime(CLOCK_REALTIME, &time) < 0 ? errno : 0;
}

// A clone must not draw the random numbers that its siblings draw.
static int mix_entropy(const uint8_t *bytes, size_t size) {
  struct Pool {
    int bits, size;
    uint8_t bytes[];
  } *pool = allocate(sizeof *pool + size);
  pool->bits = (int)size * 8;
  pool->size = (int)size;
  memcpy(pool->bytes, bytes, size);
  int error = 0, device = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (device < 0 || ioctl(device, ADD_ENTROPY, pool) < 0) error = errno;
  // Kernels before 4.14 lack it, and reseed by themselves.
  else if (ioctl(device, RESEED) < 0 && errno != EINVAL && errno != ENOTTY) error = errno;
  if (device >= 0) close(device);
  free(pool);
  return error;
}

void guest_resumed(uint32_t id, Reader *payload) {
  uint64_t wall_ns = read_u64(payload);
  uint32_t size = read_u32(payload);
  const uint8_t *entropy = read_bytes(payload, size);
  if (payload->bad || payload->left || size > ENTROPY_MAX) {
    send_result(id, EINVAL);
    return;
  }
  int error = wall_ns ? set_clock(wall_ns) : 0;
  if (size) {
    int mixed = mix_entropy(entropy, size);
    if (!error) error = mixed;
  }
  send_result(id, error);
}

// Up to its last slash a path is parents.
static int make_folder(const char *path) {
  char *below;
  if (asprintf(&below, "%s/", path) < 0) abort();
  int error = make_parents(below);
  free(below);
  return error;
}

// No program: a clone that runs mount(8) for the first time spends a quarter of a second on it.
void guest_mount(uint32_t id, Reader *payload) {
  bool read_only = read_u8(payload);
  char *type = read_text(payload), *source = read_text(payload), *options = read_text(payload), *target = read_text(payload);
  int error = payload->bad || payload->left ? EINVAL : make_folder(target);
  if (!error && mount(source, target, type, read_only ? MS_RDONLY : 0, options) < 0) error = errno;
  send_result(id, error);
  free(type);
  free(source);
  free(options);
  free(target);
}
