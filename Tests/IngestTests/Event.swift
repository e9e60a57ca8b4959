import Bytes
import InterestCodec
import InterestModel
import TestKit

/// A behavior as its producer has it: what tests write to files and topics, and the reference folds.
struct Event: Equatable, Sendable {
  var user = "u1"
  var shop = "42"
  var type = "click"
  var time_ms: Int64 = 1_333_476_009_000
  var dwell_ms: UInt32 = 0
  var spend_micros: Int64 = 0
  var eventID = ""
  var item = ""

  /// A line of JSON, with its end.
  var json: [UInt8] { written(BehaviorWriter.appendJSONLine) }

  var protobuf: [UInt8] { written(BehaviorWriter.appendProtobuf) }

  /// With its length before it.
  var delimited: [UInt8] { written(BehaviorWriter.appendDelimitedProtobuf) }

  private func written(_ write: (BehaviorFields, inout ByteBuffer) -> Void) -> [UInt8] {
    [user, shop, type, eventID, item].map { Array($0.utf8) }.withLent { texts in
      var fields = BehaviorFields()
      (fields.user, fields.shop, fields.type, fields.eventID, fields.item) = (
        texts[0], texts[1], texts[2], texts[3], texts[4]
      )
      (fields.time_ms, fields.dwell_ms, fields.spend_micros) = (time_ms, dwell_ms, spend_micros)
      var buffer = ByteBuffer()
      write(fields, &buffer)
      return Array(buffer.bytes)
    }
  }

  /// What is folded of it.
  func behavior(_ world: World) -> Behavior {
    var behavior = Behavior()
    behavior.time_ms = time_ms
    behavior.shop = Array(shop.utf8).withUnsafeBytes { FeatureID.of($0) }
    behavior.item = Array(item.utf8).withUnsafeBytes { FeatureID.of($0) }
    behavior.group = world.clusterMap.shops.group(of: behavior.shop)
    behavior.type = world.configuration.catalog.entries.first { $0.type == type }?.code ?? 0
    behavior.dwell_ms = dwell_ms
    behavior.spend_micros = spend_micros
    return behavior
  }
}

extension [[UInt8]] {
  /// All of them at once, borrowed.
  fileprivate func withLent<Result>(_ body: ([UnsafeRawBufferPointer]) -> Result) -> Result {
    func lend(_ rest: ArraySlice<[UInt8]>, _ lent: [UnsafeRawBufferPointer]) -> Result {
      guard let first = rest.first else { return body(lent) }
      return first.withUnsafeBytes { lend(rest.dropFirst(), lent + [$0]) }
    }
    return lend(self[...], [])
  }
}

/// What is the same in all tests: the configuration and the cluster map.
struct World: Sendable {
  let configuration: StateConfiguration
  let clusterMap: ClusterMap

  static let shopCount = 60

  init() throws {
    configuration = TestConfiguration.make()
    // Every fifth shop is unmapped; half of the ids are no numbers.
    let rows = (0..<Self.shopCount).filter { $0 % 5 != 4 }.map { "\(Self.shop($0)),\($0 % 7 + 1)\n" }
    clusterMap = try Array(("shop_id,group_id\n" + rows.joined()).utf8).withUnsafeBytes {
      try ClusterMap(csv: $0, name: "groups.csv")
    }
  }

  static func shop(_ number: Int) -> String { number % 2 == 0 ? "\(number)" : "shop-\(number)" }

  /// Seeded behaviors in no order of time; a few users have many of them.
  ///
  /// - Parameter named: Whether each has an event id, by which it counts once.
  func events(_ count: Int, users: Int = 25, seed: UInt64 = 1, named: Bool = true) -> [Event] {
    var random = SeededGenerator(seed: seed)
    let types = configuration.catalog.entries.map(\.type)
    return (0..<count).map { number in
      var event = Event()
      let user = min(Int.random(in: 0..<users, using: &random), Int.random(in: 0..<users, using: &random))
      event.user = user % 3 == 0 ? "user \(user) ü" : "\(user)"
      event.shop = Self.shop(Int.random(in: 0..<Self.shopCount, using: &random))
      event.type = types.randomElement(using: &random) ?? "click"
      event.time_ms = 1_333_476_009_000 + Int64.random(in: 0...90 * 86_400_000, using: &random)
      event.dwell_ms = Bool.random(using: &random) ? UInt32.random(in: 0...60_000, using: &random) : 0
      event.spend_micros = event.type == "order" ? Int64.random(in: -5_000_000...50_000_000, using: &random) : 0
      event.item = Bool.random(using: &random) ? "item \(number % 11)" : ""
      event.eventID = named ? "e\(number)" : ""
      return event
    }
  }

  /// What `dump` must say of these events, by the reference fold.
  func expectedDump(_ events: [Event]) -> [String] {
    let reference = ReferenceFold(configuration)
    return Dictionary(grouping: events, by: \.user)
      .sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
      .map { user, events in
        reference.json(
          user: user, clusterMap: clusterMap.hash, reference.sequence(of: events.map { $0.behavior(self) }))
      }
  }
}
