#pragma once
// Replaces the C library's thrd_create and thrd_join, which librdkafka uses, by ones that the thread sanitizer sees.
#include <threads.h>
