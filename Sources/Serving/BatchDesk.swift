import Lookup
import Network
import Threads

/// A loop's batches that the pool works at. On the loop's thread only, but for `inbox`.
final class BatchDesk {
  /// Numbers of batches that are done.
  private final class Inbox: @unchecked Sendable {  // guarded by `mutex`
    private let mutex = Mutex()
    private var done: [Int] = []

    func put(_ number: Int) { mutex.withLock { done.append(number) } }

    func takeAll() -> [Int] {
      mutex.withLock {
        defer { done.removeAll(keepingCapacity: true) }
        return done
      }
    }
  }

  private let inbox = Inbox()
  private var receiver: LoopSignalReceiver?
  private var waiting: [Int: BatchWork] = [:]
  private var last = 0

  init(_ dialer: Dialer) throws(NetworkError) {
    receiver = try LoopSignalReceiver(dialer) { [unowned self] in  // the receiver goes with this object
      for number in inbox.takeAll() { waiting.removeValue(forKey: number)?.lookedUp() }
    }
  }

  /// Has a batch looked up; `work` is told when that is done, unless it is forgotten before.
  func submit(_ work: BatchWork, _ job: BatchJob) throws(LookupError) {
    guard let signal = receiver?.signal else { return }
    last += 1
    let number = last
    try job.service.pool.submit(job) { [inbox] in
      inbox.put(number)
      signal.send()
    }
    work.number = number
    waiting[number] = work
  }

  func forget(_ work: BatchWork) { waiting[work.number] = nil }
}
