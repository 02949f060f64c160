// Gives each frame of the host to the code that knows its type.
#ifndef REQUESTS_H
#define REQUESTS_H

#include "session.h"

void handle_request(const Frame *frame);

#endif
