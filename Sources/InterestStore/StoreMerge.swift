import Bytes
import Glibc
import InterestCodec
import InterestModel
import RocksDB

/// The fold as RocksDB's merge operator, called by reader and compaction threads at once. It never fails: a failure would put all
/// of RocksDB into background error (DESIGN.md section 6).
final class StoreMerge: MergeOperator, @unchecked Sendable {  // what it shares is constant; scratch is per thread
  private final class Scratch {
    var folder: StateFolder
    var operands: ContiguousArray<UnsafeRawBufferPointer> = []
    init(_ rules: FoldRules) { folder = StateFolder(rules: rules) }
  }

  let name: StaticString = "interestd.fold.1"
  private let rules: FoldRules
  private let scratchKey: pthread_key_t

  init(rules: FoldRules) {
    self.rules = rules
    var key = pthread_key_t()
    pthread_key_create(&key) { scratch in
      if let scratch { Unmanaged<Scratch>.fromOpaque(scratch).release() }
    }
    scratchKey = key
  }

  deinit { pthread_key_delete(scratchKey) }

  /// The merged value lies in the calling thread's memory until its next merge.
  func merge(key: UnsafeRawBufferPointer, operands: borrowing MergeOperands) -> UnsafeRawBufferPointer {
    let scratch = scratch
    return scratch._withUnsafeGuaranteedRef { scratch in
      scratch.operands.removeAll(keepingCapacity: true)
      for index in 0..<operands.count { scratch.operands.append(operands[index]) }
      return scratch.operands.withUnsafeBufferPointer { operands in
        switch StoreKey.kind(of: key) {
        case .state: scratch.folder.fold(operands)
        case .offsets: operands[PositionCodec.farthest(operands, rankedBy: 1, of: 2) ?? operands.count - 1]
        case .input: operands[PositionCodec.farthest(operands, rankedBy: 0, of: 4) ?? operands.count - 1]
        case .deadLetters: operands[operands.count - 1]
        }
      }
    }
  }

  private var scratch: Unmanaged<Scratch> {
    if let known = pthread_getspecific(scratchKey) { return Unmanaged.fromOpaque(known) }
    let scratch = Unmanaged.passRetained(Scratch(rules))
    pthread_setspecific(scratchKey, scratch.toOpaque())
    return scratch
  }
}
