// WAIT: tries until a port, socket or path is as wished; no process, no round trip for a try.
#ifndef WAIT_H
#define WAIT_H

#include "wire.h"

void wait_start(uint32_t id, Reader *payload);

#endif
