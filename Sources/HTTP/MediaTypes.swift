extension HTTPRequest {
  /// How much the client wants a media type that it names in `Accept`, in thousandths (RFC 9110 section 12.5.1); 0 where it does not, or
  /// wants none of it. Ranges such as `*/*` name none.
  public func preference(for type: StaticString) -> Int {
    guard let accepted = field("Accept") else { return 0 }
    let part = accepted.split(separator: UInt8(ascii: ",")).first {
      Self.isType(UnsafeRawBufferPointer(rebasing: $0), type)
    }
    guard let parameters = part?.split(separator: UInt8(ascii: ";")).dropFirst() else { return 0 }
    for parameter in parameters {
      let text = AcceptEncoding.trimmed(parameter)
      if UnsafeRawBufferPointer(rebasing: text.prefix(2)).equalsIgnoringCase("q=") {
        return AcceptEncoding.weight(of: parameter) ?? 0
      }
    }
    return 1000
  }

  /// Whether a media type, perhaps with parameters behind it, is this one.
  public static func isType(_ text: UnsafeRawBufferPointer, _ type: StaticString) -> Bool {
    AcceptEncoding.trimmed(text.prefix { $0 != UInt8(ascii: ";") }).equalsIgnoringCase(type)
  }
}
