#include "process.h"

#include "call.h"
#include "child_stdio.h"
#include "clock.h"
#include "exec_request.h"
#include "orphans.h"
#include "outbox.h"
#include "output.h"
#include "pipe_writer.h"
#include "poller.h"
#include "session.h"
#include "shell.h"
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
  // Between SIGTERM and SIGKILL of a time-out.
  GRACE_MS = 500,
  // A prepared shell is waited for no longer than that.
  SHELL_WAIT_MS = 2000,
  // After the first process has ended, the others get that long to close what they inherited: a daemon on its start does.
  LINGER_MS = 200,
  // A terminal closes by itself with its first process, but hands on the last bytes with a delay.
  TERMINAL_LINGER_MS = 500
};

typedef struct {
  Call call;
  ExecRequest request;
  User user;
  // 0 while a prepared shell is waited for, until `shell_deadline`.
  pid_t pid;
  uint64_t shell_deadline;
  // The code on its way to a prepared shell.
  PipeWriter code;
  PipeWriter in;
  StdinCredit credit;
  // stdout and stderr.
  PipeReader out[2];
  // The terminal's own end, -1 without one. Held to the end: closing the last descriptor of it hangs up on a process that is about to exit.
  int terminal;
  uint64_t deadline, kill_at, linger_until;
  bool timed_out, exited, lingered;
  int status;
} Process;

static unsigned waiting;

unsigned processes_waiting(void) { return waiting; }

static bool has_flag(const Process *process, uint8_t flag) { return process->request.flags & flag; }

static void started(Process *process) {
  uint8_t *payload = frame_begin();
  Writer writer = {.at = payload};
  write_u32(&writer, (uint32_t)process->pid);
  write_u64(&writer, clock_ns(CLOCK_BOOTTIME));
  frame_end_lazily(STARTED, process->call.id, (size_t)(writer.at - payload));
  if (process->in.fd >= 0) stdin_credit_grant(&process->credit, process->call.id);
  exec_request_free(&process->request);
}

static void failed(Process *process, int error) {
  send_exit_error(process->call.id, error);
  call_end(&process->call);
}

