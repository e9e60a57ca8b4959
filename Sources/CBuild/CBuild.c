#include "CBuild.h"

const char *interestd_build_commit(void) { return INTERESTD_COMMIT; }
