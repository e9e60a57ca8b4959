/// The fields of a behavior as written, borrowed from the record or from the reader's memory: good until the next read and only while
/// the record lives.
public struct BehaviorFields {
  public var user: UnsafeRawBufferPointer
  /// Empty only in an erasure.
  public var shop: UnsafeRawBufferPointer
  public var type: UnsafeRawBufferPointer
  /// Empty: none.
  public var eventID: UnsafeRawBufferPointer
  /// Empty: none.
  public var item: UnsafeRawBufferPointer
  public var time_ms: Int64
  /// 0: none reported.
  public var dwell_ms: UInt32
  /// Millionths of the currency unit; 0: none.
  public var spend_micros: Int64

  public init() {
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    (user, shop, type, eventID, item) = (none, none, none, none, none)
    (time_ms, dwell_ms, spend_micros) = (0, 0, 0)
  }

  /// Whether this asks for the user to be forgotten: the reserved type, which needs no shop.
  public var isErasure: Bool {
    type.first == UInt8(ascii: "$") && type.elementsEqual("$erase".utf8)
  }
}
