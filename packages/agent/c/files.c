#include "files.h"

#include "call.h"
#include "file_record.h"
#include "memory.h"
#include "outbox.h"
#include "output.h"
#include "pipe_writer.h"
#include "poller.h"
#include "session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// PUT: the content comes as stdin does, into a file beside the target that is renamed onto it.
typedef struct {
  Call call;
  char *path, *temporary;
  uint32_t mode, uid, gid;
  int file;
  PipeWriter content;
  StdinCredit credit;
  bool ended;
} Put;

static int finish_put(Put *put) {
  // In place: a device, or a file of /proc or /sys, keeps its owner and mode.
  if (!put->temporary) return 0;
  if (fchown(put->file, put->uid, put->gid) < 0 || fchmod(put->file, put->mode & 07777) < 0) return errno;
  if (rename(put->temporary, put->path) < 0) return errno;
  free(put->temporary);
  put->temporary = NULL;
  return 0;
}

static void end_put(Put *put, int error) {
  send_result(put->call.id, error);
  call_end(&put->call);
}

static void put_step(Call *call, uint64_t now) {
  (void)now;
  Put *put = (Put *)call;
  size_t written = pipe_writer_step(&put->content);
  if (put->content.fd < 0) {
    end_put(put, put->content.error);
    return;
  }
  if (written && !put->ended) stdin_credit_return(&put->credit, call->id, written, false);
  if (put->ended && put->content.start == put->content.end) end_put(put, finish_put(put));
}

static void put_watch(Call *call) { pipe_writer_watch(&((Put *)call)->content); }

static void put_message(Call *call, uint8_t type, Reader *payload) {
  Put *put = (Put *)call;
  if (type == STDIN && !put->ended) {
    if (stdin_credit_take(&put->credit, payload->left)) pipe_writer_push(&put->content, payload->at, payload->left);
    else session_distrust("more content than was granted");
  } else if (type == STDIN_EOF) {
    put->ended = true;
  } else if (type == KILL) {
    end_put(put, ECANCELED);
  }
}

static void put_dispose(Call *call) {
  Put *put = (Put *)call;
  pipe_writer_close(&put->content);
  if (put->temporary) unlink(put->temporary);
  free(put->temporary);
  free(put->path);
}

static const CallType put_type = {.watch = put_watch, .step = put_step, .message = put_message, .dispose = put_dispose};

