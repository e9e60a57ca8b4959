import InterestCodec
import InterestModel
import TestKit

@testable import InterestStore
@testable import RocksDB

/// A database in memory: keys with the operands that came since they were last put, taken in a file at a time, folded by the real merge
/// operator when read or, like compactions do, at any time before.
final class SimulatedStore {
  struct File {
    enum Change { case put([UInt8]), merge([UInt8]), delete }
    var changes: [(key: [UInt8], change: Change)] = []
    var positions = DurablePositions()
  }

  private let merge: StoreMerge
  private var values: [[UInt8]: [[UInt8]]] = [:]
  /// What the farthest files said, kept apart from what is stored of it.
  private(set) var told: [UInt16: PartitionOffsets] = [:]

  init(rules: FoldRules) { merge = StoreMerge(rules: rules) }

  /// The file that a flush of the buffer writes.
  static func file(_ buffer: FoldBuffer, _ sorter: inout BufferSorter) -> File {
    var file = File()
    file.positions = buffer.positions
    sorter.sort(buffer)
    for place in 0..<buffer.users.count {
      let (user, operand) = sorter.operand(at: place, of: buffer)
      let key = Array(buffer.key(of: user))
      switch operand {
      case .put(let state): file.changes.append((key, .put(Array(state))))
      case .merge(let state): file.changes.append((key, .merge(Array(state))))
      case .delete: file.changes.append((key, .delete))
      }
    }
    for entry in FlushEntries(buffer.positions, erased: [], finishedErasures: []).entries {
      switch entry.verb {
      case .put: file.changes.append((entry.key, .put(entry.value)))
      case .merge: file.changes.append((entry.key, .merge(entry.value)))
      case .delete: file.changes.append((entry.key, .delete))
      }
    }
    return file
  }

  func ingest(_ file: File) throws {
    guard Set(file.changes.map(\.key)).count == file.changes.count else {
      throw SimulationFailure("a file has a key twice")
    }
    for (key, change) in file.changes {
      switch change {
      case .put(let value): values[key] = [value]
      case .merge(let operand): values[key, default: []].append(operand)
      case .delete: values[key] = nil
      }
    }
    for offsets in file.positions.partitions where offsets.applied >= told[offsets.partition]?.applied ?? 0 {
      told[offsets.partition] = offsets
    }
  }

  /// Folds some neighboring operands of some key.
  func compact(_ random: inout SeededGenerator) {
    let keys = values.filter { $0.value.count > 1 }.keys.sorted { $0.lexicographicallyPrecedes($1) }
    guard let key = keys.randomElement(using: &random), var operands = values[key] else { return }
    let first = Int.random(in: 0..<operands.count - 1, using: &random)
    let last = Int.random(in: first + 1..<operands.count, using: &random)
    operands.replaceSubrange(first...last, with: [fold(key, Array(operands[first...last]))])
    values[key] = operands
  }

  func value(_ key: [UInt8]) -> [UInt8]? { values[key].map { fold(key, $0) } }

  func offsets(of partition: UInt16) -> PartitionOffsets? {
    value(StoreKey.bytes(partition)).flatMap {
      $0.withUnsafeBytes { PositionCodec.offsets($0, partition: partition) }
    }
  }

  /// In order of their last offsets.
  func duplicateIDs(of partition: UInt16) -> [(last: Int64, bytes: [UInt8])] {
    let prefix = StoreKey.duplicateIDs(partition, upTo: 0).dropLast(8)
    return values.keys.filter { $0.starts(with: prefix) }.sorted { $0.lexicographicallyPrecedes($1) }.map { key in
      let last = key.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return (Int64(bitPattern: last), value(key) ?? [])
    }
  }

  /// Ids and states of the users on a partition.
  func users(of partition: UInt16) -> [String: [UInt8]] {
    let prefix = StoreKey.bytes(partition)
    var users: [String: [UInt8]] = [:]
    for key in values.keys where key.count > 2 && key.starts(with: prefix) {
      users[String(decoding: key.dropFirst(2), as: UTF8.self)] = value(key)
    }
    return users
  }

  private func fold(_ key: [UInt8], _ operands: [[UInt8]]) -> [UInt8] {
    if operands.count == 1 { return operands[0] }
    let copies = operands.map { operand -> UnsafeMutableRawBufferPointer in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: operand.count, alignment: 1)
      copy.copyBytes(from: operand)
      return copy
    }
    defer { copies.forEach { $0.deallocate() } }
    let starts = copies.map { UnsafePointer($0.baseAddress?.assumingMemoryBound(to: CChar.self)) }
    return starts.withUnsafeBufferPointer { starts in
      copies.map(\.count).withUnsafeBufferPointer { sizes in
        key.withUnsafeBytes { key in
          let operands = MergeOperands(
            existing: nil, operands: starts.baseAddress, sizes: sizes.baseAddress, operandCount: starts.count)
          return Array(merge.merge(key: key, operands: operands))
        }
      }
    }
  }
}

/// What a simulation found to be wrong.
struct SimulationFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
