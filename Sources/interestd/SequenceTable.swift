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
        let time_ms: Int64
        let shop: UInt64
        let type: String?
      }
      let group: UInt32
      let events: UInt64
      let counts: [String: UInt64]
      let dwell_ms: Dwell
      let spend_micros: Spend
      let first_ms: Int64
      let last_ms: Int64
      let windows: [String: UInt64]
      let behaviors: [Behavior]
    }
    let user_id: String
    let generation: UInt32
    let cluster_map: String
    let groups: [Group]
  }

  private let sequence: Sequence

  init(_ sequence: Sequence) { self.sequence = sequence }

  var text: String {
    if sequence.groups.isEmpty { return "user \(sequence.user_id): no behaviors\n" }
    let windows =
      (sequence.groups.first?.windows.keys).map { $0.sorted { Int($0.dropLast()) ?? 0 < Int($1.dropLast()) ?? 0 } }
      ?? []
    let header =
      ["group", "last seen", "first seen", "events", "strong", "weak", "neg.", "paid", "dwell avg", "spend"] + windows
      + ["newest behaviors"]
    let rows = [header] + sequence.groups.reversed().map { row($0, windows) }
    return heading + Self.align(rows, left: [1, 2])
  }

  private var heading: String {
    let events = sequence.groups.reduce(0) { $0 + $1.events }
    return "user \(sequence.user_id): \(sequence.groups.count) groups, \(events) behaviors "
      + "(generation \(sequence.generation), cluster map \(sequence.cluster_map.prefix(8)))\n\n"
  }

  private func row(_ group: Sequence.Group, _ windows: [String]) -> [String] {
    func count(_ name: String) -> String { Self.orDash(group.counts[name] ?? 0) }
    let dwell = group.dwell_ms.n == 0 ? "-" : Self.seconds(Double(group.dwell_ms.sum) / Double(group.dwell_ms.n) / 1000)
    let spend = group.spend_micros.n == 0 ? "-" : String(format: "%.2f", Double(group.spend_micros.sum) / 1e6)
    return [
      group.group == 0 ? "unmapped" : "\(group.group)", Self.date(group.last_ms, withTime: true),
      Self.date(group.first_ms, withTime: false), "\(group.events)", count("strong"), count("weak"), count("negative"),
      count("payment"), dwell, spend,
    ] + windows.map { Self.orDash(group.windows[$0] ?? 0) } + [newest(group)]
  }

  private func newest(_ group: Sequence.Group) -> String {
    let shown = group.behaviors.prefix(2).map { "\($0.type ?? "?") shop \($0.shop)" }
    return shown.joined(separator: ", ") + (group.events > UInt64(shown.count) ? ", ..." : "")
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
