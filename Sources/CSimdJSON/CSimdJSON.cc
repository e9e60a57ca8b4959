#include "CSimdJSON.h"

#if !__has_include(<simdjson.h>)
#error "simdjson is missing: apt-get install libsimdjson-dev"
#endif
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

using namespace simdjson;

namespace {

constexpr int maximum_depth = 64;
constexpr size_t smallest_capacity = 16 << 10;
constexpr size_t kept_capacity = 1 << 20;
constexpr size_t excerpt_length = 64;
constexpr const char *half_a_pair = "an escape is half of a surrogate pair";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view trimmed(std::string_view token) {
  while (!token.empty() && is_space(token.back())) token.remove_suffix(1);
  return token;
}

/// RFC 8259's number. `integer` tells whether it has neither fraction nor exponent.
bool is_number(std::string_view text, bool &integer) {
  size_t at = 0;
  auto digits = [&] {
    size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') at++;
    return at > first;
  };
  if (at < text.size() && text[at] == '-') at++;
  size_t first = at;
  if (!digits() || (text[first] == '0' && at - first > 1)) return false;
  integer = at == text.size();
  if (at < text.size() && text[at] == '.') {
    at++;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    at++;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) at++;
    if (!digits()) return false;
  }
  return at == text.size();
}

/// The field that a key names, by its bytes up to and with the closing quote. It reads at most 13 bytes, which the
/// padding allows.
csimdjson_field *named(csimdjson_behavior &behavior, const char *key) {
  switch (key[0]) {
  case 'u': return memcmp(key, "user_id\"", 8) ? nullptr : &behavior.user_id;
  case 's':
    if (!memcmp(key, "shop_id\"", 8)) return &behavior.shop_id;
    return memcmp(key, "spend_micros\"", 13) ? nullptr : &behavior.spend_micros;
  case 't':
    if (!memcmp(key, "type\"", 5)) return &behavior.type;
    return memcmp(key, "time_ms\"", 8) ? nullptr : &behavior.time_ms;
  case 'd': return memcmp(key, "dwell_ms\"", 9) ? nullptr : &behavior.dwell_ms;
  case 'e': return memcmp(key, "event_id\"", 9) ? nullptr : &behavior.event_id;
  case 'i': return memcmp(key, "item_id\"", 8) ? nullptr : &behavior.item_id;
  default: return nullptr;
  }
}

/// Whether a key has escapes. It ends at a quote: simdjson has seen to that.
bool has_escapes(const char *key) {
  while (*key != '"' && *key != '\\') key++;
  return *key == '\\';
}

}  // namespace

struct csimdjson_reader {
  ondemand::parser parser;
  std::unique_ptr<char[]> buffer;
  size_t capacity = 0;
  const char *fault = "";
  const char *fault_at = nullptr;
  int64_t fault_offset = -1;

  uint32_t read(const char *bytes, size_t length, csimdjson_behavior &behavior) {
    fault = "";
    fault_at = nullptr;
    fault_offset = -1;
    if (!reserve(length)) return csimdjson_no_memory;
    memcpy(buffer.get(), bytes, length);
    memset(buffer.get() + length, 0, SIMDJSON_PADDING);
    ondemand::document document;
    auto error = parser.iterate(buffer.get(), length, length + SIMDJSON_PADDING).get(document);
    if (error) return failed(error);
    uint32_t result = read(document, behavior);
    if (result != csimdjson_good) {
      if (!fault_at && document.current_location().get(fault_at)) fault_at = nullptr;
      if (fault_at >= buffer.get() && fault_at <= buffer.get() + length) fault_offset = fault_at - buffer.get();
    }
    return result;
  }

private:
  bool reserve(size_t length) {
    bool oversized = capacity > kept_capacity && length <= kept_capacity;
    if (length <= capacity && !oversized) return true;
    size_t larger = std::max(smallest_capacity, oversized ? length : std::max(length, 2 * capacity));
    capacity = 0;
    buffer.reset(new (std::nothrow) char[larger + SIMDJSON_PADDING]);
    if (!buffer || parser.allocate(larger, parser.max_depth())) {
      fault = "no memory";
      return false;
    }
    capacity = larger;
    return true;
  }

  uint32_t failed(error_code error) {
    switch (error) {
    case UTF8_ERROR: fault = "it is not UTF-8"; return csimdjson_invalid_utf8;
    case MEMALLOC: fault = "no memory"; return csimdjson_no_memory;
    case EMPTY: return malformed("it is empty");
    case UNCLOSED_STRING: return malformed("a string is not closed");
    case UNESCAPED_CHARS: return malformed("a string has a control character without an escape");
    case INCOMPLETE_ARRAY_OR_OBJECT: return malformed("an object or array is not closed, or something follows it");
    case STRING_ERROR: return malformed("a string has an escape that does not exist");
    default: return malformed("a comma, colon, key or value is missing or out of place");
    }
  }

  uint32_t malformed(const char *message, const char *at = nullptr) {
    fault = message;
    fault_at = at;
    return csimdjson_malformed;
  }

