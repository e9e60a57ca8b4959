import Bytes

/// Behaviors of all groups of a sequence as Protobuf's packed columns: the bytes of each, without tag and length. Memory is reused.
struct BehaviorColumns: ~Copyable {
  var times = ByteBuffer(capacity: 1 << 12)
  var shops = ByteBuffer(capacity: 1 << 12)
  var types = ByteBuffer(capacity: 1 << 10)
  var dwells = ByteBuffer(capacity: 1 << 12)
  var spends = ByteBuffer(capacity: 1 << 12)
  var items = ByteBuffer(capacity: 1 << 12)

  mutating func clear() {
    times.clear()
    shops.clear()
    types.clear()
    dwells.clear()
    spends.clear()
    items.clear()
  }
}
