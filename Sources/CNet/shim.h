#pragma once
#if !__has_include(<event2/event.h>)
#error "libevent is missing: apt-get install libevent-dev"
#endif
#include <errno.h>
#include <fcntl.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

// glibc shows accept4 only with _GNU_SOURCE, and a system module that defines it clashes with the others (fd_set differs).
extern int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

/// The next connection, non-blocking and closed on exec, or -1 with errno.
static inline int cnet_accept(int listener) { return accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); }

/// Another descriptor, closed on exec, of the same open socket, or -1 with errno. fcntl is variadic.
static inline int cnet_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 0); }
