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
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

namespace {

// In 1.74 a last chunk that comes in pieces must have 5 bytes ("0\r\n\r\n") when it is looked at again. No chunk header is
// followed by fewer in a well-formed body, so waiting for them holds nothing up.
constexpr size_t least_chunk_bytes = 5;

struct Field {
  size_t name, name_count, value, value_count;
};

/// What outlives a message, so that its memory does.
struct Storage {
  std::string text;  // method, target, and the fields' names and values, one behind the other
  std::vector<Field> fields;
  char *body = nullptr;  // the caller's memory, behind what is written
  size_t method_count = 0, target_count = 0;
  int version = 0, reply_status = 0;

  void clear() {
    text.clear();
    fields.clear();
    method_count = target_count = 0;
    version = reply_status = 0;
  }
};

template <bool is_request>
class Parser final : public http::basic_parser<is_request> {
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
  void on_response_impl(int status, string_view, int version, error_code &) override {
    storage_.reply_status = status;
    storage_.version = version;
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code &) override {
    if (header_done_) return;  // a trailer's field is no header's
    Field field{storage_.text.size(), name.size(), storage_.text.size() + name.size(), value.size()};
    storage_.text.append(name.data(), name.size()).append(value.data(), value.size());
    storage_.fields.push_back(field);
  }
  void on_header_impl(error_code &) override { header_done_ = true; }
  void on_body_init_impl(boost::optional<uint64_t> const &, error_code &) override {}
  size_t on_body_impl(string_view bytes, error_code &) override {
    std::memcpy(storage_.body, bytes.data(), bytes.size());
    storage_.body += bytes.size();
    return bytes.size();
  }
  void on_chunk_header_impl(uint64_t size, string_view, error_code &) override { chunk_left = size; }
  size_t on_chunk_body_impl(uint64_t, string_view bytes, error_code &code) override {
    chunk_left -= bytes.size();
    return on_body_impl(bytes, code);
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

/// What allocates is noexcept: nothing may be thrown through Swift. Without memory the process ends.
struct cbeast_parser {
  const bool is_request;
  Storage storage;
  std::optional<Parser<true>> request;
  std::optional<Parser<false>> reply;
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

  static cbeast_parser *make(bool is_request) noexcept { return new cbeast_parser{is_request}; }

  cbeast_status begin(std::string_view header, uint64_t body_limit, size_t limit) noexcept {
    if (is_request) return begin(request, header, body_limit, limit);
    constexpr size_t status_end = 12;  // "HTTP/1.1 200"
    if (header.size() <= status_end || header[status_end] != '\r') return begin(reply, header, body_limit, limit);
    // Many leave out the space before a reason where there is none; Boost.Beast wants it.
    return begin(reply, std::string(header).insert(status_end, 1, ' '), body_limit, limit);
  }

  template <typename Kind>
  cbeast_status begin(std::optional<Kind> &parser, std::string_view header, uint64_t body_limit, size_t limit) {
    storage.clear();
    parser.emplace(storage);
    chunk_limit = std::max(limit, least_chunk_bytes);
    parser->header_limit(UINT32_MAX);  // the caller has the whole header already
    parser->body_limit(body_limit);
    error_code code;
    size_t used = parser->put(boost::asio::const_buffer(header.data(), header.size()), code);
    if (code == http::error::need_more || (!code && (used != header.size() || !parser->is_header_done())))
      return fail("the header is not complete");
    if (code) return fail(code);
    return parser->is_done() ? CBEAST_DONE : CBEAST_MORE;
  }

  template <typename Kind>
  cbeast_status put(Kind &parser, std::string_view bytes, size_t &consumed) noexcept {
    while (consumed < bytes.size() && !parser.is_done()) {
      std::string_view window = bytes.substr(consumed);
      bool framing = parser.chunked() && parser.chunk_left == 0;
      size_t end = window.npos;
      if (framing) {
        // Cut at the limit, so that what is refused does not depend on how the bytes arrived.
        window = window.substr(0, chunk_limit);
        end = framing_end(window);
        if (has_bare_line_feed(window.substr(0, end))) return fail(http::error::bad_chunk);
        if (window.size() < least_chunk_bytes) return CBEAST_MORE;
      }
      error_code code;
      size_t used = parser.put(boost::asio::const_buffer(window.data(), window.size()), code);
      consumed += used;
      if (code == http::error::need_more) {
        if (framing && end != window.npos) return fail(http::error::bad_chunk);
        if (framing && window.size() - used >= chunk_limit) return fail("chunk header or trailer too long");
        return CBEAST_MORE;
      }
      // Which of several errors is found first depends on how the bytes arrived.
      if (framing && code && code != http::error::body_limit) return fail(http::error::bad_chunk);
      if (code) return fail(code);
    }
    return parser.is_done() ? CBEAST_DONE : CBEAST_MORE;
  }
};

extern "C" {

cbeast_parser *cbeast_create(bool of_requests) { return cbeast_parser::make(of_requests); }
void cbeast_destroy(cbeast_parser *parser) { delete parser; }

cbeast_status cbeast_begin(cbeast_parser *p, const void *header, size_t count, uint64_t body_limit,
                           size_t chunk_limit) {
  return p->begin({static_cast<const char *>(header), count}, body_limit, chunk_limit);
}

cbeast_status cbeast_put(cbeast_parser *p, const void *bytes, size_t count, size_t *consumed, void *body,
                         size_t *written) {
  std::string_view view(static_cast<const char *>(bytes), count);
  *consumed = 0;
  p->storage.body = static_cast<char *>(body);
  cbeast_status status = p->is_request ? p->put(*p->request, view, *consumed) : p->put(*p->reply, view, *consumed);
  *written = p->storage.body - static_cast<char *>(body);
  return status;
}

const char *cbeast_reason(const cbeast_parser *p) { return p->reason.c_str(); }
cbeast_text cbeast_method(const cbeast_parser *p) { return p->text(0, p->storage.method_count); }
cbeast_text cbeast_target(const cbeast_parser *p) { return p->text(p->storage.method_count, p->storage.target_count); }
int cbeast_version(const cbeast_parser *p) { return p->storage.version; }
int cbeast_reply_status(const cbeast_parser *p) { return p->storage.reply_status; }
bool cbeast_needs_end(const cbeast_parser *p) { return p->reply->need_eof(); }
bool cbeast_keep_alive(const cbeast_parser *p) {
  return p->is_request ? p->request->keep_alive() : p->reply->keep_alive();
}

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

}  // extern "C"
