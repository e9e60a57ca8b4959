#pragma once
#if !__has_include(<xxhash.h>)
#error "xxHash is missing: apt-get install libxxhash-dev"
#endif
#include <xxhash.h>

/// Has a line of memory come to the cache, without waiting for it: Swift has no name for what compilers have.
static inline void interestd_prefetch(const void *at) { __builtin_prefetch(at); }
