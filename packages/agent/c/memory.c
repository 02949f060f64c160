#include "memory.h"

#include <stdlib.h>
#include <string.h>

void *allocate(size_t size) {
  void *memory = calloc(1, size ? size : 1);
  if (!memory) abort();
  return memory;
}

void *resize(void *memory, size_t size) {
  memory = realloc(memory, size ? size : 1);
  if (!memory) abort();
  return memory;
}

char *copy_text(const char *text, size_t size) {
  char *copy = allocate(size + 1);
  if (size) memcpy(copy, text, size);
  return copy;
}
