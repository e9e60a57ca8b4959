#include "CBeast.h"

#if !__has_include(<boost/beast/http/basic_parser.hpp>)
#error "Boost.Beast is missing: apt-get install libboost-dev"
#endif
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

namespace {

// A body's memory above this is given back.
constexpr size_t kept_body_bytes = 16 * 1024;

// In 1.74 a last chunk that comes in pieces must have 5 bytes ("0\r\n\r\n") when it is looked at again. No chunk header is
// followed by fewer in a well-formed body, so waiting for them holds nothing up.
constexpr size_t least_chunk_bytes = 5;

struct Field {
  size_t name, name_count, value, value_count;
};

/// What outlives a request, so that its memory does.
struct Storage {
  std::string text;  // method, target, and the fields' names and values, one behind the other
  std::vector<Field> fields;
  std::string body;
  size_t method_count = 0, target_count = 0;
  int version = 0;

  void clear() {
    text.clear();
    fields.clear();
    body.clear();
    method_count = target_count = 0;
    version = 0;
  }
};

class Parser final : public http::basic_parser<true> {
 public:
  explicit Parser(Storage &storage) : storage_(storage) {}
  /// Bytes of the current chunk that are still to come; 0: a chunk header or the trailer is next.
  uint64_t chunk_left = 0;

 private:
  Storage &storage_;
  bool header_done_ = false;

  void on_request_impl(http::verb, string_view method, string_view target, int version, error_code &) override {
    storage_.text.append(method.data(), method.size()).append(target.data(), target.size());
    storage_.method_count = method.size();
    storage_.target_count = target.size();
    storage_.version = version;
  }
  void on_response_impl(int, string_view, int, error_code &) override {}
  void on_field_impl(http::field, string_view name, string_view value, error_code &) override {
    if (header_done_) return;  // a trailer's field is no header's
    Field field{storage_.text.size(), name.size(), storage_.text.size() + name.size(), value.size()};
    storage_.text.append(name.data(), name.size()).append(value.data(), value.size());
    storage_.fields.push_back(field);
  }
  void on_header_impl(error_code &) override { header_done_ = true; }
  void on_body_init_impl(boost::optional<uint64_t> const &, error_code &) override {}
  size_t on_body_impl(string_view bytes, error_code &) override {
    storage_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_chunk_header_impl(uint64_t size, string_view, error_code &) override { chunk_left = size; }
  size_t on_chunk_body_impl(uint64_t, string_view bytes, error_code &) override {
    storage_.body.append(bytes.data(), bytes.size());
    chunk_left -= bytes.size();
    return bytes.size();
  }
  void on_finish_impl(error_code &) override {}
};

/// Where the last line of a chunk's header, or of the last one's with the trailer, ends in `bytes`; npos where it does not. Boost.Beast
/// asks for more even where it does if a quote is open there, and 1.74 takes the chunk off the body's limit again each time.
size_t framing_end(std::string_view bytes) {
  size_t start = bytes.substr(0, 2) == "\r\n" ? 2 : 0;  // the end of the chunk before
  size_t digit = bytes.find_first_not_of('0', start);
  bool is_last = digit == bytes.npos || !std::isxdigit(static_cast<unsigned char>(bytes[digit]));
  return bytes.find(is_last ? "\r\n\r\n" : "\r\n", start);
}

/// Where lines end in a line feed alone Boost.Beast would wait for more for ever.
bool has_bare_line_feed(std::string_view framing) {
  for (size_t at = 0; (at = framing.find('\n', at)) != framing.npos; at++)
    if (at == 0 || framing[at - 1] != '\r') return true;
  return false;
}

}  // namespace

struct cbeast_parser {
  Storage storage;
  std::optional<Parser> parser;
  std::string reason;
  size_t chunk_limit = 0;

