// The STAT record, and paths.
#ifndef FILE_RECORD_H
#define FILE_RECORD_H

#include "wire.h"

#include <sys/stat.h>

enum { LINK_MAX_SIZE = 4096, STAT_RECORD_MAX = 36 + LINK_MAX_SIZE };

// `directory` and `name` as of readlinkat.
void write_stat(Writer *writer, const struct stat *status, int directory, const char *name);

// Makes the missing parent folders of a path, 0755. 0 or an error number.
int make_parents(const char *path);
// An unused name in the folder of `path`. The caller frees it.
char *temporary_name(const char *path);

#endif
