#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes inside the parser: good until the next begin, put or destroy.
typedef struct {
  const char *bytes;
  size_t count;
} cbeast_text;

typedef enum {
  CBEAST_MORE,  // the body goes on
  CBEAST_DONE,  // the request is complete
  CBEAST_BAD,   // malformed: cbeast_reason says how
  CBEAST_BAD_VERSION,
  CBEAST_TOO_LONG,  // the body is over the limit
} cbeast_status;

/// Boost.Beast's basic_parser of requests, which keeps what it allocates from one request to the next.
typedef struct cbeast_parser cbeast_parser;

cbeast_parser *cbeast_create(void);
void cbeast_destroy(cbeast_parser *parser);

/// Starts a request with its whole header: the request line, the fields and the empty line. `chunk_limit` bounds the
/// bytes of one chunk's header, and of the trailer.
cbeast_status cbeast_begin(cbeast_parser *parser, const void *header, size_t count, uint64_t body_limit,
                           size_t chunk_limit);

/// Feeds bytes of the body, after a status of CBEAST_MORE. Those not consumed come again, with more behind them.
cbeast_status cbeast_put(cbeast_parser *parser, const void *bytes, size_t count, size_t *consumed);

/// Why the last status was not CBEAST_MORE or CBEAST_DONE.
const char *cbeast_reason(const cbeast_parser *parser);

cbeast_text cbeast_method(const cbeast_parser *parser);
cbeast_text cbeast_target(const cbeast_parser *parser);
/// 10 or 11.
int cbeast_version(const cbeast_parser *parser);
/// By the version and the Connection field.
bool cbeast_keep_alive(const cbeast_parser *parser);
/// How many fields have this name, in any case; `first` is the value of the first one, or empty.
size_t cbeast_field(const cbeast_parser *parser, const char *name, size_t name_count, cbeast_text *first);
cbeast_text cbeast_body(const cbeast_parser *parser);
/// Gives back the memory of a large body: it is empty from then on.
void cbeast_release(cbeast_parser *parser);

#ifdef __cplusplus
}
#endif
