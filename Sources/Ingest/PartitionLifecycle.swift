import InterestStore

extension PartitionState {
  /// Whether its offset is reported to the group.
  var isCommitted: Bool { isServed }
}

/// The life of one partition on this instance, as a value: nil is not this instance's. What is not in the table cannot happen, and
/// changes nothing.
///
///     given       nil, lost -> assigned
///     opened      assigned -> restoring | catching_up | live | stopped | lost_history
///     reached     restoring, catching_up -> live
///     tripped     restoring, catching_up, live -> stopped
///     gone        any but lost -> lost_history
///     taken       restoring, catching_up, live, stopped -> revoking
///     away        any -> lost
///     removed     any -> nil
struct PartitionLifecycle: Equatable, BitwiseCopyable {
  enum Event: Equatable {
    /// The group gives the partition.
    case given
    /// Its place in the log is known.
    /// - Parameters:
    ///   - hasState: Whether a part of the log is folded here already.
    ///   - isAtEnd: Whether there is nothing to read up to the end seen now.
    ///   - isTripped: Whether it was stopped before.
    case opened(hasState: Bool, isAtEnd: Bool, isTripped: Bool)
    /// The end seen at assignment is applied.
    case reached
    /// Most records are bad.
    case tripped
    /// What is to be read is not in the log, or is not what it was.
    case gone
    /// The group takes the partition back.
    case taken
    /// Another member has the partition already.
    case away
    /// Given up.
    case removed
  }

  private(set) var state: PartitionState?

  /// Returns whether the event had a place in this state.
  @discardableResult
  mutating func apply(_ event: Event) -> Bool {
    guard let next = next(event) else { return false }
    state = next
    return true
  }

  /// Nil where the event has no place; the inner nil is "not this instance's".
  private func next(_ event: Event) -> PartitionState?? {
    switch (event, state) {
    case (.given, nil), (.given, .lost): .assigned
    case (.opened(_, _, isTripped: true), .assigned): .stopped
    case (.opened(_, isAtEnd: true, _), .assigned): .live
    case (.opened(let hasState, _, _), .assigned): hasState ? .catchingUp : .restoring
    case (.reached, .restoring), (.reached, .catchingUp): .live
    case (.tripped, .restoring), (.tripped, .catchingUp), (.tripped, .live): .stopped
    case (.gone, .some(let state)) where state != .lost: .lostHistory
    case (.taken, .restoring), (.taken, .catchingUp), (.taken, .live), (.taken, .stopped): .revoking
    case (.away, .some): .lost
    case (.removed, .some): .some(nil)
    default: nil
    }
  }
}