static int open_put(Put *put) {
  int error = make_parents(put->path);
  if (error) return error;
  struct stat status;
  bool exists = stat(put->path, &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return EISDIR;
  if (!exists || S_ISREG(status.st_mode)) {
    put->temporary = temporary_name(put->path);
    put->file = open(put->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (put->file >= 0) return 0;
    error = errno;
    free(put->temporary);
    put->temporary = NULL;
    if (!exists) return error;
  }
  // Nothing can be made beside it: a device, /proc, /sys.
  put->file = open(put->path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return put->file < 0 ? errno : 0;
}

void file_put(uint32_t id, Reader *payload) {
  Put *put = call_add(&put_type, id, sizeof *put);
  put->content.fd = -1;
  put->mode = read_u32(payload);
  put->uid = read_u32(payload);
  put->gid = read_u32(payload);
  put->path = read_text(payload);
  int error = payload->bad || payload->left ? EINVAL : open_put(put);
  if (error) {
    end_put(put, error);
    return;
  }
  put->content.fd = put->file;
  stdin_credit_grant(&put->credit, id);
}

// GET and LIST: a stream of bytes that the host's credit paces.
typedef struct {
  Call call;
  Output output;
  int file;
  DIR *directory;
  // Records that did not fit into the last frame.
  uint8_t *records;
  size_t start, end;
} FileStream;

static void end_stream(FileStream *stream, int error) {
  send_exit(stream->call.id, &(ExitReport){.code = error ? -1 : 0, .error = error, .sent = {stream->output.sent}});
  call_end(&stream->call);
}

static void stream_watch(Call *call) {
  // Files are always ready: go on in the next round, after everybody else had a turn.
  if (output_room(&((FileStream *)call)->output)) poller_wake_at(0);
}

static void stream_message(Call *call, uint8_t type, Reader *payload) {
  FileStream *stream = (FileStream *)call;
  if (type == CREDIT) {
    uint32_t credit = read_u32(payload);
    if (!payload->bad) output_credit(&stream->output, credit);
  } else if (type == KILL) {
    end_stream(stream, ECANCELED);
  }
}

static void stream_dispose(Call *call) {
  FileStream *stream = (FileStream *)call;
  if (stream->file >= 0) close(stream->file);
  if (stream->directory) closedir(stream->directory);
  free(stream->records);
}

static void get_step(Call *call, uint64_t now) {
  (void)now;
  FileStream *stream = (FileStream *)call;
  size_t room = output_room(&stream->output);
  if (!room) return;
  ssize_t count = read(stream->file, frame_begin(), room);
  if (count > 0) output_sent(&stream->output, call->id, (size_t)count);
  else if (count == 0) end_stream(stream, 0);
  else if (errno != EINTR) end_stream(stream, errno);
}

static const CallType get_type = {.watch = stream_watch, .step = get_step, .message = stream_message, .dispose = stream_dispose};

static FileStream *add_stream(const CallType *type, uint32_t id, uint32_t window) {
  FileStream *stream = call_add(type, id, sizeof *stream);
  stream->file = -1;
  stream->output = (Output){.type = STDOUT, .credit = window};
  return stream;
}

// Without O_NONBLOCK a FIFO would stop the agent.
static int open_regular(const char *path, struct stat *status, int *file) {
  *file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (*file < 0) return errno;
  int error = fstat(*file, status) < 0 ? errno : S_ISREG(status->st_mode) ? 0 : S_ISDIR(status->st_mode) ? EISDIR : EINVAL;
  if (error) close(*file);
  return error;
}

static void send_stat(uint32_t id, const struct stat *status, const char *path) {
  uint8_t *payload = frame_begin();
  Writer writer = {.at = payload};
  write_u32(&writer, 0);
  write_stat(&writer, status, AT_FDCWD, path);
  frame_end(RESULT, id, (size_t)(writer.at - payload));
}

void file_get(uint32_t id, Reader *payload) {
  uint32_t window = read_u32(payload);
  char *path = read_text(payload);
  struct stat status;
  int file = -1, error = payload->bad || payload->left ? EINVAL : open_regular(path, &status, &file);
  if (error) {
    send_result(id, error);
  } else {
    send_stat(id, &status, path);
    add_stream(&get_type, id, window)->file = file;
  }
  free(path);
}

// Fills the buffer with the next entry; false at the end. An entry that vanished meanwhile is left out.
static bool next_record(FileStream *stream) {
  for (struct dirent *entry; (entry = readdir(stream->directory));) {
    struct stat status;
    int directory = dirfd(stream->directory);
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) continue;
    Writer writer = {.at = stream->records};
    write_text(&writer, entry->d_name);
    write_stat(&writer, &status, directory, entry->d_name);
    stream->start = 0;
    stream->end = (size_t)(writer.at - stream->records);
    return true;
  }
  return false;
}

static void list_step(Call *call, uint64_t now) {
  (void)now;
  FileStream *stream = (FileStream *)call;
  size_t room = output_room(&stream->output), filled = 0;
  if (!room) return;
  uint8_t *payload = frame_begin();
  bool more = true;
  while (filled < room && (stream->start < stream->end || (more = next_record(stream)))) {
    size_t left = stream->end - stream->start, size = left < room - filled ? left : room - filled;
    memcpy(payload + filled, stream->records + stream->start, size);
    stream->start += size;
    filled += size;
  }
  if (filled) output_sent(&stream->output, call->id, filled);
  if (!more) end_stream(stream, 0);
}

static const CallType list_type = {.watch = stream_watch, .step = list_step, .message = stream_message, .dispose = stream_dispose};

void file_list(uint32_t id, Reader *payload) {
  uint32_t window = read_u32(payload);
  char *path = read_text(payload);
  int error = payload->bad || payload->left ? EINVAL : 0;
  DIR *directory = error ? NULL : opendir(path);
  if (!error && !directory) error = errno;
  free(path);
  if (error) {
    send_exit_error(id, error);
    return;
  }
  FileStream *stream = add_stream(&list_type, id, window);
  stream->directory = directory;
  stream->records = allocate(4 + 256 + STAT_RECORD_MAX);
}

void file_stat(uint32_t id, Reader *payload) {
  bool follow = read_u8(payload);
  char *path = read_text(payload);
  struct stat status;
  int error = payload->bad || payload->left ? EINVAL : 0;
  if (!error && (follow ? stat(path, &status) : lstat(path, &status)) < 0) error = errno;
  if (error) send_result(id, error);
  else send_stat(id, &status, path);
  free(path);
}

static int make_directory(const char *path, uint32_t mode, uint32_t uid, uint32_t gid) {
  struct stat status;
  int error = make_parents(path);
  if (error) return error;
  if (mkdir(path, 0700) < 0 && errno != EEXIST) return errno;
  if (stat(path, &status) < 0) return errno;
  if (!S_ISDIR(status.st_mode)) return ENOTDIR;
  return chown(path, uid, gid) < 0 || chmod(path, mode & 07777) < 0 ? errno : 0;
}

void file_mkdir(uint32_t id, Reader *payload) {
  uint32_t mode = read_u32(payload), uid = read_u32(payload), gid = read_u32(payload);
  char *path = read_text(payload);
  send_result(id, payload->bad || payload->left ? EINVAL : make_directory(path, mode, uid, gid));
  free(path);
}

static int make_symlink(const char *target, const char *path) {
  int error = make_parents(path);
  if (error) return error;
  // By a rename, so that the path is there at any time.
  char *temporary = temporary_name(path);
  if (symlink(target, temporary) < 0) error = errno;
  else if (rename(temporary, path) < 0) {
    error = errno;
    unlink(temporary);
  }
  free(temporary);
  return error;
}

void file_symlink(uint32_t id, Reader *payload) {
  char *target = read_text(payload);
  char *path = read_text(payload);
  send_result(id, payload->bad || payload->left ? EINVAL : make_symlink(target, path));
  free(target);
  free(path);
}
