#include "wait.h"

#include "call.h"
#include "clock.h"
#include "outbox.h"
#include "poller.h"
#include "resolver.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum WaitKind { TCP_OPEN = 1, TCP_CLOSED = 2, UNIX_STREAM = 3, UNIX_DATAGRAM = 4, PATH_EXISTS = 5, PATH_ABSENT = 6 };

enum {
  INTERVAL_MIN_MS = 10,
  // A port that drops packets gives no answer at all: the try counts as failed.
  CONNECT_LIMIT_MS = 1000,
  RESOLVE_LIMIT_MS = 10000
};

typedef struct {
  Call call;
  uint8_t kind;
  uint16_t port;
  uint32_t interval_ms, tries;
  char *subject;
  int last_error;
  uint64_t deadline;
  // When the next try begins; NEVER during one.
  uint64_t next_try;
  // A try under way: a name, then one address after the other.
  uint64_t try_limit;
  Resolver resolver;
  Addresses addresses;
  unsigned address;
  int socket;
  short ready;
} Wait;

static bool is_tcp(const Wait *wait) { return wait->kind == TCP_OPEN || wait->kind == TCP_CLOSED; }

static void finish(Wait *wait, int error) {
  uint8_t *payload = frame_begin();
  Writer writer = {.at = payload};
  write_u32(&writer, (uint32_t)error);
  write_u32(&writer, (uint32_t)wait->last_error);
  write_u32(&writer, wait->tries);
  frame_end(RESULT, wait->call.id, (size_t)(writer.at - payload));
  call_end(&wait->call);
}

// What a try means to this wait: 0 when it is satisfied, else why not.
static int judge(const Wait *wait, int error) {
  if (wait->kind == TCP_CLOSED) return error ? 0 : EISCONN;
  if (wait->kind == PATH_ABSENT) return error == ENOENT || error == ENOTDIR ? 0 : error ? error : EEXIST;
  return error;
}

static void stop_try(Wait *wait) {
  resolver_cancel(&wait->resolver);
  if (wait->socket >= 0) close(wait->socket);
  wait->socket = -1;
  wait->try_limit = NEVER;
}

static void try_ended(Wait *wait, int error, uint64_t now) {
  stop_try(wait);
  wait->last_error = judge(wait, error);
  wait->tries++;
  if (!wait->last_error) finish(wait, 0);
  else if (now >= wait->deadline) finish(wait, ETIMEDOUT);
  else wait->next_try = now + wait->interval_ms;
}

static int try_unix(const Wait *wait) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(wait->subject) >= sizeof address.sun_path) return ENAMETOOLONG;
  strcpy(address.sun_path, wait->subject);
  int fd = socket(AF_UNIX, (wait->kind == UNIX_STREAM ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  int error = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
  close(fd);
  // Somebody listens, though busy.
  return error == EAGAIN ? 0 : error;
}

static int try_path(const Wait *wait) {
  struct stat status;
  return stat(wait->subject, &status) < 0 ? errno : 0;
}

// Dials the addresses from the current one on until one answers or takes time.
static void dial(Wait *wait, int error, uint64_t now) {
  for (; wait->address < wait->addresses.count; wait->address++) {
    const struct sockaddr *address = (const struct sockaddr *)&wait->addresses.addresses[wait->address];
    socklen_t size = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    wait->socket = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (wait->socket < 0) {
      error = errno;
      continue;
    }
    if (connect(wait->socket, address, size) == 0) {
      try_ended(wait, 0, now);
      return;
    }
    if (errno == EINPROGRESS) {
      wait->try_limit = now + CONNECT_LIMIT_MS;
      return;
    }
    error = errno;
    close(wait->socket);
    wait->socket = -1;
  }
  // ENXIO: the name has no address.
  try_ended(wait, wait->addresses.count ? error : ENXIO, now);
}

static void dial_first(Wait *wait, uint64_t now) {
  wait->address = 0;
  dial(wait, 0, now);
}

static void connect_step(Wait *wait, uint64_t now) {
  if (!wait->ready && now < wait->try_limit) return;
  int error = ETIMEDOUT;
  socklen_t size = sizeof error;
  if (wait->ready) getsockopt(wait->socket, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) {
    try_ended(wait, 0, now);
    return;
  }
  stop_try(wait);
  wait->address++;
  dial(wait, error, now);
}

static void resolve_step(Wait *wait, uint64_t now) {
  if (!wait->resolver.ready && now < wait->try_limit) return;
  if (wait->resolver.ready) resolver_finish(&wait->resolver, &wait->addresses);
  else stop_try(wait);
  dial_first(wait, now);
}

static void begin_try(Wait *wait, uint64_t now) {
  wait->next_try = NEVER;
  wait->ready = 0;
  wait->addresses.count = 0;
  if (!is_tcp(wait)) {
    bool is_path = wait->kind == PATH_EXISTS || wait->kind == PATH_ABSENT;
    try_ended(wait, is_path ? try_path(wait) : try_unix(wait), now);
  } else if (resolve_literal(wait->subject, wait->port, &wait->addresses)) {
    dial_first(wait, now);
  } else if (resolver_start(&wait->resolver, wait->subject, wait->port)) {
    wait->try_limit = now + RESOLVE_LIMIT_MS;
  } else {
    try_ended(wait, errno, now);
  }
}

static void wait_step(Call *call, uint64_t now) {
  Wait *wait = (Wait *)call;
  if (now >= wait->next_try) begin_try(wait, now);
  else if (wait->resolver.child) resolve_step(wait, now);
  else if (wait->socket >= 0) connect_step(wait, now);
  // The first try always runs to its end: a time-out of 0 means one.
  if (!call->ended && wait->tries > 0 && now >= wait->deadline) finish(wait, ETIMEDOUT);
}

static void wait_watch(Call *call) {
  Wait *wait = (Wait *)call;
  poller_wake_at(wait->next_try);
  poller_wake_at(wait->try_limit);
  if (wait->tries > 0) poller_wake_at(wait->deadline);
  wait->ready = wait->resolver.ready = 0;
  if (wait->resolver.child) poller_watch(wait->resolver.pipe, POLLIN, &wait->resolver.ready);
  if (wait->socket >= 0) poller_watch(wait->socket, POLLOUT, &wait->ready);
}

static void wait_message(Call *call, uint8_t type, Reader *payload) {
  (void)payload;
  if (type == KILL) finish((Wait *)call, ECANCELED);
}

static void wait_dispose(Call *call) {
  Wait *wait = (Wait *)call;
  stop_try(wait);
  free(wait->subject);
}

static const CallType wait_type = {.watch = wait_watch, .step = wait_step, .message = wait_message, .dispose = wait_dispose};

void wait_start(uint32_t id, Reader *payload) {
  Wait *wait = call_add(&wait_type, id, sizeof *wait);
  wait->socket = -1;
  wait->try_limit = NEVER;
  wait->kind = read_u8(payload);
  read_u8(payload);
  wait->port = read_u16(payload);
  uint32_t interval = read_u32(payload), timeout = read_u32(payload);
  wait->interval_ms = interval < INTERVAL_MIN_MS ? INTERVAL_MIN_MS : interval;
  wait->subject = read_text(payload);
  uint64_t now = now_ms();
  wait->deadline = now + timeout;
  wait->next_try = now;
  if (payload->bad || payload->left || wait->kind < TCP_OPEN || wait->kind > PATH_ABSENT) {
    send_result(id, EINVAL);
    call_end(&wait->call);
  } else {
    begin_try(wait, now);
  }
}