  uint32_t read(ondemand::document &document, csimdjson_behavior &behavior) {
    ondemand::json_type type;
    if (document.type().get(type) || type != ondemand::json_type::object) return malformed("it is not an object");
    ondemand::object object;
    if (auto error = document.get_object().get(object)) return failed(error);
    for (auto item : object) {
      ondemand::field field;
      if (auto error = std::move(item).get(field)) return failed(error);
      csimdjson_field *known = named(behavior, field.key().raw());
      if (!known && has_escapes(field.key().raw())) {
        if (auto result = unescape(field, behavior, known)) return result;
      }
      csimdjson_field ignored;
      if (auto result = read(field.value(), known ? *known : ignored, 1)) return result;
    }
    bool at_end = document.current_location().error() == OUT_OF_BOUNDS;
    return at_end ? uint32_t(csimdjson_good) : malformed("something follows the object");
  }

  uint32_t unescape(ondemand::field &field, csimdjson_behavior &behavior, csimdjson_field *&known) {
    const char *start = field.key().raw() - 1;
    std::string_view key;
    if (auto error = field.unescaped_key().get(key)) return failed(error);
    if (!validate_utf8(key.data(), key.size())) return malformed(half_a_pair, start);
    // Ours are shorter and have no quote, which would end the name too soon below.
    char quoted[16];
    if (key.size() >= sizeof quoted || key.find('"') != key.npos) return csimdjson_good;
    memset(quoted, 0, sizeof quoted);
    memcpy(quoted, key.data(), key.size());
    quoted[key.size()] = '"';
    known = named(behavior, quoted);
    return csimdjson_good;
  }

  /// Checks a value to its end, with all in it, and tells what it is.
  uint32_t read(ondemand::value value, csimdjson_field &field, int depth) {
    std::string_view token = trimmed(value.raw_json_token());
    if (token.empty()) return malformed("a value is missing");
    switch (token[0]) {
    case '"': return read_string(value, token, field);
    case '{':
    case '[':
      field = {token.data(), 1, csimdjson_other};
      if (depth >= maximum_depth) return malformed("it is nested deeper than 64 levels", token.data());
      return token[0] == '{' ? walk_object(value, depth) : walk_array(value, depth);
    default: return read_word(token, field);
    }
  }

  uint32_t read_string(ondemand::value &value, std::string_view token, csimdjson_field &field) {
    // Simdjson has found both quotes: between a string and the next token there is only white space.
    field = {token.data() + 1, token.size() - 2, csimdjson_string};
    if (!memchr(field.start, '\\', field.length)) {
      // Consumed, not left to be skipped: skipping takes a string before a colon for a key.
      ondemand::raw_json_string raw;
      return value.get_raw_json_string().get(raw) ? malformed("a string is out of place") : uint32_t(csimdjson_good);
    }
    std::string_view text;
    if (auto error = value.get_string().get(text)) {
      uint32_t result = failed(error);
      fault_at = token.data();
      return result;
    }
    if (!validate_utf8(text.data(), text.size())) return malformed(half_a_pair, token.data());
    field = {text.data(), text.size(), csimdjson_string};
    return csimdjson_good;
  }

  uint32_t read_word(std::string_view token, csimdjson_field &field) {
    bool integer = false;
    field = {token.data(), std::min(token.size(), excerpt_length), csimdjson_other};
    if (token == "null") {
      field.kind = csimdjson_null;
    } else if (is_number(token, integer)) {
      if (integer) field = {token.data(), token.size(), csimdjson_integer};
    } else if (token != "true" && token != "false") {
      return malformed("a value is neither string, number, object, array, true, false nor null", token.data());
    }
    return csimdjson_good;
  }

  uint32_t walk_object(ondemand::value &value, int depth) {
    ondemand::object object;
    if (auto error = value.get_object().get(object)) return failed(error);
    for (auto item : object) {
      ondemand::field field;
      if (auto error = std::move(item).get(field)) return failed(error);
      if (has_escapes(field.key().raw())) {
        const char *start = field.key().raw() - 1;
        std::string_view key;
        if (auto error = field.unescaped_key().get(key)) return failed(error);
        if (!validate_utf8(key.data(), key.size())) return malformed(half_a_pair, start);
      }
      csimdjson_field ignored;
      if (auto result = read(field.value(), ignored, depth + 1)) return result;
    }
    return csimdjson_good;
  }

  uint32_t walk_array(ondemand::value &value, int depth) {
    ondemand::array array;
    if (auto error = value.get_array().get(array)) return failed(error);
    for (auto item : array) {
      ondemand::value element;
      if (auto error = std::move(item).get(element)) return failed(error);
      csimdjson_field ignored;
      if (auto result = read(element, ignored, depth + 1)) return result;
    }
    return csimdjson_good;
  }
};

csimdjson_reader *csimdjson_new(void) { return new (std::nothrow) csimdjson_reader; }

void csimdjson_free(csimdjson_reader *reader) { delete reader; }

uint32_t csimdjson_read(csimdjson_reader *reader, const char *bytes, size_t length, csimdjson_behavior *behavior) {
  memset(behavior, 0, sizeof *behavior);
  return reader->read(bytes, length, *behavior);
}

const char *csimdjson_fault(const csimdjson_reader *reader) { return reader->fault; }

int64_t csimdjson_fault_offset(const csimdjson_reader *reader) { return reader->fault_offset; }

bool csimdjson_is_utf8(const char *bytes, size_t length) { return validate_utf8(bytes, length); }
