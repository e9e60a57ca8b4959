import Bytes

/// What is to be generated. The same options give the same bytes, on every machine.
public struct SynthOptions: Equatable, Sendable {
  /// Records in all, duplicates and bad ones included.
  public var events: Int
  public var users: Int
  public var shops: Int
  public var groups: Int
  public var seed: UInt64 = 7
  /// Shares of all records, in 0...1: those whose time lies before an earlier record's, those that repeat an earlier record byte for
  /// byte, and those that the event contract refuses.
  public var outOfOrderShare = 0.0
  public var duplicateShare = 0.0
  public var badShare = 0.0
  /// Whether every behavior has an event id of its own, another one under another seed below 2^24. Without, behaviors have ids only where
  /// there are duplicates, and the same ones under every seed.
  public var namesEvents = false
  /// Whether behaviors of the types that have items name one.
  public var namesItems = true
  /// The share of records, in 0...1, that is added to the most active user's: all others follow the power law.
  public var hotUserShare = 0.0

  public init(events: Int, users: Int, shops: Int, groups: Int = 1_024) {
    self.events = events
    self.users = users
    self.shops = shops
    self.groups = groups
  }

  /// Each user takes 64 bytes of memory.
  public static var maximumUsers: Int { 1 << 24 }

  /// Names the first option that is out of its range.
  public func validate() throws(SynthOptionsError) {
    try check("events", events, 1...(1 << 40))
    try check("users", users, 1...Self.maximumUsers)
    try check("shops", shops, 1...Int(UInt32.max))
    try check("groups", groups, 1...Int(UInt32.max))
    for (name, share) in [
      ("out-of-order share", outOfOrderShare), ("duplicate share", duplicateShare), ("bad share", badShare),
      ("hot user's share", hotUserShare),
    ] where !(0...1).contains(share) {
      throw SynthOptionsError(message: "the \(name) \(share) is not in 0...1")
    }
    if duplicateShare + badShare > 1 {
      throw SynthOptionsError(message: "the shares of duplicate and bad records are more than 1 together")
    }
  }

  private func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(SynthOptionsError) {
    if !range.contains(value) {
      throw SynthOptionsError(message: "\(value) \(name): give \(range.lowerBound) to \(range.upperBound)")
    }
  }
}

public struct SynthOptionsError: Error, Equatable, Sendable, CustomStringConvertible {
  public let message: String
  public var description: String { message }
}

extension SynthOptions {
  /// The header of the cluster map's CSV.
  public func appendClusterMapHeader(to buffer: inout ByteBuffer) { buffer.append("shop_id,group_id\n") }

  /// The rows of these shops, whose ids are 1...`shops`.
  public func appendClusterMapRows(_ ids: ClosedRange<Int>, to buffer: inout ByteBuffer) {
    for id in ids {
      buffer.append(decimal: UInt64(id))
      buffer.append(UInt8(ascii: ","))
      buffer.append(decimal: UInt64(group(of: UInt32(id))))
      buffer.append(UInt8(ascii: "\n"))
    }
  }

  /// 1...`groups`, evenly and without regard to popularity.
  public func group(of shop: UInt32) -> UInt32 {
    let hash = SynthRandom.mix(seed &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(shop))
    return 1 + UInt32(hash.multipliedFullWidth(by: UInt64(groups)).high)
  }
}