  cbeast_status fail(error_code code) {
    reason = code.message();
    if (code == http::error::bad_version) return CBEAST_BAD_VERSION;
    return code == http::error::body_limit ? CBEAST_TOO_LONG : CBEAST_BAD;
  }
  cbeast_status fail(const char *text) {
    reason = text;
    return CBEAST_BAD;
  }
  cbeast_text text(size_t at, size_t count) const { return {storage.text.data() + at, count}; }
};

extern "C" {

cbeast_parser *cbeast_create(void) { return new cbeast_parser; }
void cbeast_destroy(cbeast_parser *parser) { delete parser; }

cbeast_status cbeast_begin(cbeast_parser *p, const void *header, size_t count, uint64_t body_limit,
                           size_t chunk_limit) {
  p->storage.clear();
  p->parser.emplace(p->storage);
  p->chunk_limit = std::max(chunk_limit, least_chunk_bytes);
  p->parser->header_limit(UINT32_MAX);  // the caller has the whole header already
  p->parser->body_limit(body_limit);
  error_code code;
  size_t used = p->parser->put(boost::asio::const_buffer(header, count), code);
  if (code == http::error::need_more || (!code && (used != count || !p->parser->is_header_done())))
    return p->fail("the header is not complete");
  if (code) return p->fail(code);
  return p->parser->is_done() ? CBEAST_DONE : CBEAST_MORE;
}

cbeast_status cbeast_put(cbeast_parser *p, const void *bytes, size_t count, size_t *consumed) {
  auto at = static_cast<const char *>(bytes);
  *consumed = 0;
  while (*consumed < count && !p->parser->is_done()) {
    size_t size = count - *consumed;
    bool framing = p->parser->chunked() && p->parser->chunk_left == 0;
    size_t end = std::string_view::npos;
    if (framing) {
      // Cut at the limit, so that what is refused does not depend on how the bytes arrived.
      size = std::min(size, p->chunk_limit);
      std::string_view window(at + *consumed, size);
      end = framing_end(window);
      if (has_bare_line_feed(window.substr(0, end))) return p->fail(http::error::bad_chunk);
      if (size < least_chunk_bytes) return CBEAST_MORE;
    }
    error_code code;
    size_t used = p->parser->put(boost::asio::const_buffer(at + *consumed, size), code);
    *consumed += used;
    if (code == http::error::need_more) {
      if (framing && end != std::string_view::npos) return p->fail(http::error::bad_chunk);
      if (framing && size - used >= p->chunk_limit) return p->fail("chunk header or trailer too long");
      return CBEAST_MORE;
    }
    // Which of several errors is found first depends on how the bytes arrived.
    if (framing && code && code != http::error::body_limit) return p->fail(http::error::bad_chunk);
    if (code) return p->fail(code);
  }
  return p->parser->is_done() ? CBEAST_DONE : CBEAST_MORE;
}

const char *cbeast_reason(const cbeast_parser *p) { return p->reason.c_str(); }
cbeast_text cbeast_method(const cbeast_parser *p) { return p->text(0, p->storage.method_count); }
cbeast_text cbeast_target(const cbeast_parser *p) { return p->text(p->storage.method_count, p->storage.target_count); }
int cbeast_version(const cbeast_parser *p) { return p->storage.version; }
bool cbeast_keep_alive(const cbeast_parser *p) { return p->parser->keep_alive(); }

size_t cbeast_field(const cbeast_parser *p, const char *name, size_t name_count, cbeast_text *first) {
  size_t found = 0;
  *first = {nullptr, 0};
  const char *text = p->storage.text.data();
  for (auto &field : p->storage.fields) {
    if (!boost::beast::iequals(string_view(text + field.name, field.name_count), string_view(name, name_count)))
      continue;
    if (found++ == 0) *first = p->text(field.value, field.value_count);
  }
  return found;
}

cbeast_text cbeast_body(const cbeast_parser *p) { return {p->storage.body.data(), p->storage.body.size()}; }

void cbeast_release(cbeast_parser *p) {
  if (p->storage.body.capacity() > kept_body_bytes) std::string().swap(p->storage.body);
}

}  // extern "C"
