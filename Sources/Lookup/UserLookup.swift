import Bytes
import InterestCodec
import InterestModel
import InterestStore

/// Answers lookups from a store: state, selection, columns, bytes. One thread's; memory reused from lookup to lookup.
public struct UserLookup: ~Copyable {
  private let store: InterestStore
  private let owned: Set<UInt16>?
  private let json: SequenceJSONWriter
  private let protobuf: SequenceProtobufWriter
  private let scratch: ReadScratch
  private var reader: SequenceReader
  private var sequence = GroupSequence()

  /// - Parameters:
  ///   - partitions: Where nobody fills the store: those that were its instance's last. What it has of others is what they were
  ///     when they were given up. Nil: lookups are asked for what is here only.
  ///   - wantsProof: Whether `proof` is asked for.
  public init(_ store: InterestStore, ownedAtLast partitions: [UInt16]? = nil, wantsProof: Bool = false) {
    self.store = store
    owned = partitions.map { Set($0) }
    let generation = store.generation
    json = SequenceJSONWriter(configuration: generation.configuration)
    protobuf = SequenceProtobufWriter(configuration: generation.configuration)
    scratch = ReadScratch(rules: generation.rules)
    scratch.wantsProof = wantsProof
    reader = SequenceReader(configuration: generation.configuration, rules: generation.rules)
  }

  /// By which the last answer can be known to hold still; nil: it cannot.
  public var proof: AnswerProof? { scratch.proof }

  /// Refuses what cannot be a user id.
  public static func check(user: UnsafeRawBufferPointer) throws(LookupError) {
    guard (1...Behavior.maximumIDLength).contains(user.count) else {
      throw LookupError(.badRequest, "a user id has 1 to \(Behavior.maximumIDLength) bytes", parameter: "user")
    }
    guard isUTF8(user) else { throw LookupError(.badRequest, "a user id is UTF-8", parameter: "user") }
  }

  /// Appends a user's sequence; an unknown user's is empty.
  ///
  /// - Parameters:
  ///   - groups: Only these are looked at, ascending, each once; nil: all.
  ///   - hasAll: Whether all partitions are looked at here (`checkPlace`).
  /// - Returns: Whether the user is known.
  public mutating func write(
    user: UnsafeRawBufferPointer, _ query: SequenceQuery, _ form: AnswerForm,
    of groups: UnsafeBufferPointer<UInt32>? = nil, hasAll: Bool = true, into output: inout ByteBuffer
  ) throws(LookupError) -> Bool {
    try Self.check(user: user)
    let partitions = store.identity.source.partitions(of: user)
    if let owned { try Self.check(partitions, owned) }
    if store.generation.hasMisplacedUsers { try checkPlace(of: user, hasAll: hasAll) }
    let outcome: Result<Bool, SequenceError>
    do {
      outcome = try store.generation.withState(of: user, in: partitions, scratch) { state in
        write(user, state, query, form, of: groups, into: &output)
      }
    } catch {
      throw LookupError(.storage, error.message)
    }
    switch outcome {
    case .success(let isKnown): return isKnown
    case .failure(let error): throw Self.explain(error, user)
    }
  }

  /// As `write`, in JSON.
  public mutating func writeJSON(
    user: UnsafeRawBufferPointer, _ query: SequenceQuery, into output: inout ByteBuffer
  ) throws(LookupError) {
    _ = try write(user: user, query, .json, into: &output)
  }

  /// Appends the sequence of a state that `Generation.forEachUser` lends.
  public mutating func writeJSON(
    user: UnsafeRawBufferPointer, state: UnsafeRawBufferPointer, _ query: SequenceQuery, into output: inout ByteBuffer
  ) throws(LookupError) {
    if case .failure(let error) = write(user, state, query, .json, of: nil, into: &output) {
      throw Self.explain(error, user)
    }
  }

  private mutating func write(
    _ user: UnsafeRawBufferPointer, _ state: UnsafeRawBufferPointer?, _ query: SequenceQuery, _ form: AnswerForm,
    of groups: UnsafeBufferPointer<UInt32>?, into output: inout ByteBuffer
  ) -> Result<Bool, SequenceError> {
    if let state {
      do throws(SequenceError) {
        try reader.read(state, query, of: groups, asColumns: form == .protobuf, into: &sequence)
      } catch { return .failure(error) }
    } else {
      sequence.clear()
    }
    let number = store.generation.number
    let clusterMap = store.generation.clusterMap
    switch form {
    case .protobuf:
      protobuf.write(user: user, generation: number, clusterMap: clusterMap, sequence, query, into: &output)
    case .json: json.write(user: user, generation: number, clusterMap: clusterMap, sequence, query, into: &output)
    }
    return .success(state != nil)
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
        .badRequest,
        "the user's newest event is of \(Day.text(of: newest_ms)), and what windows held before that day is gone: name "
          + "that day or a later one, or leave it out",
        parameter: "as_of")
    }
  }
}

extension UserLookup {
  private static func check(_ partitions: Range<UInt16>, _ owned: Set<UInt16>) throws(LookupError) {
    guard let other = partitions.first(where: { !owned.contains($0) }) else { return }
    throw LookupError(
      .notOwned,
      "partition \(other), which the user may be in, was given to another instance before this state was left: ask that one",
      retryAfter_s: 60)
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
}
