internal import CYAML

/// Reads one YAML document into nodes, by libyaml's events (yaml.h). Not by its document API, which has resolved aliases and
/// forgotten anchors before anybody can refuse them, and nests as deep as the file does.
///
/// Refused, each with its line: what is not YAML, a second document, anchors and aliases (a few lines of them can stand for
/// gigabytes), tags, keys that are not plain names, keys named twice, nesting deeper than any key needs.
struct YAMLReader {
  static var maximumDepth: Int { 16 }

  /// nil where the text is empty or cannot be read; in the latter case `problems` says why.
  static func read(_ bytes: [UInt8], origin: Origin? = nil, _ problems: inout Problems) -> YAMLNode? {
    guard let parser = Parser() else {
      problems.add("", at: origin ?? .file, "libyaml refuses to start: out of memory")
      return nil
    }
    return bytes.withUnsafeBufferPointer { bytes in
      yaml_parser_set_input_string(parser.pointer, bytes.baseAddress, bytes.count)
      var reader = YAMLReader(parser: parser, bytes: bytes, origin: origin)
      do throws(Fault) {
        return try reader.document(&problems)
      } catch {
        problems.add("", at: error.origin, error.message)
        return nil
      }
    }
  }

  /// What ends the reading.
  private struct Fault: Error {
    let origin: Origin
    let message: String
  }

  /// `yaml_parser_delete` releases what `yaml_parser_initialize` and the parsing allocate.
  private final class Parser {
    let pointer = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)

    init?() {
      if yaml_parser_initialize(pointer) == 1 { return }
      pointer.deallocate()
      return nil
    }

    deinit {
      yaml_parser_delete(pointer)
      pointer.deallocate()
    }
  }

  private enum Event {
    case scalar(String, isPlain: Bool)
    case list, map, end, alias
    case document, documentEnd, stream, streamEnd
  }

  private let parser: Parser
  private let bytes: UnsafeBufferPointer<UInt8>
  /// Where everything comes from, if not from a line.
  private let origin: Origin?
  /// Of the last event.
  private var line = Origin.file

  private init(parser: Parser, bytes: UnsafeBufferPointer<UInt8>, origin: Origin?) {
    self.parser = parser
    self.bytes = bytes
    self.origin = origin
  }

  private mutating func document(_ problems: inout Problems) throws(Fault) -> YAMLNode? {
    _ = try next(&problems)
    guard case .document = try next(&problems) else { return nil }
    let root = try node(try next(&problems), path: "", depth: 0, &problems)
    _ = try next(&problems)
    if case .document = try next(&problems) {
      throw Fault(origin: line, message: "a second document begins here: a configuration is one")
    }
    return root
  }

  private mutating func node(
    _ event: Event, path: String, depth: Int, _ problems: inout Problems
  ) throws(Fault) -> YAMLNode {
    let origin = line
    if depth > Self.maximumDepth { throw Fault(origin: origin, message: "nested deeper than \(Self.maximumDepth)") }
    switch event {
    case .scalar(let text, let isPlain): return YAMLNode(content: .scalar(text, isPlain: isPlain), origin: origin)
    case .list:
      var elements: [YAMLNode] = []
      while true {
        let event = try next(&problems)
        if case .end = event { return YAMLNode(content: .list(elements), origin: origin) }
        elements.append(try node(event, path: "\(path)[\(elements.count)]", depth: depth + 1, &problems))
      }
    case .map: return YAMLNode(content: .map(try entries(path: path, depth: depth, &problems)), origin: origin)
    default: return YAMLNode(content: .refused, origin: origin)
    }
  }

  private mutating func entries(
    path: String, depth: Int, _ problems: inout Problems
  ) throws(Fault) -> [YAMLNode.Entry] {
    var entries: [YAMLNode.Entry] = []
    var lines: [String: Origin] = [:]
    while true {
      let event = try next(&problems)
      if case .end = event { return entries }
      let key = try node(event, path: path, depth: depth + 1, &problems)
      guard case .scalar(let name, _) = key.content else {
        if case .refused = key.content {
        } else {
          problems.add(path, at: key.origin, "a key is a single name, not \(key.kind)")
        }
        _ = try node(try next(&problems), path: path, depth: depth + 1, &problems)
        continue
      }
      let keyPath = path.isEmpty ? printedName(name) : "\(path).\(printedName(name))"
      let value = try node(try next(&problems), path: keyPath, depth: depth + 1, &problems)
      if let first = lines.updateValue(key.origin, forKey: name) {
        problems.add(keyPath, at: key.origin, "named twice, before at \(first.location(in: problems.file))")
        continue
      }
      entries.append(.init(name: name, origin: key.origin, value: value))
    }
  }

  private mutating func next(_ problems: inout Problems) throws(Fault) -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser.pointer, &event) == 1 else { throw failure }
    defer { yaml_event_delete(&event) }
    line = origin ?? .line(event.start_mark.line + 1)
    switch event.type {
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      refuse(anchor: scalar.anchor, tag: scalar.tag, &problems)
      // libyaml gives UTF-8 that it has checked.
      let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      return .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
    case YAML_SEQUENCE_START_EVENT:
      refuse(anchor: event.data.sequence_start.anchor, tag: event.data.sequence_start.tag, &problems)
      return .list
    case YAML_MAPPING_START_EVENT:
      refuse(anchor: event.data.mapping_start.anchor, tag: event.data.mapping_start.tag, &problems)
      return .map
    case YAML_ALIAS_EVENT:
      problems.add("", at: line, "aliases (*name) are not read: write the value itself")
      return .alias
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return .end
    case YAML_DOCUMENT_START_EVENT: return .document
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_STREAM_START_EVENT: return .stream
    default: return .streamEnd
    }
  }

  private func refuse(
    anchor: UnsafeMutablePointer<UInt8>?, tag: UnsafeMutablePointer<UInt8>?, _ problems: inout Problems
  ) {
    if anchor != nil { problems.add("", at: line, "anchors (&name) are not read: write the value where it belongs") }
    if tag != nil { problems.add("", at: line, "tags (!name) are not read: leave it out") }
  }

  /// libyaml's own words for what is not YAML; they never quote the text.
  private var failure: Fault {
    let state = parser.pointer.pointee
    let problem = state.problem.map { String(cString: $0) } ?? "unreadable"
    if state.error == YAML_READER_ERROR {
      return Fault(
        origin: origin ?? .line(line(atByte: state.problem_offset)),
        message: "not readable text: \(problem.lowercased())")
    }
    let line = state.problem_mark.line + 1
    let context = state.context.map { ", \(String(cString: $0))" } ?? ""
    let hint = isIndentedByTab(line) ? "; indent with spaces, not tabs" : ""
    return Fault(origin: origin ?? .line(line), message: "not valid YAML: \(problem)\(context)\(hint)")
  }

  private func isIndentedByTab(_ line: Int) -> Bool {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: line, omittingEmptySubsequences: false)
    guard line <= lines.count else { return false }
    return lines[line - 1].prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.contains(UInt8(ascii: "\t"))
  }

  private func line(atByte offset: Int) -> Int {
    1 + bytes.prefix(max(0, offset)).count { $0 == UInt8(ascii: "\n") }
  }
}

/// A key as a message names it. What is no name (`password=...`, a colon forgotten) may be a secret: only its beginning is shown.
func printedName(_ name: String) -> String {
  let valid = String(decoding: name.utf8.prefix { KafkaProperties.isNameByte($0) }.prefix(128), as: UTF8.self)
  return valid.utf8.count == name.utf8.count && !valid.isEmpty ? valid : "'\(valid)...'"
}
