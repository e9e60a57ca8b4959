import Glibc

/// Where an input's (decompressed) bytes come from, in large pieces.
protocol ByteSource: AnyObject {
  /// Fills the front of `memory`, which is not empty; 0 is the end.
  func read(into memory: UnsafeMutableRawBufferPointer) throws(InputError) -> Int
  /// Bytes of the file used so far.
  var used_bytes: UInt64 { get }
  /// Bytes of the file; nil where it is not a regular file.
  var size_bytes: UInt64? { get }
}

/// The bytes of a file as they are.
final class FileBytes: ByteSource {
  let name: String
  private let descriptor: Int32
  private let closes: Bool
  private(set) var used_bytes: UInt64 = 0
  let size_bytes: UInt64?

  private let isInterrupted: @Sendable () -> Bool
  private static var poll_ms: Int32 { 100 }

  init(_ input: Input, isInterrupted: @escaping @Sendable () -> Bool = { false }) throws(InputError) {
    name = input.name
    self.isInterrupted = isInterrupted
    switch input.location {
    case .descriptor(let open): descriptor = open
    case .path(let path): descriptor = open(path, O_RDONLY | O_CLOEXEC)
    }
    if case .path = input.location { closes = true } else { closes = false }
    guard descriptor >= 0 else { throw .system(name, "opening it", errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(name, "looking at it", errno) }
    size_bytes = status.st_mode & S_IFMT == S_IFREG ? UInt64(status.st_size) : nil
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
  }

  deinit { if closes && descriptor >= 0 { close(descriptor) } }

  /// False where interrupted.
  private func waitForBytes() -> Bool {
    while true {
      var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&state, 1, Self.poll_ms) > 0 { return true }
      if isInterrupted() { return false }
    }
  }

  func read(into memory: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
    while true {
      if size_bytes == nil && !waitForBytes() { return 0 }
      let count = Glibc.read(descriptor, memory.baseAddress, memory.count)
      if count >= 0 {
        used_bytes += UInt64(count)
        return count
      }
      if errno != EINTR { throw .system(name, "reading behind byte \(used_bytes)", errno) }
    }
  }
}
