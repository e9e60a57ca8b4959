import Bytes
import InterestModel

extension StateFolder {
  /// At most so many bytes of unreadable operands are kept for a user; further ones are dropped.
  static var maximumUnreadableBytes: Int { 1 << 20 }

  /// Whether every byte of a stored value can be read as a state.
  public mutating func isReadable(_ state: UnsafeRawBufferPointer) -> Bool {
    guard var cursor = StateCursor(state) else { return false }
    let kept = UnsafeMutablePointer<Behavior>.allocate(capacity: rules.keptBehaviors)
    let statistics = UnsafeMutablePointer<Statistics>.allocate(capacity: 1)
    defer {
      kept.deallocate()
      statistics.deallocate()
    }
    statistics.initialize(to: Statistics())
    var groups = 0
    while cursor.next() {
      groups += 1
      guard
        GroupBlock.read(cursor.block, group: cursor.group, last_ms: cursor.last_ms, rules, into: kept, statistics)
          != nil
      else { return false }
    }
    return groups > 0 && !cursor.isDamaged
  }

  /// The slow way, for a user of whom an operand cannot be read: folds the others and puts both in an envelope.
  mutating func foldDamaged(_ states: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer {
    var readable: [UnsafeRawBufferPointer] = []
    var unreadable: [UnsafeRawBufferPointer] = []
    for state in states {
      for (index, part) in (Envelope.parts(of: state) ?? [state]).enumerated() {
        let isKnownUnreadable = index > 0
        if !isKnownUnreadable && isReadable(part) {
          readable.append(part)
        } else if part.count > 0 {
          unreadable.append(part)
        }
      }
    }
    var total = 0
    unreadable = unreadable.filter {
      total += $0.count
      return total <= Self.maximumUnreadableBytes
    }
    // The folded state lies in memory that the envelope is written to as well.
    var folded: [UInt8] = []
    if !readable.isEmpty { folded = readable.withUnsafeBufferPointer { Array(fold($0)) } }
    return folded.withUnsafeBytes { wrap($0, unreadable) }
  }
}

/// What a fold keeps of a user that it could not wholly read.
enum Envelope {
  /// The folded state (perhaps empty), then each unreadable operand. Nil where the bytes are no envelope.
  static func parts(of bytes: UnsafeRawBufferPointer) -> [UnsafeRawBufferPointer]? {
    guard StateLayout.isEnvelope(bytes), let start = bytes.baseAddress else { return nil }
    var reader = ByteReader(start.assumingMemoryBound(to: UInt8.self) + 1, count: bytes.count - 1)
    var parts: [UnsafeRawBufferPointer] = []
    while !reader.isAtEnd { parts.append(reader.bytes(reader.varint())) }
    return reader.failed || parts.isEmpty ? nil : parts
  }
}
