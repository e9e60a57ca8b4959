import InterestCodec
import InterestModel
import TestKit

extension GroupSequence {
  /// The columns put together again as the reference has them.
  func groupsAsReference(windows count: Int) -> [ReferenceFold.Group] {
    groups.indices.map { index in
      let group = groups[index]
      return ReferenceFold.Group(
        group: group.group, events: group.events,
        counts: [
          "strong": group.strong, "weak": group.weak, "negative": group.negative, "payment": group.payment,
        ],
        dwellSum_ms: group.dwellSum_ms, dwellMaximum_ms: group.dwellMaximum_ms, dwellCount: group.dwellCount,
        spendSum_micros: group.spendSum_micros, spendCount: group.spendCount, first_ms: group.first_ms,
        last_ms: group.last_ms, windows: Array(windows[index * count..<(index + 1) * count]),
        kept: Array(behaviors[rowSplits[index]..<rowSplits[index + 1]]))
    }
  }
}

extension Folding {
  /// The whole of what a query gives, in the reference's form.
  func groups(_ state: StateBytes, _ query: SequenceQuery = .everything) throws -> [ReferenceFold.Group] {
    try sequence(state, query).groupsAsReference(windows: configuration.windows_days.count)
  }
}

extension Behavior {
  static func at(
    _ time_ms: Int64, shop: UInt64 = 1, type: UInt8 = 1, dwell_ms: UInt32 = 0, spend_micros: Int64 = 0,
    item: UInt64 = 0, group: UInt32 = 1
  ) -> Behavior {
    var behavior = Behavior()
    behavior.time_ms = time_ms
    behavior.shop = shop
    behavior.type = type
    behavior.dwell_ms = dwell_ms
    behavior.spend_micros = spend_micros
    behavior.item = item
    behavior.group = group
    return behavior
  }
}
