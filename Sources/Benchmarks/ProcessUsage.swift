import Foundation
import Threads

/// What the process has used since it started.
public struct ProcessUsage: Sendable {
  public var wall_ns = MonotonicClock.now_ns
  public var cpu_ns = CPUClock.process_ns
  /// Bytes that were to go to a disk (/proc/self/io, `write_bytes`): none where files lie in memory.
  public var written_bytes = ProcessUsage.number(after: "\nwrite_bytes:", in: "/proc/self/io")
  /// Requests to the allocator; nil where it does not tell.
  public var allocations = ProcessUsage.allocations

  public init() {}

  /// Resident memory now, and at most since `forgetPeak`.
  public static var resident_bytes: UInt64 { 1024 * number(after: "\nVmRSS:", in: "/proc/self/status") }
  public static var peakResident_bytes: UInt64 { 1024 * number(after: "\nVmHWM:", in: "/proc/self/status") }

  /// From here on the peak is counted anew (proc(5), `clear_refs`).
  public static func forgetPeak() {
    let file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    if file < 0 { return }
    _ = write(file, "5", 1)
    close(file)
  }

  private static func number(after name: String, in path: String) -> UInt64 {
    guard let file = fopen(path, "r") else { return 0 }
    defer { fclose(file) }
    var text = [UInt8](repeating: 0, count: 1 << 14)
    let count = fread(&text, 1, text.count, file)
    let content = "\n" + String(decoding: text[..<count], as: UTF8.self)
    guard let found = content.range(of: name) else { return 0 }
    let digits = content[found.upperBound...].drop { $0 == " " || $0 == "\t" }.prefix { $0.isNumber }
    return UInt64(digits) ?? 0
  }

  private typealias MallCtl =
    @convention(c) (
      UnsafePointer<CChar>?, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?, UnsafeMutableRawPointer?, Int
    ) -> Int32

  /// jemalloc's, if it is the allocator: all arenas' (number 4096), small requests as threads' caches report them.
  private static var allocations: UInt64? {
    guard let symbol = dlsym(nil, "mallctl") else { return nil }
    let mallctl = unsafeBitCast(symbol, to: MallCtl.self)
    var epoch: UInt64 = 1
    var size = MemoryLayout<UInt64>.size
    _ = mallctl("epoch", nil, nil, &epoch, size)
    var sum: UInt64 = 0
    for name in ["stats.arenas.4096.small.nrequests", "stats.arenas.4096.large.nrequests"] {
      var count: UInt64 = 0
      guard mallctl(name, &count, &size, nil, 0) == 0 else { return nil }
      sum += count
    }
    return sum
  }
}
