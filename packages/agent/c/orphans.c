#include "orphans.h"

#include "memory.h"
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Orphan {
  struct Orphan *next;
  int fd;
  short ready;
} Orphan;

static Orphan *orphans;

void orphans_adopt(int fd) {
  Orphan *orphan = allocate(sizeof *orphan);
  orphan->fd = fd;
  orphan->next = orphans;
  orphans = orphan;
}

void orphans_watch(void) {
  for (Orphan *orphan = orphans; orphan; orphan = orphan->next) poller_watch(orphan->fd, POLLIN, &orphan->ready);
}

void orphans_step(void) {
  static char dropped[65536];
  for (Orphan **link = &orphans; *link;) {
    Orphan *orphan = *link;
    ssize_t count = orphan->ready ? read(orphan->fd, dropped, sizeof dropped) : 1;
    orphan->ready = 0;
    if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR))) {
      link = &orphan->next;
      continue;
    }
    *link = orphan->next;
    close(orphan->fd);
    free(orphan);
  }
}
