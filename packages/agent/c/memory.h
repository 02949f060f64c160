// Allocation that never returns NULL: without memory the agent ends, and its unit starts it anew.
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

void *allocate(size_t size);
void *resize(void *memory, size_t size);
char *copy_text(const char *text, size_t size);

#endif
