#include "port.h"

#include "clock.h"
#include "poller.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

// poll(2) reports POLLHUP for as long as no host is connected, and nothing announces the next host: so look again by time.
enum { LOOK_AGAIN_MS = 20 };

static PortOptions options;
static int port = -1;
static bool is_socket;
// While the host is away: when to look again.
static uint64_t idle_until;
static short ready;
static bool finished;

void port_init(const PortOptions *given) { options = *given; }

static bool name_matches(const char *device) {
  char path[320], name[256];
  snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", device);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t size = read(fd, name, sizeof name - 1);
  close(fd);
  if (size <= 0) return false;
  name[size] = 0;
  name[strcspn(name, "\n")] = 0;
  return strcmp(name, options.name) == 0;
}

// Through /sys, so that the agent need not wait for udev to make the link under /dev/virtio-ports.
static bool find_device(char *path, size_t size) {
  DIR *directory = opendir("/sys/class/virtio-ports");
  if (!directory) return false;
  bool found = false;
  for (struct dirent *entry; !found && (entry = readdir(directory));)
    if (entry->d_name[0] != '.' && name_matches(entry->d_name)) {
      snprintf(path, size, "/dev/%s", entry->d_name);
      found = true;
    }
  closedir(directory);
  return found;
}

static int dial(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

static int open_port(void) {
  char found[300];
  const char *path = options.path;
  if (options.name) {
    if (!find_device(found, sizeof found)) return -1;
    path = found;
  }
  struct stat status;
  is_socket = stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
  // A virtio port can be opened once only: EBUSY until a former agent has gone.
  return is_socket ? dial(path) : open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

bool port_finished(void) { return finished; }

bool port_open(void) {
  if (port < 0 && now_ms() >= idle_until) {
    port = open_port();
    idle_until = port < 0 ? now_ms() + LOOK_AGAIN_MS : 0;
  }
  return port >= 0;
}

void port_watch(bool wants_to_read, bool wants_to_write) {
  ready = 0;
  if (port < 0 || now_ms() < idle_until) poller_wake_at(idle_until);
  else poller_watch(port, (short)((wants_to_read ? POLLIN : 0) | (wants_to_write ? POLLOUT : 0)), &ready);
}

static void host_is_away(void) {
  idle_until = now_ms() + LOOK_AGAIN_MS;
  if (!is_socket) return;
  close(port);
  port = -1;
  finished = options.exit_on_close;
}

void port_check(void) {
  if (port >= 0 && (ready & (POLLHUP | POLLERR)) && !(ready & POLLIN)) host_is_away();
}

static void port_failed(void) {
  if (errno == EAGAIN || errno == EINTR) return;
  if (!is_socket) {
    // The device itself is gone or broken: open it anew, by its name where that is known.
    close(port);
    port = -1;
  }
  host_is_away();
}

size_t port_read(void *bytes, size_t size) {
  if (port < 0 || !(ready & POLLIN)) return 0;
  ssize_t count = read(port, bytes, size);
  if (count > 0) return (size_t)count;
  if (count == 0) host_is_away();
  else port_failed();
  return 0;
}

size_t port_write(const void *bytes, size_t size) {
  if (port < 0) return 0;
  ssize_t count = write(port, bytes, size);
  if (count >= 0) return (size_t)count;
  port_failed();
  return 0;
}
