import Bytes
import Glibc
import InterestCodec
import InterestModel
import RocksDB
import Synchronization

/// The fold as RocksDB's merge operator, called by reader and compaction threads at once. It never fails: a failure would put all
/// of RocksDB into background error (DESIGN.md section 6).
final class StoreMerge: MergeOperator {
  let name: StaticString = "interestd.fold.1"
  private let rules: FoldRules
  private let damagedCount = Atomic<UInt64>(0)

  /// Merges whose result is an envelope.
  var damaged: UInt64 { damagedCount.load(ordering: .relaxed) }

  init(rules: FoldRules) { self.rules = rules }

  @inline(__always)
  private func counted(_ state: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    if StateLayout.isEnvelope(state) { damagedCount.add(1, ordering: .relaxed) }
    return state
  }

  /// The merged value lies in the calling thread's memory until its next merge.
  func merge(key: UnsafeRawBufferPointer, operands: borrowing MergeOperands) -> UnsafeRawBufferPointer {
    MergeScratch.ofThread._withUnsafeGuaranteedRef { scratch in
      scratch.operands.removeAll(keepingCapacity: true)
      for index in 0..<operands.count { scratch.operands.append(operands[index]) }
      if !scratch.beside.isEmpty && StoreKey.kind(of: key) == .state {
        scratch.operands.append(contentsOf: scratch.beside)
        scratch.beside.removeAll(keepingCapacity: true)
      }
      return scratch.operands.withUnsafeBufferPointer { operands in
        switch StoreKey.kind(of: key) {
        case .state: counted(scratch.fold(operands, rules))
        case .offsets: operands[PositionCodec.farthest(operands, rankedBy: 1, of: 2, 4) ?? operands.count - 1]
        case .input: operands[PositionCodec.farthest(operands, rankedBy: 0, of: 4) ?? operands.count - 1]
        case .latest: operands[operands.count - 1]
        }
      }
    }
  }
}

/// What a thread merges in, for whichever databases: it goes with the thread, as operators come and go with generations.
final class MergeScratch {
  private final class Folder {
    var folder: StateFolder
    init(_ rules: FoldRules) { folder = StateFolder(rules: rules) }
  }

  /// Rules that a thread keeps memory for at once; a generation has one each.
  private static var folderLimit: Int { 4 }
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { scratch in
      if let scratch { Unmanaged<MergeScratch>.fromOpaque(scratch).release() }
    }
    return key
  }()

  fileprivate var operands: ContiguousArray<UnsafeRawBufferPointer> = []
  /// A reader's: states of the user it reads, which the next merge takes and folds together with what is stored. To fold them into the
  /// merge's result would cost as much as the merge once more.
  var beside: ContiguousArray<UnsafeRawBufferPointer> = []
  /// The latest first.
  private var folders: [Folder] = []

  static var ofThread: Unmanaged<MergeScratch> {
    if let known = pthread_getspecific(key) { return Unmanaged.fromOpaque(known) }
    let scratch = Unmanaged.passRetained(MergeScratch())
    pthread_setspecific(key, scratch.toOpaque())
    return scratch
  }

  @inline(__always)
  fileprivate func fold(_ states: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ rules: FoldRules)
    -> UnsafeRawBufferPointer
  {
    if let first = folders.first, first.folder.rules === rules { return first.folder.fold(states) }
    return switchFolder(to: rules).folder.fold(states)
  }

  @inline(never)
  private func switchFolder(to rules: FoldRules) -> Folder {
    let known = folders.firstIndex { $0.folder.rules === rules }
    let folder = known.map { folders.remove(at: $0) } ?? Folder(rules)
    folders.insert(folder, at: 0)
    if folders.count > Self.folderLimit { folders.removeLast() }
    return folder
  }
}
