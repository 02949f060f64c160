// The payload of EXEC, checked and copied.
#ifndef EXEC_REQUEST_H
#define EXEC_REQUEST_H

#include "wire.h"

enum { MODE_SHELL = 0, MODE_ARGUMENTS = 1 };
enum { EXEC_TERMINAL = 1, EXEC_NO_STDIN = 2, EXEC_STRICT = 4 };

typedef struct {
  char *name, *value;
} Variable;

typedef struct {
  uint8_t mode, flags;
  uint16_t rows, columns;
  uint32_t timeout_ms;
  uint32_t window[2];
  char *user, *directory;
  uint32_t variable_count;
  Variable *variables;
  uint32_t argument_count;
  // NULL-terminated.
  char **arguments;
} ExecRequest;

// 0, or EINVAL. To be freed in either case.
int exec_request_parse(ExecRequest *request, const uint8_t *payload, size_t size);
void exec_request_free(ExecRequest *request);

// Every variable can be set by shell code: a prepared shell may run it.
_Bool exec_request_is_exportable(const ExecRequest *request);
// Shell code that goes to the directory, exports the variables and then is the request's own; `size` gets its length.
char *exec_request_script(const ExecRequest *request, size_t *size);

#endif
