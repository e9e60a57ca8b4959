import InterestStore
import Threads

/// Full buffers on their way from a lane to its flusher, and what became durable on the way back. One lane, one flusher.
final class FlushQueue: @unchecked Sendable {  // all fields are guarded by `mutex`
  private let mutex = Mutex()
  private var waiting: [(buffer: FoldBuffer, letters: LetterReceipt?)] = []
  private var isFlushing = false
  private var isClosed = false
  private var isDraining = false
  private var failure: StoreError?
  private var durable: [DurablePositions] = []

  /// The lane hands a buffer over, and does not touch it any more. The store's number of buffers bounds the queue.
  ///
  /// - Parameter letters: Dead letters that must be in their topic before the buffer is durable.
  func submit(_ buffer: FoldBuffer, after letters: LetterReceipt? = nil) {
    mutex.withLock {
      waiting.append((buffer, letters))
      mutex.notifyAll()
    }
  }

  /// The lane waits until all that it submitted is durable, or something failed; false where that took longer than until `deadline_ns`.
  @discardableResult
  func drain(until deadline_ns: UInt64 = .max) throws(StoreError) -> Bool {
    try mutex.withLock { () throws(StoreError) in
      isDraining = true
      defer { isDraining = false }
      while (isFlushing || !waiting.isEmpty) && failure == nil {
        if deadline_ns == .max {
          mutex.wait()
        } else if !mutex.wait(until: deadline_ns) {
          break
        }
      }
      if let failure { throw failure }
      return !isFlushing && waiting.isEmpty
    }
  }

  /// Whether all that was submitted is durable.
  var isIdle: Bool { mutex.withLock { !isFlushing && waiting.isEmpty } }

  /// Positions that became durable since the last call, oldest first.
  func takeDurable() throws(StoreError) -> [DurablePositions] {
    try mutex.withLock { () throws(StoreError) in
      if let failure { throw failure }
      defer { durable = [] }
      return durable
    }
  }

  /// Whether somebody waits for everything to be durable: the flusher waits for nothing else then.
  var isHurried: Bool { mutex.withLock { isClosed || isDraining } }

  /// Whether no buffer follows.
  var isEnding: Bool { mutex.withLock { isClosed } }

  var hasFailed: Bool { mutex.withLock { failure != nil } }

  /// Why the flusher gave up.
  var error: IngestError {
    mutex.withLock { failure.map { IngestError($0) } } ?? IngestError(.storage, "there is no empty buffer")
  }

  /// No buffer follows.
  func close() {
    mutex.withLock {
      isClosed = true
      mutex.notifyAll()
    }
  }

  /// The flusher waits for a buffer; nil is the end.
  func next() -> (buffer: FoldBuffer, letters: LetterReceipt?)? {
    mutex.withLock {
      while waiting.isEmpty && !isClosed { mutex.wait() }
      guard failure == nil, !waiting.isEmpty else { return nil }
      isFlushing = true
      return waiting.removeFirst()
    }
  }

  func finish(_ positions: DurablePositions) {
    mutex.withLock {
      isFlushing = false
      durable.append(positions)
      mutex.notifyAll()
    }
  }

  func fail(_ error: StoreError) {
    mutex.withLock {
      isFlushing = false
      failure = error
      mutex.notifyAll()
    }
  }
}

/// The thread that writes a lane's full buffers into the database. It ends when the queue is closed and empty, or on an error, which
/// the lane finds in the queue.
struct FlusherThread: ~Copyable {
  /// Told of each failed try that is followed by another.
  typealias OnRetry = @Sendable (StoreError) -> Void

  private let thread: Thread
  private static var retry_ns: UInt64 { 1_000_000_000 }

  /// - Parameters:
  ///   - isStopping: From then on nothing is waited for: not for compactions, nor for what made a flush fail to go away.
  ///   - onSuccess: Told after a flush that followed failed tries.
  ///   - onRetry: Where a flush fails for a cause that may go away, as a full disk, it is tried again; nil: it is not.
  init(
    _ generation: Generation, _ queue: FlushQueue, counters: IngestCounters,
    isStopping: @escaping @Sendable () -> Bool = { false }, onRetry: OnRetry? = nil,
    onSuccess: @escaping @Sendable () -> Void = {}
  ) {
    thread = Thread(name: "flusher") {
      var flusher = Flusher(generation)
      while let (buffer, letters) = queue.next() {
        let positions = buffer.positions
        do throws(StoreError) {
          let isEnding = { queue.isEnding || isStopping() }
          try Self.flush(
            buffer, letters, &flusher, { queue.isHurried || isStopping() }, isEnding, onRetry, onSuccess)
        } catch {
          return queue.fail(error)
        }
        counters.addFlush(bytes: flusher.written_bytes)
        queue.finish(positions)
      }
    }
  }

  private static func flush(
    _ buffer: FoldBuffer, _ letters: LetterReceipt?, _ flusher: inout Flusher, _ isHurried: () -> Bool,
    _ isEnding: () -> Bool, _ onRetry: OnRetry?, _ onSuccess: () -> Void
  ) throws(StoreError) {
    let pause = Mutex()
    var hasFailed = false
    try letters?.wait(isEnding: isEnding) { error in
      hasFailed = true
      onRetry?(error)
    }
    while true {
      do throws(StoreError) {
        try flusher.flush(buffer, isHurried: isHurried)
        if hasFailed { onSuccess() }
        return
      } catch {
        hasFailed = true
        guard let onRetry, error.isRetryable, !isEnding() else { throw error }
        onRetry(error)
        pause.withLock { _ = pause.wait(until: MonotonicClock.now_ns + retry_ns) }
      }
    }
  }

  consuming func join() { thread.join() }
}
