import InterestModel

/// DESIGN.md section 5 and the selection of section 9 once more, as plainly as they can be put: arrays, dictionaries and wide
/// integers over all behaviors at once. It shares nothing with the fold but the type that an event is given in.
public struct ReferenceFold: Sendable {
  /// K.
  public var keptBehaviors: Int
  public var windows_days: [Int]
  /// Name and category of each type code.
  public var types: [UInt8: (name: String, category: String)]

  public init(keptBehaviors: Int, windows_days: [Int], types: [UInt8: (name: String, category: String)]) {
    self.keptBehaviors = keptBehaviors
    self.windows_days = windows_days
    self.types = types
  }

  public init(_ configuration: StateConfiguration) {
    var types: [UInt8: (name: String, category: String)] = [:]
    for entry in configuration.catalog.entries { types[entry.code] = (entry.type, "\(entry.category)") }
    self.init(
      keptBehaviors: configuration.keptBehaviors, windows_days: configuration.windows_days, types: types)
  }

  /// One group as a lookup returns it.
  public struct Group: Equatable, Sendable {
    public var group: UInt32
    public var events: UInt64
    /// By name: strong, weak, negative, payment.
    public var counts: [String: UInt64]
    public var dwellSum_ms: UInt64
    public var dwellMaximum_ms: UInt32
    public var dwellCount: UInt64
    public var spendSum_micros: Int64
    public var spendCount: UInt64
    public var first_ms: Int64
    public var last_ms: Int64
    /// In the order of `windows_days`.
    public var windows: [UInt64]
    /// Newest first.
    public var kept: [Behavior]

    public init(
      group: UInt32, events: UInt64, counts: [String: UInt64], dwellSum_ms: UInt64, dwellMaximum_ms: UInt32,
      dwellCount: UInt64, spendSum_micros: Int64, spendCount: UInt64, first_ms: Int64, last_ms: Int64,
      windows: [UInt64], kept: [Behavior]
    ) {
      self.group = group
      self.events = events
      self.counts = counts
      self.dwellSum_ms = dwellSum_ms
      self.dwellMaximum_ms = dwellMaximum_ms
      self.dwellCount = dwellCount
      self.spendSum_micros = spendSum_micros
      self.spendCount = spendCount
      self.first_ms = first_ms
      self.last_ms = last_ms
      self.windows = windows
      self.kept = kept
    }

    public static func == (a: Self, b: Self) -> Bool {
      a.group == b.group && a.events == b.events && a.counts == b.counts && a.dwellSum_ms == b.dwellSum_ms
        && a.dwellMaximum_ms == b.dwellMaximum_ms && a.dwellCount == b.dwellCount
        && a.spendSum_micros == b.spendSum_micros && a.spendCount == b.spendCount && a.first_ms == b.first_ms
        && a.last_ms == b.last_ms && a.windows == b.windows
        && a.kept.map(ReferenceFold.rank) == b.kept.map(ReferenceFold.rank)
    }
  }

  /// What a lookup returns, in its order.
  ///
  /// - Parameters:
  ///   - groups: At most so many; nil: all.
  ///   - behaviors: Of each group at most; nil: all that are kept.
  ///   - byFrequency: Cut by events first; otherwise by the newest behavior.
  ///   - asOf_ms: From whose day the windows count; nil: the user's newest event. Not before that.
  public func sequence(
    of events: [Behavior], groups limit: Int? = nil, behaviors: Int? = nil, byFrequency: Bool = false,
    asOf_ms: Int64? = nil
  ) -> [Group] {
    guard let newest_ms = events.map(\.time_ms).max() else { return [] }
    let day = Self.day(asOf_ms ?? newest_ms)
    var groups = Dictionary(grouping: events, by: \.group).map { group($0, $1, day: day) }
    groups.sort { a, b in
      if byFrequency && a.events != b.events { return a.events > b.events }
      return a.last_ms != b.last_ms ? a.last_ms > b.last_ms : a.group > b.group
    }
    groups = Array(groups.prefix(limit ?? .max))
    groups.sort { $0.last_ms != $1.last_ms ? $0.last_ms < $1.last_ms : $0.group < $1.group }
    for index in groups.indices { groups[index].kept = Array(groups[index].kept.prefix(behaviors ?? .max)) }
    return groups
  }

  private func group(_ id: UInt32, _ events: [Behavior], day: Int64) -> Group {
    let dwells = events.map(\.dwell_ms).filter { $0 > 0 }
    let spends = events.map(\.spend_micros).filter { $0 != 0 }
    var counts: [String: UInt64] = ["strong": 0, "weak": 0, "negative": 0, "payment": 0]
    for event in events { counts[types[event.type]!.category]! += 1 }
    return Group(
      group: id, events: UInt64(events.count), counts: counts,
      dwellSum_ms: dwells.reduce(0) { $0 + UInt64($1) }, dwellMaximum_ms: dwells.max() ?? 0,
      dwellCount: UInt64(dwells.count),
      // 128 bits hold any sum; 64 of them are kept.
      spendSum_micros: Int64(truncatingIfNeeded: spends.reduce(Int128(0)) { $0 + Int128($1) }),
      spendCount: UInt64(spends.count), first_ms: events.map(\.time_ms).min()!, last_ms: events.map(\.time_ms).max()!,
      windows: windows_days.map { length in
        UInt64(events.count { (day - Int64(length) + 1...day).contains(Self.day($0.time_ms)) })
      },
      kept: Array(events.sorted { Self.rank($1).lexicographicallyPrecedes(Self.rank($0)) }.prefix(keptBehaviors)))
  }

  /// What the total order compares, in its order.
  private static func rank(_ event: Behavior) -> [Int128] {
    [
      Int128(event.time_ms), Int128(event.shop), Int128(event.type), Int128(event.dwell_ms),
      Int128(event.spend_micros), Int128(event.item),
    ]
  }

  private static func day(_ time_ms: Int64) -> Int64 { time_ms / 86_400_000 }
}

extension ReferenceFold {
  /// The sequence JSON of DESIGN.md section 9. `user` must need no escapes.
  public func json(user: String, generation: Int = 1, clusterMap: String, _ groups: [Group]) -> String {
    let texts = groups.map(json).joined(separator: ",")
    return #"{"user_id":"\#(user)","generation":\#(generation),"cluster_map":"\#(clusterMap)","groups":[\#(texts)]}"#
  }

  private func json(_ group: Group) -> String {
    let counts = ["strong", "weak", "negative", "payment"].map { "\"\($0)\":\(group.counts[$0]!)" }
    let windows = zip(windows_days, group.windows).map { "\"\($0)d\":\($1)" }
    let behaviors = group.kept.map { kept in
      #"{"time_ms":\#(kept.time_ms),"shop":\#(kept.shop),"type":"\#(types[kept.type]!.name)","#
        + #""dwell_ms":\#(kept.dwell_ms),"spend_micros":\#(kept.spend_micros),"item":\#(kept.item)}"#
    }
    return [
      #"{"group":\#(group.group),"events":\#(group.events),"counts":{\#(counts.joined(separator: ","))}"#,
      #""dwell_ms":{"sum":\#(group.dwellSum_ms),"max":\#(group.dwellMaximum_ms),"n":\#(group.dwellCount)}"#,
      #""spend_micros":{"sum":\#(group.spendSum_micros),"n":\#(group.spendCount)}"#,
      #""first_ms":\#(group.first_ms),"last_ms":\#(group.last_ms)"#,
      #""windows":{\#(windows.joined(separator: ","))}"#,
      #""behaviors":[\#(behaviors.joined(separator: ","))]}"#,
    ].joined(separator: ",")
  }
}
