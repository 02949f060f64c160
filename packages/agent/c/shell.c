#include "shell.h"

#include "clock.h"
#include "memory.h"
#include "poller.h"
#include "session.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The resident shell's own code, read from its stdin as the requests after it are.
//
// `bash` is found in the current folder by the hash table: a script without a `#!` line, which the forked shell takes over without an
// exec, by beginning anew as POSIX demands it. So a prepared shell is a shell of its own: `$$` is its own pid, and no loop, function or
// variable of the resident one is left in it. `set -m` gives it its own process group, and the subshell around it ends at once, so that
// the agent becomes its parent. Pipes are opened by their number in the agent: there are no names to clean up.
static const char resident_code[] =
    "SHLVL=0\n"
    "hash -p bash bash\n"
    "while read -r agent code in out err status; do\n"
    "  ( set -m; bash \"$agent\" \"$code\" \"$in\" \"$out\" \"$err\" \"$status\" & echo $! >\"/proc/$agent/fd/$status\" )\n"
    "  echo . >\"/proc/$agent/fd/$status\"\n"
    "done\n";

// A prepared shell. All on one line, so that the lines of the code count from 1. The size of the code is one of bytes, hence LC_ALL.
static const char prepared_code[] =
    "exec 3<\"/proc/$1/fd/$2\" <\"/proc/$1/fd/$3\" >\"/proc/$1/fd/$4\" 2>\"/proc/$1/fd/$5\" || exit; "
    "echo r >\"/proc/$1/fd/$6\"; "
    "cd ~ 2>/dev/null || cd /; unset OLDPWD; set --; "
    "((BASH_VERSINFO > 4)) && BASH_ARGV0=bash BASH_SUBSHELL=0; "
    "LC_ALL=C; "
    "IFS= read -r -u 3 -N 8 size && IFS= read -r -u 3 -N \"$size\" code || exit; "
    "exec 3<&-; unset LC_ALL; "
    "eval \"unset size code;$code\"\n";

enum {
  SLOTS_MAX = 8,
  // A burst of commands as long as that is answered without a fork.
  SLOTS_IDLE = 4,
  FAILURES_MAX = 3,
  RESTART_MS = 1000,
  // After a command began, further shells are prepared only then: the guest often has one processor, and the answer would wait for them.
  PAUSE_MS = 20
};

typedef struct {
  bool used;
  PreparedShell shell;
  // The other ends, held until the shell has opened them.
  int far[5];
  // Where the resident shell and the prepared one report: the pid, `.` when the process between them is gone, `r` when it is ready.
  int status;
  bool parent_gone, ready;
  short event;
} Slot;

static char *bash;
static char folder[PATH_MAX];
static pid_t resident = -1;
static int requests = -1;
static Slot slots[SLOTS_MAX];
// Shells in a row that ended before they were ready: with three the resident shell is given up.
static unsigned failures;
static uint64_t started_at;
// Until then only shells that somebody waits for are prepared.
static uint64_t pause_until;

static bool write_script(void) {
  ssize_t size = readlink("/proc/self/exe", folder, sizeof folder - 16);
  if (size <= 0) return false;
  folder[size] = 0;
  strcpy(strrchr(folder, '/'), "/shell");
  if (mkdir(folder, 0755) < 0 && errno != EEXIST) return false;
  char path[PATH_MAX + 8], temporary[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/bash", folder);
  snprintf(temporary, sizeof temporary, "%s/bash.%d", folder, (int)getpid());
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0700);
  if (fd < 0) return false;
  bool written = write(fd, prepared_code, sizeof prepared_code - 1) == sizeof prepared_code - 1 && fchmod(fd, 0755) == 0;
  close(fd);
  return written && rename(temporary, path) == 0;
}

static bool start_resident(void) {
  User root;
  find_user(NULL, &root);
  int pipe_ends[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0 || pipe2(pipe_ends, O_CLOEXEC) < 0) return false;
  Environment environment;
  environment_init(&environment, &root);
  const char *arguments[] = {"bash", "--norc", "--noprofile", NULL};
  resident = spawn(&(SpawnOptions){
      .program = bash,
      .arguments = arguments,
      .environment = &environment,
      .user = &root,
      .directory = folder,
      .stdio = {pipe_ends[0], null, STDERR_FILENO},
  });
  environment_free(&environment);
  close(null);
  close(pipe_ends[0]);
  requests = pipe_ends[1];
  started_at = now_ms();
  if (resident < 0) {
    close(requests);
    return false;
  }
  fcntl(requests, F_SETFL, O_NONBLOCK);
  return write(requests, resident_code, sizeof resident_code - 1) == sizeof resident_code - 1;
}

bool shell_init(void) {
  User root;
  find_user(NULL, &root);
  Environment environment;
  environment_init(&environment, &root);
  bash = find_program("bash", environment_get(&environment, "PATH"));
  environment_free(&environment);
  if (!bash) return false;
  if (!write_script() || !start_resident()) failures = FAILURES_MAX;
  return true;
}

const char *shell_path(void) { return bash; }

bool shell_is_usable(void) { return bash && failures < FAILURES_MAX && resident > 0; }

static void close_pipes(int *fds, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    if (fds[i] >= 0) close(fds[i]);
    fds[i] = -1;
  }
}

static void discard(Slot *slot) {
  // One that is still on its start would open descriptors that have the same numbers by then.
  if (slot->shell.pid > 0) kill(slot->shell.pid, SIGKILL);
  close_pipes(slot->far, 5);
  close_pipes((int[]){slot->status, slot->shell.code, slot->shell.in, slot->shell.out, slot->shell.err}, 5);
  slot->used = false;
}

