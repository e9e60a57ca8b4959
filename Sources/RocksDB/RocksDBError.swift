internal import CRocksDB

/// A call that RocksDB refused or could not do.
public struct RocksDBError: Error, Equatable, CustomStringConvertible {
  /// rocksdb/status.h, `Status::Code`. The C API passes only its text on, which each code begins in its own way.
  public enum Code: Sendable, CaseIterable {
    case notFound, corruption, notSupported, invalidArgument, io, mergeInProgress, incomplete, shutdownInProgress,
      timedOut
    case aborted, busy, expired, tryAgain, compactionTooLarge, columnFamilyDropped, unknown
  }

  public let code: Code
  /// What was being done: "open the database".
  public let operation: String
  /// The database's folder, or the file.
  public let path: String
  /// RocksDB's own text, on one line.
  public let message: String
  /// What to do about it, where that is known.
  public let hint: String?

  /// Whether the same call may succeed later, with nothing changed here.
  public var isRetryable: Bool {
    switch code {
    case .busy, .tryAgain, .timedOut, .incomplete: true
    default: isLocked || isOutOfSpace
    }
  }

  /// Another process (or another `Database` of this one) has the database open.
  public var isLocked: Bool { code == .io && message.contains("/LOCK: ") }

  public var isOutOfSpace: Bool { message.contains("No space left on device") }

  public var description: String {
    "cannot \(operation) \(path): \(message)" + (hint.map { "; \($0)" } ?? "")
  }

  init(operation: String, path: String, message: String) {
    let message = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    self.operation = operation
    self.path = path
    self.message = message
    code = Self.code(of: message)
    hint = Self.hint(code, message)
  }

  private static func hint(_ code: Code, _ message: String) -> String? {
    if code == .io && message.contains("/LOCK: ") { return "it is open already: close it there, or open it read-only" }
    if message.contains("No space left on device") { return "free space on the volume" }
    if code == .corruption { return "stored bytes are damaged: ingest the data anew, or restore a copy" }
    return nil
  }

  /// The texts of `Status::ToString` in RocksDB's util/status.cc.
  private static func code(of message: String) -> Code {
    prefixes.first { message.hasPrefix($0.text) }?.code ?? .unknown
  }

  private static let prefixes: [(text: String, code: Code)] = [
    ("NotFound", .notFound), ("Corruption", .corruption), ("Not implemented", .notSupported),
    ("Invalid argument", .invalidArgument), ("IO error", .io), ("Merge in progress", .mergeInProgress),
    ("Result incomplete", .incomplete), ("Shutdown in progress", .shutdownInProgress),
    ("Operation timed out", .timedOut), ("Operation aborted", .aborted), ("Resource busy", .busy),
    ("Operation expired", .expired), ("Operation failed. Try again.", .tryAgain),
    ("Compaction too large", .compactionTooLarge), ("Column family dropped", .columnFamilyDropped),
  ]
}

/// The way of every call that reports through `char** errptr`.
@inline(__always)
func check<Result>(
  _ operation: @autoclosure () -> String, _ path: String,
  _ call: (_ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) throws(RocksDBError) -> Result {
  var text: UnsafeMutablePointer<CChar>?
  let result = call(&text)
  if let text { throw failure(operation(), path, taking: text) }
  return result
}

/// Takes a text that RocksDB allocated.
@inline(never)
func failure(_ operation: String, _ path: String, taking text: UnsafeMutablePointer<CChar>) -> RocksDBError {
  defer { rocksdb_free(text) }
  return RocksDBError(operation: operation, path: path, message: String(cString: text))
}
