import Bytes

/// `grpc.health.v1.Health` (grpc/doc/health-checking.md): the server as a whole and its services by name are all as ready as the process is.
public final class HealthService: GRPCService {
  private enum Method: Int { case check, watch, list }
  private enum Status: UInt64 { case serving = 1, notServing, unknown }

  private let services: [String]
  private let isServing: () -> Bool

  /// In the order of `Method`.
  public static let methods = [
    GRPCMethod("/grpc.health.v1.Health/Check", isOpen: true),
    GRPCMethod("/grpc.health.v1.Health/Watch", .serverStreaming, isOpen: true),
    GRPCMethod("/grpc.health.v1.Health/List", isOpen: true),
  ]

  /// - Parameters:
  ///   - services: Full names, beside `""` for the server.
  ///   - isServing: Asked by each check, and by each open watch every `GRPCLimits.watch_ms`; quick.
  public init(services: [String], isServing: @escaping () -> Bool) {
    self.services = services
    self.isServing = isServing
    super.init(methods: Self.methods)
  }

  public override func respond(to call: GRPCCall, method: Int) {
    if method == Method.list.rawValue { return list(call) }
    guard let name = Self.service(call.message) else {
      return call.fail(.invalidArgument, "the request is cut short or no Protobuf message")
    }
    let isKnown = name.isEmpty || services.contains(name)
    if method == Method.check.rawValue && !isKnown { return call.fail(.notFound, "there is no service \(name)") }
    let status = isKnown ? current : Status.unknown
    tell(call, status)
    if method == Method.watch.rawValue { call.keepOpen() }
  }

  /// `HealthListResponse`, a map: the services have one status.
  private func list(_ call: GRPCCall) {
    var status = ByteBuffer(capacity: 16)
    status.append(field: 1, varint: current.rawValue)
    var entry = ByteBuffer(capacity: 128)
    call.write { output in
      for name in [""] + services {
        entry.clear()
        entry.append(field: 1, text: name)
        entry.append(field: 2, message: status.bytes)
        output.append(field: 1, message: entry.bytes)
      }
    }
  }

  /// `mark` is the status told last.
  public override func update(_ call: GRPCCall, method: Int) {
    let status = current
    if call.mark != Int(Status.unknown.rawValue), call.mark != Int(status.rawValue) { tell(call, status) }
  }

  private var current: Status { isServing() ? .serving : .notServing }

  private func tell(_ call: GRPCCall, _ status: Status) {
    call.mark = Int(status.rawValue)
    call.write { $0.append(field: 1, varint: status.rawValue) }
  }

  /// `HealthCheckRequest.service`; nil where the bytes are no message.
  private static func service(_ message: UnsafeRawBufferPointer) -> String? {
    guard let base = message.baseAddress else { return "" }
    var reader = ByteReader(base.assumingMemoryBound(to: UInt8.self), count: message.count)
    var name = ""
    while !reader.isAtEnd {
      let tag = reader.varint()
      if tag == 1 << 3 | 2 {
        name = String(decoding: reader.bytes(reader.varint()).prefix(256), as: UTF8.self)
      } else {
        reader.skip(protobufTag: tag)
      }
    }
    return reader.failed ? nil : name
  }
}
