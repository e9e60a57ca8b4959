extension ByteBuffer {
  /// A JSON string, quotes included, of bytes that are UTF-8. Escaped is only what has to be: quotes, backslashes and the control
  /// characters below a space.
  public mutating func append(jsonString bytes: UnsafeRawBufferPointer) {
    // The longest escape of a byte is \u00XX.
    var at = reserve(6 &* bytes.count &+ 2).assumingMemoryBound(to: UInt8.self)
    let start = at
    put(UInt8(ascii: "\""), &at)
    for byte in bytes {
      if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
        put(byte, &at)
      } else {
        putEscaped(byte, &at)
      }
    }
    put(UInt8(ascii: "\""), &at)
    commit(at - start)
  }

  public mutating func append(jsonString text: String) {
    var text = text
    text.withUTF8 { append(jsonString: UnsafeRawBufferPointer($0)) }
  }
}

@inline(__always)
private func put(_ byte: UInt8, _ at: inout UnsafeMutablePointer<UInt8>) {
  at.pointee = byte
  at += 1
}

private func putEscaped(_ byte: UInt8, _ at: inout UnsafeMutablePointer<UInt8>) {
  put(UInt8(ascii: "\\"), &at)
  switch byte {
  case UInt8(ascii: "\""), UInt8(ascii: "\\"): put(byte, &at)
  case 0x08: put(UInt8(ascii: "b"), &at)
  case 0x09: put(UInt8(ascii: "t"), &at)
  case 0x0a: put(UInt8(ascii: "n"), &at)
  case 0x0c: put(UInt8(ascii: "f"), &at)
  case 0x0d: put(UInt8(ascii: "r"), &at)
  default:
    let low = byte & 15
    put(UInt8(ascii: "u"), &at)
    put(UInt8(ascii: "0"), &at)
    put(UInt8(ascii: "0"), &at)
    put(UInt8(ascii: "0") + byte >> 4, &at)
    put(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10, &at)
  }
}
