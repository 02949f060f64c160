// Shells that are ready before their code is known.
//
// A resident bash forks them ahead of time; a command only wakes one, which costs neither a fork nor an exec. Each is used once.
#ifndef SHELL_H
#define SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Starts the resident shell; false when the guest has no bash.
bool shell_init(void);
// The guest's bash, NULL when it has none.
const char *shell_path(void);

typedef struct {
  pid_t pid;
  // The agent's ends: where the code goes, stdin, stdout, stderr.
  int code, in, out, err;
} PreparedShell;

// Hands over a shell that waits for its code.
bool shell_take(PreparedShell *shell);
// Prepared shells can be had or are under way: waiting for one is worthwhile.
bool shell_is_usable(void);

// What a prepared shell reads before the code itself: the size of the code in as many digits.
enum { SHELL_SIZE_DIGITS = 8 };

void shell_watch(void);
void shell_step(void);
bool shell_child_ended(pid_t pid);
// Prepares new shells in place of used ones; `waiting` calls want one now.
void shell_refill(unsigned waiting);

// Shell code that gives `text` as one word.
size_t shell_quoted_size(const char *text);
char *shell_quote(char *target, const char *text);

#endif
