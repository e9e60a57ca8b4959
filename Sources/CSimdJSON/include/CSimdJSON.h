// simdjson's on-demand parser behind a C API: one JSON behavior (DESIGN.md section 4) into a flat struct.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum csimdjson_kind {
  csimdjson_absent = 0,
  csimdjson_null = 1,
  csimdjson_string = 2,   // the text without quotes and escapes
  csimdjson_integer = 3,  // an optional minus and digits, as they stand
  csimdjson_other = 4,    // a fraction, boolean, array or object: where it begins, at most 64 bytes of it
};

typedef struct {
  const char *start;
  size_t length;
  uint8_t kind;
} csimdjson_field;

/// The last occurrence of each field; the text is good until the reader's next call.
typedef struct {
  csimdjson_field user_id;
  csimdjson_field shop_id;
  csimdjson_field type;
  csimdjson_field time_ms;
  csimdjson_field dwell_ms;
  csimdjson_field spend_micros;
  csimdjson_field event_id;
  csimdjson_field item_id;
} csimdjson_behavior;

enum csimdjson_result {
  csimdjson_good = 0,
  csimdjson_malformed = 1,
  csimdjson_invalid_utf8 = 2,
  csimdjson_no_memory = 3,
};

typedef struct csimdjson_reader csimdjson_reader;

/// Null where there is no memory. One thread at a time.
csimdjson_reader *csimdjson_new(void);
void csimdjson_free(csimdjson_reader *);

/// Reads `length` bytes that are to be one JSON object and nothing else; all of it is checked, fields that are not
/// ours too. The bytes are copied, since simdjson reads up to 64 bytes past the end. Memory grows with the largest
/// record; what a record beyond 1 MiB took is given back by the next smaller one.
uint32_t csimdjson_read(csimdjson_reader *, const char *bytes, size_t length, csimdjson_behavior *);

/// After a result that is not good: what is wrong, as text that needs no freeing.
const char *csimdjson_fault(const csimdjson_reader *);
/// After a result that is not good: the byte near which it is wrong, or -1 where that is unknown.
int64_t csimdjson_fault_offset(const csimdjson_reader *);

bool csimdjson_is_utf8(const char *bytes, size_t length);

#ifdef __cplusplus
}
#endif
