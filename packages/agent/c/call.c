#include "call.h"

#include "memory.h"
#include "outbox.h"

#include <stdlib.h>

// More calls at once than a host would ever make; a limit for its mistakes.
enum { CALLS_MAX = 1024 };

static Call *calls;
static unsigned count;

void *call_add(const CallType *type, uint32_t id, size_t size) {
  Call *call = allocate(size);
  call->type = type;
  call->id = id;
  call->next = calls;
  calls = call;
  count++;
  return call;
}

Call *call_find(uint32_t id) {
  for (Call *call = calls; call; call = call->next)
    if (!call->ended && call->id == id) return call;
  return NULL;
}

bool call_table_is_full(void) { return count >= CALLS_MAX; }

void call_end(Call *call) { call->ended = true; }

static void dispose(Call *call) {
  if (call->type->dispose) call->type->dispose(call);
  free(call);
  count--;
}

static void remove_ended(void) {
  for (Call **link = &calls; *link;) {
    Call *call = *link;
    if (call->ended) {
      *link = call->next;
      dispose(call);
    } else {
      link = &call->next;
    }
  }
}

void calls_watch(void) {
  remove_ended();
  for (Call *call = calls; call; call = call->next)
    if (call->type->watch) call->type->watch(call);
}

void calls_step(uint64_t now) {
  for (Call *call = calls; call; call = call->next)
    if (!call->ended && call->type->step) call->type->step(call, now);
}

bool calls_child_ended(pid_t pid, int status) {
  for (Call *call = calls; call; call = call->next)
    if (!call->ended && call->type->child_ended && call->type->child_ended(call, pid, status)) return true;
  return false;
}

void calls_drop(void) {
  while (calls) {
    Call *call = calls;
    calls = call->next;
    dispose(call);
  }
}

void send_result(uint32_t id, int error) {
  Writer writer = {.at = frame_begin()};
  write_u32(&writer, (uint32_t)error);
  frame_end(RESULT, id, 4);
}

void send_exit(uint32_t id, const ExitReport *report) {
  uint8_t *payload = frame_begin();
  Writer writer = {.at = payload};
  write_u32(&writer, (uint32_t)report->code);
  write_u32(&writer, report->signal);
  write_u8(&writer, report->timed_out);
  write_u8(&writer, report->held_open);
  write_u16(&writer, 0);
  write_u32(&writer, (uint32_t)report->error);
  write_u64(&writer, report->sent[0]);
  write_u64(&writer, report->sent[1]);
  frame_end(EXIT, id, (size_t)(writer.at - payload));
}

void send_exit_error(uint32_t id, int error) {
  send_exit(id, &(ExitReport){.code = -1, .error = error});
}
