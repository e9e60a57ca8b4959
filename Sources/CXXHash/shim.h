#pragma once
#if !__has_include(<xxhash.h>)
#error "xxHash is missing: apt-get install libxxhash-dev"
#endif
#include <xxhash.h>
