import Foundation
import Testing

/// The example records under Schemas/examples.
enum Examples {
  static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Schemas/examples")

  static func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: directory.appending(path: name))) }

  /// The lines of a text file whose last line ends too.
  static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast().map(Array.init)
  }

  /// The messages of a file in which each follows its length; nil where it does not end with one.
  static func messages(_ bytes: [UInt8]) -> [[UInt8]]? {
    var found: [[UInt8]] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      var (size, shift) = (0, 0)
      while let byte = rest.popFirst() {
        size |= Int(byte & 127) << shift
        shift += 7
        if byte < 128 { break }
      }
      guard size <= rest.count else { return nil }
      found.append(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    return found
  }

  static func goodJSON() throws -> [[UInt8]] { lines(try bytes("behaviors.jsonl")) }
  static func goodProtobuf() throws -> [[UInt8]] { messages(try bytes("behaviors.binpb")) ?? [] }

  /// A line of invalid.jsonl.
  struct Invalid: CustomTestStringConvertible, Sendable {
    let reason: String
    let why: String
    let value: [UInt8]?
    let checksKey: Bool
    let key: [UInt8]?
    let timestamp_ms: Int64

    var testDescription: String { "\(reason): \(why)" }
  }

  static func invalid() throws -> [Invalid] {
    try lines(bytes("invalid.jsonl")).map { line in
      guard let row = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any],
        let reason = row["reason"] as? String, let why = row["why"] as? String
      else { throw CocoaError(.fileReadCorruptFile) }
      let text = (row["json"] as? String).map { Array($0.utf8) }
      let binary = (row["base64"] as? String).flatMap { Data(base64Encoded: $0) }.map { Array($0) }
      return Invalid(
        reason: reason, why: why, value: text ?? binary, checksKey: row["key"] != nil,
        key: (row["key"] as? String).map { Array($0.utf8) }, timestamp_ms: (row["timestamp_ms"] as? Int64) ?? -1)
    }
  }
}
