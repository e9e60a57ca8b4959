import Bytes
import Glibc
import InterestStore
import Synth

/// Records of a topic in a file that is mapped into memory: what a benchmark plays back. Each is partition (2 bytes), size of the key (1),
/// size of the value (4), key, value; numbers little end first.
public final class Recording: @unchecked Sendable {  // the mapping is only read
  public let count: Int
  public let partitions: Int
  public let size_bytes: Int
  private let base: UnsafeRawPointer

  /// Pages that were played are given back in steps of this, so that they do not count as the process's memory.
  private static var step_bytes: Int { 8 << 20 }
  private static var header_bytes: Int { 7 }

  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// Generates a workload into `path`.
  public init(_ options: SynthOptions, _ form: SynthForm, partitions: Int, path: String) throws {
    self.partitions = partitions
    let source = StateSource.kafka(clusterID: "", topic: "", partitions: partitions, partitioner: .murmur2)
    let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))") }
    defer { close(file) }
    var generator = try SynthGenerator(options)
    var pending = ByteBuffer(capacity: 2 << 20)
    var value = ByteBuffer()
    var written = 0
    while let record = generator.appendNext(form, to: &value) {
      let key = record.key ?? UnsafeRawBufferPointer(start: nil, count: 0)
      let partition = key.isEmpty ? 0 : source.partitions(of: key).lowerBound
      Self.append(partition, key, value.bytes, to: &pending)
      value.clear()
      if pending.count >= 1 << 20 { written += try Self.write(&pending, to: file, path) }
    }
    written += try Self.write(&pending, to: file, path)
    guard let base = mmap(nil, max(written, 1), PROT_READ, MAP_SHARED, file, 0), base != MAP_FAILED else {
      throw Failure(description: "cannot map \(path): \(String(cString: strerror(errno)))")
    }
    count = options.events
    size_bytes = written
    self.base = UnsafeRawPointer(base)
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: base), max(size_bytes, 1)) }

  private static func append(
    _ partition: UInt16, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, to buffer: inout ByteBuffer
  ) {
    let place = buffer.reserve(header_bytes)
    place.storeBytes(of: partition.littleEndian, as: UInt16.self)
    place.storeBytes(of: UInt8(truncatingIfNeeded: key.count), toByteOffset: 2, as: UInt8.self)
    place.storeBytes(of: UInt32(value.count).littleEndian, toByteOffset: 3, as: UInt32.self)
    buffer.commit(header_bytes)
    buffer.append(key)
    buffer.append(value)
  }

  private static func write(_ buffer: inout ByteBuffer, to file: Int32, _ path: String) throws -> Int {
    var done = 0
    while done < buffer.count {
      let count = Glibc.write(file, buffer.bytes.baseAddress.unsafelyUnwrapped + done, buffer.count - done)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw Failure(description: "cannot write \(path): \(String(cString: strerror(errno)))") }
      done += count
    }
    buffer.clear()
    return done
  }

  /// Lends every record, in order.
  @inline(__always)
  public func forEach<Failure: Error>(
    _ body: (_ partition: UInt16, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(Failure) ->
      Void
  ) throws(Failure) {
    var position = 0
    var released = 0
    while position < size_bytes {
      let record = base + position
      let partition = UInt16(littleEndian: record.loadUnaligned(as: UInt16.self))
      let keySize = Int(record.load(fromByteOffset: 2, as: UInt8.self))
      let valueSize = Int(UInt32(littleEndian: record.loadUnaligned(fromByteOffset: 3, as: UInt32.self)))
      let key = UnsafeRawBufferPointer(start: record + Self.header_bytes, count: keySize)
      try body(
        partition, key, UnsafeRawBufferPointer(start: record + Self.header_bytes + keySize, count: valueSize))
      position += Self.header_bytes + keySize + valueSize
      if position - released >= Self.step_bytes {
        madvise(UnsafeMutableRawPointer(mutating: base + released), Self.step_bytes, MADV_DONTNEED)
        released += Self.step_bytes
      }
    }
  }
}
