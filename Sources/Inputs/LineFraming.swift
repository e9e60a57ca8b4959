import Bytes

extension RecordReader {
  /// The next line that is not empty.
  mutating func nextLine() throws(InputError) -> Frame? {
    while true {
      if let distance = window.distanceToNewline() {
        let frame = frame(line: window.prefix(distance))
        window.consume(distance &+ 1)
        number &+= 1
        if frame.bytes.count > 0 { return frame }
      } else if window.count > limits.record_bytes + 1 {
        return try oversizedLine()
      } else if try !window.refill() {
        return lastLine()
      }
    }
  }

  /// `line` is at the window's front. A carriage return at its end is not part of the record.
  private func frame(line: UnsafeRawBufferPointer, isTerminated: Bool = true) -> Frame {
    var length = line.count
    if length > 0 && line[length &- 1] == 0x0D { length &-= 1 }
    let isOversized = length > limits.record_bytes
    let given = isOversized ? min(length, limits.oversizedPrefix_bytes) : length
    return Frame(
      bytes: .init(start: line.baseAddress, count: given), offset: window.position, number: number &+ 1,
      length: UInt64(length), isOversized: isOversized, isTerminated: isTerminated)
  }

  /// What is left where the input ends without a newline.
  private mutating func lastLine() -> Frame? {
    beforeLast = nil
    guard window.count > 0 else { return nil }
    let frame = frame(line: window.prefix(window.count), isTerminated: false)
    let before = checkpoint()
    window.consume(window.count)
    number += 1
    guard frame.bytes.count > 0 else { return nil }
    beforeLast = before
    return frame
  }

  /// A line that is longer than the window may hold: its beginning is kept, the rest passed over.
  private mutating func oversizedLine() throws(InputError) -> Frame {
    let before = checkpoint()
    held = before
    keepPrefix(window.prefix(min(window.count, limits.oversizedPrefix_bytes)))
    var last: UInt8 = 0
    var isTerminated = false
    while true {
      let distance = window.distanceToNewline()
      let part = window.prefix(distance ?? window.count)
      if let byte = part.last { last = byte }
      window.consume(part.count)
      isTerminated = distance != nil
      if isTerminated { break }
      guard try window.refill() else { break }
    }
    let length = window.position - before.position - (last == 0x0D ? 1 : 0)
    if isTerminated { window.consume(1) } else { beforeLast = before }
    held = nil
    number += 1
    return Frame(
      bytes: prefix.bytes, offset: before.position, number: number, length: length, isOversized: true,
      isTerminated: isTerminated)
  }

  /// With the padding that a frame promises.
  mutating func keepPrefix(_ bytes: UnsafeRawBufferPointer) {
    prefix.clear()
    prefix.append(bytes)
    _ = prefix.reserve(ByteWindow.padding)
  }
}
