internal import CBeast

/// The header fields of a parser's request or reply, lent.
struct HeaderFields {
  let handle: OpaquePointer

  /// How many fields have this name, in any case, and the first one's value.
  subscript(name: StaticString) -> (count: Int, first: UnsafeRawBufferPointer) {
    var first = cbeast_text()
    let count = name.withUTF8Buffer { name in
      name.withMemoryRebound(to: CChar.self) { cbeast_field(handle, $0.baseAddress, $0.count, &first) }
    }
    return (count, .init(start: first.bytes, count: first.count))
  }
}
