// PUT, GET, STAT, LIST, MKDIR, SYMLINK: files without a process.
#ifndef FILES_H
#define FILES_H

#include "wire.h"

void file_put(uint32_t id, Reader *payload);
void file_get(uint32_t id, Reader *payload);
void file_stat(uint32_t id, Reader *payload);
void file_list(uint32_t id, Reader *payload);
void file_mkdir(uint32_t id, Reader *payload);
void file_symlink(uint32_t id, Reader *payload);

#endif
