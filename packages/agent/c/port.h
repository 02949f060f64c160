// The byte stream to the host: a virtio port, or a Unix socket in its place (how the agent's tests reach it).
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct {
  // Exactly one of both: a device or socket, or the name of a virtio port to look for in /sys.
  const char *path;
  const char *name;
  // A socket that was closed by its peer ends the agent instead of being dialled again.
  bool exit_on_close;
} PortOptions;

void port_init(const PortOptions *options);
// Opens the port if it is closed and due; true when it can be used.
bool port_open(void);
// Waits for input, and for room when `wants_to_write`; also for the time to look again at a port that nobody is connected to.
void port_watch(bool wants_to_read, bool wants_to_write);
// After a poll: notices that the host went away.
void port_check(void);
// The peer closed the socket and `exit_on_close` was asked for.
bool port_finished(void);
// Bytes read or written, 0 when there is nothing to do now.
size_t port_read(void *bytes, size_t size);
size_t port_write(const void *bytes, size_t size);

#endif
