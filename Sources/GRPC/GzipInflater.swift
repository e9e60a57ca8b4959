import Bytes
internal import CZlib

/// Inflates compressed messages, one after the other. Its memory (zlib's, about 40 KB) is kept.
final class GzipInflater {
  enum Outcome: Equatable {
    case done
    /// It would have more bytes than allowed.
    case tooLong
    case malformed
  }

  // zlib's state keeps the stream's address (zlib.h: the structure may not be moved).
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let isReady: Bool

  init() {
    stream.initialize(to: z_stream())
    // 15: the largest window; 16 more: gzip only.
    isReady = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Appends one gzip member's content to `output`, which is empty: memory grows with what comes out, never with what is promised, and not
  /// beyond `limit` and a piece.
  func inflate(_ bytes: UnsafeRawBufferPointer, into output: inout ByteBuffer, limit: Int) -> Outcome {
    guard isReady, inflateReset(stream) == Z_OK, let base = bytes.baseAddress else { return .malformed }
    stream.pointee.next_in = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(clamping: bytes.count)
    let piece = 16 << 10
    while true {
      stream.pointee.next_out = output.reserve(piece).assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(piece)
      let code = CZlib.inflate(stream, Z_NO_FLUSH)
      output.commit(piece - Int(stream.pointee.avail_out))
      if output.count > limit { return .tooLong }
      switch code {
      case Z_STREAM_END: return stream.pointee.avail_in == 0 ? .done : .malformed
      case Z_OK where stream.pointee.avail_out == 0 || stream.pointee.avail_in > 0: continue
      default: return .malformed
      }
    }
  }
}
