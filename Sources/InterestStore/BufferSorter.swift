import Bytes
import Glibc
import InterestCodec
import InterestModel

/// Turns a full buffer into one merge operand per user, users in order of their keys. One flusher's; memory reused.
struct BufferSorter: ~Copyable {
  /// A user in order of the keys, with all that writing the user takes where the bytes of one memory line suffice.
  private struct Place: BitwiseCopyable {
    /// The key's first sixteen bytes as numbers that order alike.
    var high: UInt64
    var low: UInt64
    var user: UInt32
    /// Where the user's run lies in `sorted`.
    var start: UInt32 = 0
    var count: UInt32
    /// Whether a marker stands before the run.
    var hasEarlier: Bool
  }

  private var folder: StateFolder
  private var sorted = UnsafeMutablePointer<Behavior>.allocate(capacity: 0)
  private var sortedLimit = 0
  private var userLimit = 0
  private var ends = UnsafeMutablePointer<UInt32>.allocate(capacity: 0)
  private var order = UnsafeMutablePointer<Place>.allocate(capacity: 0)
  private var copy = ByteBuffer()

  init(rules: FoldRules) { folder = StateFolder(rules: rules) }

  deinit {
    sorted.deallocate()
    ends.deallocate()
    order.deallocate()
  }

  mutating func sort(_ buffer: borrowing FoldBuffer) {
    reserve(users: buffer.users.count, records: buffer.count)
    // A place for each user to look at, where any user has a marker.
    var foldedBefore = [UInt32](repeating: 0, count: buffer.foldedBefore.isEmpty ? 0 : buffer.users.count)
    for (user, before) in buffer.foldedBefore { foldedBefore[user] = before }
    orderUsers(buffer, foldedBefore)
    sortByPlace(buffer, foldedBefore)
  }

  /// What a flush writes for a user.
  enum Operand {
    /// Beside what is stored.
    case merge(UnsafeRawBufferPointer)
    /// In place of it: the user was erased, and this came after.
    case put(UnsafeRawBufferPointer)
    /// The user was erased, and nothing came after.
    case delete
  }

  /// The user at `place` of the order and what is to be written, which lies here until the next call. After `sort` of the same buffer.
  mutating func operand(at place: Int, of buffer: borrowing FoldBuffer) -> (user: Int, operand: Operand) {
    let (user, run, count) = (Int(order[place].user), sorted + Int(order[place].start), Int(order[place].count))
    if !order[place].hasEarlier { return (user, .merge(folder.state(of: run, count))) }
    let earlier = buffer.earlier(of: user) ?? .init()
    guard let state = state(of: run, count, after: earlier.folded) else { return (user, .delete) }
    return (user, earlier.isErased ? .put(state) : .merge(state))
  }

  /// The state of a run and of what was folded before it; nil where there is neither.
  private mutating func state(
    of run: UnsafeMutablePointer<Behavior>, _ count: Int, after folded: UnsafeRawBufferPointer?
  ) -> UnsafeRawBufferPointer? {
    if count == 0 { return folded }
    guard let folded else { return folder.state(of: run, count) }
    copy.clear()
    copy.append(folder.state(of: run, count))
    return withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: 2) { pair in
      pair.initializeElement(at: 0, to: folded)
      pair.initializeElement(at: 1, to: copy.bytes)
      return folder.fold(UnsafeBufferPointer(pair))
    }
  }

  /// Counting sort, so that runs lie in the order in which they are written. What a user's marker stands for, and the marker, stay behind.
  private func sortByPlace(_ buffer: borrowing FoldBuffer, _ foldedBefore: [UInt32]) {
    let records = buffer.records
    let ends = ends
    let sorted = sorted
    var start: UInt32 = 0
    for place in 0..<buffer.users.count {
      order[place].start = start
      ends[Int(order[place].user)] = start
      start &+= order[place].count
    }
    for index in 0..<buffer.count {
      let user = Int(records[index].tag)
      if !foldedBefore.isEmpty, UInt32(truncatingIfNeeded: index) < foldedBefore[user] { continue }
      let place = ends[user]
      ends[user] = place &+ 1
      (sorted + Int(place)).initialize(to: records[index])
    }
  }

  private func orderUsers(_ buffer: borrowing FoldBuffer, _ foldedBefore: [UInt32]) {
    for user in 0..<buffer.users.count {
      let key = buffer.key(of: user)
      (order + user).initialize(
        to: Place(
          high: prefix(key, 0), low: prefix(key, 8), user: UInt32(truncatingIfNeeded: user),
          count: UInt32(truncatingIfNeeded: buffer.users.entries[user].chain.count),
          hasEarlier: !foldedBefore.isEmpty && foldedBefore[user] != 0))
    }
    introsort(order, buffer.users.count) { a, b in
      if a.high != b.high { return a.high < b.high }
      if a.low != b.low { return a.low < b.low }
      let first = buffer.key(of: Int(a.user))
      let second = buffer.key(of: Int(b.user))
      let difference = memcmp(
        first.baseAddress.unsafelyUnwrapped, second.baseAddress.unsafelyUnwrapped, min(first.count, second.count))
      return difference == 0 ? first.count < second.count : difference < 0
    }
  }

  @inline(__always)
  private func prefix(_ key: UnsafeRawBufferPointer, _ from: Int) -> UInt64 {
    if key.count >= from &+ 8 { return UInt64(bigEndian: key.loadUnaligned(fromByteOffset: from, as: UInt64.self)) }
    var prefix: UInt64 = 0
    for index in from..<from &+ 8 { prefix = prefix &<< 8 | (index < key.count ? UInt64(key[index]) : 0) }
    return prefix
  }

  private mutating func reserve(users: Int, records: Int) {
    if users > userLimit {
      ends.deallocate()
      order.deallocate()
      userLimit = 2 * users
      ends = .allocate(capacity: userLimit)
      order = .allocate(capacity: userLimit)
    }
    // Smaller again where buffers are, as in `FoldBuffer`.
    if records > sortedLimit || records < sortedLimit / 2 {
      sorted.deallocate()
      sortedLimit = records + records / 4
      sorted = .allocate(capacity: sortedLimit)
    }
  }
}
