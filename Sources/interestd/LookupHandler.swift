import Bytes
import HTTP
import Ingest
import InterestCodec
import InterestStore
import Lookup
import Network
import Routing
import Threads

/// Answers HTTP requests. One per network loop, on its thread only.
final class LookupHandler: HTTPHandler {
  private let service: LookupService
  private let metrics: DaemonMetrics
  private let redirects: Bool
  /// Made when the loop is known.
  private var forwarder: Forwarder?
  private var backend: LookupService.Backend?
  private var lookup: OwnedLookup?

  /// A place for a `UserLookup`, which cannot be optional in a class otherwise.
  private final class OwnedLookup {
    var lookup: UserLookup
    init(_ backend: LookupService.Backend) {
      lookup = UserLookup(backend.store, ownedAtLast: backend.ownedAtLast)
    }
  }

  /// `redirects`: whether lookups of other instances' users are sent there instead of forwarded.
  init(_ service: LookupService, _ metrics: DaemonMetrics, redirects: Bool) {
    self.service = service
    self.metrics = metrics
    self.redirects = redirects
  }

  func started(_ dialer: Dialer) { forwarder = Forwarder(dialer, service.forwards) }

  func answered(_ status: HTTPStatus) { service.answers.count(Int(status.rawValue)) }

  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) {
    let isSequence = request.matches("/v1/users/*/sequence")
    guard isSequence || Self.plainPaths.contains(where: { request.matches($0) }) else { return response.failNotFound() }
    guard request.method == .get else { return response.failMethodNotAllowed(allow: "GET, HEAD") }
    if isSequence { return answerSequence(request, &response) }
    do {
      try request.checkParameters([])
    } catch { return response.fail(error) }
    if request.matches("/healthz") {
      response.body.append("{\"status\":\"alive\"}\n")
    } else if request.matches("/readyz") {
      answerReady(&response)
    } else if request.matches("/v1/topology") {
      answerTopology(&response)
    } else {
      response.contentType = metrics.contentType
      metrics.write(to: &response.body)
    }
  }

  private static let plainPaths: [StaticString] = ["/healthz", "/readyz", "/metrics", "/v1/topology"]

  private func answerReady(_ response: inout HTTPResponse) {
    if let missing = service.missing { return response.failUnavailable(retryAfter_s: 1, "not ready: \(missing)") }
    response.body.append("{\"status\":\"ready\"")
    if let error = service.readErrors.recent {
      // Others than those users are answered.
      response.body.append(",\"warning\":")
      response.body.append(jsonString: "a stored state could not be read: \(error)")
    }
    response.body.append("}\n")
  }

  private func answerTopology(_ response: inout HTTPResponse) {
    guard let backend = service.backend else {
      return response.failUnavailable(retryAfter_s: 1, "starting: the group has not been joined yet")
    }
    TopologyJSON.write(instance: service.instance, backend, to: &response.body)
  }

  private func answerSequence(_ request: borrowing HTTPRequest, _ response: inout HTTPResponse) {
    let started_ns = MonotonicClock.now_ns
    let user = request.segment(2)
    do {
      try request.checkParameters(["groups", "behaviors", "order", "as_of", "generation"])
      let query = try Self.query(request)
      guard let (backend, owned) = current() else {
        return response.failUnavailable(retryAfter_s: 1, "starting: there is no state to look into yet")
      }
      try UserLookup.check(user: user)
      guard isHere(user, backend, request, &response) else { return }
      if backend.store.generation.hasMisplacedUsers {
        try owned.lookup.checkPlace(of: user, hasAll: backend.hasAllPartitions)
      }
      try checkGeneration(request, backend)
      try owned.lookup.writeJSON(user: user, query, into: &response.body)
      response.body.append("\n")
      service.lookups.record(MonotonicClock.now_ns - started_ns)
    } catch let error as ParameterError {
      response.fail(error)
    } catch let error as LookupError {
      fail(error, &response)
    } catch {
      response.fail(.internalServerError, "\(error)")
    }
  }

  private func fail(_ error: LookupError, _ response: inout HTTPResponse) {
    switch error.code {
    case .badRequest: response.fail(.badRequest, parameter: error.parameter, error.message)
    case .notOwned: response.failUnavailable(retryAfter_s: 60, error.message)
    case .damaged, .storage:
      service.readErrors.add(error.message)
      response.fail(.internalServerError, error.message)
    case .misplaced: response.fail(.internalServerError, error.message)
    }
  }

  private static func query(_ request: borrowing HTTPRequest) throws(LookupError) -> SequenceQuery {
    if request.parameterCount == 0 { return SequenceQuery() }
    func text(_ value: UnsafeRawBufferPointer?) -> String? { value.map { String(decoding: $0, as: UTF8.self) } }
    return try QueryParameters.query(
      groups: text(request.parameter("groups")), behaviors: text(request.parameter("behaviors")),
      order: text(request.parameter("order")), asOf: text(request.parameter("as_of")))
  }

  /// The backend is asked for once; then it and the lookup's memory stay.
  private func current() -> (LookupService.Backend, OwnedLookup)? {
    if let backend, let lookup { return (backend, lookup) }
    guard let backend = service.backend else { return nil }
    let owned = OwnedLookup(backend)
    self.backend = backend
    lookup = owned
    return (backend, owned)
  }

  private func checkGeneration(
    _ request: borrowing HTTPRequest, _ backend: LookupService.Backend
  ) throws(ParameterError) {
    let number = Int64(backend.store.generation.number)
    if let wanted = try request.integer("generation", in: 1...Int64(UInt32.max)), wanted != number {
      throw ParameterError("generation", "there is generation \(number) only")
    }
  }

  /// Lookups are answered for owned partitions whose history is whole. False: the reply says why not, or comes from the owner.
  private func isHere(
    _ user: UnsafeRawBufferPointer, _ backend: LookupService.Backend, _ request: borrowing HTTPRequest,
    _ response: inout HTTPResponse
  ) -> Bool {
    guard let board = backend.board else { return true }
    let partitions = backend.store.identity.source.partitions(of: user)
    guard let (partition, status) = board.firstUnserved(in: partitions) else {
      guard partitions.count == 1, let topology = backend.topology, topology.isUsurped(partitions.lowerBound) else {
        return true
      }
      route(partitions.lowerBound, topology, request, &response)
      return false
    }
    if let status {
      response.failUnavailable(
        retryAfter_s: status.state == .lostHistory ? 60 : 1,
        "not served: "
          + (status.message.isEmpty ? status.progress : status.message))
    } else if partitions.count == 1, let topology = backend.topology {
      route(partition, topology, request, &response)
    } else {
      response.failUnavailable(
        retryAfter_s: 1,
        "partition \(partition), which the user may be in, is not served here: with kafka.key: ignore a user is on any "
          + "partition, and one instance has to have them all")
    }
    return false
  }

  /// The partition is another instance's.
  private func route(
    _ partition: UInt16, _ topology: Topology, _ request: borrowing HTTPRequest, _ response: inout HTTPResponse
  ) {
    let from = request.field(Forwarder.field).map { String(decoding: $0.prefix(100), as: UTF8.self) }
    switch topology.current.route(of: partition, forwardedBy: from) {
    case .nobody(let reason):
      topology.noteMiss()
      response.failUnavailable(retryAfter_s: 1, reason)
    case .instance(let address, let socket):
      if redirects {
        service.forwards.count(.redirected)
        Forwarder.redirect(to: address, request, &response)
      } else {
        forwarder?.forward(request, of: partition, to: address, socket, topology, &response)
      }
    }
  }
}
