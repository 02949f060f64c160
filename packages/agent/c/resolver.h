// Host names to addresses without blocking the agent.
#ifndef RESOLVER_H
#define RESOLVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { ADDRESSES_MAX = 8 };

typedef struct {
  unsigned count;
  struct sockaddr_storage addresses[ADDRESSES_MAX];
} Addresses;

// Literals and `localhost`, which need nobody; false for other names.
bool resolve_literal(const char *host, uint16_t port, Addresses *addresses);

// Other names are asked for by a child process, as that may take many seconds: the guest's /etc/hosts and DNS.
typedef struct {
  pid_t child;
  int pipe;
  short ready;
} Resolver;

bool resolver_start(Resolver *resolver, const char *host, uint16_t port);
// The answer, empty when there is none; to be called when the pipe is ready.
void resolver_finish(Resolver *resolver, Addresses *addresses);
void resolver_cancel(Resolver *resolver);

#endif
