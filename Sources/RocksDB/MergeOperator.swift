internal import CRocksDB

/// What a merge makes one value of: a key's operands, the oldest first. A value that was put stands before them like an operand.
@frozen
public struct MergeOperands: ~Copyable {
  @usableFromInline let existing: UnsafeRawBufferPointer?
  @usableFromInline let operands: UnsafePointer<UnsafePointer<CChar>?>?
  @usableFromInline let sizes: UnsafePointer<Int>?
  @usableFromInline let operandCount: Int

  init(
    existing: UnsafeRawBufferPointer?, operands: UnsafePointer<UnsafePointer<CChar>?>?, sizes: UnsafePointer<Int>?,
    operandCount: Int
  ) {
    self.existing = existing
    self.operands = operands
    self.sizes = sizes
    self.operandCount = operandCount
  }

  /// One at least.
  @inlinable public var count: Int { operandCount &+ (existing == nil ? 0 : 1) }

  /// Good until the merge returns.
  @inlinable public subscript(index: Int) -> UnsafeRawBufferPointer {
    precondition(index >= 0 && index < count)
    var index = index
    if let existing {
      if index == 0 { return existing }
      index &-= 1
    }
    return .init(start: operands.unsafelyUnwrapped[index], count: sizes.unsafelyUnwrapped[index])
  }
}

/// An associative merge (rocksdb/merge_operator.h): RocksDB applies it to any consecutive operands of a key, and to the results.
///
/// Readers and compactions call it at once from their threads. It cannot fail, because a failed merge puts the whole database
/// into background error: what it cannot read it has to keep in a form of its own.
public protocol MergeOperator: AnyObject, Sendable {
  /// Written to the OPTIONS file of the database. RocksDB does not compare it at opening.
  var name: StaticString { get }

  /// Returns the merged value's bytes. RocksDB copies them before the calling thread goes on, so they may lie in memory which
  /// that thread reuses, or be one of the operands.
  func merge(key: UnsafeRawBufferPointer, operands: borrowing MergeOperands) -> UnsafeRawBufferPointer
}

/// The result belongs to whoever is given it; it owns the operator until RocksDB destroys it.
func makeMergeOperator(_ merge: any MergeOperator) -> OpaquePointer {
  rocksdb_mergeoperator_create(
    Unmanaged.passRetained(Context(merge)).toOpaque(),
    { Unmanaged<Context>.fromOpaque($0.unsafelyUnwrapped).release() },
    { context, key, keySize, existing, existingSize, operands, sizes, count, success, size in
      merged(
        context, .init(start: key, count: keySize), success, size,
        MergeOperands(
          existing: existing.map { .init(start: $0, count: existingSize) }, operands: operands, sizes: sizes,
          operandCount: Int(count)))
    },
    { context, key, keySize, operands, sizes, count, success, size in
      merged(
        context, .init(start: key, count: keySize), success, size,
        MergeOperands(existing: nil, operands: operands, sizes: sizes, operandCount: Int(count)))
    },
    // The result is the operator's own; without this function RocksDB would free it.
    { _, _, _ in },
    { context in
      let name = Unmanaged<Context>.fromOpaque(context.unsafelyUnwrapped)._withUnsafeGuaranteedRef { $0.merge.name }
      return UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    })
}

private final class Context {
  let merge: any MergeOperator

  init(_ merge: any MergeOperator) { self.merge = merge }
}

@inline(__always)
private func merged(
  _ context: UnsafeMutableRawPointer?, _ key: UnsafeRawBufferPointer, _ success: UnsafeMutablePointer<UInt8>?,
  _ size: UnsafeMutablePointer<Int>?, _ operands: borrowing MergeOperands
) -> UnsafeMutablePointer<CChar>? {
  let context = Unmanaged<Context>.fromOpaque(context.unsafelyUnwrapped)
  let result = context._withUnsafeGuaranteedRef { $0.merge.merge(key: key, operands: operands) }
  success.unsafelyUnwrapped.pointee = 1
  size.unsafelyUnwrapped.pointee = result.count
  // An empty result still needs an address.
  let bytes = result.baseAddress ?? UnsafeRawPointer(empty.utf8Start)
  return UnsafeMutableRawPointer(mutating: bytes).assumingMemoryBound(to: CChar.self)
}

private let empty: StaticString = " "
