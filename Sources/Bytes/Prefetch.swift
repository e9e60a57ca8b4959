internal import CXXHash

/// Has bytes come from memory all at once, where otherwise each line of them would be waited for when it is read. Does not wait.
///
/// - Parameter limit: Only the first so many bytes.
@inline(__always)
public func prefetch(_ bytes: UnsafeRawBufferPointer, atMost limit: Int) {
  guard let start = bytes.baseAddress else { return }
  var offset = 0
  while offset < min(bytes.count, limit) {
    interestd_prefetch(start + offset)
    offset &+= 64
  }
}
