// Pipes that processes left behind still hold: read and dropped until they close, so that nobody there blocks or dies of SIGPIPE.
#ifndef ORPHANS_H
#define ORPHANS_H

void orphans_adopt(int fd);
void orphans_watch(void);
void orphans_step(void);

#endif
