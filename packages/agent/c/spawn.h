// Starts programs: as a user, with an environment, signals at their defaults, in a process group of their own.
#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOGIN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define NIXOS_PATH "/run/wrappers/bin:/run/current-system/sw/bin"

enum { GROUPS_MAX = 256 };

typedef struct {
  char name[256], home[512], shell[256];
  uid_t uid;
  gid_t gid;
  int group_count;
  gid_t groups[GROUPS_MAX];
} User;

// NULL or "" is the agent's own: root. Returns 0 or an error number; ESRCH: there is no such user.
int find_user(const char *name, User *user);

// A NULL-terminated list of `NAME=VALUE`, as execve wants it.
typedef struct {
  char **entries;
  unsigned count;
} Environment;

// What a login of this user has.
void environment_init(Environment *environment, const User *user);
void environment_set(Environment *environment, const char *name, const char *value);
const char *environment_get(const Environment *environment, const char *name);
void environment_free(Environment *environment);

// The path of a program by its name, NULL when there is none. The caller frees it.
char *find_program(const char *name, const char *path);

typedef struct {
  const char *program;
  const char *const *arguments;
  const Environment *environment;
  const User *user;
  const char *directory;
  int stdio[3];
  // stdin is a terminal that becomes the controlling one of a new session.
  bool terminal;
} SpawnOptions;

// Remembers what children must get back: to be called before the agent raises its own limit of open files.
void spawn_init(void);
// The process, or -1 with errno, also when the program could not be executed.
pid_t spawn(const SpawnOptions *options);

#endif