static bool is_directory(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int execute(Process *process, const char *program, const char *const *arguments, const Environment *environment) {
  const ExecRequest *request = &process->request;
  bool on_terminal = has_flag(process, EXEC_TERMINAL);
  ChildStdio stdio;
  int error = on_terminal ? child_stdio_open_terminal(&stdio, request->rows, request->columns)
                          : child_stdio_open_pipes(&stdio, !has_flag(process, EXEC_NO_STDIN));
  process->in.fd = stdio.in;
  process->out[0].fd = stdio.out;
  process->out[1].fd = stdio.err;
  process->terminal = stdio.terminal;
  if (!error) {
    const char *home = is_directory(process->user.home) ? process->user.home : "/";
    process->pid = spawn(&(SpawnOptions){
        .program = program,
        .arguments = arguments,
        .environment = environment,
        .user = &process->user,
        .directory = *request->directory ? request->directory : home,
        .stdio = {stdio.far[0], stdio.far[1], stdio.far[2]},
        .terminal = on_terminal,
    });
    if (process->pid < 0) error = errno;
  }
  child_stdio_close_far(&stdio);
  return error;
}

static int execute_program(Process *process, const Environment *environment) {
  const char *const *arguments = (const char *const *)process->request.arguments;
  char *program = find_program(arguments[0], environment_get(environment, "PATH"));
  if (!program) return ENOENT;
  int error = execute(process, program, arguments, environment);
  free(program);
  return error;
}

static int execute_shell(Process *process, const Environment *environment) {
  const char *bash = shell_path(), *prelude = "";
  if (has_flag(process, EXEC_STRICT)) {
    // Not every `sh` knows `pipefail`, and an unknown option ends it.
    prelude = bash ? "set -euo pipefail;" : "set -eu;(set -o pipefail) 2>/dev/null&&set -o pipefail;";
  }
  char *code;
  if (asprintf(&code, "%s%s", prelude, process->request.arguments[0]) < 0) abort();
  int error = execute(process, bash ? bash : "/bin/sh", (const char *[]){bash ? "bash" : "sh", "-c", code, NULL}, environment);
  free(code);
  return error;
}

// A process of its own for the command: a program with its arguments, or a shell that is made for this code.
static void start_program(Process *process) {
  ExecRequest *request = &process->request;
  Environment environment;
  environment_init(&environment, &process->user);
  if (has_flag(process, EXEC_TERMINAL)) environment_set(&environment, "TERM", "xterm-256color");
  for (uint32_t i = 0; i < request->variable_count; i++) environment_set(&environment, request->variables[i].name, request->variables[i].value);
  int error = request->mode == MODE_ARGUMENTS ? execute_program(process, &environment) : execute_shell(process, &environment);
  environment_free(&environment);
  if (error) failed(process, error);
  else started(process);
}

static bool start_prepared(Process *process) {
  PreparedShell shell;
  if (!shell_take(&shell)) return false;
  process->pid = shell.pid;
  process->code.fd = shell.code;
  process->in.fd = shell.in;
  process->out[0].fd = shell.out;
  process->out[1].fd = shell.err;
  if (has_flag(process, EXEC_NO_STDIN)) pipe_writer_close(&process->in);
  size_t size;
  char *script = exec_request_script(&process->request, &size), digits[SHELL_SIZE_DIGITS + 1];
  snprintf(digits, sizeof digits, "%0*zu", SHELL_SIZE_DIGITS, size);
  pipe_writer_push(&process->code, digits, SHELL_SIZE_DIGITS);
  pipe_writer_push(&process->code, script, size);
  process->code.ended = true;
  free(script);
  pipe_writer_step(&process->code);
  started(process);
  return true;
}

static const CallType process_type;

static Process *add_process(uint32_t id) {
  Process *process = call_add(&process_type, id, sizeof *process);
  process->code.fd = process->in.fd = process->terminal = -1;
  process->deadline = process->kill_at = process->linger_until = process->shell_deadline = NEVER;
  for (int i = 0; i < 2; i++) process->out[i] = (PipeReader){.output.type = i ? STDERR : STDOUT, .fd = -1, .remaining = -1};
  return process;
}

static bool fits_prepared_shell(const Process *process) {
  return process->request.mode == MODE_SHELL && !has_flag(process, EXEC_TERMINAL) && process->user.uid == geteuid() && shell_is_usable() &&
         exec_request_is_exportable(&process->request) && (!*process->request.directory || is_directory(process->request.directory));
}

void process_start(uint32_t id, const uint8_t *payload, size_t size) {
  Process *process = add_process(id);
  uint64_t now = now_ms();
  int error = exec_request_parse(&process->request, payload, size);
  if (!error) error = find_user(process->request.user, &process->user);
  if (error) {
    failed(process, error);
    return;
  }
  if (process->request.timeout_ms) process->deadline = now + process->request.timeout_ms;
  for (int i = 0; i < 2; i++) process->out[i].output.credit = process->request.window[i];
  if (!fits_prepared_shell(process)) {
    start_program(process);
  } else if (!start_prepared(process)) {
    process->shell_deadline = now + SHELL_WAIT_MS;
    waiting++;
  }
}

static bool is_waiting(const Process *process) { return process->shell_deadline != NEVER; }

static void stop_waiting(Process *process) {
  if (is_waiting(process)) waiting--;
  process->shell_deadline = NEVER;
}

static bool signal_group(const Process *process, int signal_number) { return process->pid > 0 && kill(-process->pid, signal_number) == 0; }

static void time_out(Process *process, uint64_t now) {
  process->deadline = NEVER;
  process->timed_out = true;
  if (is_waiting(process)) {
    send_exit(process->call.id, &(ExitReport){.code = -1, .timed_out = true, .error = ETIMEDOUT});
    call_end(&process->call);
    return;
  }
  signal_group(process, SIGTERM);
  // A stopped process would not notice.
  signal_group(process, SIGCONT);
  process->kill_at = now + GRACE_MS;
}

// Everything that the command wrote has been sent, and a time-out has done its work.
static bool is_complete(const Process *process) {
  if (!process->exited) return false;
  // The rest of a group that was told to end may still be at it.
  if (process->kill_at != NEVER && signal_group(process, 0)) return false;
  if (process->out[0].fd < 0 && process->out[1].fd < 0) return true;
  return process->lingered && pipe_reader_is_drained(&process->out[0]) && pipe_reader_is_drained(&process->out[1]);
}

// What is still open now belongs to processes left behind.
static void end_lingering(Process *process) {
  process->linger_until = NEVER;
  process->lingered = true;
  for (int i = 0; i < 2; i++)
    if (!pipe_reader_is_drained(&process->out[i])) pipe_reader_process_ended(&process->out[i]);
}

static void complete(Process *process) {
  ExitReport report = {.timed_out = process->timed_out};
  for (int i = 0; i < 2; i++) {
    report.sent[i] = process->out[i].output.sent;
    if (process->out[i].fd >= 0) report.held_open |= (uint8_t)(1 << i);
  }
  report.signal = WIFSIGNALED(process->status) ? (uint32_t)WTERMSIG(process->status) : 0;
  report.code = report.signal ? 128 + (int32_t)report.signal : WEXITSTATUS(process->status);
  send_exit(process->call.id, &report);
  call_end(&process->call);
}

static void step_stdin(Process *process) {
  if (process->in.fd < 0) return;
  size_t written = pipe_writer_step(&process->in);
  bool closed = process->in.fd < 0 && !process->in.ended;
  if (written || closed) stdin_credit_return(&process->credit, process->call.id, written, closed);
}

static void process_step(Call *call, uint64_t now) {
  Process *process = (Process *)call;
  if (now >= process->deadline) time_out(process, now);
  if (call->ended) return;
  if (is_waiting(process)) {
    bool give_up = now >= process->shell_deadline || !shell_is_usable();
    if (give_up) start_program(process);
    if (give_up || start_prepared(process)) stop_waiting(process);
    return;
  }
  if (now >= process->kill_at) {
    process->kill_at = NEVER;
    signal_group(process, SIGKILL);
  }
  if (now >= process->linger_until) end_lingering(process);
  pipe_writer_step(&process->code);
  step_stdin(process);
  pipe_reader_step(&process->out[0], call->id, 1);
  pipe_reader_step(&process->out[1], call->id, 2);
  if (is_complete(process)) complete(process);
}

static void process_watch(Call *call) {
  Process *process = (Process *)call;
  poller_wake_at(process->deadline);
  poller_wake_at(process->kill_at);
  poller_wake_at(process->linger_until);
  poller_wake_at(process->shell_deadline);
  pipe_writer_watch(&process->code);
  pipe_writer_watch(&process->in);
  pipe_reader_watch(&process->out[0]);
  pipe_reader_watch(&process->out[1]);
}

static bool process_child_ended(Call *call, pid_t pid, int status) {
  Process *process = (Process *)call;
  if (process->exited || process->pid != pid) return false;
  process->exited = true;
  process->status = status;
  process->deadline = NEVER;
  process->linger_until = now_ms() + (process->terminal >= 0 ? TERMINAL_LINGER_MS : LINGER_MS);
  for (int i = 0; i < 2; i++)
    if (process->terminal < 0) pipe_reader_process_ended(&process->out[i]);
  return true;
}

static void end_of_stdin(Process *process) {
  struct termios terminal;
  if (process->terminal >= 0 && tcgetattr(process->terminal, &terminal) == 0) {
    pipe_writer_push(&process->in, &terminal.c_cc[VEOF], 1);
    return;
  }
  process->in.ended = true;
  process->credit.closed_told = true;
}

static void process_message(Call *call, uint8_t type, Reader *payload) {
  Process *process = (Process *)call;
  switch (type) {
    case STDIN:
      if (!stdin_credit_take(&process->credit, payload->left)) session_distrust("more stdin than was granted");
      else if (!process->in.ended) pipe_writer_push(&process->in, payload->at, payload->left);
      break;
    case STDIN_EOF:
      end_of_stdin(process);
      break;
    case CREDIT: {
      uint32_t out = read_u32(payload), err = read_u32(payload);
      if (payload->bad) break;
      output_credit(&process->out[0].output, out);
      output_credit(&process->out[1].output, err);
      break;
    }
    case KILL: {
      uint8_t signal_number = read_u8(payload), scope = read_u8(payload);
      if (payload->bad) break;
      if (is_waiting(process)) failed(process, ECANCELED);
      else if (scope == 0) signal_group(process, signal_number);
      else if (!process->exited) kill(process->pid, signal_number);
      break;
    }
    case RESIZE: {
      struct winsize size = {.ws_row = read_u16(payload)};
      size.ws_col = read_u16(payload);
      if (!payload->bad && process->terminal >= 0) ioctl(process->terminal, TIOCSWINSZ, &size);
      break;
    }
    default:
      break;
  }
}

static void process_dispose(Call *call) {
  Process *process = (Process *)call;
  stop_waiting(process);
  // A call that ended by itself leaves its daemons alone.
  if (!call->ended) signal_group(process, SIGKILL);
  pipe_writer_close(&process->code);
  pipe_writer_close(&process->in);
  for (int i = 0; i < 2; i++)
    if (process->out[i].fd >= 0) orphans_adopt(process->out[i].fd);
  if (process->terminal >= 0) close(process->terminal);
  exec_request_free(&process->request);
}

static const CallType process_type = {
    .watch = process_watch,
    .step = process_step,
    .message = process_message,
    .child_ended = process_child_ended,
    .dispose = process_dispose,
};
