import Glibc

/// The operating system's clocks. What must be repeatable takes its time from the outside instead.
public enum MonotonicClock {
  /// Nanoseconds since some moment before the process started.
  public static var now_ns: UInt64 { read(CLOCK_MONOTONIC) }

  static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

public enum WallClock {
  /// Unix milliseconds.
  public static var now_ms: Int64 { Int64(MonotonicClock.read(CLOCK_REALTIME) / 1_000_000) }
}

public enum CPUClock {
  /// CPU time of the whole process, in nanoseconds.
  public static var process_ns: UInt64 { MonotonicClock.read(CLOCK_PROCESS_CPUTIME_ID) }
  /// CPU time of the calling thread, in nanoseconds.
  public static var thread_ns: UInt64 { MonotonicClock.read(CLOCK_THREAD_CPUTIME_ID) }
}
