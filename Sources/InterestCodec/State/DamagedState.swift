import Bytes
import InterestModel

extension StateFolder {
  /// At most so many bytes of unreadable operands are kept for a user; further ones are dropped.
  static var maximumUnreadableBytes: Int { 1 << 20 }

  /// Whether every byte of a stored value can be read as a state.
  public mutating func isReadable(_ state: UnsafeRawBufferPointer) -> Bool {
    checkedGroups(state)?.allSatisfy(\.isReadable) ?? false
  }

  /// The slow way, for a user of whom an operand cannot be read: folds the others and puts both in an envelope.
  ///
  /// What can be read is told group by group, not operand by operand: a fold passes on unread the block of a group that only one
  /// operand has, so a damaged block may come to lie in a state with the groups of whole operands.
  mutating func foldDamaged(_ states: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> UnsafeRawBufferPointer {
    var readable: [[UInt8]] = []
    var unreadable: [[UInt8]] = []
    for state in states {
      let parts = Envelope.parts(of: state) ?? [state]
      let folded = separate(parts[0])
      if let part = folded.readable { readable.append(part) }
      if let part = folded.unreadable { unreadable.append(part) }
      unreadable += parts.dropFirst().map { Array($0) }
    }
    var total = 0
    unreadable = unreadable.filter {
      total += $0.count
      return !$0.isEmpty && total <= Self.maximumUnreadableBytes
    }
    return wrap(fold(readable), unreadable)
  }

  private mutating func fold(_ states: [[UInt8]]) -> [UInt8] {
    let bytes = states.flatMap { $0 }
    return bytes.withUnsafeBytes { bytes in
      var start = 0
      let slices = states.map { state in
        defer { start += state.count }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<start + state.count])
      }
      return slices.isEmpty ? [] : slices.withUnsafeBufferPointer { Array(fold($0)) }
    }
  }

  /// A state of the groups that can be read, and what cannot be read: a state of the other groups, or all bytes where the directory
  /// is damaged. Nil where there is nothing of the kind.
  private func separate(_ state: UnsafeRawBufferPointer) -> (readable: [UInt8]?, unreadable: [UInt8]?) {
    guard let groups = checkedGroups(state) else { return (nil, Array(state)) }
    return (assemble(groups.filter(\.isReadable)), assemble(groups.filter { !$0.isReadable }))
  }

  private func assemble(_ groups: [CheckedGroup]) -> [UInt8]? {
    guard let newest_ms = groups.map(\.last_ms).max() else { return nil }
    var assembler = StateAssembler()
    assembler.begin(newest_ms: newest_ms)
    for group in groups { assembler.add(group: group.group, last_ms: group.last_ms, block: group.block) }
    return Array(assembler.finish())
  }

  /// All groups of a state; nil where its directory cannot be read.
  private func checkedGroups(_ state: UnsafeRawBufferPointer) -> [CheckedGroup]? {
    guard var cursor = StateCursor(state) else { return nil }
    let kept = UnsafeMutablePointer<Behavior>.allocate(capacity: rules.keptBehaviors)
    let statistics = UnsafeMutablePointer<Statistics>.allocate(capacity: 1)
    defer {
      kept.deallocate()
      statistics.deallocate()
    }
    statistics.initialize(to: Statistics())
    var groups: [CheckedGroup] = []
    while cursor.next() {
      let read = GroupBlock.read(
        cursor.blockReader, group: cursor.group, last_ms: cursor.last_ms, rules, into: kept, statistics)
      groups.append(
        CheckedGroup(group: cursor.group, last_ms: cursor.last_ms, block: cursor.block, isReadable: read != nil))
    }
    return groups.isEmpty || cursor.isDamaged ? nil : groups
  }
}

private struct CheckedGroup {
  var group: UInt32
  var last_ms: Int64
  var block: UnsafeRawBufferPointer
  var isReadable: Bool
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
