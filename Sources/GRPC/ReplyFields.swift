import Bytes
internal import CNghttp2

/// Header fields for nghttp2, in memory of their own that is used again.
final class FieldList {
  private let storage = UnsafeMutablePointer<nghttp2_nv>.allocate(capacity: FieldList.most)
  /// Values that are no constants, one behind the other; `nghttp2_nv.value` of such a field is set when all are there.
  private var values = ByteBuffer(capacity: 256)
  private(set) var count = 0

  private static let most = 8
  private static let constant = UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
  private static let written = UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)

  init() {}

  deinit { storage.deallocate() }

  /// Good until the next change; nghttp2 copies what is no constant when a header is submitted.
  var pointer: UnsafePointer<nghttp2_nv> {
    var start = 0
    for index in 0..<count where storage[index].flags == Self.written {
      storage[index].value = values.written(from: start).baseAddress?.assumingMemoryBound(to: UInt8.self)
      start += storage[index].valuelen
    }
    return UnsafePointer(storage)
  }

  func clear() {
    count = 0
    values.clear()
  }

  func add(_ name: StaticString, _ value: StaticString) {
    add(name, Self.mutable(value), value.utf8CodeUnitCount, Self.constant)
  }

  /// `write` appends the value.
  func add(_ name: StaticString, _ write: (inout ByteBuffer) -> Void) {
    let start = values.count
    write(&values)
    add(name, nil, values.count - start, Self.written)
  }

  private func add(_ name: StaticString, _ value: UnsafeMutablePointer<UInt8>?, _ size: Int, _ flags: UInt8) {
    precondition(count < Self.most, "an answer has at most \(Self.most) header fields")
    let field = nghttp2_nv(
      name: Self.mutable(name), value: value, namelen: name.utf8CodeUnitCount, valuelen: size, flags: flags)
    (storage + count).initialize(to: field)
    count += 1
  }

  /// nghttp2 does not write through it, though its type would let it.
  private static func mutable(_ text: StaticString) -> UnsafeMutablePointer<UInt8> {
    UnsafeMutablePointer(mutating: text.utf8Start)
  }
}

/// The header fields of answers (grpc/doc/PROTOCOL-HTTP2.md, Responses).
final class ReplyFields {
  /// Before messages.
  let header = FieldList()
  /// Behind messages, where all is well.
  let success = FieldList()
  /// Any other.
  private let other = FieldList()

  init() {
    addStart(to: header)
    success.add("grpc-status", "0")
  }

  private func addStart(to fields: FieldList) {
    fields.add(":status", "200")
    fields.add("content-type", "application/grpc")
  }

  /// A failure behind messages, or, with `isAll`, as the whole answer.
  func failure(_ failure: GRPCFailure, isAll: Bool) -> FieldList {
    other.clear()
    if isAll { addStart(to: other) }
    other.add("grpc-status") { $0.append(decimal: UInt64(failure.status.rawValue)) }
    other.add("grpc-message") { $0.append(percentEncoding: failure.message) }
    if failure.status == .unimplemented { other.add("grpc-accept-encoding", "identity,gzip") }
    if let retryAfter_ms = failure.retryAfter_ms {
      other.add("grpc-retry-pushback-ms") { $0.append(decimal: UInt64(max(retryAfter_ms, 0))) }
      other.add("grpc-status-details-bin") { StatusDetails.append(failure, retryAfter_ms, to: &$0) }
    }
    return other
  }

  /// For what is no gRPC call.
  func refusal(_ refusal: HTTPRefusal) -> FieldList {
    other.clear()
    switch refusal {
    case .methodNotAllowed:
      other.add(":status", "405")
      other.add("allow", "POST")
    case .unsupportedMediaType: other.add(":status", "415")
    }
    return other
  }
}

/// Why a request is answered by HTTP alone: it is no gRPC call.
enum HTTPRefusal {
  case methodNotAllowed
  /// Its content is not of type application/grpc, or application/grpc+proto.
  case unsupportedMediaType
}
