#include "call.h"
#include "clock.h"
#include "orphans.h"
#include "outbox.h"
#include "poller.h"
#include "port.h"
#include "process.h"
#include "requests.h"
#include "session.h"
#include "shell.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CAPABILITY_SHELL = 1, CAPABILITY_TERMINAL = 2 };

static const char usage[] =
    "usage: nix-vm-test-agent [--exit-on-close] (--port-name NAME | PATH)\n"
    "  --port-name NAME  the virtio port of this name\n"
    "  PATH              a port's device, or a Unix socket to connect to\n"
    "  --exit-on-close   end when the socket's peer closes it\n";

static bool parse_arguments(int count, char **arguments, PortOptions *options) {
  for (int i = 1; i < count; i++) {
    if (strcmp(arguments[i], "--exit-on-close") == 0) options->exit_on_close = true;
    else if (strcmp(arguments[i], "--port-name") == 0 && i + 1 < count) options->name = arguments[++i];
    else if (arguments[i][0] != '-' && !options->path) options->path = arguments[i];
    else return false;
  }
  return !options->path != !options->name;
}

// Children get exactly the descriptors meant for them: 0, 1 and 2 are taken here, and what the agent itself was given is closed.
static void tidy_descriptors(void) {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  // Kernels before 5.9 lack the call.
  if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0) < 0)
    for (fd = STDERR_FILENO + 1; fd < 1024; fd++) close(fd);
}

static int open_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void reap_children(void) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (!calls_child_ended(pid, status)) shell_child_ended(pid);
}

// False when the agent was asked to stop.
static bool handle_signals(int signals) {
  // What does not fit is told of by the next poll.
  struct signalfd_siginfo infos[8];
  bool go_on = true;
  ssize_t size = read(signals, infos, sizeof infos);
  for (ssize_t i = 0; i < size / (ssize_t)sizeof *infos; i++) go_on &= infos[i].ssi_signo == SIGCHLD;
  reap_children();
  return go_on;
}

static void say_goodbye(void) {
  calls_drop();
  if (!session_is_open()) return;
  frame_send(BYE, 0, (uint8_t[]){0}, 1);
  outbox_flush();
}

static void run(int signals) {
  short signalled;
  do {
    port_open();
    calls_watch();
    orphans_watch();
    shell_watch();
    outbox_watch();
    port_watch(!outbox_is_full(), outbox_wants_to_write());
    poller_watch(signals, POLLIN, &signalled);
    poller_wait();

    if (signalled && !handle_signals(signals)) break;
    shell_step();
    session_receive();
    calls_step(now_ms());
    orphans_step();
    outbox_flush();
    port_check();
    // Only now, as nobody waits for it.
    shell_refill(processes_waiting());
  } while (!port_finished());
  say_goodbye();
}

int main(int count, char **arguments) {
  PortOptions options = {0};
  if (!parse_arguments(count, arguments, &options)) {
    fputs(usage, stderr);
    return 2;
  }
  tidy_descriptors();
  int signals = open_signals();
  if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
    fprintf(stderr, "nix-vm-test-agent: can't set up signals: %s\n", strerror(errno));
    return 1;
  }
  if (chdir("/") < 0) return 1;
  spawn_init();
  port_init(&options);
  session_init(&(SessionHandler){.on_begin = calls_drop, .on_frame = handle_request}, (shell_init() ? CAPABILITY_SHELL : 0) | CAPABILITY_TERMINAL);
  shell_refill(0);
  run(signals);
  return 0;
}
