// EXEC: a command with its pipes or terminal, its process group, its deadline and its exact end.
#ifndef PROCESS_H
#define PROCESS_H

#include <stddef.h>
#include <stdint.h>

void process_start(uint32_t id, const uint8_t *payload, size_t size);
// Calls that wait for a prepared shell.
unsigned processes_waiting(void);

#endif
