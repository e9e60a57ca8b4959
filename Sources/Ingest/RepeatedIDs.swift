/// Records of ids that come again and again, with whatever timestamps: a tree by id and time, of which the oldest record is removed first.
/// So a flood of one id costs the logarithm of its length for each record, and 32 bytes.
///
/// The tree is a treap. Its nodes lie in a ring in the order of offsets.
struct RepeatedIDs: ~Copyable {
  private struct Node: BitwiseCopyable {
    var hash: UInt64
    var timestamp_ms: Int64
    /// `replaced`: a newer record with the same id and time is in the tree instead.
    var offset: Int64
    var left: UInt32
    var right: UInt32
  }

  private static var none: UInt32 { .max }
  private static var replaced: Int64 { -1 }
  private static var firstCapacity: Int { 64 }

  private let window: Int64
  private let time_ms: Int64
  private let seed: UInt64
  /// A power of two, or none.
  private var capacity = 0
  private var nodes = UnsafeMutablePointer<Node>.allocate(capacity: 0)
  /// The index of the oldest node.
  private var first = 0
  private(set) var count = 0
  private var root = Self.none

  init(_ limits: DuplicateLimits, seed: UInt64) {
    window = Int64(limits.offsets)
    time_ms = min(limits.time_ms, RegisteredID.latest_ms)
    self.seed = seed
  }

  deinit { nodes.deallocate() }

  var isEmpty: Bool {
    @inline(__always) get { count == 0 }
  }

  var memory_bytes: Int { capacity * MemoryLayout<Node>.stride }

  /// Whether a record in the tree makes this one a duplicate. Drops what has left the window.
  mutating func contains(near id: RegisteredID) -> Bool {
    expire(before: id.offset - window)
    guard id.hasTime else { return ceiling(id.hash, .min).map { nodes[$0].hash == id.hash } ?? false }
    if let untimed = ceiling(id.hash, RegisteredID.none), isKey(untimed, id.hash, RegisteredID.none) { return true }
    guard let near = ceiling(id.hash, max(id.timestamp_ms - time_ms, 0)) else { return false }
    return nodes[near].hash == id.hash && nodes[near].timestamp_ms <= id.timestamp_ms + time_ms
  }

  /// After `contains`, where the tree is not empty.
  mutating func insert(_ id: RegisteredID) {
    if let older = ceiling(id.hash, id.timestamp_ms), isKey(older, id.hash, id.timestamp_ms) {
      root = removing(id.hash, id.timestamp_ms, from: root)
      nodes[older].offset = Self.replaced
    }
    if count == capacity { grow() }
    let index = (first + count) & (capacity - 1)
    nodes[index] = Node(
      hash: id.hash, timestamp_ms: id.timestamp_ms, offset: id.offset, left: Self.none, right: Self.none)
    count += 1
    root = inserting(UInt32(index), into: root)
  }

  private mutating func expire(before offset: Int64) {
    while count > 0 && nodes[first].offset < offset {
      if nodes[first].offset != Self.replaced {
        root = removing(nodes[first].hash, nodes[first].timestamp_ms, from: root)
      }
      first = (first + 1) & (capacity - 1)
      count -= 1
    }
    if count == 0 && capacity > Self.firstCapacity { resize(to: Self.firstCapacity) }
  }

  // MARK: - Tree

  @inline(__always)
  private func isKey(_ index: Int, _ hash: UInt64, _ timestamp_ms: Int64) -> Bool {
    nodes[index].hash == hash && nodes[index].timestamp_ms == timestamp_ms
  }

  @inline(__always)
  private func precedes(_ index: UInt32, _ hash: UInt64, _ timestamp_ms: Int64) -> Bool {
    let node = nodes[Int(index)]
    return node.hash != hash ? node.hash < hash : node.timestamp_ms < timestamp_ms
  }

  /// Which of two nodes is above the other. Multiplications wrap: that is what mixes.
  @inline(__always)
  private func priority(_ index: UInt32) -> UInt64 {
    let time = UInt64(bitPattern: nodes[Int(index)].timestamp_ms)
    var mixed = (nodes[Int(index)].hash ^ seed) &+ time &* 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed &>> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed &>> 31)
  }

  /// The first node that is not before this key.
  private func ceiling(_ hash: UInt64, _ timestamp_ms: Int64) -> Int? {
    var found = Self.none
    var at = root
    while at != Self.none {
      if precedes(at, hash, timestamp_ms) {
        at = nodes[Int(at)].right
      } else {
        found = at
        at = nodes[Int(at)].left
      }
    }
    return found == Self.none ? nil : Int(found)
  }

  /// The tree at `top` with a node more. No key is there twice.
  private func inserting(_ new: UInt32, into top: UInt32) -> UInt32 {
    guard top != Self.none else { return new }
    let key = nodes[Int(new)]
    if priority(new) > priority(top) {
      (nodes[Int(new)].left, nodes[Int(new)].right) = split(top, key.hash, key.timestamp_ms)
      return new
    }
    if precedes(top, key.hash, key.timestamp_ms) {
      nodes[Int(top)].right = inserting(new, into: nodes[Int(top)].right)
    } else {
      nodes[Int(top)].left = inserting(new, into: nodes[Int(top)].left)
    }
    return top
  }

  private func removing(_ hash: UInt64, _ timestamp_ms: Int64, from top: UInt32) -> UInt32 {
    guard top != Self.none else { return top }
    if isKey(Int(top), hash, timestamp_ms) { return joined(nodes[Int(top)].left, nodes[Int(top)].right) }
    if precedes(top, hash, timestamp_ms) {
      nodes[Int(top)].right = removing(hash, timestamp_ms, from: nodes[Int(top)].right)
    } else {
      nodes[Int(top)].left = removing(hash, timestamp_ms, from: nodes[Int(top)].left)
    }
    return top
  }

  /// What is before the key, and what is not.
  private func split(_ top: UInt32, _ hash: UInt64, _ timestamp_ms: Int64) -> (UInt32, UInt32) {
    guard top != Self.none else { return (top, top) }
    if precedes(top, hash, timestamp_ms) {
      let (before, after) = split(nodes[Int(top)].right, hash, timestamp_ms)
      nodes[Int(top)].right = before
      return (top, after)
    }
    let (before, after) = split(nodes[Int(top)].left, hash, timestamp_ms)
    nodes[Int(top)].left = after
    return (before, top)
  }

  /// All of `low` is before all of `high`.
  private func joined(_ low: UInt32, _ high: UInt32) -> UInt32 {
    if low == Self.none { return high }
    if high == Self.none { return low }
    if priority(low) > priority(high) {
      nodes[Int(low)].right = joined(nodes[Int(low)].right, high)
      return low
    }
    nodes[Int(high)].left = joined(low, nodes[Int(high)].left)
    return high
  }

  // MARK: - Size

  private mutating func grow() { resize(to: max(2 * capacity, Self.firstCapacity)) }

  /// Nodes move to the front of the new ring, and what leads to them follows.
  private mutating func resize(to newCapacity: Int) {
    let larger = UnsafeMutablePointer<Node>.allocate(capacity: newCapacity)
    for index in 0..<count {
      var node = nodes[(first + index) & (capacity - 1)]
      (node.left, node.right) = (moved(node.left), moved(node.right))
      larger[index] = node
    }
    root = moved(root)
    nodes.deallocate()
    (nodes, capacity, first) = (larger, newCapacity, 0)
  }

  @inline(__always)
  private func moved(_ index: UInt32) -> UInt32 {
    index == Self.none ? index : UInt32((Int(index) - first) & (capacity - 1))
  }
}
