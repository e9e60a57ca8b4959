import Bytes
import InterestCodec
import Lookup

/// How a batch is answered: `interest.v1.BatchGetSequencesResponse`, JSON, or JSON lines.
extension Batch {
  /// Appends the message. `code` is what the failures are called by: gRPC's status codes.
  public func writeProtobuf(into output: inout ByteBuffer) {
    makeRoom(in: &output)
    for index in 0..<count {
      // One that failed has an empty sequence, so that positions are those of the request.
      if case .answered(_, let bytes) = self[index] {
        output.append(field: 1, message: bytes)
      } else {
        output.append(field: 1, message: UnsafeRawBufferPointer(start: nil, count: 0))
      }
    }
    for index in 0..<count { if case .failed(let error) = self[index] { BatchFailure.write(index, error, &output) } }
    writeUnknown(into: &output)
  }

  /// All at once, so that nothing is moved while answers are appended.
  private func makeRoom(in output: inout ByteBuffer) { _ = output.reserve(size + 16 * count + 64) }

  private func writeUnknown(into output: inout ByteBuffer) {
    var unknown = ByteBuffer(capacity: 64)
    for index in 0..<count {
      if case .answered(isKnown: false, _) = self[index] { unknown.append(varint: UInt64(index)) }
    }
    output.append(field: 3, bytes: unknown.bytes)
  }

  /// `{"sequences":[...],"failures":[{"index":3,"error":{...}}]}`; a user who failed is null among the sequences.
  public func writeJSON(into output: inout ByteBuffer) {
    makeRoom(in: &output)
    output.append("{\"sequences\":[")
    for index in 0..<count {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      if case .answered(_, let bytes) = self[index] { output.append(bytes) } else { output.append("null") }
    }
    output.append("],\"failures\":[")
    var isFirst = true
    for index in 0..<count {
      guard case .failed(let error) = self[index] else { continue }
      if !isFirst { output.append(UInt8(ascii: ",")) }
      isFirst = false
      output.append("{\"index\":")
      output.append(decimal: UInt64(index))
      output.append(",\"error\":")
      error.writeJSON(into: &output)
      output.append("}")
    }
    output.append("]}")
  }

  /// One line for each user, a sequence or `{"error":{...},"index":3,"user_id":"..."}`.
  public func writeJSONLines(into output: inout ByteBuffer) {
    makeRoom(in: &output)
    for index in 0..<count {
      switch self[index] {
      case .answered(_, let bytes): output.append(bytes)
      case .failed(let error):
        output.append("{\"error\":")
        error.writeJSON(into: &output)
        output.append(",\"index\":")
        output.append(decimal: UInt64(index))
        output.append(",\"user_id\":")
        output.append(jsonString: String(decoding: user(index), as: UTF8.self))
        output.append("}")
      }
      output.append("\n")
    }
  }
}

/// `BatchGetSequencesResponse.Failure`.
enum BatchFailure {
  static func write(_ index: Int, _ error: LookupError, _ output: inout ByteBuffer) {
    var failure = ByteBuffer(capacity: 256)
    failure.append(field: 1, varint: UInt64(index))
    failure.append(field: 2, varint: UInt64(error.code.grpcStatus))
    failure.append(field: 3, text: error.message)
    failure.append(field: 4, text: error.code.rawValue)
    failure.append(field: 5, text: error.messageParameter ?? "")
    failure.append(field: 6, varint: UInt64(error.retryAfter_s ?? 0))
    output.append(field: 2, message: failure.bytes)
  }

  static func read(_ bytes: UnsafeRawBufferPointer) -> (index: Int, error: LookupError)? {
    guard let base = bytes.baseAddress else { return nil }
    var reader = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
    var (index, retryAfter_s): (UInt64, UInt64) = (0, 0)
    var (message, code, parameter) = ("", "", "")
    while !reader.isAtEnd {
      let tag = reader.varint()
      switch tag {
      case 1 << 3: index = reader.varint()
      case 3 << 3 | 2: message = String(decoding: reader.bytes(reader.varint()), as: UTF8.self)
      case 4 << 3 | 2: code = String(decoding: reader.bytes(reader.varint()), as: UTF8.self)
      case 5 << 3 | 2: parameter = String(decoding: reader.bytes(reader.varint()), as: UTF8.self)
      case 6 << 3: retryAfter_s = reader.varint()
      default: reader.skip(protobufTag: tag)
      }
    }
    guard !reader.failed, index < UInt64(LookupLimits.users) else { return nil }
    let name = LookupError.messageParameters.first { $0.field == parameter }?.name ?? parameter
    let error = LookupError(
      LookupError.Code(rawValue: code) ?? .badAnswer, message, parameter: name.isEmpty ? nil : name,
      retryAfter_s: retryAfter_s == 0 ? nil : Int(min(retryAfter_s, 3600)))
    return (Int(index), error)
  }

  /// Whether a sequence in JSON has no groups, as that of an unknown user.
  static func isEmpty(_ line: UnsafeRawBufferPointer) -> Bool {
    let end: StaticString = "\"groups\":[]}"
    return line.count >= end.utf8CodeUnitCount
      && line.suffix(end.utf8CodeUnitCount)
        .elementsEqual(UnsafeRawBufferPointer(start: end.utf8Start, count: end.utf8CodeUnitCount))
  }
}

extension LookupError {
  /// The parameter as the messages of Schemas/interest/v1 call it.
  public var messageParameter: String? {
    Self.messageParameters.first { $0.name == parameter }?.field ?? parameter
  }

  static var messageParameters: [(name: String, field: String)] {
    [("user", "user_id"), ("shops", "shop_ids"), ("as_of", "as_of_ms")]
  }

  /// `{"code":"bad_request","parameter":"groups","message":"..."}`
  public func writeJSON(into output: inout ByteBuffer) {
    output.append("{\"code\":")
    output.append(jsonString: code.rawValue)
    if let parameter {
      output.append(",\"parameter\":")
      output.append(jsonString: parameter)
    }
    output.append(",\"message\":")
    output.append(jsonString: message)
    if let retryAfter_s {
      output.append(",\"retry_after_s\":")
      output.append(decimal: UInt64(max(retryAfter_s, 0)))
    }
    output.append("}")
  }
}

extension LookupError.Code {
  /// As gRPC calls it (google.rpc.Code).
  public var grpcStatus: Int {
    switch self {
    case .badRequest: 3  // INVALID_ARGUMENT
    case .deadline: 4  // DEADLINE_EXCEEDED
    case .noGeneration: 5  // NOT_FOUND
    case .busy, .tooLarge: 8  // RESOURCE_EXHAUSTED
    case .noClusterMap, .misplaced: 9  // FAILED_PRECONDITION
    case .storage, .badAnswer: 13  // INTERNAL
    case .unavailable, .notOwned: 14  // UNAVAILABLE
    case .damaged: 15  // DATA_LOSS
    }
  }
}
