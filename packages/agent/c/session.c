#include "session.h"

#include "clock.h"
#include "outbox.h"
#include "port.h"
#include "wire.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { SYNC_SIZE = MARK_SIZE + NONCE_SIZE + 8, READS_PER_ROUND = 16, PORT_BUFFER = 4096 };

static const uint8_t sync_mark[MARK_SIZE] = {0xf5, 'N', 'V', 'T', 's', 'y', 'n', 'c', 0, 1, 2, 3, 0xfe, 0xc0, 0x5a, 0xa5};
static const uint8_t hello_mark[MARK_SIZE] = {0xf5, 'N', 'V', 'T', 'h', 'e', 'l', 'o', 3, 2, 1, 0, 0xfe, 0xc0, 0x5a, 0xa5};

static SessionHandler handler;
static uint32_t capabilities, sessions, key, sequence;
static bool is_open;
static uint8_t input[2 * FRAME_MAX];
static size_t filled;

void session_init(const SessionHandler *given, uint32_t given_capabilities) {
  handler = *given;
  capabilities = given_capabilities;
}

bool session_is_open(void) { return is_open; }

void session_log(unsigned level, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (size < 0) return;
  if ((size_t)size >= sizeof text) size = sizeof text - 1;
  dprintf(STDERR_FILENO, "%s\n", text);
  if (!is_open || outbox_is_full()) return;
  uint8_t *payload = frame_begin();
  payload[0] = (uint8_t)level;
  memcpy(payload + 1, text, (size_t)size);
  frame_end(LOG, 0, (size_t)size + 1);
}

void session_distrust(const char *reason) {
  session_log(3, "the host broke the protocol: %s", reason);
  is_open = false;
}

static void read_boot_id(char *text, size_t size) {
  text[0] = 0;
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t count = read(fd, text, size - 1);
  close(fd);
  text[count > 0 ? count : 0] = 0;
  text[strcspn(text, "\n")] = 0;
}

static void send_hello(const uint8_t *nonce, uint16_t version) {
  uint8_t hello[1024];
  Writer writer = {.start = hello, .at = hello};
  write_bytes(&writer, hello_mark, MARK_SIZE);
  write_bytes(&writer, nonce, NONCE_SIZE);
  write_u16(&writer, version);
  write_u16(&writer, 0);
  uint8_t *size = writer.at;
  write_u32(&writer, 0);
  if (version) {
    struct utsname kernel;
    uname(&kernel);
    char boot_id[64];
    read_boot_id(boot_id, sizeof boot_id);
    write_u32(&writer, capabilities);
    write_u32(&writer, (uint32_t)getpid());
    write_u32(&writer, sessions);
    write_u64(&writer, clock_ns(CLOCK_BOOTTIME));
    write_u64(&writer, clock_ns(CLOCK_REALTIME));
    write_text(&writer, boot_id);
    write_text(&writer, kernel.release);
    write_text(&writer, AGENT_VERSION);
    put_u32(size, (uint32_t)(writer.at - size - 4));
  }
  outbox_append(hello, (size_t)(writer.at - writer.start));
}

static void begin(const uint8_t *sync) {
  const uint8_t *nonce = sync + MARK_SIZE, *versions = nonce + NONCE_SIZE;
  is_open = get_u16(versions) <= PROTOCOL_VERSION && PROTOCOL_VERSION <= get_u16(versions + 2);
  sequence = 0;
  key = get_u32(nonce);
  sessions++;
  handler.on_begin();
  outbox_reset(key);
  send_hello(nonce, is_open ? PROTOCOL_VERSION : 0);
}

// Returns how many of the bytes were used up; fewer than a SYNC's are kept, as it may be still under way.
static size_t look_for_sync(const uint8_t *bytes, size_t size) {
  const uint8_t *found = memmem(bytes, size, sync_mark, MARK_SIZE);
  if (!found) return size < MARK_SIZE ? 0 : size - (MARK_SIZE - 1);
  size_t offset = (size_t)(found - bytes);
  if (size - offset < SYNC_SIZE) return offset;
  begin(found);
  return offset + SYNC_SIZE;
}

static size_t take_frame(const uint8_t *bytes, size_t size) {
  if (size < HEADER_SIZE) return 0;
  Frame frame = {.type = bytes[2], .flags = bytes[3], .id = get_u32(bytes + 4), .payload = bytes + HEADER_SIZE, .size = get_u32(bytes + 8)};
  if (bytes[0] != MAGIC_0 || bytes[1] != MAGIC_1 || frame.size > PAYLOAD_MAX || get_u32(bytes + 12) != sequence) {
    is_open = false;
    return 0;
  }
  size_t whole = HEADER_SIZE + frame.size + TRAILER_SIZE;
  if (size < whole) return 0;
  if (get_u32(bytes + whole - TRAILER_SIZE) != (sequence ^ key)) {
    // Completed by the padding of a new session: its SYNC may be inside of what looked like the payload.
    is_open = false;
    return 0;
  }
  sequence++;
  handler.on_frame(&frame);
  return whole;
}

static void handle_input(void) {
  size_t used = 0;
  for (;;) {
    bool was_open = is_open;
    size_t count = is_open ? take_frame(input + used, filled - used) : look_for_sync(input + used, filled - used);
    used += count;
    if (!count && is_open == was_open) break;
  }
  memmove(input, input + used, filled - used);
  filled -= used;
}

void session_receive(void) {
  for (int reads = 0; reads < READS_PER_ROUND && !outbox_is_full(); reads++) {
    size_t count = port_read(input + filled, sizeof input - filled);
    if (!count) return;
    filled += count;
    handle_input();
    // A virtio port gives at most one of its 4 KiB buffers a read; a shorter one was the last. Otherwise poll(2) comes back at once.
    if (count < PORT_BUFFER) return;
  }
}
