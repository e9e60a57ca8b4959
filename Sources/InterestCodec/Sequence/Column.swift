/// Numbers one behind the other in memory of their own, which `clear` keeps.
struct Column<Element: BitwiseCopyable>: ~Copyable {
  private(set) var count = 0
  private var capacity: Int
  private var base: UnsafeMutablePointer<Element>

  init(capacity: Int) {
    self.capacity = capacity
    base = .allocate(capacity: capacity)
  }

  deinit { base.deallocate() }

  /// Good until the next change.
  var elements: UnsafeBufferPointer<Element> { .init(start: base, count: count) }

  /// Where they begin, to be changed in place; good until the next change of their number.
  var first: UnsafeMutablePointer<Element> { base }

  /// Only where there is one.
  var last: Element { base[count &- 1] }

  mutating func clear() { count = 0 }

  mutating func truncate(to size: Int) { count = min(count, size) }

  /// Room for `size` more; `commit` says how many were written.
  @inline(__always)
  mutating func reserve(_ size: Int) -> UnsafeMutablePointer<Element> {
    if count &+ size > capacity { grow(to: count + size) }
    return base + count
  }

  @inline(__always)
  mutating func commit(_ size: Int) { count &+= size }

  @inline(__always)
  mutating func append(_ element: Element) {
    reserve(1).initialize(to: element)
    count &+= 1
  }

  @inline(never)
  private mutating func grow(to size: Int) {
    capacity = max(size, 2 * capacity)
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    larger.initialize(from: base, count: count)
    base.deallocate()
    base = larger
  }
}
