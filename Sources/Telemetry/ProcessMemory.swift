import Glibc

public enum ProcessMemory {
  /// Of this process (proc(5), statm: the second number, in pages); nil where the system does not tell.
  public static var resident_bytes: Int? {
    let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { text in
      let count = read(file, text.baseAddress, text.count)
      let fields = text[..<max(count, 0)].split(separator: UInt8(ascii: " "))
      guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return nil }
      return pages * sysconf(Int32(_SC_PAGESIZE))
    }
  }
}
