import RocksDB
import Threads

/// What readers see: the database at one moment, and the buffers whose behaviors are not in it.
final class View {
  let database: ReadView
  let buffers: [FoldBuffer]
  fileprivate var readers = 0

  init(database: ReadView, buffers: [FoldBuffer]) {
    self.database = database
    self.buffers = buffers
  }
}

/// Publishes views, and gives buffers back to the lanes once no view holds them. A reader sees every applied event exactly once,
/// because a buffer leaves the view together with the arrival of the snapshot that has its file (DESIGN.md section 6).
///
/// The mutex is held for a few instructions only: readers do not stop a lane, nor a lane them.
final class ViewPublisher: @unchecked Sendable {  // all fields are guarded by `mutex`
  private let mutex = Mutex()
  private var current: View
  private var spare: [FoldBuffer] = []
  private var made = 0
  private var fillings: UInt64 = 0
  private let bufferLimit: Int

  init(_ database: ReadView, bufferLimit: Int) {
    current = View(database: database, buffers: [])
    self.bufferLimit = bufferLimit
  }

  func acquire() -> View {
    mutex.withLock {
      current.readers &+= 1
      return current
    }
  }

  func release(_ view: View) {
    mutex.withLock {
      view.readers &-= 1
      if view.readers == 0 && view !== current { retire(view) }
    }
  }

  /// Calls `body`, which is to be quick, with the buffers of the view. It is not acquired: giving the last hold on one back can release a
  /// snapshot, which takes long where the caller has a lock of its own.
  func withBuffers<Result>(_ body: ([FoldBuffer]) -> Result) -> Result { mutex.withLock { body(current.buffers) } }

  /// An empty buffer that is in the view from now on. Waits where all are filling, being flushed or still read; nil where
  /// `isCancelled` says so then.
  func addBuffer(isCancelled: () -> Bool, make: () -> FoldBuffer) -> FoldBuffer? {
    let spared: FoldBuffer?? = mutex.withLock {
      while spare.isEmpty && made == bufferLimit {
        if isCancelled() { return nil }
        _ = mutex.wait(until: MonotonicClock.now_ns + 100_000_000)
      }
      if spare.isEmpty {
        made += 1
        return .some(nil)
      }
      return .some(spare.removeLast())
    }
    guard let spared else { return nil }
    let buffer = spared ?? make()
    buffer.clear()
    buffer.filling = mutex.withLock {
      fillings += 1
      return fillings
    }
    publish { View(database: $0.database, buffers: $0.buffers + [buffer]) }
    return buffer
  }

  /// The buffer's file is in `database`.
  func replace(_ buffer: FoldBuffer, with database: ReadView) {
    publish { current in
      buffer.isFlushed = true
      return View(database: database, buffers: current.buffers.filter { $0 !== buffer })
    }
  }

  private func publish(_ next: (View) -> View) {
    // Dropped behind the lock, as it may release a snapshot.
    var previous: View?
    mutex.withLock {
      previous = current
      current = next(current)
      for buffer in current.buffers { buffer.views += 1 }
      if let previous, previous.readers == 0 { retire(previous) }
    }
    withExtendedLifetime(previous) {}
  }

  private func retire(_ view: View) {
    for buffer in view.buffers {
      buffer.views -= 1
      if buffer.views == 0 && buffer.isFlushed { spare.append(buffer) }
    }
    mutex.notifyAll()
  }
}
