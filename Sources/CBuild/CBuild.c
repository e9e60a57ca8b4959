#include "CBuild.h"

#if !__has_include(<jemalloc/jemalloc.h>)
#error "jemalloc is missing: apt-get install libjemalloc-dev"
#endif

const char *interestd_build_commit(void) { return INTERESTD_COMMIT; }
