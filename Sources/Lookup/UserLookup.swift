import Bytes
import InterestCodec
import InterestModel
import InterestStore

/// Why a lookup has no answer, and whose doing it is.
public struct LookupError: Error, Equatable, CustomStringConvertible {
  public enum Code: Sendable {
    /// A parameter is out of place.
    case badRequest
    /// The user's stored bytes cannot be read.
    case damaged
    /// The store failed.
    case storage
    /// The state has given the user's partition up.
    case notOwned
    /// The user's records are not where the partitioner says, or may not be.
    case misplaced
  }

  public let code: Code
  /// The parameter at fault.
  public let parameter: String?
  public let message: String

  public init(_ code: Code, _ message: String, parameter: String? = nil) {
    self.code = code
    self.message = message
    self.parameter = parameter
  }

  public var description: String { message }
}

/// Answers lookups from a store: state, selection, columns, bytes. One thread's; memory reused from lookup to lookup.
public struct UserLookup: ~Copyable {
  private let store: InterestStore
  private let owned: Set<UInt16>?
  private let json: SequenceJSONWriter
  private let scratch: ReadScratch
  private var reader: SequenceReader
  private var sequence = GroupSequence()

  /// - Parameter partitions: Where nobody fills the store: those that were its instance's last. What it has of others is what they were
  ///   when they were given up. Nil: lookups are asked for what is here only.
  public init(_ store: InterestStore, ownedAtLast partitions: [UInt16]? = nil) {
    self.store = store
    owned = partitions.map { Set($0) }
    let generation = store.generation
    json = SequenceJSONWriter(configuration: generation.configuration)
    scratch = ReadScratch(rules: generation.rules)
    reader = SequenceReader(configuration: generation.configuration, rules: generation.rules)
  }

  /// Refuses what cannot be a user id.
  public static func check(user: UnsafeRawBufferPointer) throws(LookupError) {
    guard (1...Behavior.maximumIDLength).contains(user.count) else {
      throw LookupError(.badRequest, "a user id has 1 to \(Behavior.maximumIDLength) bytes", parameter: "user")
    }
  }

  private static func check(_ partitions: Range<UInt16>, _ owned: Set<UInt16>) throws(LookupError) {
    guard let other = partitions.first(where: { !owned.contains($0) }) else { return }
    throw LookupError(
      .notOwned,
      "partition \(other), which the user may be in, was given to another instance before this state was left: ask that one"
    )
  }

  /// Where the state has users on wrong partitions, refuses a user who is on one.
  ///
  /// - Parameter hasAll: Whether all partitions are looked at here; otherwise a user who is on none of these may be on another.
  public func checkPlace(of user: UnsafeRawBufferPointer, hasAll: Bool = true) throws(LookupError) {
    guard case .kafka(_, let topic, let count, let partitioner) = store.identity.source, partitioner != .none,
      let expected = store.identity.source.partitions(of: user).first
    else { return }
    let holding: [UInt16]
    do {
      holding = try store.generation.partitions(holding: user, of: count, scratch)
    } catch { throw LookupError(.storage, error.message) }
    if let found = holding.first(where: { $0 != expected }) {
      let others = partitioner.others(placing: user, on: found, of: count).map(\.rawValue).joined(separator: " or ")
      throw LookupError(
        .misplaced,
        "user '\(String(decoding: user, as: UTF8.self))' has records on partition \(found) of topic \(topic), and "
          + "kafka.partitioner \(partitioner.rawValue) puts the user on partition \(expected): "
          + (others.isEmpty
            ? "the producers use another partitioner, or the topic has grown since. Set kafka.key to ignore"
            : "that is where \(others) puts it. Set kafka.partitioner to \(others)")
          + ", and rebuild in a new state directory")
    }
    if holding.isEmpty && !hasAll {
      throw LookupError(
        .misplaced,
        "user '\(String(decoding: user, as: UTF8.self))' is not on partition \(expected) of topic \(topic), where "
          + "kafka.partitioner \(partitioner.rawValue) puts the user, and others were found on wrong partitions: the user may "
          + "be with another instance. Set kafka.partitioner to that of the producers, and rebuild in a new state directory"
      )
    }
  }

  /// Appends a user's sequence as JSON; an unknown user's is empty.
  public mutating func writeJSON(
    user: UnsafeRawBufferPointer, _ query: SequenceQuery, into output: inout ByteBuffer
  ) throws(LookupError) {
    try Self.check(user: user)
    if let owned { try Self.check(store.identity.source.partitions(of: user), owned) }
    if store.generation.hasMisplacedUsers { try checkPlace(of: user) }
    let outcome: Result<Void, SequenceError>
    do {
      outcome = try store.generation.withState(
        of: user, in: store.identity.source.partitions(of: user), scratch
      ) { [json] state in
        read(state, query) { json.write(user: user, generation: $0, clusterMap: $1, $2, into: &output) }
      }
    } catch {
      throw LookupError(.storage, error.message)
    }
    if case .failure(let error) = outcome { throw Self.explain(error, user) }
  }

  /// Appends the sequence of a state that `Generation.forEachUser` lends.
  public mutating func writeJSON(
    user: UnsafeRawBufferPointer, state: UnsafeRawBufferPointer, _ query: SequenceQuery, into output: inout ByteBuffer
  ) throws(LookupError) {
    let outcome = read(state, query) { [json] in
      json.write(user: user, generation: $0, clusterMap: $1, $2, into: &output)
    }
    if case .failure(let error) = outcome { throw Self.explain(error, user) }
  }

  private mutating func read(
    _ state: UnsafeRawBufferPointer?, _ query: SequenceQuery,
    _ write: (_ generation: UInt32, _ clusterMap: String, borrowing GroupSequence) -> Void
  ) -> Result<Void, SequenceError> {
    if let state {
      do throws(SequenceError) { try reader.read(state, query, into: &sequence) } catch { return .failure(error) }
    } else {
      sequence.clear()
    }
    write(store.generation.number, store.generation.clusterMap, sequence)
    return .success(())
  }

  private static func explain(_ error: SequenceError, _ user: UnsafeRawBufferPointer) -> LookupError {
    switch error {
    case .damaged:
      LookupError(
        .damaged,
        "the stored state of user '\(String(decoding: user, as: UTF8.self))' cannot be read: "
          + "ingest the behaviors again into a new state directory")
    case .asOfTooEarly(let newest_ms):
      LookupError(
        .badRequest, "as_of is before the day of the user's newest event (\(newest_ms)), whose windows are gone",
        parameter: "as_of")
    }
  }
}
