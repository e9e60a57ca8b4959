import Bytes

/// `grpc.reflection.v1.ServerReflection` and its earlier name, v1alpha, with the same messages (grpc/doc/server-reflection.md).
public final class ReflectionService: GRPCService {
  private let descriptors: FileDescriptors

  public static let methods = [
    GRPCMethod("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", .bidirectional),
    GRPCMethod("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", .bidirectional),
  ]

  public init(_ descriptors: FileDescriptors) {
    self.descriptors = descriptors
    super.init(methods: Self.methods)
  }

  public override func respond(to call: GRPCCall, method: Int) {
    var host: [UInt8] = []
    var asked: (number: UInt64, value: [UInt8])?
    let message = Array(call.message)
    let isWhole = FileDescriptors.read(message) { number, value in
      if number == 1 { host = value } else if (3...7).contains(number) { asked = (number, value) }
      return true
    }
    guard isWhole, let asked else {
      return call.fail(.invalidArgument, "the request asks for nothing, or is no Protobuf message")
    }
    call.write { output in
      host.withUnsafeBytes { output.append(field: 1, bytes: $0) }
      message.withUnsafeBytes { output.append(field: 2, message: $0) }
      answer(asked.number, asked.value, &output)
    }
  }

  private func answer(_ number: UInt64, _ value: [UInt8], _ output: inout ByteBuffer) {
    let name = String(decoding: value.prefix(1024), as: UTF8.self)
    switch number {
    case 3: tell(descriptors.file(named: name), "there is no file \(name)", &output)
    case 4: tell(descriptors.file(defining: name), "there is no symbol \(name)", &output)
    case 5: tell(nil, "there are no extensions", &output)
    case 6:
      guard descriptors.hasMessage(name) else { return tell(nil, "there is no message \(name)", &output) }
      var numbers = ByteBuffer()
      numbers.append(field: 1, text: name)
      output.append(field: 5, message: numbers.bytes)
    default: listServices(&output)
    }
  }

  private func tell(_ files: [FileDescriptors.File]?, _ problem: String, _ output: inout ByteBuffer) {
    var part = ByteBuffer()
    if let files {
      for file in files { file.bytes.withUnsafeBytes { part.append(field: 1, message: $0) } }
      output.append(field: 4, message: part.bytes)
    } else {
      part.append(field: 1, varint: UInt64(GRPCStatus.notFound.rawValue))
      part.append(field: 2, text: problem)
      output.append(field: 7, message: part.bytes)
    }
  }

  private func listServices(_ output: inout ByteBuffer) {
    var list = ByteBuffer()
    var service = ByteBuffer()
    for name in descriptors.services {
      service.clear()
      service.append(field: 1, text: name)
      list.append(field: 1, message: service.bytes)
    }
    output.append(field: 6, message: list.bytes)
  }
}
