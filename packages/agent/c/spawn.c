#include "spawn.h"

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct rlimit original_files;

void spawn_init(void) {
  getrlimit(RLIMIT_NOFILE, &original_files);
  struct rlimit raised = {.rlim_cur = original_files.rlim_max, .rlim_max = original_files.rlim_max};
  setrlimit(RLIMIT_NOFILE, &raised);
}

static void copy_field(char *target, size_t size, const char *text) { snprintf(target, size, "%s", text); }

static int describe(const struct passwd *entry, User *user) {
  if (!entry) return errno ? errno : ESRCH;
  copy_field(user->name, sizeof user->name, entry->pw_name);
  copy_field(user->home, sizeof user->home, entry->pw_dir);
  copy_field(user->shell, sizeof user->shell, *entry->pw_shell ? entry->pw_shell : "/bin/sh");
  user->uid = entry->pw_uid;
  user->gid = entry->pw_gid;
  user->group_count = GROUPS_MAX;
  if (getgrouplist(user->name, user->gid, user->groups, &user->group_count) < 0) user->group_count = GROUPS_MAX;
  return 0;
}

// Looked up once: every command would read the files again.
static const User *own_user(void) {
  static User user;
  static bool is_known;
  if (is_known) return &user;
  errno = 0;
  is_known = describe(getpwuid(geteuid()), &user) == 0;
  // A guest may lack the line of root early in its boot.
  if (!is_known) user = (User){.name = "root", .home = "/root", .shell = "/bin/sh", .uid = geteuid(), .gid = getegid(), .group_count = 1, .groups = {getegid()}};
  return &user;
}

int find_user(const char *name, User *user) {
  if (!name || !*name || strcmp(name, own_user()->name) == 0) {
    *user = *own_user();
    return 0;
  }
  errno = 0;
  return describe(getpwnam(name), user);
}

void environment_set(Environment *environment, const char *name, const char *value) {
  size_t name_size = strlen(name), value_size = strlen(value);
  char *entry = allocate(name_size + value_size + 2);
  memcpy(entry, name, name_size);
  entry[name_size] = '=';
  memcpy(entry + name_size + 1, value, value_size);
  for (unsigned i = 0; i < environment->count; i++)
    if (strncmp(environment->entries[i], entry, name_size + 1) == 0) {
      free(environment->entries[i]);
      environment->entries[i] = entry;
      return;
    }
  environment->entries = resize(environment->entries, (environment->count + 2) * sizeof *environment->entries);
  environment->entries[environment->count++] = entry;
  environment->entries[environment->count] = NULL;
}

const char *environment_get(const Environment *environment, const char *name) {
  size_t size = strlen(name);
  for (unsigned i = 0; i < environment->count; i++)
    if (strncmp(environment->entries[i], name, size) == 0 && environment->entries[i][size] == '=') return environment->entries[i] + size + 1;
  return NULL;
}

void environment_free(Environment *environment) {
  for (unsigned i = 0; i < environment->count; i++) free(environment->entries[i]);
  free(environment->entries);
  *environment = (Environment){0};
}

void environment_init(Environment *environment, const User *user) {
  *environment = (Environment){0};
  // NixOS keeps its programs elsewhere; on other distributions this folder does not exist.
  bool is_nixos = access("/run/current-system/sw/bin", F_OK) == 0;
  environment_set(environment, "HOME", user->home);
  environment_set(environment, "USER", user->name);
  environment_set(environment, "LOGNAME", user->name);
  environment_set(environment, "SHELL", user->shell);
  environment_set(environment, "PATH", is_nixos ? NIXOS_PATH ":" LOGIN_PATH : LOGIN_PATH);
  environment_set(environment, "LANG", "C.UTF-8");
}

static bool is_program(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

char *find_program(const char *name, const char *path) {
  if (strchr(name, '/')) return copy_text(name, strlen(name));
  char candidate[4096];
  while (path && *path && *name) {
    size_t size = strcspn(path, ":");
    int length = snprintf(candidate, sizeof candidate, "%.*s/%s", (int)size, path, name);
    if (size && length > 0 && (size_t)length < sizeof candidate && is_program(candidate)) return copy_text(candidate, (size_t)length);
    path += size + (path[size] == ':');
  }
  return NULL;
}

static void be_killable(void) {
  // The unit protects the agent from the kernel's memory killer, not what it starts.
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "0", 1) < 0) errno = 0;
  close(fd);
}

static void default_signals(void) {
  // systemd starts services with SIGPIPE ignored.
  for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// System calls themselves: the C library's functions may take locks and this runs in the memory of the parent.
static bool become(const User *user) {
  if (user->uid == geteuid() && user->uid != 0) return true;
  return syscall(SYS_setgroups, user->group_count, user->groups) == 0 && syscall(SYS_setresgid, user->gid, user->gid, user->gid) == 0 &&
         syscall(SYS_setresuid, user->uid, user->uid, user->uid) == 0;
}

static void execute(const SpawnOptions *options) {
  default_signals();
  if (options->terminal) setsid();
  else setpgid(0, 0);
  for (int fd = 0; fd < 3; fd++)
    if (dup2(options->stdio[fd], fd) < 0) return;
  if (options->terminal && ioctl(0, TIOCSCTTY, 0) < 0) return;
  be_killable();
  setrlimit(RLIMIT_NOFILE, &original_files);
  umask(022);
  if (!become(options->user)) return;
  if (chdir(options->directory) < 0) return;
  execve(options->program, (char **)options->arguments, options->environment->entries);
}

pid_t spawn(const SpawnOptions *options) {
  volatile int error = 0;
  pid_t child = vfork();
  if (child == 0) {
    execute(options);
    error = errno;
    _exit(127);
  }
  if (child > 0 && error) {
    // Its end is noticed by the loop like any other child's, and belongs to nobody.
    errno = error;
    return -1;
  }
  return child;
}
