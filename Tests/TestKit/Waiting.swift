import Glibc

/// Waits until `condition` holds, looking again every few milliseconds; false where `seconds` passed first. For what announces
/// itself in no other way: another process, a thread that publishes.
public func eventually(within seconds: Double = 60, _ condition: () throws -> Bool) rethrows -> Bool {
  var start = timespec()
  clock_gettime(CLOCK_MONOTONIC, &start)
  while try !condition() {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    if Double(now.tv_sec - start.tv_sec) + Double(now.tv_nsec - start.tv_nsec) / 1e9 > seconds { return false }
    usleep(5000)
  }
  return true
}
