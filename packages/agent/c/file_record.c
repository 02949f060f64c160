#include "file_record.h"

#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum FileKind { KIND_FILE = 1, KIND_DIRECTORY = 2, KIND_LINK = 3, KIND_OTHER = 4 };

static uint8_t kind_of(mode_t mode) {
  if (S_ISREG(mode)) return KIND_FILE;
  if (S_ISDIR(mode)) return KIND_DIRECTORY;
  return S_ISLNK(mode) ? KIND_LINK : KIND_OTHER;
}

void write_stat(Writer *writer, const struct stat *status, int directory, const char *name) {
  char target[LINK_MAX_SIZE + 1] = "";
  if (S_ISLNK(status->st_mode)) {
    ssize_t size = readlinkat(directory, name, target, LINK_MAX_SIZE);
    target[size > 0 ? size : 0] = 0;
  }
  write_u8(writer, kind_of(status->st_mode));
  write_u8(writer, 0);
  write_u16(writer, 0);
  write_u32(writer, status->st_mode & 07777);
  write_u32(writer, status->st_uid);
  write_u32(writer, status->st_gid);
  write_u64(writer, (uint64_t)status->st_size);
  write_u64(writer, (uint64_t)status->st_mtim.tv_sec * 1000000000u + (uint64_t)status->st_mtim.tv_nsec);
  write_text(writer, target);
}

int make_parents(const char *path) {
  char *copy = copy_text(path, strlen(path));
  int error = 0;
  for (char *slash = copy + strspn(copy, "/"); !error && (slash = strchr(slash, '/')); slash++) {
    *slash = 0;
    if (mkdir(copy, 0755) < 0 && errno != EEXIST) {
      // An existing folder on a read-only or odd file system may give another error than EEXIST.
      struct stat status;
      int made = errno;
      if (stat(copy, &status) < 0 || !S_ISDIR(status.st_mode)) error = made;
    }
    *slash = '/';
  }
  free(copy);
  return error;
}

char *temporary_name(const char *path) {
  static unsigned counter;
  char *name;
  const char *slash = strrchr(path, '/');
  if (asprintf(&name, "%.*s.nvt-%d-%u", slash ? (int)(slash + 1 - path) : 0, path, (int)getpid(), counter++) < 0) abort();
  return name;
}
