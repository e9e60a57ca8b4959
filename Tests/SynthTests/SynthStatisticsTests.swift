import Bytes
import InterestCodec
import InterestModel
import Synth
import Testing

@Suite("Synthetic behaviors")
struct SynthStatisticsTests {
  @Test("a user of 100 behaviors has about 50 groups, and two thirds of all behaviors are on shops seen before")
  func interests() throws {
    let options = SynthOptions.sample()
    var seen: [String: Set<UInt64>] = [:]
    var groups: [String: Set<UInt32>] = [:]
    var counts: [String: Int] = [:]
    var repeats = 0
    var total = 0
    for record in try options.decoded() {
      let shop = record.behavior.shop
      if !seen[record.user, default: []].insert(shop).inserted { repeats += 1 }
      groups[record.user, default: []].insert(options.group(of: UInt32(shop)))
      counts[record.user, default: 0] += 1
      total += 1
    }
    #expect(total == 200_000)
    #expect((0.62...0.71).contains(Double(repeats) / Double(total)))
    let typical = counts.filter { (90...110).contains($0.value) }.map { groups[$0.key]?.count ?? 0 }
    #expect(typical.count > 30)
    #expect((45.0...55.0).contains(Double(typical.reduce(0, +)) / Double(typical.count)))
  }

  @Test("two thirds return whatever the number of behaviors a user", arguments: [20, 500])
  func ratio(mean: Int) throws {
    var seen: [String: Set<UInt64>] = [:]
    var repeats = 0
    for record in try SynthOptions.sample(users: 200_000 / mean).decoded()
    where !seen[record.user, default: []].insert(record.behavior.shop).inserted { repeats += 1 }
    #expect((0.60...0.73).contains(Double(repeats) / 200_000))
  }

  @Test("users and shops follow power laws: few have much, and everybody has something")
  func popularity() throws {
    var users: [String: Int] = [:]
    var shops: [UInt64: Int] = [:]
    for record in try SynthOptions.sample().decoded() {
      users[record.user, default: 0] += 1
      shops[record.behavior.shop, default: 0] += 1
    }
    #expect(users.count > 1_950)
    let activity = users.values.sorted(by: >)
    let top = activity.prefix(20).reduce(0, +)
    #expect((0.15...0.30).contains(Double(top) / 200_000))
    #expect(users["000000000000"] ?? 0 > 2_000)
    let popular = shops.values.sorted(by: >).prefix(1_000).reduce(0, +)
    #expect(Double(popular) / 200_000 > 0.3)
    #expect(shops.keys.allSatisfy { (1...100_000).contains($0) })
  }

  @Test("a hot user has his share of all records, and the others keep theirs")
  func hotUser() throws {
    var options = SynthOptions.sample()
    let usual = try options.decoded().count { $0.user == "000000000000" }
    options.hotUserShare = 0.3
    var users: [String: Int] = [:]
    for record in try options.decoded() { users[record.user, default: 0] += 1 }
    let share = Double(users["000000000000"] ?? 0) / 200_000
    #expect(abs(share - (0.3 + 0.7 * Double(usual) / 200_000)) < 0.01)
    #expect(users.count > 1_900)
  }

  @Test("items are left out where they are not wanted, and nothing else changes")
  func items() throws {
    var options = SynthOptions.sample(events: 10_000)
    let named = try options.decoded()
    options.namesItems = false
    let unnamed = try options.decoded()
    #expect(named.contains { $0.behavior.item != 0 })
    #expect(unnamed.allSatisfy { $0.behavior.item == 0 })
    #expect(zip(named, unnamed).allSatisfy { $0.user == $1.user && $0.behavior.shop == $1.behavior.shop })
  }

  @Test("types cover all four categories, with dwell and spend where they belong, over a year in order")
  func values() throws {
    let catalog = try DecodedRecord.catalog()
    var categories: [Category: Int] = [:]
    var last_ms: Int64 = 1_704_067_200_000
    var dwells = 0
    var refunds = 0
    for record in try SynthOptions.sample().decoded() {
      let behavior = record.behavior
      let entry = try #require(catalog.entry(code: behavior.type))
      categories[entry.category, default: 0] += 1
      #expect(behavior.time_ms >= last_ms)
      last_ms = behavior.time_ms
      if behavior.dwell_ms > 0 { dwells += 1 }
      if behavior.spend_micros < 0 { refunds += 1 }
      #expect((behavior.spend_micros != 0) == (entry.category == .payment))
    }
    #expect(Category.allCases.allSatisfy { categories[$0] ?? 0 > 10_000 })
    #expect(dwells > 50_000)
    #expect((100...1_000).contains(refunds))
    #expect((1_735_600_000_000..<1_735_689_600_000).contains(last_ms))
  }

  @Test("shares of out-of-order, duplicate and bad records are those asked for, and are what they claim to be")
  func shares() throws {
    var options = SynthOptions.sample(events: 100_000)
    (options.outOfOrderShare, options.duplicateShare, options.badShare) = (0.1, 0.05, 0.02)
    var (late, duplicates, bad) = (0, 0, 0)
    var newest_ms: Int64 = 0
    var events: [String: Behavior] = [:]
    for record in try options.decoded() {
      switch record.kind {
      case .behavior:
        #expect(events[record.event] == nil)
        events[record.event] = record.behavior
        #expect(record.isOutOfOrder == (record.behavior.time_ms < newest_ms))
        if record.isOutOfOrder { late += 1 }
        newest_ms = max(newest_ms, record.behavior.time_ms)
      case .duplicate:
        duplicates += 1
        let first = try #require(events[record.event])
        #expect(!Behavior.isNewer(first, record.behavior) && !Behavior.isNewer(record.behavior, first))
      case .bad:
        bad += 1
        #expect(record.reason != nil)
        continue
      }
      #expect(record.reason == nil)
    }
    #expect((0.085...0.1).contains(Double(late) / 100_000))
    #expect((0.045...0.055).contains(Double(duplicates) / 100_000))
    #expect((0.017...0.023).contains(Double(bad) / 100_000))
  }
}
