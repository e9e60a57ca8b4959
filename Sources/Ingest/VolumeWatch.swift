import Glibc
import Threads

/// Looks now and then at how much room the state's volume has.
struct VolumeWatch {
  enum Change: Equatable {
    case same
    /// Too little from now on: how much, in words.
    case low(String)
    case enough
  }

  private let path: String
  private let minimum_bytes: UInt64
  private let free_bytes: (_ path: String) -> UInt64?
  private var isLow = false
  private var next_ns: UInt64 = 0

  private static var interval_ns: UInt64 { 1_000_000_000 }

  /// - Parameters:
  ///   - minimum_bytes: 0: nothing is looked at.
  ///   - free_bytes: Of the volume of a path; nil where that cannot be told.
  init(path: String, minimum_bytes: UInt64, free_bytes: @escaping (_ path: String) -> UInt64? = VolumeWatch.free) {
    self.path = path
    self.minimum_bytes = minimum_bytes
    self.free_bytes = free_bytes
  }

  /// What has changed since the last look. Once low, an eighth more than the minimum is enough.
  mutating func look(now_ns: UInt64 = MonotonicClock.now_ns) -> Change {
    guard minimum_bytes > 0, now_ns >= next_ns else { return .same }
    next_ns = now_ns + Self.interval_ns
    guard let free = free_bytes(path) else { return .same }
    if !isLow && free < minimum_bytes {
      isLow = true
      return .low(
        "the volume of \(path) has \(free >> 20) MiB free, and state.minimum_free_bytes keeps \(minimum_bytes >> 20) MiB: make room"
      )
    }
    if isLow && free >= minimum_bytes + minimum_bytes / 8 {
      isLow = false
      return .enough
    }
    return .same
  }

  /// As users without privileges see it.
  static func free(_ path: String) -> UInt64? {
    var volume = statvfs()
    guard statvfs(path, &volume) == 0 else { return nil }
    return UInt64(volume.f_bavail) * UInt64(volume.f_frsize)
  }
}
