import Bytes
import HTTP
import InterestCodec
import Lookup
import Network
import Serving

/// Answers HTTP requests. One per network loop, on its thread only.
final class LookupHandler: HTTPHandler {
  private let service: LookupService
  private let metrics: DaemonMetrics
  let lookups: Lookups
  /// Whether lookups of other instances' users are sent there instead of forwarded.
  let redirects: Bool
  private let metricsRight: Rights
  /// Of requests with a body; reused.
  var body = LookupRequest()

  private enum Path: CaseIterable {
    case sequence, groups, batch, describe, health, ready, metrics, topology

    var pattern: StaticString {
      switch self {
      case .sequence: "/v1/users/*/sequence"
      case .groups: "/v1/users/*/groups"
      case .batch: "/v1/sequences:batchGet"
      case .describe: "/v1/describe"
      case .health: "/healthz"
      case .ready: "/readyz"
      case .metrics: "/metrics"
      case .topology: "/v1/topology"
      }
    }

    var methods: (allowed: [HTTPMethod], names: String) {
      switch self {
      case .groups: ([.get, .post], "GET, HEAD, POST")
      case .batch: ([.post], "POST")
      default: ([.get], "GET, HEAD")
      }
    }
  }

  init(_ service: LookupService, _ metrics: DaemonMetrics, redirects: Bool, metricsRight: Rights) {
    self.service = service
    self.metrics = metrics
    self.redirects = redirects
    self.metricsRight = metricsRight
    lookups = Lookups(service)
  }

  func started(_ dialer: Dialer) { lookups.started(dialer) }

  func right(for request: borrowing HTTPRequest) -> Rights {
    switch Path.allCases.first(where: { request.matches($0.pattern) }) {
    case .health, .ready, nil: []
    case .metrics: metricsRight
    case .sequence, .groups, .batch, .describe, .topology: .read
    }
  }

  func answered(_ status: HTTPStatus) { metrics.answers.count(Int(status.rawValue)) }

  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) {
    guard let path = Path.allCases.first(where: { request.matches($0.pattern) }) else {
      return response.failNotFound()
    }
    guard path.methods.allowed.contains(request.method) else {
      return response.failMethodNotAllowed(allow: path.methods.names)
    }
    do {
      switch path {
      case .sequence: try answerSequence(request, &response)
      case .groups: try answerGroups(request, &response)
      case .batch: try answerBatch(request, &response)
      case .describe:
        try request.checkParameters([])
        try answerDescribe(request, &response)
      case .health, .ready, .metrics, .topology:
        try request.checkParameters([])
        answer(path, &response)
      }
    } catch let error as ParameterError {
      response.fail(LookupError(.badRequest, error.message, parameter: error.parameter))
    } catch let error as LookupError {
      response.fail(error)
    } catch {
      response.fail(.internalServerError, "\(error)")
    }
  }

  private func answer(_ path: Path, _ response: inout HTTPResponse) {
    switch path {
    case .ready: answerReady(&response)
    case .topology: answerTopology(&response)
    case .metrics:
      response.contentType = metrics.contentType
      metrics.write(to: &response.body)
    default: response.body.append("{\"status\":\"alive\"}\n")
    }
  }

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

  private func answerDescribe(_ request: borrowing HTTPRequest, _ response: inout HTTPResponse) throws {
    let form = request.answerForm
    try lookups.describe(form, into: &response.body)
    response.finish(form)
  }
}
