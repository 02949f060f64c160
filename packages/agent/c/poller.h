// The set of descriptors and the earliest deadline that the next poll(2) waits for; built anew in every round.
#ifndef POLLER_H
#define POLLER_H

#include <poll.h>
#include <stdint.h>

// `*ready` is cleared now and gets the revents of the next poll; it must live until then.
void poller_watch(int fd, short events, short *ready);
// The next poll returns at this time (`now_ms`) at the latest; 0 is at once.
void poller_wake_at(uint64_t time);
void poller_wait(void);

#endif
