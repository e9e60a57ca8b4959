#pragma once
#if !__has_include(<event2/event.h>)
#error "libevent is missing: apt-get install libevent-dev"
#endif
#include <event2/event.h>
