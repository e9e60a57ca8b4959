// System calls that glibc 2.36 has no function for.
#pragma once
#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/// sched_setattr(2) for the calling thread, under the default policy: its niceness, and runs of so many nanoseconds at most (Linux before
/// 6.12 ignores these). 0 on success, -1 with errno EPERM where this niceness is not allowed.
static inline long interestd_set_turns(int32_t niceness, uint64_t slice_ns) {
  struct sched_attr attributes = {0};
  attributes.size = sizeof attributes;
  attributes.sched_nice = niceness;
  attributes.sched_runtime = slice_ns;
  return syscall(SYS_sched_setattr, 0, &attributes, 0);
}

/// Of the calling thread, not of the process (getpriority(2), C library/kernel differences).
static inline int interestd_niceness(void) { return getpriority(PRIO_PROCESS, 0); }
