internal import CNet
import Glibc
import Synchronization
import Threads

/// Looks at the files of what can be reloaded, every so often and on a thread of its own, and has them read again when they have changed.
/// What cannot be read leaves everything as it was. What several read from the same files, as the ports' TLS, is told and counted once.
public final class FileWatch: @unchecked Sendable {  // what it wants is guarded by `mutex`; `subjects` is the thread's
  /// What a file was when it was looked at.
  private struct Stamp: Equatable {
    var modified_ns: Int64 = 0
    var size: Int = -1
    var file: UInt64 = 0
  }

  private struct Subject {
    let content: any Reloadable
    /// When it was read last, successfully or not.
    var read: [Stamp]
    /// When it was looked at last: files that are just being written change again.
    var seen: [Stamp]
  }

  public enum Outcome: Sendable, Hashable {
    case reloaded(files: [String])
    /// What is wrong, with the file's name.
    case failed(String)
  }

  private let mutex = Mutex()
  private var isStopping = false
  private var isAsked = false
  private var subjects: [Subject]
  private let interval_ms: Int
  private let told: @Sendable (Outcome) -> Void
  private let reloaded = Atomic<UInt64>(0)
  private let failed = Atomic<UInt64>(0)
  private var thread: Threads.Thread?

  /// - Parameters:
  ///   - interval_ms: How often it looks. What has changed is read when it has not changed again by the next look.
  ///   - told: Called on the thread.
  public init(
    _ contents: [any Reloadable], interval_ms: Int = 1000, told: @escaping @Sendable (Outcome) -> Void
  ) {
    subjects = contents.filter { !$0.files.isEmpty }.map { content in
      let stamps = content.files.map(Self.stamp)
      return Subject(content: content, read: stamps, seen: stamps)
    }
    self.interval_ms = interval_ms
    self.told = told
    if !subjects.isEmpty { thread = Threads.Thread(name: "reload") { [self] in run() } }
  }

  /// Has everything read again at once, changed or not.
  public func reload() {
    mutex.withLock {
      isAsked = true
      mutex.notifyAll()
    }
  }

  /// Returns when the thread has ended. Not called, the watch lasts as long as the process.
  public func stop() {
    mutex.withLock {
      isStopping = true
      mutex.notifyAll()
    }
    if let thread = mutex.withLock({ thread.take() }) { thread.join() }
  }

  /// How often something was read again, and how often it could not be.
  public var counters: (reloaded: UInt64, failed: UInt64) {
    (reloaded.load(ordering: .relaxed), failed.load(ordering: .relaxed))
  }

  // MARK: The thread

  private func run() {
    while true {
      let deadline_ns = MonotonicClock.now_ns + UInt64(interval_ms) * 1_000_000
      let wanted: Bool? = mutex.withLock {
        while !isStopping && !isAsked {
          if !mutex.wait(until: deadline_ns) && MonotonicClock.now_ns >= deadline_ns { break }
        }
        defer { isAsked = false }
        return isStopping ? nil : isAsked
      }
      guard let isAsked = wanted else { return }
      // Looked at once, so that who has the same files reads them at the same time.
      let now = Self.stamps(Set(subjects.flatMap(\.content.files)))
      var outcomes: [Outcome] = []
      for index in subjects.indices {
        if let outcome = look(&subjects[index], now, isAsked: isAsked), !outcomes.contains(outcome) {
          outcomes.append(outcome)
        }
      }
      for outcome in outcomes {
        if case .failed = outcome { failed.add(1, ordering: .relaxed) } else { reloaded.add(1, ordering: .relaxed) }
        told(outcome)
      }
    }
  }

  /// Nil where there is nothing to read.
  private func look(_ subject: inout Subject, _ stamps: [String: Stamp], isAsked: Bool) -> Outcome? {
    let now = subject.content.files.map { stamps[$0] ?? Stamp() }
    let isSettled = now == subject.seen
    subject.seen = now
    guard isAsked || now != subject.read && isSettled else { return nil }
    subject.read = now
    do throws(NetworkError) { try subject.content.reload() } catch { return .failed(error.description) }
    return .reloaded(files: subject.content.files)
  }

  private static func stamps(_ files: Set<String>) -> [String: Stamp] {
    Dictionary(uniqueKeysWithValues: files.map { ($0, stamp($0)) })
  }

  private static func stamp(_ path: String) -> Stamp {
    var status = stat()
    guard stat(path, &status) == 0 else { return Stamp() }
    return Stamp(modified_ns: cnet_modified_ns(&status), size: Int(status.st_size), file: UInt64(status.st_ino))
  }

  /// Those of `files` that every user of the machine can read, though they hold secrets.
  public static func readableByAll(_ files: [String]) -> [String] {
    files.filter { path in
      var status = stat()
      return stat(path, &status) == 0 && status.st_mode & 0o004 != 0
    }
  }
}
