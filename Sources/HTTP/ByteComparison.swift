extension UnsafeRawBufferPointer {
  /// Whether these are the bytes of `text`.
  public func equals(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount && text.withUTF8Buffer { elementsEqual($0) }
  }

  /// Likewise, in any case of ASCII letters.
  func equalsIgnoringCase(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount && text.withUTF8Buffer { elementsEqual($0) { $0.lowercased == $1.lowercased } }
  }
}

extension UInt8 {
  var lowercased: UInt8 { self >= 65 && self <= 90 ? self + 32 : self }
}
