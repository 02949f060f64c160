#include "resolver.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void look_up(const char *host, uint16_t port, int flags, Addresses *addresses) {
  char service[8];
  snprintf(service, sizeof service, "%u", port);
  struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
  addresses->count = 0;
  if (getaddrinfo(host, service, &hints, &found) != 0) return;
  for (struct addrinfo *entry = found; entry && addresses->count < ADDRESSES_MAX; entry = entry->ai_next)
    memcpy(&addresses->addresses[addresses->count++], entry->ai_addr, entry->ai_addrlen);
  freeaddrinfo(found);
}

bool resolve_literal(const char *host, uint16_t port, Addresses *addresses) {
  if (strcmp(host, "localhost") != 0) {
    look_up(host, port, AI_NUMERICHOST, addresses);
    return addresses->count > 0;
  }
  *addresses = (Addresses){.count = 2};
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  memcpy(&addresses->addresses[0], &v4, sizeof v4);
  memcpy(&addresses->addresses[1], &v6, sizeof v6);
  return true;
}

bool resolver_start(Resolver *resolver, const char *host, uint16_t port) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  pid_t child = fork();
  if (child == 0) {
    Addresses addresses;
    look_up(host, port, 0, &addresses);
    // Fits the pipe as a whole.
    _exit(write(ends[1], &addresses, sizeof addresses) != sizeof addresses);
  }
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return false;
  }
  *resolver = (Resolver){.child = child, .pipe = ends[0]};
  return true;
}

void resolver_finish(Resolver *resolver, Addresses *addresses) {
  if (read(resolver->pipe, addresses, sizeof *addresses) != sizeof *addresses) addresses->count = 0;
  resolver_cancel(resolver);
}

void resolver_cancel(Resolver *resolver) {
  if (!resolver->child) return;
  // A child that has ended meanwhile is still to be reaped by the loop, so its pid is nobody else's.
  kill(resolver->child, SIGKILL);
  close(resolver->pipe);
  resolver->child = 0;
}
