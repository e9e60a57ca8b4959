internal import CZlib
import Glibc

/// The decompressed bytes of a gzip file (RFC 1952) of one or more members.
///
/// Bytes in front of damage are given; the damage is an error of the read after them.
final class GzipBytes: ByteSource {
  private let file: FileBytes
  // zlib's state keeps the stream's address (zlib.h: the structure may not be moved).
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let compressed = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
  private var place = Place.betweenMembers
  private var produced_bytes: UInt64 = 0
  private var failure: InputError?

  private enum Place { case betweenMembers, inMember, end }

  init(_ file: FileBytes) {
    self.file = file
    stream.initialize(to: z_stream())
    // 15: the largest window; 16 more: gzip only. It can only fail for want of memory, and of another zlib than that built with.
    let code = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    if code != Z_OK {
      failure = InputError(.unreadable, file.name, "zlib does not start (\(code))", hint: "free memory")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    compressed.deallocate()
  }

  var size_bytes: UInt64? { file.size_bytes }

  var used_bytes: UInt64 { file.used_bytes - UInt64(stream.pointee.avail_in) }

  func read(into memory: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
    if let failure { throw failure }
    while place != .end {
      do throws(InputError) {
        if place == .betweenMembers { try enterMember() }
        if place == .end { break }
        let count = try inflate(into: memory)
        if count > 0 { return count }
      } catch {
        failure = error
        throw error
      }
    }
    return 0
  }

  /// Goes to `inMember`, or to `end` at the end of the file. The first member must be there.
  private func enterMember() throws(InputError) {
    let isFirst = produced_bytes == 0 && used_bytes == 0
    while true {
      guard try hasInput() else {
        if isFirst { throw truncated() }
        place = .end
        return
      }
      // Zeros behind a member pad it to a block (gzip(1), CAVEATS).
      guard !isFirst && stream.pointee.next_in.pointee == 0 else { break }
      stream.pointee.next_in += 1
      stream.pointee.avail_in -= 1
    }
    inflateReset(stream)
    place = .inMember
  }

  /// The bytes produced; 0 at a member's end. Bytes produced before damage are given, and the damage kept for the next read.
  private func inflate(into memory: UnsafeMutableRawBufferPointer) throws(InputError) -> Int {
    let room = UInt32(clamping: memory.count)
    stream.pointee.next_out = memory.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = room
    var damage: InputError?
    while stream.pointee.avail_out > 0 && place == .inMember && damage == nil {
      do throws(InputError) { try step() } catch { damage = error }
    }
    let count = Int(room - stream.pointee.avail_out)
    guard let damage else { return count }
    guard count > 0 else { throw damage }
    failure = damage
    return count
  }

  private func step() throws(InputError) {
    guard try hasInput() else { throw truncated() }
    let room = stream.pointee.avail_out
    let code = CZlib.inflate(stream, Z_NO_FLUSH)
    produced_bytes += UInt64(room - stream.pointee.avail_out)
    switch code {
    case Z_STREAM_END: place = .betweenMembers
    case Z_OK, Z_BUF_ERROR: break
    default: throw corrupt(code)
    }
  }

  private func hasInput() throws(InputError) -> Bool {
    if stream.pointee.avail_in > 0 { return true }
    let count = try file.read(into: compressed)
    stream.pointee.next_in = compressed.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(count)
    return count > 0
  }

  private func truncated() -> InputError {
    InputError(
      .truncated, file.name, "the gzip ends unexpectedly at \(position)",
      hint: "it may be half-written: complete it and run again, which goes on behind its last whole record",
      offset: produced_bytes, compressedOffset: used_bytes)
  }

  private func corrupt(_ code: Int32) -> InputError {
    let detail = stream.pointee.msg.map { String(cString: $0) } ?? "zlib says \(code)"
    return InputError(
      .corrupt, file.name, "the gzip is damaged at \(position): \(detail)",
      hint: "restore the file and run again, which goes on behind its last whole record", offset: produced_bytes,
      compressedOffset: used_bytes)
  }

  private var position: String { "byte \(used_bytes) of the file, byte \(produced_bytes) decompressed" }
}
