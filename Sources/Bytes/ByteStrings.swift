/// Byte strings one behind the other, as a request lists ids. Memory is kept by `clear` and reused.
public struct ByteStrings: ~Copyable {
  private var bytes = ByteBuffer(capacity: 256)
  private var ends: ContiguousArray<Int> = []

  public init() {}

  public var count: Int { ends.count }
  public var isEmpty: Bool { ends.isEmpty }

  public mutating func clear() {
    bytes.clear()
    ends.removeAll(keepingCapacity: true)
  }

  public mutating func append(_ string: UnsafeRawBufferPointer) {
    bytes.append(string)
    ends.append(bytes.count)
  }

  public mutating func append(_ string: String) {
    bytes.append(string)
    ends.append(bytes.count)
  }

  /// Good until the next change.
  public subscript(index: Int) -> UnsafeRawBufferPointer {
    let start = index == 0 ? 0 : ends[index - 1]
    return UnsafeRawBufferPointer(rebasing: bytes.bytes[start..<ends[index]])
  }
}
