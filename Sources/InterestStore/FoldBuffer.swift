import Bytes
import Glibc
import InterestCodec
import InterestModel

/// Bounds of a fold buffer.
public struct FoldBufferLimits: Equatable, Sendable {
  /// Behaviors held at most; 1,024...16,000,000. 48 bytes each.
  public var events: Int
  /// Bytes of user keys and of runs folded in place, together; below 4 GiB.
  public var bytes: Int
  /// A user's behaviors are folded in place whenever so many have gathered; 65,535 at most.
  public var run: Int

  public init(events: Int = 1_000_000, bytes: Int = 64 << 20, run: Int = 4096) {
    self.events = events
    self.bytes = bytes
    self.run = run
  }
}

/// Behaviors in order of arrival, each linked to its user's last but one: the memtable (DESIGN.md section 6).
///
/// One lane appends; any thread reads a user while it does; a flusher reads all of it when it is full. A record is written
/// before its user's chain is released, and neither record nor key changes until `clear`, which the pool calls when no view holds
/// the buffer.
public final class FoldBuffer: @unchecked Sendable {  // see above: one writer, published by release and acquire
  /// With the size before it.
  private static var maximumKeySize: Int { 3 + Behavior.maximumIDLength }

  public let limits: FoldBufferLimits
  private(set) var users: UserTable
  let records: UnsafeMutablePointer<Behavior>
  private let arena: UnsafeMutableRawPointer
  private var arenaCount = 0
  /// What the arena has room for; 0 once a folded run has found none.
  private var arenaLimit: Int
  private var recordCount = 0
  /// Records that there is memory for; the rest of `records` the system has not given yet, or has back.
  private var residentRecords = 0
  private let run: UnsafeMutablePointer<Behavior>
  private var folder: StateFolder
  /// Position + 1 of the newest marker of each user who has one: what is before it is folded or erased. The lane's and the flusher's.
  private(set) var foldedBefore: [Int: UInt32] = [:]
  /// Users who were erased; likewise.
  private(set) var erasedUsers: [Int] = []
  /// What the flush of this buffer makes durable beside the states: set by the lane when it hands the buffer over.
  public var positions = DurablePositions()

  /// How many views hold the buffer; guarded by the mutex of `ViewPublisher`.
  var views = 0
  /// Whether its file is in the database; guarded likewise.
  var isFlushed = false
  /// A number of its own from `clear` to `clear`; set before a view has the buffer.
  var filling: UInt64 = 0
  private let changes: UserChanges?

  public convenience init(limits: FoldBufferLimits, rules: FoldRules) {
    self.init(limits: limits, rules: rules, changes: nil)
  }

  /// - Parameter changes: Told of users whom the buffer gets.
  init(limits: FoldBufferLimits, rules: FoldRules, changes: UserChanges?) {
    precondition((4...UserTable.recordLimit).contains(limits.events) && limits.bytes <= Int(UInt32.max))
    precondition((1...UserTable.runLimit).contains(limits.run))
    self.limits = limits
    arenaLimit = limits.bytes
    self.changes = changes
    users = UserTable(limit: limits.events)
    records = .allocate(capacity: limits.events)
    arena = .allocate(byteCount: limits.bytes, alignment: 16)
    run = .allocate(capacity: limits.run)
    folder = StateFolder(rules: rules)
  }

  deinit {
    records.deallocate()
    arena.deallocate()
    run.deallocate()
  }

  /// Records, markers of folded runs included.
  public var count: Int { recordCount }

  /// Whether one more behavior may not find room.
  public var isFull: Bool { recordCount &+ 2 > limits.events || arenaCount &+ Self.maximumKeySize > arenaLimit }

  /// Only when nobody else looks.
  func clear() {
    giveBack()
    users.clear()
    arenaCount = 0
    arenaLimit = limits.bytes
    recordCount = 0
    foldedBefore.removeAll()
    erasedUsers.removeAll()
    positions = DurablePositions()
    isFlushed = false
  }

