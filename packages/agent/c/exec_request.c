#include "exec_request.h"

#include "memory.h"
#include "shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_variable_name(const char *name) { return name && *name && !strchr(name, '='); }

int exec_request_parse(ExecRequest *request, const uint8_t *payload, size_t size) {
  Reader reader = {.at = payload, .left = size};
  *request = (ExecRequest){0};
  request->mode = read_u8(&reader);
  request->flags = read_u8(&reader);
  request->rows = read_u16(&reader);
  request->columns = read_u16(&reader);
  read_u16(&reader);
  request->timeout_ms = read_u32(&reader);
  request->window[0] = read_u32(&reader);
  request->window[1] = read_u32(&reader);
  request->user = read_text(&reader);
  request->directory = read_text(&reader);

  // A string takes four bytes at least, so a count can't ask for more memory than the payload warrants.
  uint32_t count = read_u32(&reader);
  if (reader.bad || count > reader.left / 8) return EINVAL;
  request->variables = allocate(count * sizeof *request->variables);
  request->variable_count = count;
  for (uint32_t i = 0; i < count; i++) {
    request->variables[i].name = read_text(&reader);
    request->variables[i].value = read_text(&reader);
    if (reader.bad || !is_variable_name(request->variables[i].name)) return EINVAL;
  }

  count = read_u32(&reader);
  if (reader.bad || count > reader.left / 4 || !count) return EINVAL;
  request->arguments = allocate((count + 1) * sizeof *request->arguments);
  request->argument_count = count;
  for (uint32_t i = 0; i < count; i++) request->arguments[i] = read_text(&reader);

  bool is_known = request->mode == MODE_ARGUMENTS || (request->mode == MODE_SHELL && count == 1);
  return reader.bad || reader.left || !is_known ? EINVAL : 0;
}

void exec_request_free(ExecRequest *request) {
  for (uint32_t i = 0; i < request->variable_count; i++) {
    free(request->variables[i].name);
    free(request->variables[i].value);
  }
  for (uint32_t i = 0; i < request->argument_count; i++) free(request->arguments[i]);
  free(request->variables);
  free(request->arguments);
  free(request->user);
  free(request->directory);
  *request = (ExecRequest){0};
}

static bool is_exportable(const char *name) {
  // Read-only in bash, or of a meaning to it that the environment does not have.
  static const char *const special[] = {"BASHOPTS", "SHELLOPTS", "UID", "EUID", "PPID", "IFS", "POSIXLY_CORRECT"};
  for (size_t i = 0; i < sizeof special / sizeof *special; i++)
    if (strcmp(name, special[i]) == 0) return false;
  if (strncmp(name, "BASH_", 5) == 0) return false;
  for (const char *at = name; *at; at++) {
    bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
    if (!is_letter && !(at > name && *at >= '0' && *at <= '9')) return false;
  }
  return true;
}

bool exec_request_is_exportable(const ExecRequest *request) {
  for (uint32_t i = 0; i < request->variable_count; i++)
    if (!is_exportable(request->variables[i].name)) return false;
  return true;
}

char *exec_request_script(const ExecRequest *request, size_t *size) {
  static const char strict[] = "set -euo pipefail;";
  size_t capacity = 64 + shell_quoted_size(request->directory) + strlen(request->arguments[0]);
  for (uint32_t i = 0; i < request->variable_count; i++)
    capacity += 16 + strlen(request->variables[i].name) + shell_quoted_size(request->variables[i].value);
  char *script = allocate(capacity), *at = script;
  if (*request->directory) {
    // `./` keeps `cd` from reading `-` as the former folder.
    at = stpcpy(at, *request->directory == '/' ? "cd -- " : "cd -- ./");
    at = stpcpy(shell_quote(at, request->directory), "||exit 126;");
  }
  for (uint32_t i = 0; i < request->variable_count; i++) {
    at = stpcpy(stpcpy(stpcpy(at, "export "), request->variables[i].name), "=");
    at = stpcpy(shell_quote(at, request->variables[i].value), ";");
  }
  if (request->flags & EXEC_STRICT) at = stpcpy(at, strict);
  at = stpcpy(at, request->arguments[0]);
  *size = (size_t)(at - script);
  return script;
}
