import Bytes

/// The `.proto` files that reflection tells of, from the bytes that protoc made of them (google/protobuf/descriptor.proto).
public struct FileDescriptors: Sendable {
  struct File {
    let name: String
    /// A serialized `google.protobuf.FileDescriptorProto`.
    let bytes: [UInt8]
    let dependencies: [String]
    /// Full names of messages, fields, enumerations, services and methods.
    let symbols: Set<String>
    let services: [String]
  }

  let files: [File]

  /// From a serialized `google.protobuf.FileDescriptorSet`; nil where it is none.
  public init?(set: [UInt8]) {
    var files: [File] = []
    let isWhole = Self.read(set) { number, bytes in
      guard number == 1 else { return true }
      guard let file = Self.file(bytes) else { return false }
      files.append(file)
      return true
    }
    guard isWhole else { return nil }
    self.files = files
  }

  /// Full names.
  public var services: [String] { files.flatMap(\.services) }

  /// The file with this name and those that it stands on, itself first; nil where there is none.
  func file(named name: String) -> [File]? {
    guard let file = files.first(where: { $0.name == name }) else { return nil }
    var found = [file]
    var next = 0
    while next < found.count {
      for dependency in found[next].dependencies where !found.contains(where: { $0.name == dependency }) {
        if let file = files.first(where: { $0.name == dependency }) { found.append(file) }
      }
      next += 1
    }
    return found
  }

  func file(defining symbol: String) -> [File]? {
    files.first { $0.symbols.contains(symbol) }.flatMap { file(named: $0.name) }
  }

  func hasMessage(_ name: String) -> Bool { files.contains { $0.symbols.contains(name) } }

  // MARK: Reading

  private static func file(_ bytes: [UInt8]) -> File? {
    var (name, package) = ("", "")
    var dependencies: [String] = []
    var names = SymbolNames()
    let isWhole = read(bytes) { number, value in
      switch number {
      case 1: name = String(decoding: value, as: UTF8.self)
      case 2: package = String(decoding: value, as: UTF8.self)
      case 3: dependencies.append(String(decoding: value, as: UTF8.self))
      case 4: return names.addMessage(value, in: package)
      case 5: return names.add(value, in: package, members: [])
      case 6: return names.addService(value, in: package)
      default: break
      }
      return true
    }
    guard isWhole else { return nil }
    return File(
      name: name, bytes: bytes, dependencies: dependencies, symbols: names.symbols, services: names.services)
  }

  /// Calls `each` with the fields that have a length. False where the bytes are no message, or `each` said so.
  static func read(_ bytes: [UInt8], _ each: (_ number: UInt64, _ value: [UInt8]) -> Bool) -> Bool {
    bytes.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return true }
      var reader = ByteReader(base, count: bytes.count)
      while !reader.isAtEnd {
        let tag = reader.varint()
        if tag & 7 == 2 {
          let value = Array(reader.bytes(reader.varint()))
          if reader.failed || !each(tag >> 3, value) { return false }
        } else {
          reader.skip(protobufTag: tag)
        }
      }
      return !reader.failed
    }
  }
}

/// Collects the full names that a file defines. A package comes before what is in it, as protoc writes files.
private struct SymbolNames {
  var symbols: Set<String> = []
  var services: [String] = []

  /// DescriptorProto: 1 name, 2 field, 3 nested_type, 4 enum_type.
  mutating func addMessage(_ bytes: [UInt8], in scope: String) -> Bool {
    let full = name(of: bytes, in: scope)
    guard add(bytes, in: scope, members: [2]) else { return false }
    return FileDescriptors.read(bytes) { number, value in
      switch number {
      case 3: addMessage(value, in: full)
      case 4: add(value, in: full, members: [])
      default: true
      }
    }
  }

  /// ServiceDescriptorProto: 1 name, 2 method.
  mutating func addService(_ bytes: [UInt8], in scope: String) -> Bool {
    services.append(name(of: bytes, in: scope))
    return add(bytes, in: scope, members: [2])
  }

  /// Anything whose field 1 is its name, and the named things in its fields `members`.
  mutating func add(_ bytes: [UInt8], in scope: String, members: Set<UInt64>) -> Bool {
    let full = name(of: bytes, in: scope)
    symbols.insert(full)
    return FileDescriptors.read(bytes) { number, value in
      if members.contains(number) { symbols.insert(name(of: value, in: full)) }
      return true
    }
  }

  private func name(of bytes: [UInt8], in scope: String) -> String {
    var name = ""
    _ = FileDescriptors.read(bytes) { number, value in
      if number == 1 { name = String(decoding: value, as: UTF8.self) }
      return true
    }
    return scope.isEmpty ? name : "\(scope).\(name)"
  }
}