static bool is_available(const Slot *slot) { return slot->used && slot->ready && slot->parent_gone && slot->shell.pid > 0; }

// pipe2 for one slot: `near` is the agent's end.
static bool make_pipe(int *near, int *far, bool agent_writes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  *near = ends[agent_writes];
  *far = ends[!agent_writes];
  fcntl(*near, F_SETFL, O_NONBLOCK);
  return true;
}

static void prepare(Slot *slot) {
  *slot = (Slot){.used = true, .status = -1, .far = {-1, -1, -1, -1, -1}, .shell = {.code = -1, .in = -1, .out = -1, .err = -1}};
  char request[128];
  bool made = make_pipe(&slot->shell.code, &slot->far[0], true) && make_pipe(&slot->shell.in, &slot->far[1], true) &&
              make_pipe(&slot->shell.out, &slot->far[2], false) && make_pipe(&slot->shell.err, &slot->far[3], false) &&
              make_pipe(&slot->status, &slot->far[4], false);
  int size = snprintf(request, sizeof request, "%d %d %d %d %d %d\n", (int)getpid(), slot->far[0], slot->far[1], slot->far[2], slot->far[3], slot->far[4]);
  if (!made || write(requests, request, (size_t)size) != size) discard(slot);
}

void shell_refill(unsigned waiting) {
  if (!bash || failures >= FAILURES_MAX) return;
  if (resident < 0) {
    if (now_ms() < started_at + RESTART_MS) {
      poller_wake_at(started_at + RESTART_MS);
      return;
    }
    if (!start_resident()) {
      failures++;
      return;
    }
  }
  bool paused = now_ms() < pause_until;
  if (paused) poller_wake_at(pause_until);
  unsigned wanted = waiting + (paused ? 0 : SLOTS_IDLE);
  if (wanted > SLOTS_MAX) wanted = SLOTS_MAX;
  for (Slot *slot = slots; slot < slots + SLOTS_MAX; slot++) wanted -= slot->used && wanted;
  for (Slot *slot = slots; wanted && slot < slots + SLOTS_MAX; slot++)
    if (!slot->used) {
      prepare(slot);
      wanted--;
    }
}

void shell_watch(void) {
  for (Slot *slot = slots; slot < slots + SLOTS_MAX; slot++) {
    slot->event = 0;
    if (slot->used && !is_available(slot)) poller_watch(slot->status, POLLIN, &slot->event);
  }
}

static void read_status(Slot *slot) {
  char text[64];
  ssize_t size = read(slot->status, text, sizeof text);
  for (ssize_t i = 0; i < size; i++) {
    if (text[i] == 'r') slot->ready = true;
    else if (text[i] == '.') slot->parent_gone = true;
    else if (text[i] >= '0' && text[i] <= '9') slot->shell.pid = slot->shell.pid * 10 + (text[i] - '0');
  }
}

static void slot_failed(Slot *slot) {
  discard(slot);
  if (++failures == FAILURES_MAX) session_log(2, "prepared shells do not start: every command starts a bash of its own");
}

void shell_step(void) {
  for (Slot *slot = slots; slot < slots + SLOTS_MAX; slot++) {
    if (!slot->used || !slot->event) continue;
    read_status(slot);
    if (slot->parent_gone && !slot->ready && slot->shell.pid > 0 && kill(slot->shell.pid, 0) < 0) {
      // It ended, and was reaped, before its pid was known here.
      slot->shell.pid = 0;
      slot_failed(slot);
      continue;
    }
    if (!is_available(slot)) continue;
    close_pipes(slot->far, 5);
    close_pipes(&slot->status, 1);
    failures = 0;
    // Its group must be its own: a time-out would kill the resident shell's otherwise.
    if (getpgid(slot->shell.pid) != slot->shell.pid) {
      failures = FAILURES_MAX;
      discard(slot);
    }
  }
}

bool shell_take(PreparedShell *shell) {
  for (Slot *slot = slots; slot < slots + SLOTS_MAX; slot++)
    if (is_available(slot)) {
      *shell = slot->shell;
      slot->used = false;
      pause_until = now_ms() + PAUSE_MS;
      return true;
    }
  return false;
}

static void resident_ended(void) {
  session_log(2, "the resident shell ended: it is started again");
  close(requests);
  resident = -1;
  for (Slot *slot = slots; slot < slots + SLOTS_MAX; slot++)
    if (slot->used && !is_available(slot)) discard(slot);
}

bool shell_child_ended(pid_t pid) {
  if (pid == resident) {
    resident_ended();
    return true;
  }
  for (Slot *slot = slots; slot < slots + SLOTS_MAX; slot++)
    if (slot->used && slot->shell.pid == pid) {
      bool was_available = is_available(slot);
      slot->shell.pid = 0;
      if (was_available) discard(slot);
      else slot_failed(slot);
      return true;
    }
  return false;
}

size_t shell_quoted_size(const char *text) {
  size_t size = 2;
  for (; *text; text++) size += *text == '\'' ? 4 : 1;
  return size;
}

char *shell_quote(char *target, const char *text) {
  *target++ = '\'';
  for (; *text; text++) {
    if (*text == '\'') {
      memcpy(target, "'\\''", 4);
      target += 4;
    } else {
      *target++ = *text;
    }
  }
  *target++ = '\'';
  return target;
}
