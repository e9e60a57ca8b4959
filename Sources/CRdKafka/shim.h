#pragma once
#if !__has_include(<librdkafka/rdkafka.h>)
#error "librdkafka is missing: apt-get install librdkafka-dev"
#endif
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
