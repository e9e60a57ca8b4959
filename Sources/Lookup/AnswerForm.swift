/// What the bytes of an answer are.
public enum AnswerForm: UInt8, CaseIterable, Sendable {
  /// The message of Schemas/interest/v1, without a length before it.
  case protobuf
  /// One object, no white space, no line end.
  case json
}
