import Bytes
internal import CZlib

/// Compresses bodies, one after the other, with the memory of one deflate stream (256 KB, taken by the first). One per loop.
final class GzipCompressor {
  /// zlib's state keeps the stream's address (zlib.h: the structure may not be moved).
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var isReady = false

  init() { stream.initialize(to: z_stream()) }

  deinit {
    if isReady { deflateEnd(stream) }
    stream.deallocate()
  }

  /// Appends the gzip member of `bytes`. False where zlib has no memory: then nothing is of use.
  func compress(_ bytes: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Bool {
    guard bytes.count <= Int(UInt32.max), start() else { return false }
    let bound = Int(deflateBound(stream, UInt(bytes.count)))
    let room = output.reserve(bound)
    // zlib does not write through next_in; its type only lacks the const (zlib.h, ZLIB_CONST).
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(bytes.count)
    stream.pointee.next_out = room.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(bound)
    guard deflate(stream, Z_FINISH) == Z_STREAM_END else { return false }
    output.commit(bound - Int(stream.pointee.avail_out))
    return true
  }

  /// Level 1: other clients wait meanwhile. 15 + 16: the largest window, as gzip.
  private func start() -> Bool {
    if isReady { return deflateReset(stream) == Z_OK }
    isReady =
      deflateInit2_(
        stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    return isReady
  }
}
