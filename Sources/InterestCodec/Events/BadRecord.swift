import Bytes

/// Why a record does not count (DESIGN.md section 4): what goes to the dead letters beside its bytes.
public struct BadRecord: Error, Equatable, Sendable, CustomStringConvertible {
  /// The raw values are stable: dead letters, metrics and documentation name them.
  public enum Reason: String, CaseIterable, Sendable {
    case nullValue = "null_value"
    case emptyValue = "empty_value"
    case recordTooLarge = "record_too_large"
    /// A Confluent prefix that does not end.
    case malformedPrefix = "malformed_prefix"
    case malformedJSON = "malformed_json"
    case malformedProtobuf = "malformed_protobuf"
    case invalidUTF8 = "invalid_utf8"
    case missingField = "missing_field"
    case wrongType = "wrong_type"
    case emptyID = "empty_id"
    case overLongID = "over_long_id"
    case unknownType = "unknown_type"
    case timeOutOfRange = "time_out_of_range"
    case timeInFuture = "time_in_future"
    case dwellOutOfRange = "dwell_out_of_range"
    case spendOutOfRange = "spend_out_of_range"
    case keyMismatch = "key_mismatch"
  }

  public let reason: Reason
  /// Names the field and its value, which is cut and made printable.
  public let detail: String

  public init(_ reason: Reason, _ detail: String) {
    self.reason = reason
    self.detail = detail
  }

  public var description: String { "\(reason.rawValue): \(detail)" }
}

/// A value from outside in quotes, for one line of text: at most 64 bytes of it; what does not print is escaped.
func excerpt(_ bytes: UnsafeRawBufferPointer) -> String {
  let limit = 64
  var text = "'"
  for scalar in String(decoding: bytes.prefix(limit), as: UTF8.self).unicodeScalars {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
      text += "\\u{\(String(scalar.value, radix: 16))}"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return bytes.count > limit ? "\(text)'... (\(bytes.count) bytes)" : "\(text)'"
}
