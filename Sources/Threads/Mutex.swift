import Glibc

/// A pthread mutex with one condition: all that threads of the data path wait on.
///
/// `Synchronization.Mutex` is a futex that the thread sanitizer does not see; pthread's it does.
public final class Mutex: @unchecked Sendable {  // pthread_mutex_t and pthread_cond_t are made to be shared by address
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  public init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  @inline(__always)
  public func withLock<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure)
    -> Result
  {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Only inside `withLock`: gives the lock up until `notifyAll`, then has it again. May wake without cause.
  public func wait() { pthread_cond_wait(condition, mutex) }

  /// Only inside `withLock`. False where `deadline_ns` (of `MonotonicClock`) passed first.
  public func wait(until deadline_ns: UInt64) -> Bool {
    var time = timespec(tv_sec: Int(deadline_ns / 1_000_000_000), tv_nsec: Int(deadline_ns % 1_000_000_000))
    return pthread_cond_timedwait(condition, mutex, &time) != ETIMEDOUT
  }

  public func notifyAll() { pthread_cond_broadcast(condition) }
}
