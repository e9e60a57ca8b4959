/// DMGIN's four kinds of behavior (arXiv 2508.21801, section 3). The raw value is the index of its count.
public enum Category: UInt8, CaseIterable, Sendable {
  case strong, weak, negative, payment

  public var name: String { "\(self)" }

  public init?(name: String) {
    guard let category = Category.allCases.first(where: { $0.name == name }) else { return nil }
    self = category
  }
}

/// The configured behavior types: name, storage code, category.
public struct BehaviorCatalog: Equatable, Sendable {
  public struct Entry: Equatable, Sendable {
    public let type: String
    public let code: UInt8
    public let category: Category

    public init(type: String, code: UInt8, category: Category) {
      self.type = type
      self.code = code
      self.category = category
    }
  }

  /// In order of code.
  public let entries: [Entry]

  /// What is wrong with a list of entries, named by its index in that list.
  public struct Fault: Error, Equatable, Sendable {
    public let index: Int
    public let message: String
  }

  /// Types are 1...255 bytes and do not begin with `$` (reserved); codes are 1...255; neither repeats; there is at least one.
  public init(_ entries: [Entry]) throws(Fault) {
    if entries.isEmpty { throw Fault(index: 0, message: "the behavior catalog is empty: name at least one type") }
    for (index, entry) in entries.enumerated() {
      func refuse(_ message: String) throws(Fault) { throw Fault(index: index, message: message) }
      if !(1...Behavior.maximumIDLength).contains(entry.type.utf8.count) {
        try refuse("a type's name has 1 to \(Behavior.maximumIDLength) bytes")
      }
      if entry.type.utf8.first == UInt8(ascii: "$") {
        try refuse("type '\(entry.type)': names that begin with $ are reserved")
      }
      if entry.code == 0 { try refuse("type '\(entry.type)': codes are 1 to 255") }
      for earlier in entries[..<index] {
        if earlier.type == entry.type { try refuse("type '\(entry.type)' is named twice") }
        if earlier.code == entry.code {
          try refuse("code \(entry.code) is both '\(earlier.type)' and '\(entry.type)'")
        }
      }
    }
    self.entries = entries.sorted { $0.code < $1.code }
  }

  public func entry(code: UInt8) -> Entry? { entries.first { $0.code == code } }
}
