// The calls of the current session: a table of things that are stepped in every round until they end.
#ifndef CALL_H
#define CALL_H

#include "wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Call Call;

// What a kind of call does; unused members are NULL.
typedef struct {
  // Names what the next step waits for.
  void (*watch)(Call *call);
  // Does one bounded piece of work.
  void (*step)(Call *call, uint64_t now);
  // STDIN, STDIN_EOF, CREDIT, KILL, RESIZE of this call.
  void (*message)(Call *call, uint8_t type, Reader *payload);
  // A child of the agent ended; true when it was this call's.
  bool (*child_ended)(Call *call, pid_t pid, int status);
  // Releases everything and ends what still runs; the session may be over already, so nothing is sent.
  void (*dispose)(Call *call);
} CallType;

// First member of every kind's own struct.
struct Call {
  const CallType *type;
  Call *next;
  uint32_t id;
  bool ended;
};

// A zeroed struct of `size` in the table.
void *call_add(const CallType *type, uint32_t id, size_t size);
Call *call_find(uint32_t id);
bool call_table_is_full(void);
// The call has sent its last message: its id is free, and it is disposed of in this round's end.
void call_end(Call *call);

void calls_watch(void);
void calls_step(uint64_t now);
bool calls_child_ended(pid_t pid, int status);
// A former session's calls can't reach the new one: they are gone before its first frame is read.
void calls_drop(void);

// The message that ends a call which has no stream.
void send_result(uint32_t id, int error);

typedef struct {
  int32_t code;
  uint32_t signal;
  bool timed_out;
  uint8_t held_open;
  int32_t error;
  uint64_t sent[2];
} ExitReport;

void send_exit(uint32_t id, const ExitReport *report);
// A call that never began.
void send_exit_error(uint32_t id, int error);

#endif
