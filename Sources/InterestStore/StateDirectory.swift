import Foundation
import Glibc

/// A state directory, held by one process that writes it or by any number that only look at it:
///
///     identity.json        what the state is
///     lock                 who holds it
///     db/                  RocksDB
///     staging/             files on their way into it; removed at opening
///     dead-letters.jsonl   bad records
public final class StateDirectory: Sendable {
  public let path: String
  let isWritable: Bool
  private let lock: Int32

  var database: String { "\(path)/db" }
  var staging: String { "\(path)/staging" }
  public var deadLetters: String { "\(path)/dead-letters.jsonl" }
  private var identityPath: String { "\(path)/identity.json" }

  /// - Parameter holder: What others are told who find the directory in use, such as `interestd run, http://127.0.0.1:8080`.
  init(writing path: String, holder: String) throws(StoreError) {
    self.path = try Self.absolute(path)
    isWritable = true
    do {
      try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    } catch {
      throw StoreError(.storage, "cannot make the state directory \(path): \(error.localizedDescription)")
    }
    lock = try Self.takeLock(self.path, exclusive: true)
    ftruncate(lock, 0)
    let text = "pid \(getpid()), \(holder)\n"
    _ = text.withCString { pwrite(lock, $0, strlen($0), 0) }
    try? FileManager.default.removeItem(atPath: staging)
    do {
      try FileManager.default.createDirectory(atPath: staging, withIntermediateDirectories: true)
    } catch {
      // `deinit` runs, and closes the lock: everything is initialized.
      throw StoreError(.storage, "cannot make \(staging): \(error.localizedDescription)")
    }
  }

  init(reading path: String) throws(StoreError) {
    self.path = try Self.existing(path)
    isWritable = false
    lock = try Self.takeLock(self.path, exclusive: false)
  }

  /// Only to ask for the identity, whoever has the directory.
  init(describing path: String) throws(StoreError) {
    self.path = try Self.existing(path)
    isWritable = false
    lock = -1
  }

  private static func existing(_ path: String) throws(StoreError) -> String {
    let absolute = try absolute(path)
    if access("\(absolute)/identity.json", F_OK) == 0 { return absolute }
    throw StoreError(.notFound, "there is no state in \(absolute): make one with 'interestd ingest' or 'interestd run'")
  }

  deinit {
    guard lock >= 0 else { return }
    // Whoever finds readers here must not be told of a writer that is gone.
    if isWritable { ftruncate(lock, 0) }
    close(lock)
  }

  /// Nil where the directory is new.
  func identity() throws(StoreError) -> StateIdentity? {
    if access(identityPath, F_OK) != 0 && errno == ENOENT {
      guard access("\(database)/CURRENT", F_OK) != 0 else {
        throw StoreError(
          .damaged, "\(path) holds states but no identity.json: restore it, or name a new state directory")
      }
      return nil
    }
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: identityPath))
      return try JSONDecoder().decode(StateIdentity.self, from: data)
    } catch {
      throw StoreError(.damaged, "\(identityPath) cannot be read: \(error)")
    }
  }

  /// Replaces the file in one step.
  func write(_ identity: StateIdentity) throws(StoreError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    do {
      let data = try encoder.encode(identity)
      try Self.replace(identityPath, with: data)
    } catch let error as StoreError {
      throw error
    } catch {
      throw StoreError(.storage, "cannot write \(identityPath): \(error.localizedDescription)")
    }
  }

  private static func replace(_ path: String, with data: Data) throws(StoreError) {
    let temporary = "\(path).new"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw failure("write", temporary) }
    let written = data.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    let isDurable = written == data.count && fsync(file) == 0
    close(file)
    guard isDurable, rename(temporary, path) == 0 else { throw failure("write", path) }
    let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }

  private static func takeLock(_ path: String, exclusive: Bool) throws(StoreError) -> Int32 {
    let name = "\(path)/lock"
    var file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    if file < 0 && !exclusive { file = open(name, O_RDONLY | O_CLOEXEC) }
    guard file >= 0 else { throw failure("open", name) }
    if flock(file, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 { return file }
    let holder = holder(of: file)
    close(file)
    throw StoreError(
      .inUse, "the state directory \(path) is in use (\(holder)): ask that process with --endpoint, or stop it",
      isRetryable: true)
  }

  /// Who is in the way. What a writer wrote counts only while it has the lock: one that was killed leaves its text behind.
  private static func holder(of file: Int32) -> String {
    if flock(file, LOCK_SH | LOCK_NB) == 0 { return "others are reading it" }
    var text = [UInt8](repeating: 0, count: 256)
    let size = pread(file, &text, text.count, 0)
    return String(decoding: text.prefix(max(size, 0)), as: UTF8.self).split(separator: "\n").first.map { String($0) }
      ?? "another process"
  }

  private static func failure(_ verb: String, _ path: String) -> StoreError {
    StoreError(.storage, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
  }

  private static func absolute(_ path: String) throws(StoreError) -> String {
    if path.isEmpty { throw StoreError(.notFound, "no state directory is named: use --state DIR") }
    return URL(fileURLWithPath: path).standardizedFileURL.path
  }
}
