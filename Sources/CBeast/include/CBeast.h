#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes inside the parser: good until the next begin or destroy.
typedef struct {
  const char *bytes;
  size_t count;
} cbeast_text;

typedef enum {
  CBEAST_MORE,  // the body goes on
  CBEAST_DONE,  // the message is complete
  CBEAST_BAD,   // malformed: cbeast_reason says how
  CBEAST_BAD_VERSION,
  CBEAST_TOO_LONG,  // the body is over the limit
} cbeast_status;

/// Boost.Beast's basic_parser of requests or replies, which keeps what it allocates from one to the next.
typedef struct cbeast_parser cbeast_parser;

/// Of requests, or of replies to other methods than HEAD.
cbeast_parser *cbeast_create(bool of_requests);
void cbeast_destroy(cbeast_parser *parser);

/// Starts a message with its whole header: the first line, the fields and the empty line. `chunk_limit` bounds the bytes
/// of one chunk's header, and of the trailer. An interim reply is complete with its header.
cbeast_status cbeast_begin(cbeast_parser *parser, const void *header, size_t count, uint64_t body_limit,
                           size_t chunk_limit);

/// Feeds bytes of the body, after a status of CBEAST_MORE. Those not consumed come again, with more behind them. What
/// they are of the body is written to `body`, which has room for `count` bytes.
cbeast_status cbeast_put(cbeast_parser *parser, const void *bytes, size_t count, size_t *consumed, void *body,
                         size_t *written);

/// Why the last status was not CBEAST_MORE or CBEAST_DONE.
const char *cbeast_reason(const cbeast_parser *parser);

cbeast_text cbeast_method(const cbeast_parser *parser);
cbeast_text cbeast_target(const cbeast_parser *parser);
/// 10 or 11.
int cbeast_version(const cbeast_parser *parser);
int cbeast_reply_status(const cbeast_parser *parser);
/// Whether the reply's body ends with the connection.
bool cbeast_needs_end(const cbeast_parser *parser);
/// By the version and the Connection field.
bool cbeast_keep_alive(const cbeast_parser *parser);
/// How many fields have this name, in any case; `first` is the value of the first one, or empty.
size_t cbeast_field(const cbeast_parser *parser, const char *name, size_t name_count, cbeast_text *first);

#ifdef __cplusplus
}
#endif
