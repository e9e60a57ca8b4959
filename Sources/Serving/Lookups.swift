import Bytes
import InterestCodec
import InterestStore
import Lookup
import Network
import Routing
import Threads

/// Where a lookup goes that is not answered here: the owner of the user's partition.
///
/// A class, because it is large, and of the outcomes hardly ever the one.
public final class ForwardRoute: Sendable {
  public let partition: UInt16
  /// `host:port`, as the owner advertises it.
  public let address: String
  public let socket: SocketAddress

  init(partition: UInt16, address: String, socket: SocketAddress) {
    self.partition = partition
    self.address = address
    self.socket = socket
  }
}

/// What became of a lookup.
public enum Outcome: Sendable {
  /// The answer was appended; one of an unknown user has no groups.
  case answered(isKnown: Bool)
  /// The user is another instance's, to which `Lookups.forward` passes the lookup on. Nothing was appended.
  case elsewhere(ForwardRoute)
}

/// Lookups in every protocol's terms, without any protocol: parameters in, bytes out. One per handler of a network loop, on its thread
/// only; its memory is reused from lookup to lookup.
public final class Lookups {
  public let service: LookupService
  private var opened: Opened?
  /// Made by `started`.
  var forwarder: Forwarder?
  /// Batches that other threads work at; without one they are worked at here.
  private(set) var desk: BatchDesk?
  /// Of answers that are foreseen.
  private var hashes: ContiguousArray<UInt64> = []
  /// When the last lookup ended; 0: that is no beginning of the next one.
  private var ended_ns: UInt64 = 0
  let users: UserCounters.Count

  /// A place for a `UserLookup`, which cannot be optional in a class otherwise.
  final class Opened {
    let backend: LookupService.Backend
    /// The backend's, where it does not cost a copy of that.
    let generation: Generation
    let board: PartitionBoard?
    var lookup: UserLookup
    var shopGroups: ContiguousArray<UInt32> = []
    var wantedGroups: ContiguousArray<UInt32> = []

    init(_ backend: LookupService.Backend, wantsProof: Bool) {
      self.backend = backend
      generation = backend.store.generation
      board = backend.board
      lookup = UserLookup(backend.store, ownedAtLast: backend.ownedAtLast, wantsProof: wantsProof)
    }
  }

  public init(_ service: LookupService) {
    self.service = service
    users = service.users.begin()
  }

  deinit { service.users.end(users) }

  /// Gives it the connections of its loop; before the first lookup.
  public func started(_ dialer: Dialer) {
    forwarder = Forwarder(dialer, service)
    desk = try? BatchDesk(dialer)
  }

  /// Appends a user's sequence to `output`: `interest.v1.GroupSequence`, or the same as JSON.
  ///
  /// - Parameter forwarder: The instance that passed the lookup on to this one, if one did: then it goes no further.
  public func sequence(
    of user: UnsafeRawBufferPointer, _ query: SequenceQuery, _ form: AnswerForm, forwardedBy forwarder: String? = nil,
    into output: inout ByteBuffer
  ) throws(LookupError) -> Outcome {
    let started_ns = ended_ns == 0 ? MonotonicClock.now_ns : ended_ns
    let opened = try open(for: user, query)
    if let route = try route(of: user, opened, forwardedBy: forwarder) { return .elsewhere(route) }
    let isKnown: Bool
    if let cache = service.cache, !opened.generation.hasMisplacedUsers {
      isKnown = try cachedSequence(of: user, query, form, opened, cache, into: &output)
    } else {
      isKnown = try freshSequence(of: user, query, form, opened, into: &output)
    }
    let now_ns = MonotonicClock.now_ns
    service.lookups.record(now_ns - started_ns)
    users.add(isKnown: isKnown)
    if ended_ns != 0 { ended_ns = now_ns }
    return .answered(isKnown: isKnown)
  }

  /// The lookups that follow come one behind the other, the first at this time of `MonotonicClock`: each begins where the one before has
  /// ended, so that the clock is asked once for each. Called again wherever there was other work.
  public func begin(at_ns: UInt64) { ended_ns = at_ns }

  /// This will be asked soon: once `foreseen` is called, which brings near what is ready of all users since the last call, and takes
  /// less for several at once than one at a time would. More than `foreseeable` are not looked at.
  ///
  /// - Parameter user: Not empty.
  public func foresee(_ user: UnsafeRawBufferPointer, _ query: SequenceQuery, _ form: AnswerForm) {
    guard let cache = service.cache, let opened, hashes.count < Self.foreseeable else { return }
    opened.generation.foresee(user)
    hashes.append(cache.foresee(user, AnswerKey(query, form, generation: opened.generation.number)))
  }

  public func foreseen() {
    if hashes.count > 1 { service.cache?.foresee(hashes) }
    hashes.removeAll(keepingCapacity: true)
  }

  /// More at once would drive out of the processor's caches what was brought near before.
  public static var foreseeable: Int { 16 }

  private func freshSequence(
    of user: UnsafeRawBufferPointer, _ query: SequenceQuery, _ form: AnswerForm, _ opened: Opened,
    into output: inout ByteBuffer
  ) throws(LookupError) -> Bool {
    let start = output.count
    do throws(LookupError) {
      return try opened.lookup.write(user: user, query, form, hasAll: hasAll(opened.backend), into: &output)
    } catch {
      output.truncate(to: start)
      throw noted(error)
    }
  }

  private func cachedSequence(
    of user: UnsafeRawBufferPointer, _ query: SequenceQuery, _ form: AnswerForm, _ opened: Opened,
    _ cache: AnswerCache, into output: inout ByteBuffer
  ) throws(LookupError) -> Bool {
    let key = AnswerKey(query, form, generation: opened.generation.number)
    let start = output.count
    opened.generation.foresee(user)
    let found = cache.find(user, key, into: &output) { opened.generation.holds($0) }
    if let found { return found }
    let isKnown = try freshSequence(of: user, query, form, opened, into: &output)
    if let proof = opened.lookup.proof {
      cache.keep(
        user, key, proof, isKnown: isKnown, UnsafeRawBufferPointer(rebasing: output.bytes[start...]))
    }
    return isKnown
  }

  /// Where misplaced users are known of, whether all partitions are here.
  func hasAll(_ backend: LookupService.Backend) -> Bool {
    !backend.store.generation.hasMisplacedUsers || backend.hasAllPartitions
  }

  func noted(_ error: LookupError) -> LookupError {
    if error.code == .damaged || error.code == .storage { service.readErrors.add(error.message) }
    return error
  }

  /// The backend is asked for once; then it and the lookup's memory stay.
  func open() throws(LookupError) -> Opened {
    if let opened { return opened }
    guard let backend = service.backend else {
      throw LookupError(.unavailable, "starting: there is no state to look into yet", retryAfter_s: 1)
    }
    let opened = Opened(backend, wantsProof: service.cache != nil)
    self.opened = opened
    return opened
  }

  /// Refuses what is refused whoever owns the user.
  func open(for user: UnsafeRawBufferPointer, _ query: SequenceQuery) throws(LookupError) -> Opened {
    let opened = try open()
    try UserLookup.check(user: user)
    if let wanted = query.generation, wanted != opened.generation.number {
      throw LookupError(
        .noGeneration, "there is generation \(opened.generation.number) only", parameter: "generation")
    }
    return opened
  }
}
