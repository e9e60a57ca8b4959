/// A behavior before it is written.
struct SynthBehavior {
  /// Its id is this number in 12 digits.
  var user = 0
  var shop: UInt32 = 0
  /// Into `SynthType.all`.
  var type = 0
  var time_ms: Int64 = 0
  var dwell_ms: UInt32 = 0
  var spend_micros: Int64 = 0
  /// 0: none.
  var item: UInt64 = 0
  /// 0: none.
  var event: UInt64 = 0
}

/// The users' year: who does what where and when. Knows nothing of bytes.
///
/// A user's n-th behavior is on a shop new to him with probability 0.29 * sqrt(mean / n), `mean` being events per user. Over users whose
/// activity follows `userShift`'s law that makes two thirds of all behaviors returns, and at 100 events a user on average
/// leaves one with just that many behaviors about 50 shops, and so groups.
struct SynthBehaviors: ~Copyable {
  private let users: PowerLaw
  private let shops: PowerLaw
  private let novelty: Double
  private let events: UInt64
  private let outOfOrderShare: Double
  private let hotUserShare: Double
  private let namesItems: Bool
  private let namesEvents: Bool
  /// Added to a record's number: its event's id.
  private let firstEvent: UInt64
  private var memory: UserMemory
  /// Of a number below 100, the type.
  private let typeOfPercent: [UInt8]
  private let types = SynthType.all

  /// The most active user of 50,000 has 29 times the mean, the least active 0.08 times.
  private static let userShift = 0.02
  private static let shopShift = 0.002
  /// 2024-01-01T00:00:00Z, and a leap year.
  static let start_ms: Int64 = 1_704_067_200_000
  static let span_ms: UInt64 = 366 * 86_400_000
  /// How far back an out-of-order behavior lies at most: six hours.
  private static let latest_ms: UInt64 = 21_600_000

  init(_ options: SynthOptions) {
    users = PowerLaw(count: options.users, shift: Self.userShift)
    shops = PowerLaw(count: options.shops, shift: Self.shopShift)
    novelty = 0.29 * (Double(options.events) / Double(options.users)).squareRoot()
    events = UInt64(options.events)
    outOfOrderShare = options.outOfOrderShare
    hotUserShare = options.hotUserShare
    namesItems = options.namesItems
    // Repeated records can be told from repeated behaviors only by their ids.
    namesEvents = options.namesEvents || options.duplicateShare > 0
    // Records are fewer than 2^40; of a seed above 2^24 the low bits are enough.
    firstEvent = 1 + (options.namesEvents ? options.seed &<< 40 : 0)
    memory = UserMemory(users: options.users)
    typeOfPercent = SynthType.all.enumerated().flatMap { [UInt8](repeating: UInt8($0), count: $1.share_percent) }
  }

  /// The behavior of record number `index`, and whether its time lies before `newest_ms`, that of the newest one so far (0: none).
  mutating func next(
    _ index: UInt64, newest_ms: Int64, _ random: inout SynthRandom, into behavior: inout SynthBehavior
  ) -> Bool {
    // Without a hot user no number is drawn for one: a seed's events stay what they were.
    let isHot = hotUserShare > 0 && random.chance(hotUserShare)
    behavior.user = isHot ? 0 : users.rank(random.fraction())
    behavior.shop = chooseShop(behavior.user, &random)
    let bits = random.next()
    behavior.type = Int(typeOfPercent[Int(((bits & 0xffff_ffff) &* 100) &>> 32)])
    fillValues(bits &>> 32, &random, &behavior)
    behavior.event = namesEvents ? index &+ firstEvent : 0
    let isLate = outOfOrderShare > 0 && newest_ms > 0 && random.chance(outOfOrderShare)
    behavior.time_ms = isLate ? newest_ms &- 1 &- Int64(random.below(Self.latest_ms)) : time_ms(index)
    return isLate
  }

  private mutating func chooseShop(_ user: Int, _ random: inout SynthRandom) -> UInt32 {
    let earlier = memory.count(user)
    let bits = random.next()
    let fill = memory.fill(user)
    let share = novelty / Double(earlier &+ 1).squareRoot()
    if fill > 0 && Double(bits &>> 11) * 0x1p-53 >= share {
      return memory.shop(user, slot: Int(random.below(UInt64(fill))))
    }
    var shop: UInt32 = 0
    // Popular shops come up again; with few shops there may be no new one.
    for _ in 0..<4 {
      shop = UInt32(truncatingIfNeeded: shops.rank(random.fraction())) &+ 1
      if !memory.holds(user, shop) { break }
    }
    // The eleven low bits have not been used above.
    memory.keep(user, shop, replacing: Int(((bits & 2_047) &* UInt64(UserMemory.keptShops)) &>> 11))
    return shop
  }

  @inline(__always)
  private func fillValues(_ bits: UInt64, _ random: inout SynthRandom, _ behavior: inout SynthBehavior) {
    let type = types[behavior.type]
    behavior.dwell_ms = 0
    behavior.spend_micros = 0
    behavior.item = 0
    // Two thirds of those that can report a dwell do; short ones are the most frequent.
    if type.dwell_ms > 0 && bits & 255 < 171 {
      let part = (bits &>> 8) & 4_095
      behavior.dwell_ms = 100 &+ UInt32(truncatingIfNeeded: (UInt64(type.dwell_ms) &* part &* part) &>> 24)
    }
    if type.isPaid {
      // 1.00 to 65.00 in cents; one of 64 is paid back.
      let amount = 1_000_000 &+ Int64(random.below(6_400)) &* 10_000
      behavior.spend_micros = bits & 63 == 0 ? -amount : amount
    }
    if namesItems && type.hasItem { behavior.item = UInt64(behavior.shop) &* 64 &+ ((bits &>> 26) & 63) }
  }

  /// Ascends evenly over the year.
  @inline(__always)
  private func time_ms(_ index: UInt64) -> Int64 {
    let (high, low) = index.multipliedFullWidth(by: Self.span_ms)
    return Self.start_ms &+ Int64(events.dividingFullWidth((high, low)).quotient)
  }
}
