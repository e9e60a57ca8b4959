// System calls that glibc 2.36 has no function for.
#pragma once
#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/// sched_setattr(2) for the calling thread: runs of so many nanoseconds at most under the default policy, at the niceness that it has.
/// Linux before 6.12 ignores it. 0 on success.
static inline long interestd_set_slice(uint64_t slice_ns) {
  struct sched_attr attributes = {0};
  attributes.size = sizeof attributes;
  attributes.sched_nice = getpriority(PRIO_PROCESS, 0);
  attributes.sched_runtime = slice_ns;
  return syscall(SYS_sched_setattr, 0, &attributes, 0);
}
