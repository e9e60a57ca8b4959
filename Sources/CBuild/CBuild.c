#include "CBuild.h"

#if !__has_include(<jemalloc/jemalloc.h>)
#error "jemalloc is missing: apt-get install libjemalloc-dev"
#endif

// jemalloc(3): what librdkafka and RocksDB free in large pieces goes back to the system soon, not after ten seconds, which is 70 MB of
// resident memory while a backlog is read. It is this
// executable's symbol that jemalloc looks for.
const char *malloc_conf = "narenas:4,dirty_decay_ms:500,muzzy_decay_ms:0";

const char *interestd_build_commit(void) { return INTERESTD_COMMIT; }
