import Foundation
import RocksDB
import Synchronization
import TestKit

/// Joins operands with commas: the result shows their order.
final class Joining: MergeOperator {
  let name: StaticString = "joining"
  /// Merges that did not begin with "1", which tests use as the oldest operand.
  let partialMerges = Atomic(0)

  func merge(key: UnsafeRawBufferPointer, operands: borrowing MergeOperands) -> UnsafeRawBufferPointer {
    if operands[0].first != UInt8(ascii: "1") { partialMerges.add(1, ordering: .relaxed) }
    var joined: [UInt8] = []
    for index in 0..<operands.count {
      if index > 0 { joined.append(UInt8(ascii: ",")) }
      joined += operands[index]
    }
    return Memory.ofThread.hold(joined)
  }
}

/// Memory that a thread reuses for the results of its merges, as the store's does.
final class Memory {
  nonisolated(unsafe) private static var key: pthread_key_t = {  // written once, under the lock of lazy globals
    var key = pthread_key_t()
    pthread_key_create(&key) { Unmanaged<Memory>.fromOpaque($0!).release() }
    return key
  }()
  private var bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 1)

  deinit { bytes.deallocate() }

  static var ofThread: Memory {
    if let held = pthread_getspecific(key) { return Unmanaged<Memory>.fromOpaque(held).takeUnretainedValue() }
    let memory = Memory()
    pthread_setspecific(key, Unmanaged.passRetained(memory).toOpaque())
    return memory
  }

  func hold(_ source: [UInt8]) -> UnsafeRawBufferPointer {
    bytes.copyBytes(from: source)
    return UnsafeRawBufferPointer(rebasing: bytes[..<source.count])
  }
}

enum Entry {
  case put(String, String)
  case merge(String, String)
  case delete(String)
}

func withBytes<Result: ~Copyable>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
{
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
  defer { bytes.deallocate() }
  bytes.copyBytes(from: text.utf8)
  return try body(UnsafeRawBufferPointer(bytes))
}

/// Writes `entries`, keys ascending, to `path`.
@discardableResult
func write(_ entries: [Entry], to path: String, _ options: Options) throws -> UInt64 {
  var writer = try SSTWriter(path: path, options: options)
  for entry in entries {
    switch entry {
    case .put(let key, let value): try withBytes(key) { key in try withBytes(value) { try writer.put(key, $0) } }
    case .merge(let key, let value): try withBytes(key) { key in try withBytes(value) { try writer.merge(key, $0) } }
    case .delete(let key): try withBytes(key) { try writer.delete($0) }
    }
  }
  return try writer.finish()
}

extension ReadView {
  func text(_ key: String, in family: ColumnFamily) throws -> String? {
    try withBytes(key) { try get($0, in: family) { $0.map { String(decoding: $0, as: UTF8.self) } } }
  }

  func entries(_ family: ColumnFamily, from first: String = "", upTo end: String? = nil) throws -> [String] {
    var iterator = withBytes(first) { first in
      guard let end else { return iterate(family, from: first) }
      return withBytes(end) { iterate(family, from: first, upTo: $0) }
    }
    var found: [String] = []
    while try iterator.next() {
      found.append(
        "\(String(decoding: iterator.key, as: UTF8.self))=\(String(decoding: iterator.value, as: UTF8.self))")
    }
    return found
  }
}

/// A database in a folder of its own.
struct Fixture: Sendable {
  let directory = TemporaryDirectory()
  let merge = Joining()
  let options: Options
  private let files = Counter()

  init(_ settings: Settings = Settings()) {
    options = Options(settings, merge: merge, cache: Cache(capacity_bytes: 1 << 20))
  }

  var path: String { directory.file("db") }

  func open(_ mode: Database.Mode = .readWrite, families: [String: Options] = [:]) throws
    -> (database: Database, families: [String: ColumnFamily])
  { try Database.open(path: path, mode: mode, options: options, families: families) }

  func storedFiles() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".sst") }
  }

  func ingest(_ entries: [Entry], into family: ColumnFamily, of database: Database) throws {
    let file = directory.file("staged-\(files.next()).sst")
    try write(entries, to: file, options)
    try database.ingest([file], into: family)
  }
}

private final class Counter: Sendable {
  private let count = Atomic(0)

  func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
