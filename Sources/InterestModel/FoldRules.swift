/// What the fold needs of a state configuration, laid out for its inner loops. Written once, then only read.
public final class FoldRules: @unchecked Sendable {  // the table is written in `init` and never again
  /// K: how many of a group's most recent behaviors are kept.
  public let keptBehaviors: Int
  /// The category's raw value for each type code; `unknown` where the catalog has no such code.
  @usableFromInline let categories: UnsafeMutablePointer<UInt8>

  @inlinable public static var unknown: UInt8 { 255 }

  public init(_ configuration: StateConfiguration) {
    keptBehaviors = configuration.keptBehaviors
    categories = .allocate(capacity: 256)
    categories.initialize(repeating: Self.unknown, count: 256)
    for entry in configuration.catalog.entries { categories[Int(entry.code)] = entry.category.rawValue }
  }

  deinit { categories.deallocate() }

  @inlinable @inline(__always)
  public func category(of type: UInt8) -> UInt8 { categories[Int(type)] }
}
