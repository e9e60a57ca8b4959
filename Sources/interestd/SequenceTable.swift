import Foundation

/// A person's view of a sequence: what the JSON says as a table, the newest group first.
struct SequenceTable {
  struct Sequence: Decodable {
    struct Group: Decodable {
      struct Dwell: Decodable {
        let sum: UInt64
        let max: UInt64
        let n: UInt64
      }
      struct Spend: Decodable {
        let sum: Int64
        let n: UInt64
      }
      struct Behavior: Decodable {
        let shop: UInt64?
        let type: String?
      }
      let group: UInt32
      // What was not asked for is not there.
      let events: UInt64?
      let counts: [String: UInt64]?
      let dwell_ms: Dwell?
      let spend_micros: Spend?
      let first_ms: Int64?
      let last_ms: Int64?
      let windows: [String: UInt64]?
      let behaviors: [Behavior]?
    }
    let user_id: String
    let generation: UInt32
    let cluster_map: String
    let groups: [Group]

    var events: UInt64 { groups.reduce(0) { $0 + ($1.events ?? 0) } }
  }

  /// A column of the table; nil where a group does not have it.
  private struct Column: Sendable {
    let title: String
    var isLeft = false
    let cell: @Sendable (Sequence.Group) -> String?
  }

  private let sequence: Sequence
  private let whole: Sequence

  /// - Parameter whole: All groups of the user with their events.
  init(_ sequence: Sequence, of whole: Sequence) {
    self.sequence = sequence
    self.whole = whole
  }

  var text: String {
    if whole.groups.isEmpty { return "user \(sequence.user_id): no behaviors\n" }
    guard let first = sequence.groups.first else { return heading }
    let columns = (Self.columns + Self.windows(of: first) + [Self.newest]).filter { $0.cell(first) != nil }
    let rows = sequence.groups.reversed().map { group in columns.map { $0.cell(group) ?? "" } }
    let left = Set(columns.indices.filter { columns[$0].isLeft })
    return heading + "\n" + Self.align([columns.map(\.title)] + rows, left: left)
  }

  private var heading: String {
    let isCounted = sequence.groups.allSatisfy { $0.events != nil }
    return
      "user \(sequence.user_id): \(Self.share(UInt64(sequence.groups.count), of: UInt64(whole.groups.count))) groups"
      + (isCounted ? ", \(Self.share(sequence.events, of: whole.events)) behaviors" : "")
      + " (generation \(sequence.generation), cluster map \(sequence.cluster_map.prefix(8)))\n"
  }

  private static func share(_ shown: UInt64, of all: UInt64) -> String {
    shown == all ? "\(all)" : "\(shown) of \(all)"
  }

  private static let columns: [Column] = [
    Column(title: "group") { $0.group == 0 ? "unmapped" : "\($0.group)" },
    Column(title: "last seen", isLeft: true) { $0.last_ms.map { date($0, withTime: true) } },
    Column(title: "first seen", isLeft: true) { $0.first_ms.map { date($0, withTime: false) } },
    Column(title: "events") { $0.events.map { "\($0)" } },
    count("strong", "strong"), count("weak", "weak"), count("neg.", "negative"), count("paid", "payment"),
    Column(title: "dwell avg") { group in
      group.dwell_ms.map { $0.n == 0 ? "-" : seconds(Double($0.sum) / Double($0.n) / 1000) }
    },
    Column(title: "spend") { group in
      group.spend_micros.map { $0.n == 0 ? "-" : String(format: "%.2f", Double($0.sum) / 1e6) }
    },
  ]

  private static func count(_ title: String, _ name: String) -> Column {
    Column(title: title) { $0.counts.map { orDash($0[name] ?? 0) } }
  }

  private static func windows(of group: Sequence.Group) -> [Column] {
    let names = (group.windows ?? [:]).keys.sorted { Int($0.dropLast()) ?? 0 < Int($1.dropLast()) ?? 0 }
    return names.map { name in Column(title: name) { $0.windows.map { orDash($0[name] ?? 0) } } }
  }

  private static let newest = Column(title: "newest behaviors", isLeft: true) { group in
    guard let behaviors = group.behaviors else { return nil }
    if behaviors.isEmpty { return "-" }
    let shown = behaviors.prefix(2).map { behavior in
      [behavior.type, behavior.shop.map { "shop \($0)" }].compactMap { $0 }.joined(separator: " ")
    }
    let hasMore = (group.events ?? UInt64(behaviors.count)) > UInt64(shown.count)
    return shown.joined(separator: ", ") + (hasMore ? ", ..." : "")
  }

  private static func orDash(_ count: UInt64) -> String { count == 0 ? "-" : "\(count)" }

  private static func seconds(_ value: Double) -> String { String(format: value < 100 ? "%.1f s" : "%.0f s", value) }

  private static func date(_ time_ms: Int64, withTime: Bool) -> String {
    let date = Date(timeIntervalSince1970: Double(time_ms) / 1000)
    let day = date.formatted(.iso8601.year().month().day())
    guard withTime else { return day }
    let minutes = time_ms / 60_000 % 1440
    return String(format: "%@ %02d:%02d", day, Int(minutes / 60), Int(minutes % 60))
  }

  private static func align(_ rows: [[String]], left: Set<Int>) -> String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        if column == row.count - 1 { return row[column] }
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        return left.contains(column) ? row[column] + space : space + row[column]
      }
      return cells.joined(separator: "  ") + "\n"
    }.joined()
  }
}
