import Bytes
import Foundation
import Glibc
import InterestCodec
import InterestStore

/// The dead letters of a state directory: one JSON object a line, with origin, reason and the original bytes.
///
/// What is written counts only as far as the states' own files say (`DeadLetterPosition`): at opening the rest is cut off, as its
/// records will be read again. So each bad record stands here once, whenever the process was killed. Owned by one lane.
final class DeadLetterFile {
  private let path: String
  private let file: Int32
  private var pending = ByteBuffer(capacity: 1 << 12)
  private(set) var position: DeadLetterPosition
  private var isDirty = false

  /// Written out when so many bytes wait.
  private static var pendingLimit: Int { 1 << 18 }

  init(path: String, from position: DeadLetterPosition) throws(IngestError) {
    self.path = path
    var position = position
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw Self.failure("open", path) }
    var status = stat()
    fstat(file, &status)
    if position.file != status.st_ino {
      (position.bytes, position.file) = (0, UInt64(status.st_ino))  // somebody moved the letters away
    }
    position.bytes = min(position.bytes, UInt64(status.st_size))
    guard ftruncate(file, off_t(position.bytes)) == 0 else { throw Self.failure("cut", path) }
    lseek(file, off_t(position.bytes), SEEK_SET)
    self.file = file
    self.position = position
  }

  deinit { close(file) }

  func add(
    _ bad: BadRecord, _ origin: RecordOrigin, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
    value_bytes: UInt64? = nil, timestamp_ms: Int64 = -1
  ) throws(IngestError) {
    let start = pending.count
    switch origin {
    case .file(let path, let position, let number):
      pending.append("{\"file\":")
      pending.append(jsonString: path)
      pending.append(",\"position\":")
      pending.append(decimal: position)
      pending.append(",\"record\":")
      pending.append(decimal: number)
    case .kafka(let topic, let partition, let offset):
      pending.append("{\"topic\":")
      pending.append(jsonString: topic)
      pending.append(",\"partition\":")
      pending.append(decimal: Int64(partition))
      pending.append(",\"offset\":")
      pending.append(decimal: offset)
      pending.append(",\"timestamp_ms\":")
      pending.append(decimal: timestamp_ms)
      appendBytes("key_base64", key)
    }
    pending.append(",\"reason\":\"")
    pending.append(bad.reason.rawValue)
    pending.append("\",\"detail\":")
    pending.append(jsonString: bad.detail)
    if let value_bytes {
      pending.append(",\"value_bytes\":")
      pending.append(decimal: value_bytes)
    }
    appendBytes("value_base64", value)
    pending.append("}\n")
    position.bytes += UInt64(pending.count - start)
    position.records += 1
    if pending.count >= Self.pendingLimit { try write() }
  }

  /// Returns when every letter is on the disk: before the file of states that covers them.
  func makeDurable() throws(IngestError) {
    try write()
    guard isDirty else { return }
    guard fdatasync(file) == 0 else { throw Self.failure("sync", path) }
    isDirty = false
  }

  private func write() throws(IngestError) {
    var done = 0
    while done < pending.count {
      let size = Glibc.write(file, pending.bytes.baseAddress.unsafelyUnwrapped + done, pending.count - done)
      if size < 0 && errno == EINTR { continue }
      guard size >= 0 else { throw Self.failure("write", path) }
      done += size
    }
    isDirty = isDirty || done > 0
    pending.clear()
    pending.shrink(to: Self.pendingLimit)
  }

  private func appendBytes(_ name: StaticString, _ bytes: UnsafeRawBufferPointer?) {
    pending.append(",\"")
    pending.append(name)
    guard let bytes else { return pending.append("\":null") }
    pending.append("\":\"")
    Data(bytes).base64EncodedData().withUnsafeBytes { pending.append($0) }
    pending.append("\"")
  }

  private static func failure(_ verb: String, _ path: String) -> IngestError {
    IngestError(.storage, "cannot \(verb) the dead letters \(path): \(String(cString: strerror(errno)))")
  }
}
