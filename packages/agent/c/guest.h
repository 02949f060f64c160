// Messages about the guest as a whole: PING, RESUMED and MOUNT.
#ifndef GUEST_H
#define GUEST_H

#include "wire.h"

void guest_ping(uint32_t id, Reader *payload);
void guest_resumed(uint32_t id, Reader *payload);
void guest_mount(uint32_t id, Reader *payload);

#endif