  /// While a backlog is read buffers get full; later, flushed by age, they need less, and the system has the rest back.
  private func giveBack() {
    residentRecords = max(residentRecords, recordCount)
    guard recordCount < residentRecords / 4 * 3 else { return }
    let page = UInt(getpagesize())
    let first = (UInt(bitPattern: records + recordCount) + page - 1) / page * page
    let end = UInt(bitPattern: records + residentRecords) / page * page
    residentRecords = recordCount
    // Whole pages behind the records, inside the allocation: they come back as zeros when they are written again (madvise(2)).
    if first < end { madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_DONTNEED) }
  }

  /// The caller sees to it that the buffer is not full, and that `user` has 1 to 255 bytes. Returns whether the user is new here.
  @inline(__always) @discardableResult
  public func append(_ behavior: Behavior, partition: UInt16, user: UnsafeRawBufferPointer) -> Bool {
    var slot = 0
    var isNew = false
    let number: Int
    if let known = users.findOwn(user, partition, arena, slot: &slot) {
      number = known
    } else {
      number = add(user, partition, slot)
      isNew = true
    }
    let entry = users.entries + number
    let position = recordCount
    (records + position).initialize(to: behavior)
    let chain = entry.pointee.chain
    records[position].link = chain.previous
    records[position].tag = UInt32(truncatingIfNeeded: number)
    recordCount = position &+ 1
    entry.pointee.publish(chain.adding(position))
    if isNew { changes?.end(user) }
    if chain.count &+ 1 == limits.run { foldRun(of: number) }
    return isNew
  }

  /// Forgets what the user has here, and what earlier buffers and the database have: readers stop at the marker, and the flush
  /// replaces instead of merging. The caller sees to it that the buffer is not full.
  public func erase(partition: UInt16, user: UnsafeRawBufferPointer) {
    var slot = 0
    let own = users.findOwn(user, partition, arena, slot: &slot)
    let number = own ?? add(user, partition, slot)
    var marker = Behavior()
    marker.tag = UInt32(truncatingIfNeeded: number)
    marker.isErasure = true
    if earlier(of: number)?.isErased != true { erasedUsers.append(number) }
    put(marker, of: number)
    if own == nil { changes?.end(user) }
  }

  /// Partition (two bytes, big end first), then id.
  @inline(__always)
  func key(of user: Int) -> UnsafeRawBufferPointer {
    users.key(of: user, in: arena)
  }

  /// What stands before a user's behaviors that are not folded yet.
  public struct Earlier {
    /// The state of those that are; nil: there are none.
    public var folded: UnsafeRawBufferPointer?
    /// Whether the user was erased here: what earlier buffers and the database have does not count.
    public var isErased = false
    /// Of what was read: the user's number and head; nil: the user is not here.
    var place: AnswerProof.Place?
  }

  /// Appends a user's behaviors that are not folded yet to `into`, and lends what stands before them. From any thread.
  public func read(user: UnsafeRawBufferPointer, partition: UInt16, into: inout BehaviorRun) -> Earlier {
    guard let number = users.find(user, partition: partition, arena: arena) else { return Earlier() }
    let chain = users.entries[number].chain
    let marker = walk(chain) { into.append($0) }
    var earlier = marker.map { self.earlier($0) } ?? Earlier()
    earlier.place = .init(filling: filling, user: UInt32(truncatingIfNeeded: number), head: chain.head)
    return earlier
  }

  /// Calls `body` with a user's behaviors that are not folded yet, the newest first, and returns the marker that is before them.
  @inline(__always)
  private func walk(_ chain: UserTable.Chain, _ body: (Behavior) -> Void) -> Behavior? {
    var (next, afterwards) = (chain.head, chain.previous)
    while next != 0 {
      let record = records + Int(next &- 1)
      if record.pointee.type == 0 { return record.pointee }
      next = afterwards
      afterwards = record.pointee.link
      body(record.pointee)
    }
    return nil
  }

  /// What stands before a user's behaviors that are not folded yet; nil: nothing. The lane's and the flusher's.
  func earlier(of user: Int) -> Earlier? {
    foldedBefore[user].map { earlier(records[Int($0) - 1]) }
  }

  /// What a marker stands for.
  private func earlier(_ marker: Behavior) -> Earlier {
    let count = Int(truncatingIfNeeded: marker.item)
    let state = UnsafeRawBufferPointer(start: arena + Int(truncatingIfNeeded: marker.shop), count: count)
    return Earlier(folded: count == 0 ? nil : state, isErased: marker.isErasure)
  }

  @inline(never)
  private func add(_ id: UnsafeRawBufferPointer, _ partition: UInt16, _ slot: Int) -> Int {
    changes?.begin(id)
    let start = arenaCount + 1
    arena.storeBytes(of: UInt8(id.count), toByteOffset: arenaCount, as: UInt8.self)
    arena.storeBytes(of: partition.bigEndian, toByteOffset: start, as: UInt16.self)
    (arena + start + 2).copyMemory(from: id.baseAddress.unsafelyUnwrapped, byteCount: id.count)
    arenaCount = start + 2 + id.count
    return users.add(id, partition, keyStart: start, slot: slot, arena: arena)
  }

  /// Puts a marker in place of a user's run: a record of type 0 that leads to the state of the run and of the marker before it.
  /// Readers that are in the old chain stay there. Without room the run stays as it is, and the buffer is full: a run that went on could
  /// become longer than can be counted.
  @inline(never)
  private func foldRun(of number: Int) {
    var count = 0
    let marker = walk(users.entries[number].chain) { record in
      (run + count).initialize(to: record)
      count += 1
    }
    let earlier = marker.map { self.earlier($0) } ?? Earlier()
    var state = folder.state(of: run, count)
    if let folded = earlier.folded {
      // The state just made lies in the folder's memory, which folding it again needs.
      let size = state.count
      guard arenaCount + size <= limits.bytes else {
        arenaLimit = 0
        return
      }
      (arena + arenaCount).copyMemory(from: state.baseAddress.unsafelyUnwrapped, byteCount: size)
      let copy = UnsafeRawBufferPointer(start: arena + arenaCount, count: size)
      state = withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: 2) { pair in
        pair.initializeElement(at: 0, to: folded)
        pair.initializeElement(at: 1, to: copy)
        return folder.fold(UnsafeBufferPointer(pair))
      }
    }
    guard arenaCount + state.count <= limits.bytes, recordCount < limits.events else {
      arenaLimit = 0
      return
    }
    var folded = Behavior()
    folded.shop = UInt64(arenaCount)
    folded.item = UInt64(state.count)
    folded.tag = UInt32(truncatingIfNeeded: number)
    folded.isErasure = earlier.isErased
    (arena + arenaCount).copyMemory(from: state.baseAddress.unsafelyUnwrapped, byteCount: state.count)
    arenaCount += state.count
    put(folded, of: number)
  }

  private func put(_ marker: Behavior, of user: Int) {
    (records + recordCount).initialize(to: marker)
    foldedBefore[user] = UInt32(recordCount + 1)
    users.entries[user].publish(.init(marker: recordCount))
    recordCount += 1
  }
}

/// A record of type 0 is a marker: `shop` and `item` are place and size of a state in the arena.
extension Behavior {
  /// Of a marker: whether an erasure of the user lies before the state.
  fileprivate var isErasure: Bool {
    get { dwell_ms != 0 }
    set { dwell_ms = newValue ? 1 : 0 }
  }
}

/// A reader's memory for one user's behaviors, reused from lookup to lookup.
public struct BehaviorRun: ~Copyable, @unchecked Sendable {  // it owns its memory
  public private(set) var count = 0
  private var capacity = 256
  public private(set) var behaviors = UnsafeMutablePointer<Behavior>.allocate(capacity: 256)

  public init() {}

  deinit { behaviors.deallocate() }

  public mutating func clear() { count = 0 }

  @inline(__always)
  mutating func append(_ behavior: Behavior) {
    if count == capacity { grow() }
    (behaviors + count).initialize(to: behavior)
    count &+= 1
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Behavior>.allocate(capacity: 2 * capacity)
    larger.initialize(from: behaviors, count: count)
    behaviors.deallocate()
    behaviors = larger
    capacity *= 2
  }
}
