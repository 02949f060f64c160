#include "requests.h"

#include "call.h"
#include "files.h"
#include "guest.h"
#include "memory.h"
#include "process.h"
#include "wait.h"
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { JOINED_MAX = 16 * 1024 * 1024 };

// An EXEC whose payload takes several frames.
typedef struct {
  Call call;
  uint8_t *bytes;
  size_t size;
  bool too_large;
} JoinedExec;

static void joined_dispose(Call *call) { free(((JoinedExec *)call)->bytes); }

static const CallType joined_type = {.dispose = joined_dispose};

static void append(JoinedExec *joined, const Frame *frame) {
  joined->too_large |= joined->size + frame->size > JOINED_MAX;
  if (joined->too_large) return;
  joined->bytes = resize(joined->bytes, joined->size + frame->size);
  memcpy(joined->bytes + joined->size, frame->payload, frame->size);
  joined->size += frame->size;
}

static void handle_exec(const Frame *frame, Call *former) {
  bool more = frame->flags & FLAG_MORE;
  if (!former && !more) {
    process_start(frame->id, frame->payload, frame->size);
    return;
  }
  JoinedExec *joined = former ? (JoinedExec *)former : call_add(&joined_type, frame->id, sizeof *joined);
  append(joined, frame);
  if (more) return;
  call_end(&joined->call);
  if (joined->too_large) send_exit_error(frame->id, E2BIG);
  else process_start(frame->id, joined->bytes, joined->size);
}

static bool ends_with_exit(uint8_t type) { return type == EXEC || type == LIST; }

static void refuse(const Frame *frame, int error) {
  if (ends_with_exit(frame->type)) send_exit_error(frame->id, error);
  else send_result(frame->id, error);
}

static void begin_call(const Frame *frame) {
  Reader payload = {.at = frame->payload, .left = frame->size};
  switch (frame->type) {
    case EXEC:
      handle_exec(frame, NULL);
      break;
    case PUT:
      file_put(frame->id, &payload);
      break;
    case GET:
      file_get(frame->id, &payload);
      break;
    case STAT:
      file_stat(frame->id, &payload);
      break;
    case LIST:
      file_list(frame->id, &payload);
      break;
    case MKDIR:
      file_mkdir(frame->id, &payload);
      break;
    case SYMLINK:
      file_symlink(frame->id, &payload);
      break;
    case WAIT:
      wait_start(frame->id, &payload);
      break;
    case RESUMED:
      guest_resumed(frame->id, &payload);
      break;
    case MOUNT:
      guest_mount(frame->id, &payload);
      break;
    default:
      send_result(frame->id, ENOSYS);
  }
}

void handle_request(const Frame *frame) {
  Reader payload = {.at = frame->payload, .left = frame->size};
  Call *call = call_find(frame->id);
  switch (frame->type) {
    case PING:
      guest_ping(frame->id, &payload);
      break;
    case STDIN:
    case STDIN_EOF:
    case CREDIT:
    case KILL:
    case RESIZE:
      // Without a call it came too late: the call ended meanwhile.
      if (call && call->type->message) call->type->message(call, frame->type, &payload);
      break;
    default:
      if (call && call->type == &joined_type && frame->type == EXEC) handle_exec(frame, call);
      else if (call || frame->id == 0) session_log(3, "request %u for call id %u, which is %s", frame->type, frame->id, call ? "in use" : "not a call's");
      else if (call_table_is_full()) refuse(frame, EAGAIN);
      else begin_call(frame);
  }
}
